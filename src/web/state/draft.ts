import type { Mention } from "./mentions.js";

/** What the user has typed in a chat and not sent. */
export interface Draft {
  readonly text: string;
  /** The message that it replies to. */
  readonly replyTo: number | null;
  /** The own message that it changes, or null for a new message. */
  readonly editing: number | null;
  /** The users that were chosen from the completion. One whose `@username` is no longer in the text is not mentioned. */
  readonly mentions: readonly Mention[];
  /** The draft of a new message, which comes back when the edit ends. Null if it was empty, and without an edit. */
  readonly interrupted: Draft | null;
}

export const EMPTY_DRAFT: Draft = {
  text: "",
  replyTo: null,
  editing: null,
  mentions: [],
  interrupted: null,
};

export function isEmptyDraft({ text, replyTo, editing }: Draft): boolean {
  return text === "" && replyTo === null && editing === null;
}

/** The text of the new message that a draft has, or that its edit has interrupted. Empty if it is blank. */
export function newTextOf({ text, editing, interrupted }: Draft): string {
  const found = editing === null ? text : (interrupted?.text ?? "");
  return found.trim() === "" ? "" : found;
}
