import { MessagingError } from "./errors.js";
import type { ChatId, MessageId, UserId } from "./ids.js";
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
}

/**
 * The message that a store makes of a draft, as it was sent. Its fields are listed, since freezing an object that was made by a
 * spread takes thirty times as long.
 */
export function toMessage(
  { chatId, sender, text, sentAt }: MessageDraft,
  id: MessageId,
  seq: number,
): Message {
  return Object.freeze({
    id,
    chatId,
    seq,
    sender: Object.freeze({ id: sender.id, username: sender.username }),
    text,
    sentAt,
    editedAt: null,
    deletedAt: null,
  });
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
 * The message with another text. Returns the same object if the text is equal.
 *
 * @throws MessagingError `message_deleted`
 */
export function edit(message: Message, text: MessageText, now: number): Message {
  if (message.deletedAt !== null) {
    throw new MessagingError(
      "message_deleted",
      "This message was deleted and cannot be edited. Send a new one.",
    );
  }
  return text === message.text ? message : { ...message, text, editedAt: now };
}

/** The message without its text and with `deletedAt`. Returns the same object if the message is already deleted. */
export function tombstone(message: Message, now: number): Message {
  return message.deletedAt === null ? { ...message, text: "" as MessageText, deletedAt: now } : message;
}
