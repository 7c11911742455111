import { MessagingError } from "./errors.js";
import { faultInText } from "./text.js";
import type { UserId } from "./user.js";

/** A positive integer. */
export type ChatId = number & { readonly chatId: true };

/** A conversation: of a group, or of two people (or of one with themselves). */
export interface Chat {
  readonly id: ChatId;
  readonly kind: "group" | "p2p";
  /** Group chats only, and there only where one was given. */
  readonly title: string | null;
  /** Epoch milliseconds. */
  readonly createdAt: number;
}

/** The two people of a p2p chat in their one order, so that a pair is one pair from both sides. */
export type Pair = readonly [UserId, UserId];

const LONGEST_TITLE = 100;

export function pairOf(one: UserId, other: UserId): Pair {
  return one <= other ? [one, other] : [other, one];
}

/** @throws MessagingError `invalid_title` unless it has 1 to 100 characters, not all white space, and no NUL. */
export function parseTitle(title: string): string {
  const fault = faultInText(title, LONGEST_TITLE);
  if (fault !== undefined) throw new MessagingError("invalid_title", `The title ${fault}.`);
  return title;
}

/**
 * Lets through only participants. A chat that does not exist and one that is somebody else's are refused alike, so that
 * ids cannot be probed.
 *
 * @param chat the chat as its participant finds it; undefined where the caller is none.
 * @throws MessagingError `not_a_participant`
 */
export function requireParticipant(chat: Chat | undefined): Chat {
  if (chat === undefined) {
    throw new MessagingError(
      "not_a_participant",
      "There is no such chat, or you are not a participant of it.",
    );
  }
  return chat;
}

/**
 * Lets through only what the caller may do in a group chat. Any participant may write, read, add and remove.
 *
 * @throws MessagingError `not_a_participant`, `p2p_chat`
 */
export function requireGroup(chat: Chat | undefined): Chat {
  const own = requireParticipant(chat);
  if (own.kind === "p2p") {
    throw new MessagingError("p2p_chat", "This chat is between two people. Name a group chat.");
  }
  return own;
}
