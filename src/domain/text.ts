/**
 * The maximum number of UTF-16 code units that canonically equivalent forms need for one code point of NFC or NFKC. Normalization
 * takes quadratic time in runs of combining marks, so that the length in code units is checked before it.
 */
export const MAX_UNITS_PER_CHARACTER = 6;

/** White space and default ignorable code points, such as joiners and direction marks. */
const INVISIBLE = /^[\s\p{Default_Ignorable_Code_Point}]*$/u;

/**
 * Checks a text that people will read.
 *
 * @param maxLength in code points.
 * @returns undefined for a valid text; otherwise the fault and the remedy, to follow the subject ("The title …").
 */
export function textFault(text: string, maxLength: number): string | undefined {
  if (isLongerThan(text, maxLength)) {
    return `is longer than ${maxLength.toLocaleString("en")} characters. Shorten it.`;
  }
  if (!text.isWellFormed()) return "contains an unpaired surrogate. Send well-formed Unicode.";
  if (text.includes("\0")) return "contains a NUL character. Remove it.";
  if (INVISIBLE.test(text)) return "has no visible character. Enter some text.";
  return undefined;
}

/** Whether `text` has more than `length` code points. Takes time in proportion to `length`, not to the text. */
export function isLongerThan(text: string, length: number): boolean {
  if (text.length <= length) return false;
  return text.length > 2 * length || Array.from(text).length > length;
}
