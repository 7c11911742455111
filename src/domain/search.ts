import { MessagingError } from "./errors.js";

/**
 * A query, in words. A message matches if its text has each of them among its `searchTerms`: the word itself, or, for a prefix, any
 * term that begins with it.
 */
export type SearchQuery = readonly SearchWord[];

export interface SearchWord {
  readonly term: string;
  readonly isPrefix: boolean;
}

/** In code points. */
export const MAX_QUERY_LENGTH = 256;

/** A word in a script without spaces counts as its pairs of characters. */
export const MAX_QUERY_WORDS = 32;

/** In code points. A longer word is found by its beginning of this length. */
const MAX_TERM_LENGTH = 64;

/**
 * More marks in a row than any language uses. The others are ignored: normalization takes quadratic time in the length of a row.
 */
const EXCESSIVE_MARKS = /(\p{M}{16})\p{M}+/gu;

/** In UTF-16 code units. A character can decompose into 18. Of a text that exceeds this, the beginning is compared. */
const MAX_DECOMPOSED_LENGTH = 40_000;
const PART_LENGTH = 1_000;

/**
 * What the comparison ignores: diacritics, vowel points, cantillation and variation marks, characters that show nothing, and the
 * Arabic tatweel. The marks of Indic and Southeast Asian scripts and the two voicing marks of Japanese are parts of words instead.
 */
const IGNORED =
  /(?![\u3099\u309a])(?=[\p{sc=Zinh}\p{sc=Zyyy}\p{sc=Latn}\p{sc=Grek}\p{sc=Cyrl}\p{sc=Arab}\p{sc=Hebr}\p{sc=Syrc}])[\p{Mn}\p{Me}]|\p{Default_Ignorable_Code_Point}|\u0640/gu;

/** Letters with a stroke or of two letters, which Unicode does not decompose, and the sigma at the end of a word. */
const UNDECOMPOSED: Readonly<Record<string, string>> = {
  ø: "o",
  ł: "l",
  đ: "d",
  ħ: "h",
  ŧ: "t",
  æ: "ae",
  œ: "oe",
  ς: "σ",
};

const UNDECOMPOSED_LETTERS = new RegExp(`[${Object.keys(UNDECOMPOSED).join("")}]`, "g");

const IS_ASCII = /^[\0-\x7f]*$/;

/** The scripts that are written without spaces between words. */
const UNSPACED = [
  "Hani",
  "Hira",
  "Kana",
  "Bopo",
  "Thai",
  "Laoo",
  "Khmr",
  "Mymr",
  "Tibt",
  "Lana",
  "Talu",
  "Tale",
  "Yiii",
]
  .map((script) => String.raw`\p{scx=${script}}`)
  .join("");

/** A letter or digit of these scripts with its marks. */
const CHARACTER = String.raw`(?=[${UNSPACED}])[\p{L}\p{N}]\p{M}*`;

/** A row of such characters; or a word of any other script. */
const WORDS = new RegExp(
  String.raw`((?:${CHARACTER})+)|(?:(?![${UNSPACED}])[\p{L}\p{N}](?:(?![${UNSPACED}])\p{M})*)+`,
  "gu",
);

const CHARACTER_WITH_MARKS = /.\p{M}*/gsu;

const HAS_MARKS = /\p{M}/u;

const WORDS_OF_ASCII = /[a-z0-9]+/g;

/**
 * The form in which texts are compared: without differences of case, compatibility form and diacritics.
 *
 * The rules of words are those of this file, by Unicode properties, and not those of `Intl.Segmenter`: its dictionaries differ
 * between versions of ICU, so that an index by one version of Node would not fit the queries of another. The properties of a
 * character do not change once it is assigned.
 */
