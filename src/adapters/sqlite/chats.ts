import type { ChatRepository } from "../../application/ports.js";
import type { Chat, ChatId, ChatOverview, ChatSummary } from "../../domain/chat.js";
import type { UserId } from "../../domain/user.js";
import { numberIn, type Row, type Statements } from "./database.js";
import { lastEventId } from "./events.js";
import { MESSAGE, MESSAGE_COLUMNS, lastMessageId, messageOf } from "./messages.js";
import { USER } from "./users.js";

const CHAT = "chats.id, chats.kind, chats.title, chats.created_at";

/** Of a chat and a participant whose id is in `me`; with `OVERVIEW_JOINS` behind the chat. */
const OVERVIEW = `${CHAT},
  (SELECT username FROM users
   WHERE id = CASE chats.first_user_id WHEN me THEN chats.second_user_id ELSE chats.first_user_id END),
  chats.participant_count, coalesce(read_markers.seq, 0),
  (SELECT count(*) FROM messages
   WHERE chat_id = chats.id AND seq > coalesce(read_markers.seq, 0) AND deleted_at IS NOT NULL),
  ${MESSAGE}`;
const OVERVIEW_COLUMNS = 8 + MESSAGE_COLUMNS;
const OVERVIEW_JOINS = `
  LEFT JOIN read_markers ON read_markers.user_id = me AND read_markers.chat_id = chats.id
  LEFT JOIN messages ON messages.chat_id = chats.id
    AND messages.seq = (SELECT max(seq) FROM messages WHERE chat_id = chats.id)
  LEFT JOIN users ON users.id = messages.sender_id`;

