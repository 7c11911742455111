import { MessagingError } from "./errors.js";
import type { ChatId, MessageId, UserId } from "./ids.js";
import { NO_MENTIONS } from "./mention.js";
import { isSameMetadata, type Metadata } from "./metadata.js";
import { NO_REACTIONS, reactionsLength, type Reactions } from "./reaction.js";
import { textFault } from "./text.js";

export type { MessageId };

/** A valid text, exactly as it was sent; or the empty text of a tombstone. */
export type MessageText = string & { readonly messageText: true };

/** A key that a sender chooses for one message, so that retries under it store the message once. */
export type IdempotencyKey = string & { readonly idempotencyKey: true };

/** A message to store. */
export interface MessageDraft {
  readonly chatId: ChatId;
  readonly sender: { readonly id: UserId; readonly username: string };
  readonly text: MessageText;
  /** The message of the same chat that this one replies to, which may have been deleted since; null for none. */
  readonly replyTo: MessageId | null;
  /** The users that the message mentions, each once, in the order in which the sender named them. */
  readonly mentions: readonly UserId[];
  readonly metadata: Metadata | null;
  /** Epoch milliseconds. */
  readonly sentAt: number;
}

/** A stored message. */
export interface Message extends MessageDraft {
  readonly id: MessageId;
  /** The position in the chat: 1, 2, 3, … without gaps, in the order that all participants see. */
  readonly seq: number;
  /** The last edit in epoch milliseconds; null if never edited. */
  readonly editedAt: number | null;
  /** Epoch milliseconds; null unless deleted. */
  readonly deletedAt: number | null;
  /** Empty for a deleted message. */
  readonly reactions: Reactions;
}

/**
 * The message that a store makes of a draft, as it was sent. Its fields are listed, since freezing an object that was made by a
 * spread takes thirty times as long.
 */
export function toMessage(
  { chatId, sender, text, replyTo, mentions, metadata, sentAt }: MessageDraft,
  id: MessageId,
  seq: number,
): Message {
  return Object.freeze({
    id,
    chatId,
    seq,
    sender: Object.freeze({ id: sender.id, username: sender.username }),
    text,
    replyTo,
    mentions,
    metadata,
    sentAt,
    editedAt: null,
    deletedAt: null,
    reactions: NO_REACTIONS,
  });
}

/**
 * The length of what a message takes beyond a constant, in UTF-16 code units: of its text, and of its mentions, metadata and
 * reactions, if it has any. Slices of messages are bounded by it.
 */
export function lengthOf({
  text,
  mentions,
  metadata,
  reactions,
}: Pick<Message, "text" | "mentions" | "metadata" | "reactions">): number {
  let length = text.length;
  if (mentions.length > 0) length += JSON.stringify(mentions).length;
  if (metadata !== null) length += JSON.stringify(metadata).length;
  if (reactions.length > 0) length += reactionsLength(reactions);
  return length;
}

/** In code points. */
export const MAX_MESSAGE_LENGTH = 10_000;

/** The syntax of an idempotency key. */
export const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,64}$/;

/**
 * @throws MessagingError `invalid_message` unless the text has 1 to 10,000 code points, one of them visible, no control
 * characters but tabs and line breaks (LF or CR LF), and no unpaired surrogate.
 */
export function parseMessageText(text: string): MessageText {
  const fault = textFault(text, MAX_MESSAGE_LENGTH);
  if (fault !== undefined) throw new MessagingError("invalid_message", `The message ${fault}`);
  return text as MessageText;
}

/** @throws MessagingError `invalid_idempotency_key` unless the key has 1 to 64 visible ASCII characters. */
export function parseIdempotencyKey(key: string): IdempotencyKey {
  if (!IDEMPOTENCY_KEY.test(key)) {
    throw new MessagingError(
      "invalid_idempotency_key",
      "Invalid idempotency key. Use 1 to 64 visible ASCII characters, for example a UUID.",
    );
  }
  return key as IdempotencyKey;
}

/**
 * Returns the message if `by` is its sender and can still read it.
 *
 * @param isReadable whether `by` is a participant of the chat of the message, and can read it.
 * @throws MessagingError `not_your_message`
 */
export function assertSender(message: Message | undefined, by: UserId, isReadable: boolean): Message {
  if (message === undefined || message.sender.id !== by || !isReadable) {
    throw new MessagingError(
      "not_your_message",
      "Unknown message, or you cannot change it. Use a message that you sent to a chat you are still in.",
    );
  }
  return message;
}

/**
 * Checks that a message can be replied to. A deleted one can: its deletion and the reply may have crossed.
 *
 * @param found the message with the id `replyTo` in the chat of the reply, if the sender can read it.
 * @throws MessagingError `invalid_reply`, which is the same for all other messages, so that ids cannot be probed.
 */
export function assertReply(replyTo: MessageId, found: MessageId | undefined): void {
  if (found === replyTo) return;
  throw new MessagingError(
    "invalid_reply",
    "Unknown message to reply to. Use the id of a message of the same chat that you can read.",
  );
}

/** What changes in a message. What is left out stays. */
export interface MessageEdit {
  readonly text?: MessageText | undefined;
  readonly mentions?: readonly UserId[] | undefined;
  /** Null removes the metadata. */
  readonly metadata?: Metadata | null | undefined;
}

/**
 * The message after an edit. Returns the same object if nothing changes.
 *
 * @throws MessagingError `message_deleted`
 */
export function edit(message: Message, change: MessageEdit, now: number): Message {
  if (message.deletedAt !== null) {
    throw new MessagingError(
      "message_deleted",
      "This message was deleted and cannot be edited. Send a new one.",
    );
  }
  const { text = message.text, mentions = message.mentions, metadata = message.metadata } = change;
  const isSame =
    text === message.text &&
    isSameMentions(mentions, message.mentions) &&
    isSameMetadata(metadata, message.metadata);
  return isSame ? message : { ...message, text, mentions, metadata, editedAt: now };
}

export function isSameMentions(one: readonly UserId[], other: readonly UserId[]): boolean {
  return one.length === other.length && one.every((id, index) => id === other[index]);
}

/**
 * The message without its text, mentions, metadata and reactions, and with `deletedAt`. Returns the same object if the message is
 * already deleted.
 */
export function tombstone(message: Message, now: number): Message {
  if (message.deletedAt !== null) return message;
  const nothing = { text: "" as MessageText, mentions: NO_MENTIONS, metadata: null, reactions: NO_REACTIONS };
  return { ...message, ...nothing, deletedAt: now };
}

/**
 * Returns the message if the user can read it. An unknown message gives the same error, so that ids of messages cannot be probed.
 *
 * @param isReadable whether the user is a participant of the chat of the message, and can read it.
 * @throws MessagingError `unknown_message`
 */
export function assertReadable(message: Message | undefined, isReadable: boolean): Message {
  if (message === undefined || !isReadable) {
    throw new MessagingError(
      "unknown_message",
      "Unknown message, or you cannot read it. Use a message of a chat you are in.",
    );
  }
  return message;
}

/** @throws MessagingError `message_deleted` */
export function assertReactable(message: Message): void {
  if (message.deletedAt === null) return;
  throw new MessagingError("message_deleted", "This message was deleted. React to another one.");
}
