import type { StoredChatSettings } from "./chat-settings.js";
import { MessagingError } from "./errors.js";
import type { ChatId, UserId } from "./ids.js";
import type { Message } from "./message.js";
import type { Metadata } from "./metadata.js";
import { assertMayAct, type Action, type Policy, type Role } from "./policy.js";
import { lineFault } from "./text.js";

export type { ChatId };

/** A group chat, or a p2p chat of two users (or of one user with themselves). */
export interface Chat {
  readonly id: ChatId;
  readonly kind: "group" | "p2p";
  /** Null for p2p chats and for group chats without a title. */
  readonly title: string | null;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Null for p2p chats, whose users have the same rights. */
  readonly policy: Policy | null;
  /** Null for p2p chats and for group chats without metadata. */
  readonly metadata: Metadata | null;
}

/** A chat, and what one of its participants is and can read in it. */
export interface Membership {
  readonly chat: Chat;
  /** Null for p2p chats. */
  readonly role: Role | null;
  /** The participant can read the messages of the chat with a greater id. Decided at the join, by `startsAtJoin`. */
  readonly historyStart: number;
}

/** A group chat of a participant. */
export interface GroupMembership extends Membership {
  readonly chat: Chat & { readonly policy: Policy };
  readonly role: Role;
}

/** A user who is in a chat. */
export interface Participant {
  readonly id: UserId;
  readonly username: string;
  /** Epoch milliseconds. */
  readonly joinedAt: number;
  /** Null in p2p chats. */
  readonly role: Role | null;
}

/** A chat as one of its participants sees it. */
export interface ChatOverview extends Membership {
  /** The username of the other participant of a p2p chat, or one's own in a chat with oneself; null for group chats. */
  readonly withUsername: string | null;
  readonly participantCount: number;
  /** The last message that the participant can read; null without one. May be a tombstone. */
  readonly lastMessage: Message | null;
  /** The `seq` of the last message of the chat, also if the participant cannot read it or it was deleted by age; 0 before the first. */
  readonly lastSeq: number;
  /** The time of that message in epoch milliseconds; null before the first. */
  readonly lastSentAt: number | null;
  /**
   * The `seq` up to which the participant has read, or up to which messages were deleted by age; 0 in a new chat. A user who is
   * added later starts at the last message.
   */
  readonly readSeq: number;
  /**
   * The `readSeq` of the other user of a p2p chat, or one's own in a chat with oneself. Null for group chats, and if the other user
   * is deleted: their erasure deletes their read position.
   */
  readonly peerReadSeq: number | null;
  /** The number of deleted messages after `readSeq`. */
  readonly deletedSinceRead: number;
  /** The number of messages after `readSeq` that mention the participant and are not deleted; at most `MAX_MENTION_COUNT`. */
  readonly mentionCount: number;
  readonly settings: StoredChatSettings;
}

/** A chat as the operator sees it. Contains the title but no messages. */
export interface ChatSummary {
  readonly chat: Chat;
  /** The usernames of a p2p chat: two, or one for a chat with oneself. Empty for group chats. */
  readonly between: readonly string[];
  readonly participantCount: number;
  /** The `seq` of the last message, also if it was deleted by age; 0 before the first. */
  readonly lastSeq: number;
  /** The `seq` up to which messages were deleted by age; 0 without one. */
  readonly forgottenSeq: number;
  /** The time of the last message in epoch milliseconds; null without one. */
  readonly lastSentAt: number | null;
}

/** The two users of a p2p chat in ascending order, so that both orders of arguments give the same pair. */
export type Pair = readonly [UserId, UserId];

/** In code points. */
export const MAX_TITLE_LENGTH = 100;

/** How many users can be added at the creation of a group chat. */
export const MAX_INITIAL_PARTICIPANTS = 100;

/** The pair of two users, which may be the same user. */
export function pairOf(one: UserId, other: UserId): Pair {
  return one <= other ? [one, other] : [other, one];
}

