/**
 * The maximum number of UTF-16 code units that canonically equivalent forms need for one code point of NFC or NFKC. Normalization
 * takes quadratic time in runs of combining marks, so that the length in code units is checked before it.
 */
export const MAX_UNITS_PER_CHARACTER = 6;

/**
 * Characters that show nothing: white space, controls, default ignorables (such as joiners, direction marks and Hangul
 * fillers), noncharacters, and the blanks that Unicode classes as letters or symbols: the interlinear annotation controls, the
 * blank Braille pattern, hieroglyphic controls and blanks, the Khitan filler and the null notehead.
 */
const INVISIBLE =
  /^[\p{White_Space}\p{Cc}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\ufff9-\ufffb\u2800\u{13430}-\u{13442}\u{16fe4}\u{1d159}]*$/u;

/** Controls except tab and line breaks. A carriage return is a line break only before a line feed. */
const CONTROL_IN_TEXT = /(?!\t|\n|\r\n)\p{Cc}/u;

/** Controls, and the separators that break a line. */
const CONTROL_IN_LINE = /[\p{Cc}\p{Zl}\p{Zp}]/u;

/** Embeddings, overrides and isolates, which reorder what follows the line. The three direction marks do not. */
const REORDERING = /(?![\u061c\u200e\u200f])\p{Bidi_Control}/u;

/**
 * Checks a text that people will read: at least one visible character, well-formed, and no control characters but tabs and
 * line breaks.
 *
 * @param maxLength in code points.
 * @returns undefined for a valid text; otherwise the fault and the remedy, to follow the subject ("The message …").
 */
export function textFault(text: string, maxLength: number): string | undefined {
  const fault = contentFault(text, maxLength);
  if (fault !== undefined) return fault;
  if (CONTROL_IN_TEXT.test(text)) {
    return "contains a control character. Use no control characters but tabs and line breaks.";
  }
  return undefined;
}

/**
 * Checks a line that people will read, such as a title: as `textFault`, and without tabs, line breaks and the bidirectional
 * controls that could reorder what stands behind it.
 *
 * @param maxLength in code points.
 * @returns as `textFault`.
 */
export function lineFault(text: string, maxLength: number): string | undefined {
  const fault = contentFault(text, maxLength);
  if (fault !== undefined) return fault;
  if (CONTROL_IN_LINE.test(text)) return "contains a line break or another control character. Remove it.";
  if (REORDERING.test(text)) return "contains a bidirectional control character. Remove it.";
  return undefined;
}

function contentFault(text: string, maxLength: number): string | undefined {
  if (isLongerThan(text, maxLength)) {
    return `is longer than ${maxLength.toLocaleString("en")} characters. Shorten it.`;
  }
  if (!text.isWellFormed()) return "contains an unpaired surrogate. Send well-formed Unicode.";
  if (INVISIBLE.test(text)) return "has no visible character. Enter some text.";
  return undefined;
}

/** Whether `text` has more than `length` code points. Takes time in proportion to `length`, not to the text. */
export function isLongerThan(text: string, length: number): boolean {
  if (text.length <= length) return false;
  return text.length > 2 * length || Array.from(text).length > length;
}
