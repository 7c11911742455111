import type { LogEntry } from "../../application/ports.js";
import type { Chat, ChatId } from "../../domain/chat.js";
import type { EventDraft, SessionEnd, StoredChatEvent, UserChange } from "../../domain/event.js";
import { lengthOf as lengthOfMessage } from "../../domain/message.js";
import type { SessionId } from "../../domain/session.js";
import type { UserId } from "../../domain/user.js";
import { projection, valueAt, type Row } from "./columns.js";
import { MESSAGE, MESSAGE_LENGTH, type MessageRow } from "./messages.js";

/**
 * A row without a user is for all participants of its chat. A row without a chat is an event about its user, with 1 as `outside`, or
 * the end of a session.
 */
export interface EventRow {
  readonly id: number;
  readonly chatId: ChatId | null;
  readonly chatKind: Chat["kind"];
  readonly userId: UserId | null;
  /** 1 or 0. In the event of a chat: `includesRemoved` of the audience. */
  readonly outside: number;
  readonly at: number;
  /** JSON. */
  readonly what: string;
  readonly message: MessageRow | null;
}

/** The condition of the rows of events of reactions, whose messages are read without text, mentions and metadata. */
const IS_OF_REACTION = `events.what LIKE '{"type":"reaction.%'`;

/** The condition of the rows of events about users. */
export const IS_ABOUT_USER = "chat_id IS NULL AND outside = 1";

/**
 * The rows of the events that the user $1 receives with $2 < id <= $3, oldest first, at most $4, each with its message if the user can
 * read it. Visits each row of that range.
 *
 * @param joined the condition that the row of `participants` is from before the event.
 */
export function receivedInRange(joined: string): { readonly from: string; readonly where: string } {
  return {
    from: `events
      LEFT JOIN participants ON participants.user_id = $1 AND participants.chat_id = events.chat_id
      LEFT JOIN messages ON messages.id = events.message_id AND messages.id > coalesce(participants.history_start, 0)
      LEFT JOIN users ON users.id = messages.sender_id`,
    where: `WHERE events.id > $2 AND events.id <= $3 AND CASE
        WHEN events.chat_id IS NULL THEN outside = 1 AND (events.user_id = $1 OR EXISTS (
          SELECT 1 FROM chats JOIN participants ON participants.user_id = $1 AND participants.chat_id = chats.id
          WHERE first_user_id = CASE WHEN $1 < events.user_id THEN $1 ELSE events.user_id END
            AND second_user_id = CASE WHEN $1 < events.user_id THEN events.user_id ELSE $1 END AND ${joined}))
        WHEN events.user_id IS NULL OR events.user_id = $1 THEN (events.user_id IS NOT NULL AND outside = 1) OR ${joined}
        ELSE FALSE END`,
  };
}

/** From `events`, left-joined with `messages` and the `users` that sent them. */
export const EVENT = projection<EventRow, LogEntry>(
  {
    id: "events.id",
    chatId: "events.chat_id",
    // A p2p chat that is deleted becomes a group chat before, see `releasePair`.
    chatKind: "coalesce((SELECT kind FROM chats WHERE chats.id = events.chat_id), 'group')",
    userId: "events.user_id",
    outside: "events.outside",
    at: "events.at",
    what: "events.what",
    message: {
      ...MESSAGE.columns,
      text: `CASE WHEN ${IS_OF_REACTION} THEN '' ELSE messages.text END`,
      mentions: `CASE WHEN ${IS_OF_REACTION} THEN NULL ELSE messages.mentions END`,
      metadata: `CASE WHEN ${IS_OF_REACTION} THEN NULL ELSE messages.metadata END`,
    },
  },
  (row, at) => {
    const position = { id: valueAt(row, at.id), at: valueAt(row, at.at) };
    const chatId = valueAt(row, at.chatId);
    const userId = valueAt(row, at.userId);
    if (chatId === null && valueAt(row, at.outside) === 1) {
      const change = JSON.parse(valueAt(row, at.what)) as UserChange;
      return { ...position, to: { peersOf: userId! }, change };
    }
    if (chatId === null) {
      const { sessionId } = JSON.parse(valueAt(row, at.what)) as { readonly sessionId: SessionId };
      return { ...position, sessionId, userId: userId! };
    }
    return {
      ...position,
      chatId,
      chatKind: valueAt(row, at.chatKind),
      to:
        userId === null ? "participants" : { user: userId, includesRemoved: valueAt(row, at.outside) === 1 },
      change: changeIn(valueAt(row, at.what)),
      message: row[at.message.id] === null ? null : MESSAGE.decodeAt(row, at.message),
    };
  },
);

/** Entries from before messages could mention users have no count of mentions. Older overviews, all of groups, have no `peerReadSeq`. */
function changeIn(what: string): StoredChatEvent["change"] {
  const change = JSON.parse(what) as StoredChatEvent["change"];
  if (change.type === "chat.read") return { ...change, mentionCount: change.mentionCount ?? 0 };
  if (change.type !== "participant.added" || change.overview === undefined) return change;
  const { overview } = change;
  const { mentionCount, peerReadSeq } = overview;
  return {
    ...change,
    overview: { ...overview, mentionCount: mentionCount ?? 0, peerReadSeq: peerReadSeq ?? null },
  };
}

/** The length of the message that an entry is read with, in UTF-16 code units. */
export function lengthOf(entry: LogEntry): number {
  const message = "message" in entry ? entry.message : null;
  return message === null ? 0 : lengthOfMessage(message);
}

/** That length at most, in code points. */
export const EVENT_LENGTH = `CASE WHEN ${IS_OF_REACTION} THEN coalesce(length(messages.reactions), 0) ELSE ${MESSAGE_LENGTH} END`;

/** The columns of an event, apart from its id and time. */
export function fieldsOf(event: EventDraft | SessionEnd) {
  if ("sessionId" in event) {
    const { sessionId, userId } = event;
    return { chatId: null, userId, outside: 0, what: JSON.stringify({ sessionId }), messageId: null };
  }
  if (!("chatId" in event)) {
    const { to, change } = event;
    return { chatId: null, userId: to.peersOf, outside: 1, what: JSON.stringify(change), messageId: null };
  }
  const { chatId, to, messageId } = event;
  const [userId, outside] = to === "participants" ? [null, 0] : [to.user, Number(to.includesRemoved)];
  return { chatId, userId, outside, what: JSON.stringify(event.change), messageId };
}

/**
 * How many ids `EventLog.forget` searches for entries before a time, behind those of a clock that went back. SQLite takes up to
 * 10 ms for them.
 */
export const MAX_SEARCHED = 20_000;

/**
 * The id of the last entry that `EventLog.forget` deletes; undefined if it deletes none.
 *
 * @param oldest the ids and times of the oldest entries, without those of a clock that went back.
 */
export function lastDueId(oldest: readonly Row[], before: number): number | undefined {
  const firstKept = oldest.findIndex(([, at]) => (at as number) >= before);
  const due = firstKept === -1 ? oldest : oldest.slice(0, firstKept);
  return due.at(-1)?.[0] as number | undefined;
}
