/** A user who was chosen from the completion. */
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

/** The chosen users whose `@username` is in the text, each once. */
export function mentionsIn(text: string, chosen: readonly Mention[]): readonly Mention[] {
  const found = chosen.filter(({ username }) => occursIn(text, username));
  return found.filter(
    ({ user_id }, index) => found.findIndex((other) => other.user_id === user_id) === index,
  );
}

/** Whether `@username` is in the text, and not only as the beginning of a longer name. */
function occursIn(text: string, username: string): boolean {
  const name = `@${username}`;
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
    // A full stop or a hyphen ends a sentence or a name, so it counts as part of the name only before another letter.
    if (!/^[._-]*[\p{L}\p{N}\p{M}]/u.test(text.slice(at + name.length))) return true;
  }
  return false;
}