function foldText(text: string): string {
  if (IS_ASCII.test(text)) return text.toLowerCase();
  return decompose(text.replace(IGNORED, "").replace(EXCESSIVE_MARKS, "$1"))
    .replace(IGNORED, "")
    .toLowerCase()
    .toUpperCase()
    .toLowerCase()
    .replace(UNDECOMPOSED_LETTERS, (letter) => UNDECOMPOSED[letter]!)
    .normalize("NFKC");
}

/** Decomposes a text in parts, of which the last normalization makes one again. */
function decompose(text: string): string {
  let decomposed = "";
  for (let at = 0; at < text.length && decomposed.length < MAX_DECOMPOSED_LENGTH; at += PART_LENGTH) {
    decomposed += text.slice(at, at + PART_LENGTH).normalize("NFKD");
  }
  return decomposed;
}

/**
 * The terms by which a text is found, each once: its words, without differences of case, compatibility form and diacritics. A row of
 * characters of a script without spaces has the pairs of adjacent characters, and its last character, as terms.
 */
export function searchTerms(text: string): ReadonlySet<string> {
  return termsIn(foldText(text));
}

function termsIn(folded: string): Set<string> {
  const terms = new Set<string>();
  if (IS_ASCII.test(folded)) {
    for (const word of folded.match(WORDS_OF_ASCII) ?? []) terms.add(termOf(word));
    return terms;
  }
  for (const [word, row] of folded.matchAll(WORDS)) {
    if (row === undefined) terms.add(termOf(word));
    else {
      const characters = charactersIn(row);
      for (const [index, character] of characters.entries()) {
        terms.add(character + (characters[index + 1] ?? ""));
      }
    }
  }
  return terms;
}

/** The characters of a row, each with its marks. */
function charactersIn(row: string): readonly string[] {
  return HAS_MARKS.test(row) ? row.match(CHARACTER_WITH_MARKS)! : Array.from(row);
}

function termOf(word: string): string {
  return word.length <= MAX_TERM_LENGTH ? word : Array.from(word).slice(0, MAX_TERM_LENGTH).join("");
}

/**
 * The words of a query, each once. The last one is a prefix. So is a single character of a script without spaces, which so finds the
 * pairs that begin with it.
 *
 * @throws MessagingError `invalid_query` unless it has 1 to 256 code points and 1 to 32 words.
 */
export function parseSearchQuery(query: string): SearchQuery {
  if (Array.from(query.slice(0, 2 * MAX_QUERY_LENGTH + 1)).length > MAX_QUERY_LENGTH) {
    throw invalidQuery(`is longer than ${MAX_QUERY_LENGTH} characters. Shorten it.`);
  }
  const words = new Map<string, SearchWord>();
  const add = (term: string, isPrefix: boolean) => {
    words.set(`${isPrefix} ${term}`, { term, isPrefix });
  };
  const found = Array.from(foldText(query).matchAll(WORDS));
  for (const [index, [word, row]] of found.entries()) {
    if (row === undefined) add(termOf(word), index === found.length - 1);
    else {
      const characters = charactersIn(row);
      if (characters.length === 1) add(row, true);
      for (let second = 1; second < characters.length; second += 1) {
        add(characters[second - 1]! + characters[second]!, false);
      }
    }
  }
  if (words.size === 0) throw invalidQuery("has no word to search for. Use letters or digits.");
  if (words.size > MAX_QUERY_WORDS) throw invalidQuery(`has more than ${MAX_QUERY_WORDS} words. Use fewer.`);
  return [...words.values()];
}

/** Whether a text has each word of the query. */
export function matchesQuery(query: SearchQuery, text: string): boolean {
  const folded = foldText(text);
  // Each term is a part of the folded text, which costs less to find out.
  if (!query.every(({ term }) => folded.includes(term))) return false;
  const terms = termsIn(folded);
  return query.every(
    ({ term, isPrefix }) =>
      terms.has(term) || (isPrefix && Array.from(terms).some((each) => each.startsWith(term))),
  );
}

function invalidQuery(fault: string): MessagingError {
  return new MessagingError("invalid_query", `The query ${fault}`);
}
