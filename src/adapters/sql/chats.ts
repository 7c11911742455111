import type { OwnMembership } from "../../application/ports.js";
import {
  canRead,
  type Chat,
  type ChatId,
  type ChatOverview,
  type ChatSummary,
  type Participant,
} from "../../domain/chat.js";
import type { StoredChatSettings } from "../../domain/chat-settings.js";
import type { Metadata } from "../../domain/metadata.js";
import type { Policy } from "../../domain/policy.js";
import type { UserId } from "../../domain/user.js";
import { projection, valueAt, type Change, type Positions, type Row } from "./columns.js";
import { MAX_MENTION_COUNT } from "../../domain/mention.js";
import { MESSAGE, type MessageRow } from "./messages.js";
import { USER } from "./users.js";

interface ChatRow extends Omit<Chat, "policy" | "metadata"> {
  /** Without a meaning in p2p chats. */
  readonly policy: Policy;
  /** JSON. */
  readonly metadata: string | null;
}

/** From `chats`. */
export const CHAT = projection<ChatRow, Chat>(
  {
    id: "chats.id",
    kind: "chats.kind",
    title: "chats.title",
    createdAt: "chats.created_at",
    policy: {
      add: "chats.may_add",
      remove: "chats.may_remove",
      rename: "chats.may_rename",
      post: "chats.may_post",
      history: "chats.history",
    },
    metadata: "chats.metadata",
  },
  (row, at) => {
    const kind = valueAt(row, at.kind);
    const metadata = valueAt(row, at.metadata);
    const policy = kind === "p2p" ? null : policyIn(row, at.policy);
    return {
      id: valueAt(row, at.id),
      kind,
      title: valueAt(row, at.title),
      createdAt: valueAt(row, at.createdAt),
      policy,
      metadata: metadata === null ? null : (JSON.parse(metadata) as Metadata),
    };
  },
);

function policyIn(row: Row, at: Positions<Policy>): Policy {
  return {
    add: valueAt(row, at.add),
    remove: valueAt(row, at.remove),
    rename: valueAt(row, at.rename),
    post: valueAt(row, at.post),
    history: valueAt(row, at.history),
  };
}

/** The statement that stores what can change in a group chat. */
export function updateChat({ id, title, policy, metadata }: Chat): Change {
  if (policy === null) throw new TypeError(`Chat ${id} is not a group chat.`);
  return [
    `UPDATE chats SET title = $1, may_add = $2, may_remove = $3, may_rename = $4, may_post = $5, history = $6, metadata = $7
     WHERE id = $8`,
    title,
    policy.add,
    policy.remove,
    policy.rename,
    policy.post,
    policy.history,
    metadata === null ? null : JSON.stringify(metadata),
    id,
  ];
}

/** From `participants`, joined with `chats` and `users`. */
export const MEMBERSHIP = projection<Omit<OwnMembership, "chat"> & { readonly chat: ChatRow }, OwnMembership>(
  {
    chat: CHAT.columns,
    role: "participants.role",
    historyStart: "participants.history_start",
    user: USER.columns,
  },
  (row, at) => ({
    chat: CHAT.decodeAt(row, at.chat),
    role: valueAt(row, at.role),
    historyStart: valueAt(row, at.historyStart),
    user: USER.decodeAt(row, at.user),
  }),
);

/** From `chats`, left-joined with the last of the `messages`. */
const LAST_SEQ = "coalesce(messages.seq, chats.forgotten_seq)";
const LAST_SENT_AT = "coalesce(messages.sent_at, chats.forgotten_at)";

interface SettingsRow extends Omit<StoredChatSettings, "pinned"> {
  /** 1 or 0. */
  readonly pinned: number;
}

interface OverviewRow extends Omit<ChatOverview, "chat" | "lastMessage" | "settings"> {
  readonly chat: ChatRow;
  readonly lastMessage: MessageRow | null;
  readonly settings: SettingsRow;
}

/** The id of the other user of a p2p chat, or `me` in a chat with oneself; null in a group. */
const PEER_ID = "CASE chats.first_user_id WHEN me THEN chats.second_user_id ELSE chats.first_user_id END";

/** The greater of a read marker, which can be null, and the `seq` up to which messages of the chat were deleted by age. */
const readSeqOf = (markers: string) =>
  `CASE WHEN ${markers}.seq > chats.forgotten_seq THEN ${markers}.seq ELSE chats.forgotten_seq END`;

/**
 * From `chats`, the `participants` and `read_markers` of the participant whose id is in the column `me`, the last of the
 * `messages`, and its sender in `users`: as that participant sees the chat.
 */
