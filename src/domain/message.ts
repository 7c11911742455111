import { MessagingError } from "./errors.js";
import type { ChatId, MessageId, UserId } from "./ids.js";
import { textFault } from "./text.js";

export type { MessageId };

/** A text that may be sent, to the letter as it was written; or that of a deleted message, which is empty. */
export type MessageText = string & { readonly messageText: true };

/** A name that a sender gives to one sending, so that sending it again sends nothing. */
export type IdempotencyKey = string & { readonly idempotencyKey: true };

/** A message on its way into the store. */
export interface MessageDraft {
  readonly chatId: ChatId;
  readonly sender: { readonly id: UserId; readonly username: string };
  readonly text: MessageText;
  /** Epoch milliseconds. */
  readonly sentAt: number;
}

/** A message as it is stored. */
export interface Message extends MessageDraft {
  readonly id: MessageId;
  /** Counts the messages of one chat 1, 2, 3, … without a gap, in the order in which everyone sees them. */
  readonly seq: number;
  /** Epoch milliseconds, or null while it is as it was sent. */
  readonly editedAt: number | null;
  /** Epoch milliseconds, or null while it stands. */
  readonly deletedAt: number | null;
}

/** In characters. */
export const MAX_MESSAGE_LENGTH = 10_000;

/** What an idempotency key looks like. */
export const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,64}$/;

/**
 * @throws MessagingError `invalid_message` unless it has 1 to 10,000 characters, something to be seen in it, no NUL and no half
 * of a surrogate pair.
 */
export function parseMessageText(text: string): MessageText {
  const fault = textFault(text, MAX_MESSAGE_LENGTH);
  if (fault !== undefined) throw new MessagingError("invalid_message", `The message ${fault}.`);
  return text as MessageText;
}

/** @throws MessagingError `invalid_idempotency_key` unless it has 1 to 64 visible ASCII characters. */
export function parseIdempotencyKey(key: string): IdempotencyKey {
  if (!IDEMPOTENCY_KEY.test(key)) {
    throw new MessagingError(
      "invalid_idempotency_key",
      "An idempotency key has 1 to 64 visible ASCII characters. A UUID is a good one.",
    );
  }
  return key as IdempotencyKey;
}

/**
 * Lets through only the message's sender, and only while a participant of its chat.
 *
 * @throws MessagingError `not_your_message`
 */
export function assertSender(message: Message | undefined, by: UserId, isParticipant: boolean): Message {
  if (message === undefined || message.sender.id !== by || !isParticipant) {
    throw new MessagingError(
      "not_your_message",
      "There is no such message, or you did not send it, or you are no longer a participant of its chat.",
    );
  }
  return message;
}

/**
 * The message with another text: the very same where that is its text already.
 *
 * @throws MessagingError `message_deleted`
 */
export function edit(message: Message, text: MessageText, now: number): Message {
  if (message.deletedAt !== null) {
    throw new MessagingError("message_deleted", "This message was deleted, and cannot be edited any more.");
  }
  return text === message.text ? message : { ...message, text, editedAt: now };
}

/** What stays of a deleted message: its place, so that everyone can see that none is missing. The text goes. */
export function tombstone(message: Message, now: number): Message {
  return message.deletedAt === null ? { ...message, text: "" as MessageText, deletedAt: now } : message;
}
