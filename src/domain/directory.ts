import { usernameKey, type UsernameKey } from "./user.js";

/** In code points. A longer word is found by prefixes of up to this length. */
const MAX_WORD_LENGTH = 64;

/** Beyond that, the words of a display name are not in the directory. */
const MAX_WORDS_OF_DISPLAY_NAME = 32;

/** A letter or digit behind anything else begins a word. It ends at white space, so that "o'neill" has "o'neill" and "neill". */
const START_OF_WORD = /(?<![\p{L}\p{M}\p{N}])[\p{L}\p{N}]/gu;

/**
 * The words by whose beginnings the directory finds a user: the key of the username, and the words of the display name in the
 * same form. Each once.
 */
export function directoryWords(key: UsernameKey, displayName: string | null): readonly string[] {
  const words = new Set([wordIn(key)]);
  for (const token of displayName === null ? [] : usernameKey(displayName).split(/\s+/u)) {
    const starts = Array.from(token.matchAll(START_OF_WORD), ({ index }) => index);
    for (const start of token === "" ? [] : [0, ...starts]) {
      if (words.size <= MAX_WORDS_OF_DISPLAY_NAME) words.add(wordIn(token.slice(start)));
    }
  }
  return [...words];
}

function wordIn(text: string): string {
  return text.length <= MAX_WORD_LENGTH ? text : Array.from(text).slice(0, MAX_WORD_LENGTH).join("");
}

/** Follows every word that begins with the prefix, in the order of code points. */
export function endOfPrefix(prefix: string): string {
  return `${prefix}\u{10ffff}`;
}
