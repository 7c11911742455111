import type { ReadonlySignal } from "@preact/signals";
import type { Message } from "../../client/index.js";
import type { ChatState } from "./chats.js";
import type { Draft } from "./drafts.js";
import type { Failure } from "./failure.js";
import type { Destination, OutboxEntry } from "./outbox.js";

/** What a conversation waits for. */
export type Loading = "window" | "older" | "newer" | undefined;

/**
 * The messages of one chat that is shown: a window of at most 300 messages in their order, without gaps. Close it when
 * another one is shown.
 */
export interface Conversation {
  readonly destination: ReadonlySignal<Destination>;
  /** `undefined` before the first message to a user, and after the user has left the chat. */
  readonly chat: ReadonlySignal<ChatState | undefined>;
  /** Oldest first. Deleted messages are among them, with `deleted_at`. */
  readonly messages: ReadonlySignal<readonly Message[]>;
  /** The messages on their way, to be shown behind `messages`. Empty while the window does not reach the end of the chat. */
  readonly pending: ReadonlySignal<readonly OutboxEntry[]>;
  readonly hasOlder: ReadonlySignal<boolean>;
  /** Whether the window ends before the end of the chat. */
  readonly hasNewer: ReadonlySignal<boolean>;
  readonly loading: ReadonlySignal<Loading>;
  /** Why the last page could not be read, or `undefined`. */
  readonly failure: ReadonlySignal<Failure | undefined>;
  /** The `seq` that was read when the chat was opened. A line "New messages" belongs behind it. */
  readonly readSeqAtOpening: number;
  /** The message to which `jumpTo` has jumped, for the view to scroll to and highlight. The view sets it to `undefined`. */
  readonly target: ReadonlySignal<number | undefined>;
  clearTarget(): void;
  /** Reads a page of older messages. The far end of a full window is dropped, and read again when needed. Never rejects. */
  loadOlder(): Promise<void>;
  loadNewer(): Promise<void>;
  /** Shows the window around a message, and sets `target`. Returns false if the message cannot be read. Never rejects. */
  jumpTo(messageId: number): Promise<boolean>;
  jumpToEnd(): Promise<void>;
  /**
   * States whether the user sees the end of the window. If so, new messages push the oldest ones out of a full window;
   * else a full window does not grow, and `hasNewer` becomes true.
   */
  setAtEnd(isAtEnd: boolean): void;
  /** The message that another one replies to: `undefined` until it is read, null if it cannot be read. */
  quoteOf(messageId: number): ReadonlySignal<Message | null | undefined>;
  readonly draft: ReadonlySignal<Draft>;
  changeDraft(part: Partial<Draft>): void;
  /** Puts the text of an own message into the draft, to change it. */
  startEditing(message: Message): void;
  /** Empties the draft. */
  cancelDraft(): void;
  /**
   * Sends the draft, or changes the message that it edits, and empties it. Does nothing if it has no visible character.
   * Sends never reject: see `Outbox`. @throws PalaverError if an edit fails; the draft then stays
   */
  submit(): Promise<void>;
  /** Puts a rejected message back into the draft. Does nothing if the draft has a text. */
  editRejected(key: string): Promise<void>;
  /** @throws PalaverError */
  delete(messageId: number): Promise<void>;
  /** Adds or removes the user's own reaction. @throws PalaverError `too_many_reactions`, … */
  react(messageId: number, emoji: string, isAdded: boolean): Promise<void>;
  /** Marks the chat as read up to a message that the user has seen. Several calls become one request. Never rejects. */
  markRead(seq: number): void;
  /** Shows the other participants that the user types. Call it at each key; few calls become requests. */
  showTyping(): void;
  close(): void;
}
