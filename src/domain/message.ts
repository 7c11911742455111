import type { ChatId } from "./chat.js";
import { MessagingError } from "./errors.js";
import { faultInText } from "./text.js";
import type { UserId } from "./user.js";

/** A text that may be sent, to the letter as it was written. */
export type MessageText = string & { readonly messageText: true };

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
  /** Grows over the whole server. A positive integer. */
  readonly id: number;
  /** Counts the messages of one chat 1, 2, 3, … without a gap, in the order in which everyone sees them. */
  readonly seq: number;
  /** Epoch milliseconds, or null while it is as it was sent. */
  readonly editedAt: number | null;
  /** Epoch milliseconds, or null while it stands. */
  readonly deletedAt: number | null;
}

const LONGEST_MESSAGE = 10_000;

/**
 * @throws MessagingError `invalid_message` unless it has 1 to 10,000 characters, not all white space, no NUL and no half
 * of a surrogate pair.
 */
export function parseMessageText(text: string): MessageText {
  const fault = faultInText(text, LONGEST_MESSAGE);
  if (fault !== undefined) throw new MessagingError("invalid_message", `The message ${fault}.`);
  return text as MessageText;
}
