import type { Repositories } from "../../application/ports.js";
import type { Chat, ChatId } from "../../domain/chat.js";
import type { Message, MessageText } from "../../domain/message.js";
import type { Session, SessionId } from "../../domain/session.js";
import type { User, UserId } from "../../domain/user.js";
import type { Database, SqlValue } from "./database.js";

const USER = "users.id, users.username, users.created_at";
const CHAT = "chats.id, chats.kind, chats.title, chats.created_at";
const MESSAGE = `messages.id, messages.chat_id, messages.seq, messages.text, messages.sent_at, messages.edited_at,
  messages.deleted_at, users.id, users.username`;

// Some values stand as `(SELECT ?)`. When a plain `?` is bound, SQLite plans a join or an aggregate anew, which takes longer
// than to run it.

/** @param database where only `change` writes. */
export function repositories(database: Pick<Database, "row" | "rows" | "change">): Repositories {
  const { row, rows, change } = database;
  const number = (sql: string, ...values: SqlValue[]) => Number(row(sql, ...values)?.[0] ?? 0);

  function p2p(first: UserId, second: UserId): Chat | undefined {
    const found = row(
      `SELECT ${CHAT} FROM chats WHERE first_user_id = ? AND second_user_id = ?`,
      first,
      second,
    );
    return found && chatOf(found);
  }

  function addChat(chat: Omit<Chat, "id">, first: UserId | null, second: UserId | null): Chat {
    const id = (number("SELECT max(id) FROM chats") + 1) as ChatId;
    change(
      "INSERT INTO chats (id, kind, title, first_user_id, second_user_id, created_at) VALUES (?, ?, ?, ?, ?, ?)",
      id,
      chat.kind,
      chat.title,
      first,
      second,
      chat.createdAt,
    );
    return { id, ...chat };
  }

  function addParticipant(id: ChatId, userId: UserId, joinedAt: number): boolean {
    return (
      change(
        "INSERT INTO participants (user_id, chat_id, joined_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        userId,
        id,
        joinedAt,
      ) > 0
    );
  }

  return {
    users: {
      async byId(id) {
        const found = row(`SELECT ${USER} FROM users WHERE id = ?`, id);
        return found && userOf(found);
      },
      async byKey(key) {
        const found = row(`SELECT ${USER} FROM users WHERE username_key = ?`, key);
        return found && userOf(found);
      },
      async credentials(key) {
        const found = row(`SELECT ${USER}, password_digest FROM users WHERE username_key = ?`, key);
        return found && { user: userOf(found), passwordDigest: found[3] as string };
      },
      async add(user, key, passwordDigest) {
        return (
          change(
            `INSERT INTO users (id, username, username_key, password_digest, created_at) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (username_key) DO NOTHING`,
            user.id,
            user.username,
            key,
            passwordDigest,
            user.createdAt,
          ) > 0
        );
      },
    },

    chats: {
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
        return change("DELETE FROM participants WHERE user_id = ? AND chat_id = ?", userId, id) > 0;
      },
    },

    messages: {
      async lastId() {
        return number("SELECT max(id) FROM messages");
      },
      async ofChat(id, { after, upTo, limit }) {
        return rows(
          `SELECT ${MESSAGE} FROM messages JOIN users ON users.id = messages.sender_id
           WHERE messages.chat_id = ? AND messages.id > ? AND messages.id <= ? ORDER BY messages.id LIMIT ?`,
          id,
          after,
          upTo,
          limit,
        ).map(messageOf);
      },
      // The feed is a queue by id: it begins with the next message of each chat, and each that is taken out puts in the
      // one after it in its chat. So it costs the chats and what is taken out, however long they are.
      async ofUser(id, { after, upTo, limit }) {
        return rows(
          `WITH RECURSIVE feed (id, chat_id) AS (
             SELECT messages.id, messages.chat_id FROM participants CROSS JOIN messages ON messages.id =
               (SELECT min(id) FROM messages WHERE chat_id = participants.chat_id AND id > ?2)
             WHERE participants.user_id = ?1 AND messages.id <= ?3
             UNION ALL
             SELECT messages.id, messages.chat_id FROM feed CROSS JOIN messages ON messages.id =
               (SELECT min(id) FROM messages WHERE chat_id = feed.chat_id AND id > feed.id)
             WHERE messages.id <= ?3
             ORDER BY 1 LIMIT ?4
           )
           SELECT ${MESSAGE} FROM feed CROSS JOIN messages ON messages.id = feed.id
             JOIN users ON users.id = messages.sender_id`,
          id,
          after,
          upTo,
          limit,
        ).map(messageOf);
      },
      async append(draft) {
        const id = number("SELECT max(id) FROM messages") + 1;
        const seq = number("SELECT max(seq) FROM messages WHERE chat_id = (SELECT ?)", draft.chatId) + 1;
        change(
          "INSERT INTO messages (id, chat_id, seq, sender_id, text, sent_at) VALUES (?, ?, ?, ?, ?, ?)",
          id,
          draft.chatId,
          seq,
          draft.sender.id,
          draft.text,
          draft.sentAt,
        );
        const { chatId, sender, text, sentAt } = draft;
        return {
          id,
          chatId,
          seq,
          sender: { id: sender.id, username: sender.username },
          text,
          sentAt,
          editedAt: null,
          deletedAt: null,
        };
      },
    },

    sessions: {
      async byDigest(digest) {
        const found = row(
          `SELECT ${USER}, sessions.id, sessions.created_at, sessions.expires_at
           FROM sessions JOIN users ON users.id = sessions.user_id WHERE sessions.digest = (SELECT ?)`,
          digest,
        );
        return found && sessionOf(found);
      },
      async add(session, digest) {
        change(
          "INSERT INTO sessions (id, digest, user_id, created_at, expires_at) VALUES (?, ?, ?, ?, ?)",
          session.id,
          digest,
          session.user.id,
          session.createdAt,
          session.expiresAt,
        );
      },
      async remove(id) {
        return change("DELETE FROM sessions WHERE id = ?", id) > 0;
      },
      async removeExpired(userId, now) {
        change("DELETE FROM sessions WHERE user_id = ? AND expires_at <= ?", userId, now);
      },
    },
  };
}

type Row = readonly SqlValue[];

function userOf([id, username, createdAt]: Row): User {
  return { id: id as UserId, username: username as string, createdAt: createdAt as number };
}

function chatOf([id, kind, title, createdAt]: Row): Chat {
  return {
    id: id as ChatId,
    kind: kind as Chat["kind"],
    title: title as string | null,
    createdAt: createdAt as number,
  };
}

function messageOf([id, chatId, seq, text, sentAt, editedAt, deletedAt, senderId, username]: Row): Message {
  return {
    id: id as number,
    chatId: chatId as ChatId,
    seq: seq as number,
    sender: { id: senderId as UserId, username: username as string },
    text: text as MessageText,
    sentAt: sentAt as number,
    editedAt: editedAt as number | null,
    deletedAt: deletedAt as number | null,
  };
}

function sessionOf(found: Row): Session {
  const [, , , id, createdAt, expiresAt] = found;
  return {
    id: id as SessionId,
    user: userOf(found),
    createdAt: createdAt as number,
    expiresAt: expiresAt as number,
  };
}