export const OVERVIEW = projection<OverviewRow, ChatOverview>(
  {
    chat: CHAT.columns,
    role: "participants.role",
    historyStart: "participants.history_start",
    withUsername: `(SELECT username FROM users WHERE id = ${PEER_ID})`,
    participantCount: "chats.participant_count",
    lastMessage: MESSAGE.columns,
    lastSeq: LAST_SEQ,
    lastSentAt: LAST_SENT_AT,
    readSeq: readSeqOf("read_markers"),
    peerReadSeq: `(SELECT ${readSeqOf("peer_markers")} FROM users AS peers
      LEFT JOIN read_markers AS peer_markers ON peer_markers.user_id = peers.id AND peer_markers.chat_id = chats.id
      WHERE peers.id = ${PEER_ID} AND peers.deleted_at IS NULL)`,
    deletedSinceRead: `(SELECT count(*) FROM messages
      WHERE chat_id = chats.id AND seq > coalesce(read_markers.seq, 0) AND deleted_at IS NOT NULL)`,
    mentionCount: `(SELECT count(*) FROM (SELECT 1 FROM mentions
      WHERE user_id = me AND chat_id = chats.id AND seq > coalesce(read_markers.seq, 0) LIMIT ${MAX_MENTION_COUNT}) AS unread_mentions)`,
    settings: {
      mutedUntil: "participants.muted_until",
      archivedSeq: "participants.archived_seq",
      pinned: "participants.pinned",
    },
  },
  (row, at) => {
    const historyStart = valueAt(row, at.historyStart);
    const lastId = valueAt(row, at.lastMessage.id);
    return {
      chat: CHAT.decodeAt(row, at.chat),
      role: valueAt(row, at.role),
      historyStart,
      withUsername: valueAt(row, at.withUsername),
      participantCount: valueAt(row, at.participantCount),
      lastMessage:
        lastId !== null && canRead({ historyStart }, { id: lastId })
          ? MESSAGE.decodeAt(row, at.lastMessage)
          : null,
      lastSeq: valueAt(row, at.lastSeq),
      lastSentAt: valueAt(row, at.lastSentAt),
      readSeq: valueAt(row, at.readSeq),
      peerReadSeq: valueAt(row, at.peerReadSeq),
      deletedSinceRead: valueAt(row, at.deletedSinceRead),
      mentionCount: valueAt(row, at.mentionCount),
      settings: {
        mutedUntil: valueAt(row, at.settings.mutedUntil),
        archivedSeq: valueAt(row, at.settings.archivedSeq),
        pinned: valueAt(row, at.settings.pinned) === 1,
      },
    };
  },
);

/** The statement that stores the settings of a participant. */
export function updateSettings(
  id: ChatId,
  userId: UserId,
  { mutedUntil, archivedSeq, pinned }: StoredChatSettings,
): Change {
  return [
    "UPDATE participants SET muted_until = $1, archived_seq = $2, pinned = $3 WHERE user_id = $4 AND chat_id = $5",
    mutedUntil,
    archivedSeq,
    Number(pinned),
    userId,
    id,
  ];
}

/** As `OVERVIEW`, with the text, the mentions, the metadata and the reactions of the last message left empty. */
export const OVERVIEW_WITHOUT_TEXT = projection<OverviewRow, ChatOverview>(
  {
    ...OVERVIEW.columns,
    lastMessage: { ...MESSAGE.columns, text: "''", mentions: "NULL", metadata: "NULL", reactions: "NULL" },
  },
  OVERVIEW.decodeAt,
);

/** From `participants`, joined with `users`. */
export const PARTICIPANT = projection<Participant>(
  {
    id: "users.id",
    username: "users.username",
    joinedAt: "participants.joined_at",
    role: "participants.role",
  },
  (row, at) => ({
    id: valueAt(row, at.id),
    username: valueAt(row, at.username),
    joinedAt: valueAt(row, at.joinedAt),
    role: valueAt(row, at.role),
  }),
);

interface SummaryRow extends Omit<ChatSummary, "chat" | "between"> {
  readonly chat: ChatRow;
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
    lastSeq: LAST_SEQ,
    forgottenSeq: "chats.forgotten_seq",
    lastSentAt: "messages.sent_at",
  },
  (row, at) => ({
    chat: CHAT.decodeAt(row, at.chat),
    between: [valueAt(row, at.one), valueAt(row, at.other)].filter((username) => username !== null),
    participantCount: valueAt(row, at.participantCount),
    lastSeq: valueAt(row, at.lastSeq),
    forgottenSeq: valueAt(row, at.forgottenSeq),
    lastSentAt: valueAt(row, at.lastSentAt),
  }),
);
