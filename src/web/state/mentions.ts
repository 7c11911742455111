import { usernameKey } from "../../client/username.js";

/** A user whom a message mentions. */
export interface Mention {
  readonly user_id: string;
  readonly username: string;
}

/** The unfinished mention before the caret: `@an|` has the prefix `an`. */
export interface UnfinishedMention {
  /** The index of the `@`. */
  readonly start: number;
  /** The index of the caret. */
  readonly end: number;
  readonly prefix: string;
}

/** Finds the mention that the user types: an `@` behind a space or at the start, with no space between it and the caret. */
export function unfinishedMention(text: string, caret: number): UnfinishedMention | undefined {
  const [, prefix] = /(?:^|[\s([{])@([^\s@]{0,32})$/u.exec(text.slice(0, caret)) ?? [];
  return prefix === undefined ? undefined : { start: caret - prefix.length - 1, end: caret, prefix };
}

/** Puts a username in place of an unfinished mention. Returns the new text and caret. */
export function completeMention(
  text: string,
  { start, end }: UnfinishedMention,
  username: string,
): { readonly text: string; readonly caret: number } {
  const rest = text.slice(end);
  const before = `${text.slice(0, start)}@${username}${/^[\s\p{P}]/u.test(rest) ? "" : " "}`;
  return { text: before + rest, caret: before.length };
}

/** The server accepts no more. */
const MAX_MENTIONS = 50;
/** Code between backticks, and lines that quote. */
const CODE_OR_QUOTE = /```[^]*?```|`[^`\n]*`|^[ \t]*>.*$/gmu;
/** A name behind a letter belongs to an address, and one behind a slash to a link. */
const IS_INSIDE = /[\p{L}\p{N}\p{M}._%+/@:-]$/u;

/**
 * The users whom a text mentions, each once: those who were chosen and whose `@username` is still in the text, and then the
 * participants whose name was typed, outside of code and quotes.
 */
export function mentionsIn(
  text: string,
  chosen: readonly Mention[],
  participants: readonly Mention[] = [],
): readonly Mention[] {
  const named = new Set(namesIn(text).map(({ key }) => key));
  const plain = text.replaceAll(CODE_OR_QUOTE, (part) => " ".repeat(part.length));
  const typed = namesIn(plain)
    .filter(({ index }) => !IS_INSIDE.test(plain.slice(Math.max(0, index - 2), index)))
    .map(({ key }) => key);
  const byKey = new Map(
    typed.length === 0 ? [] : participants.map((each) => [usernameKey(each.username), each] as const),
  );
  const found = [
    ...chosen.filter(({ username }) => named.has(usernameKey(username))),
    ...typed.flatMap((key) => byKey.get(key) ?? []),
  ];
  const users = new Map(found.map(({ user_id, username }) => [user_id, { user_id, username }]));
  return [...users.values()].slice(0, MAX_MENTIONS);
}

/** A name behind an `@`. */
interface FoundName {
  /** The index of the `@`. */
  readonly index: number;
  /** The name with its `@`, as it is written. */
  readonly text: string;
  readonly key: string;
}

/** All names behind an `@`. A full stop or a hyphen at the end belongs to the sentence. */
export function namesIn(text: string): readonly FoundName[] {
  return Array.from(text.matchAll(/@[\p{L}\p{N}\p{M}._-]*[\p{L}\p{N}\p{M}]/gu), ({ index, 0: found }) => ({
    index,
    text: found,
    key: usernameKey(found.slice(1)),
  }));
}