/** @throws MessagingError `invalid_title` unless the title is one line of 1 to 100 code points, see `lineFault`. */
export function parseTitle(title: string): string {
  const fault = lineFault(title, MAX_TITLE_LENGTH);
  if (fault !== undefined) throw new MessagingError("invalid_title", `The title ${fault}`);
  return title;
}

/**
 * Returns the chat if the caller is a participant. An unknown chat and a chat of other users give the same error, so that
 * chat ids cannot be probed.
 *
 * @param found as found for the caller; undefined if there is no such chat or the caller is not a participant.
 * @throws MessagingError `not_a_participant`
 */
export function assertParticipant<Found extends Membership>(found: Found | undefined): Found {
  if (found === undefined) {
    throw new MessagingError(
      "not_a_participant",
      "Unknown chat, or you are not a participant. Check the chat id.",
    );
  }
  return found;
}

/**
 * Returns the chat if it is a group chat of the caller.
 *
 * @param found as for `assertParticipant`.
 * @throws MessagingError `not_a_participant`, `p2p_chat`
 */
export function assertGroup<Found extends Membership>(found: Found | undefined): Found & GroupMembership {
  const membership = assertParticipant(found);
  if (!isGroup(membership)) throw p2pChat();
  return membership;
}

function isGroup<Found extends Membership>(found: Found): found is Found & GroupMembership {
  return found.chat.policy !== null;
}

export function p2pChat(): MessagingError {
  return new MessagingError("p2p_chat", "This chat is between two people. Use a group chat.");
}

/**
 * Checks that a participant may act. In a p2p chat both users may.
 *
 * @throws MessagingError `not_allowed`
 */
export function assertMay(membership: Membership, action: Action): void {
  if (isGroup(membership)) assertMayAct(membership.role, membership.chat.policy, action);
}

/**
 * The next owner of a group without one: of its admins, or else of all participants, the one who joined first; of several, the
 * one with the smallest id.
 *
 * @param candidates at least the first admin and the first participant in that order.
 */
export function successorOf<Candidate extends Pick<Participant, "id" | "joinedAt" | "role">>(
  candidates: readonly Candidate[],
): Candidate | undefined {
  const isAdmin = ({ role }: Candidate) => Number(role === "admin");
  return candidates.toSorted(
    (one, other) =>
      isAdmin(other) - isAdmin(one) || one.joinedAt - other.joinedAt || (one.id < other.id ? -1 : 1),
  )[0];
}

/**
 * Whether a user who joins a group chat now has the id of the last message as `historyStart`, or 0. It stays for as long as the user
 * is a participant: a later change of the policy neither hides what the user could read nor reveals what was hidden.
 */
export function startsAtJoin({ policy }: GroupMembership["chat"]): boolean {
  return policy.history === "since_join";
}

/** Whether the participant can read a message of the chat. */
export function canRead(
  { historyStart }: Pick<Membership, "historyStart">,
  { id }: Pick<Message, "id">,
): boolean {
  return id > historyStart;
}

/**
 * The number of messages after `readSeq` that are not deleted. All of them are from others, since sending moves `readSeq` to
 * one's own message. Derived rather than stored, so it cannot drift: `seq` has no gaps.
 */
export function unreadCount({
  lastSeq,
  readSeq,
  deletedSinceRead,
}: Pick<ChatOverview, "lastSeq" | "readSeq" | "deletedSinceRead">): number {
  return lastSeq - readSeq - deletedSinceRead;
}

/** The chat as its participant sees it after reading everything. */
export function readToEnd(overview: ChatOverview): ChatOverview {
  return { ...overview, readSeq: overview.lastSeq, deletedSinceRead: 0, mentionCount: 0 };
}

/** The new `readSeq` of a participant who reports having read up to `seq`: never decreases, never exceeds the last `seq`. */
export function advanceReadSeq({ readSeq, lastSeq }: ChatOverview, seq: number): number {
  return Math.max(readSeq, Math.min(seq, lastSeq));
}