export function chats(statements: Statements): ChatRepository {
  const { row, rows, change } = statements;

  function p2p(first: UserId, second: UserId): Chat | undefined {
    const found = row(
      `SELECT ${CHAT} FROM chats WHERE first_user_id = ? AND second_user_id = ?`,
      first,
      second,
    );
    return found && chatOf(found);
  }

  function addChat(chat: Omit<Chat, "id">, first: UserId | null, second: UserId | null): Chat {
    const id = (numberIn(row("SELECT max(id) FROM chats")) + 1) as ChatId;
    change(
      `INSERT INTO chats (id, kind, title, first_user_id, second_user_id, created_at, born_after)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      id,
      chat.kind,
      chat.title,
      first,
      second,
      chat.createdAt,
      lastMessageId(statements),
    );
    return { id, ...chat };
  }

  function addParticipant(id: ChatId, userId: UserId, joinedAt: number): boolean {
    const added = change(
      `INSERT INTO participants (user_id, chat_id, joined_at, joined_after) VALUES (?, ?, ?, ?)
       ON CONFLICT DO NOTHING`,
      userId,
      id,
      joinedAt,
      lastEventId(statements),
    );
    return countParticipants(id, added);
  }

  /** @returns whether there are others than before. */
  function countParticipants(id: ChatId, more: number): boolean {
    if (more === 0) return false;
    change("UPDATE chats SET participant_count = participant_count + ? WHERE id = ?", more, id);
    return true;
  }

  return {
    async ofParticipant(id, userId) {
      const found = row(
        `SELECT ${CHAT} FROM participants JOIN chats ON chats.id = participants.chat_id
         WHERE participants.user_id = (SELECT ?) AND participants.chat_id = (SELECT ?)`,
        userId,
        id,
      );
      return found && chatOf(found);
    },
    async p2p([first, second]) {
      return p2p(first, second);
    },
    async idsOfUser(userId) {
      return rows("SELECT chat_id FROM participants WHERE user_id = ?", userId).map(([id]) => id as ChatId);
    },
    async overview(id, userId) {
      const found = row(
        `SELECT ${OVERVIEW} FROM (SELECT ?1 AS me, ?2 AS id) AS wanted
           CROSS JOIN participants ON participants.user_id = me AND participants.chat_id = wanted.id
           CROSS JOIN chats ON chats.id = wanted.id ${OVERVIEW_JOINS}`,
        userId,
        id,
      );
      return found && overviewOf(found);
    },
    // The one sort there is is of the user's own chats, by the one number that each has.
    async ofUser(userId, { asOf, after, limit }) {
      return rows(
        `WITH own AS MATERIALIZED (
           SELECT me, chats.id, coalesce(
             (SELECT max(id) FROM messages WHERE chat_id = chats.id AND id <= ?2), chats.born_after) AS activity
           FROM (SELECT ?1 AS me) AS wanted CROSS JOIN participants ON participants.user_id = me
             CROSS JOIN chats ON chats.id = participants.chat_id
         ), page AS MATERIALIZED (
           SELECT * FROM own WHERE (activity, id) < (?3, ?4) ORDER BY activity DESC, id DESC LIMIT ?5
         )
         SELECT ${OVERVIEW}, page.activity FROM page CROSS JOIN chats ON chats.id = page.id ${OVERVIEW_JOINS}
         ORDER BY page.activity DESC, page.id DESC`,
        userId,
        asOf,
        after?.activity ?? Number.MAX_SAFE_INTEGER,
        after?.chatId ?? Number.MAX_SAFE_INTEGER,
        limit,
      ).map((found) => ({ ...overviewOf(found), activity: found[OVERVIEW_COLUMNS] as number }));
    },
    async participants(id) {
      return rows(
        `SELECT ${USER}, participants.joined_at FROM participants CROSS JOIN users ON users.id = participants.user_id
         WHERE participants.chat_id = ? ORDER BY participants.joined_at, participants.user_id`,
        id,
      ).map(([userId, username, , joinedAt]) => ({
        id: userId as UserId,
        username: username as string,
        joinedAt: joinedAt as number,
      }));
    },
    async list({ after, limit }) {
      return rows(
        `SELECT ${CHAT}, one.username, other.username, chats.participant_count,
           messages.seq, messages.sent_at
         FROM chats LEFT JOIN users AS one ON one.id = chats.first_user_id
           LEFT JOIN users AS other ON other.id = chats.second_user_id AND other.id <> one.id
           LEFT JOIN messages ON messages.chat_id = chats.id
             AND messages.seq = (SELECT max(seq) FROM messages WHERE chat_id = chats.id)
         WHERE chats.id > ? ORDER BY chats.id LIMIT ?`,
        after ?? 0,
        limit,
      ).map(summaryOf);
    },
    async rename(id, title) {
      change("UPDATE chats SET title = ? WHERE id = ?", title, id);
    },
    async setRead(id, userId, seq) {
      change(
        `INSERT INTO read_markers (user_id, chat_id, seq) VALUES (?, ?, ?)
         ON CONFLICT DO UPDATE SET seq = excluded.seq`,
        userId,
        id,
        seq,
      );
    },
    async addGroup(title, createdAt) {
      return addChat({ kind: "group", title, createdAt }, null, null);
    },
    async openP2p([first, second], createdAt) {
      const known = p2p(first, second);
      if (known) return known;
      const chat = addChat({ kind: "p2p", title: null, createdAt }, first, second);
      for (const userId of new Set([first, second])) addParticipant(chat.id, userId, createdAt);
      return chat;
    },
    async addParticipant(id, userId, joinedAt) {
      return addParticipant(id, userId, joinedAt);
    },
    async removeParticipant(id, userId) {
      const removed = change("DELETE FROM participants WHERE user_id = ? AND chat_id = ?", userId, id);
      return countParticipants(id, -removed);
    },
  };
}

function chatOf([id, kind, title, createdAt]: Row): Chat {
  return {
    id: id as ChatId,
    kind: kind as Chat["kind"],
    title: title as string | null,
    createdAt: createdAt as number,
  };
}

function summaryOf(found: Row): ChatSummary {
  const [, , , , one, other, participantCount, lastSeq, lastSentAt] = found;
  return {
    chat: chatOf(found),
    between: [one, other].filter((username) => typeof username === "string"),
    participantCount: participantCount as number,
    lastSeq: (lastSeq ?? 0) as number,
    lastSentAt: (lastSentAt ?? null) as number | null,
  };
}

function overviewOf(found: Row): ChatOverview {
  const [, , , , withUsername, participantCount, readSeq, deletedSinceRead, ...message] = found;
  return {
    chat: chatOf(found),
    withUsername: withUsername as string | null,
    participantCount: participantCount as number,
    lastMessage: message[0] === null ? null : messageOf(message),
    readSeq: readSeq as number,
    deletedSinceRead: deletedSinceRead as number,
  };
}
