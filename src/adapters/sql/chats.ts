import type { Chat, ChatOverview, ChatSummary, Participant } from "../../domain/chat.js";
import { projection, valueAt } from "./columns.js";
import { MESSAGE } from "./messages.js";

/** From `chats`. */
export const CHAT = projection<Chat>(
  { id: "chats.id", kind: "chats.kind", title: "chats.title", createdAt: "chats.created_at" },
  (row, at) => ({
    id: valueAt(row, at.id),
    kind: valueAt(row, at.kind),
    title: valueAt(row, at.title),
    createdAt: valueAt(row, at.createdAt),
  }),
);

/**
 * From `chats`, the `read_markers` of the participant whose id is in the column `me`, the last of the `messages`, and its sender in
 * `users`: as that participant sees the chat.
 */
export const OVERVIEW = projection<ChatOverview>(
  {
    chat: CHAT.columns,
    withUsername: `(SELECT username FROM users
      WHERE id = CASE chats.first_user_id WHEN me THEN chats.second_user_id ELSE chats.first_user_id END)`,
    participantCount: "chats.participant_count",
    lastMessage: MESSAGE.columns,
    readSeq: "coalesce(read_markers.seq, 0)",
    deletedSinceRead: `(SELECT count(*) FROM messages
      WHERE chat_id = chats.id AND seq > coalesce(read_markers.seq, 0) AND deleted_at IS NOT NULL)`,
  },
  (row, at) => ({
    chat: CHAT.decodeAt(row, at.chat),
    withUsername: valueAt(row, at.withUsername),
    participantCount: valueAt(row, at.participantCount),
    lastMessage: row[at.lastMessage.id] === null ? null : MESSAGE.decodeAt(row, at.lastMessage),
    readSeq: valueAt(row, at.readSeq),
    deletedSinceRead: valueAt(row, at.deletedSinceRead),
  }),
);

/** As `OVERVIEW`, with the text of the last message left empty. */
export const OVERVIEW_WITHOUT_TEXT = projection<ChatOverview>(
  { ...OVERVIEW.columns, lastMessage: { ...MESSAGE.columns, text: "''" } },
  OVERVIEW.decodeAt,
);

/** From `participants`, joined with `users`. */
export const PARTICIPANT = projection<Participant>(
  { id: "users.id", username: "users.username", joinedAt: "participants.joined_at" },
  (row, at) => ({
    id: valueAt(row, at.id),
    username: valueAt(row, at.username),
    joinedAt: valueAt(row, at.joinedAt),
  }),
);

interface SummaryRow extends Omit<ChatSummary, "between"> {
  /** The usernames of a p2p chat; `other` is null in the chat of a user with themselves. */
  readonly one: string | null;
  readonly other: string | null;
}

export const SUMMARY = projection<SummaryRow, ChatSummary>(
  {
    chat: CHAT.columns,
    one: "one.username",
    other: "other.username",
    participantCount: "chats.participant_count",
    lastSeq: "coalesce(messages.seq, 0)",
    lastSentAt: "messages.sent_at",
  },
  (row, at) => ({
    chat: CHAT.decodeAt(row, at.chat),
    between: [valueAt(row, at.one), valueAt(row, at.other)].filter((username) => username !== null),
    participantCount: valueAt(row, at.participantCount),
    lastSeq: valueAt(row, at.lastSeq),
    lastSentAt: valueAt(row, at.lastSentAt),
  }),
);
