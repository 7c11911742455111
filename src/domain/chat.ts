import { MessagingError } from "./errors.js";
import type { ChatId, UserId } from "./ids.js";
import type { Message } from "./message.js";
import { textFault } from "./text.js";

export type { ChatId };

/** A conversation: of a group, or of two people (or of one with themselves). */
export interface Chat {
  readonly id: ChatId;
  readonly kind: "group" | "p2p";
  /** Group chats only, and there only where one was given. */
  readonly title: string | null;
  /** Epoch milliseconds. */
  readonly createdAt: number;
}

/** Somebody who is in a chat. */
export interface Participant {
  readonly id: UserId;
  readonly username: string;
  /** Epoch milliseconds. */
  readonly joinedAt: number;
}

/** A chat as one of its participants sees it. */
export interface ChatOverview {
  readonly chat: Chat;
  /** P2p chats only: who the other one is; in the chat with oneself that is oneself. */
  readonly withUsername: string | null;
  readonly participantCount: number;
  /** Null before the first message. A deleted message stays the last one. */
  readonly lastMessage: Message | null;
  /** The `seq` up to which this participant has read; 0 before the first. It stays when they leave and come back. */
  readonly readSeq: number;
  /** How many of the messages after `readSeq` are deleted. */
  readonly deletedSinceRead: number;
}

/** A chat as the operator of the service sees it: nothing of what was written in it but its title. */
export interface ChatSummary {
  readonly chat: Chat;
  /** P2p chats only: the usernames of the two, or the one of a chat with oneself. Else there are none. */
  readonly between: readonly string[];
  readonly participantCount: number;
  /** The `seq` of the last message; 0 before the first. */
  readonly lastSeq: number;
  /** When the last message was sent, in epoch milliseconds; null before the first. */
  readonly lastSentAt: number | null;
}

/** The two people of a p2p chat in their one order, so that a pair is one pair from both sides. */
export type Pair = readonly [UserId, UserId];

/** In characters. */
export const MAX_TITLE_LENGTH = 100;

export function pairOf(one: UserId, other: UserId): Pair {
  return one <= other ? [one, other] : [other, one];
}

/** @throws MessagingError `invalid_title` unless it has 1 to 100 characters, something to be seen in it and no NUL. */
export function parseTitle(title: string): string {
  const fault = textFault(title, MAX_TITLE_LENGTH);
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
export function assertParticipant<Found extends Chat | ChatOverview>(chat: Found | undefined): Found {
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
export function assertGroup(chat: Chat | undefined): Chat {
  const own = assertParticipant(chat);
  if (own.kind === "p2p") {
    throw new MessagingError("p2p_chat", "This chat is between two people. Name a group chat.");
  }
  return own;
}

/** The `seq` of the last message; 0 before the first. */
export function lastSeq({ lastMessage }: ChatOverview): number {
  return lastMessage?.seq ?? 0;
}

/**
 * How many messages of others came after the last one read and are not deleted. Nothing is counted along, so nothing
 * drifts: `seq` has no gap, and one's own messages are never behind `readSeq`, since sending reads up to them.
 */
export function unreadCount(overview: ChatOverview): number {
  return lastSeq(overview) - overview.readSeq - overview.deletedSinceRead;
}

/** Where a participant has read up to who says that it is `seq`: never back, never past the last message. */
export function advanceReadSeq(overview: ChatOverview, seq: number): number {
  return Math.max(overview.readSeq, Math.min(seq, lastSeq(overview)));
}
