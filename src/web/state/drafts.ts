import type { ReadonlySignal } from "@preact/signals";
import type { Destination } from "./outbox.js";

/** What the user has typed in a chat and not sent. */
export interface Draft {
  readonly text: string;
  /** The message that it replies to. */
  readonly replyTo: number | null;
  /** The own message that it changes, or null for a new message. */
  readonly editing: number | null;
  /** The users that were chosen from the completion. One whose `@username` is no longer in the text is not mentioned. */
  readonly mentions: readonly Mention[];
}

export interface Mention {
  readonly user_id: string;
  readonly username: string;
}

export const EMPTY_DRAFT: Draft = { text: "", replyTo: null, editing: null, mentions: [] };

/** The drafts of all chats. They survive a reload, and are the same in all tabs. */
export interface Drafts {
  /** Follows the draft of a chat. */
  of(destination: Destination): ReadonlySignal<Draft>;
  /** Changes parts of a draft, at once in memory and shortly after in the storage. */
  change(destination: Destination, part: Partial<Draft>): void;
  clear(destination: Destination): void;
}
