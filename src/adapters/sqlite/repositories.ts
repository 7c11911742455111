import type { LogEntry, Repositories, Slice } from "../../application/ports.js";
import type { Chat, ChatId, ChatOverview } from "../../domain/chat.js";
import type { StoredEvent } from "../../domain/event.js";
import type { Message, MessageText } from "../../domain/message.js";
import type { Session, SessionId } from "../../domain/session.js";
import type { User, UserId } from "../../domain/user.js";
import type { Database, SqlValue } from "./database.js";

const USER = "users.id, users.username, users.created_at";
const CHAT = "chats.id, chats.kind, chats.title, chats.created_at";
const SESSION = `sessions.id, sessions.kind, sessions.name, sessions.user_agent, sessions.created_at,
  sessions.last_seen_at, sessions.expires_at, ${USER}`;
const MESSAGE = `messages.id, messages.chat_id, messages.seq, messages.text, messages.sent_at, messages.edited_at,
  messages.deleted_at, users.id, users.username`;
const MESSAGE_COLUMNS = 9;
const EVENT = `events.id, events.chat_id, events.user_id, events.outside, events.at, events.what, ${MESSAGE}`;

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

// Some values stand as `(SELECT ?)`. When a plain `?` is bound, SQLite plans a join or an aggregate anew, which takes longer
// than to run it.

/** @param database where only `change` writes. */
export function repositories(database: Pick<Database, "row" | "rows" | "change">): Repositories {
  const { row, rows, change } = database;
  const number = (sql: string, ...values: SqlValue[]) => Number(row(sql, ...values)?.[0] ?? 0);

  const lastMessageId = () => number("SELECT max(id) FROM messages");
  const lastEventId = () => number("SELECT max(id) FROM events");

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
      `INSERT INTO chats (id, kind, title, first_user_id, second_user_id, created_at, born_after)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      id,
      chat.kind,
      chat.title,
      first,
      second,
      chat.createdAt,
      lastMessageId(),
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
      lastEventId(),
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
      async replacePassword(id, passwordDigest) {
        return change("UPDATE users SET password_digest = ? WHERE id = ?", passwordDigest, id) > 0;
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
    },

    messages: {
      async lastId() {
        return lastMessageId();
      },
      async byId(id) {
        const found = row(
          `SELECT ${MESSAGE} FROM messages CROSS JOIN users ON users.id = messages.sender_id WHERE messages.id = (SELECT ?)`,
          id,
        );
        return found && messageOf(found);
      },
      async sentAs(userId, key) {
        const found = row(
          `SELECT ${MESSAGE}, messages.text_digest FROM messages CROSS JOIN users ON users.id = messages.sender_id
           WHERE messages.sender_id = (SELECT ?) AND messages.idempotency_key = (SELECT ?)`,
          userId,
          key,
        );
        return found && { message: messageOf(found), textDigest: found[MESSAGE_COLUMNS] as string };
      },
      async ofChat(id, { after, upTo, limit, from }) {
        return inOrder(
          from,
          rows(
            `SELECT ${MESSAGE} FROM messages JOIN users ON users.id = messages.sender_id
             WHERE messages.chat_id = ? AND messages.id > ? AND messages.id <= ?
             ORDER BY messages.id ${from === "oldest" ? "" : "DESC"} LIMIT ?`,
            id,
            after,
            upTo,
            limit,
          ),
        );
      },
      // The feed is a queue by id: it begins with the next message of each chat, and each that is taken out puts in the
      // one behind it in its chat. So it costs the chats and what is taken out, however long they are.
      async ofUser(id, { after, upTo, limit, from }) {
        const forward = from === "oldest";
        const next = (chatId: string, behind: string) =>
          forward
            ? `(SELECT min(id) FROM messages WHERE chat_id = ${chatId} AND id > ${behind})`
            : `(SELECT max(id) FROM messages WHERE chat_id = ${chatId} AND id < ${behind})`;
        return inOrder(
          from,
          rows(
            `WITH RECURSIVE feed (id, chat_id) AS (
               SELECT messages.id, messages.chat_id FROM participants CROSS JOIN messages
                 ON messages.id = ${next("participants.chat_id", forward ? "?2" : "?3 + 1")}
               WHERE participants.user_id = ?1 AND messages.id > ?2 AND messages.id <= ?3
               UNION ALL
               SELECT messages.id, messages.chat_id FROM feed CROSS JOIN messages
                 ON messages.id = ${next("feed.chat_id", "feed.id")}
               WHERE messages.id > ?2 AND messages.id <= ?3
               ORDER BY 1 ${forward ? "" : "DESC"} LIMIT ?4
             )
             SELECT ${MESSAGE} FROM feed CROSS JOIN messages ON messages.id = feed.id
               JOIN users ON users.id = messages.sender_id`,
            id,
            after,
            upTo,
            limit,
          ),
        );
      },
      async append({ chatId, sender, text, sentAt }, once) {
        const id = lastMessageId() + 1;
        const seq = number("SELECT max(seq) FROM messages WHERE chat_id = (SELECT ?)", chatId) + 1;
        change(
          `INSERT INTO messages (id, chat_id, seq, sender_id, text, sent_at, idempotency_key, text_digest)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
          id,
          chatId,
          seq,
          sender.id,
          text,
          sentAt,
          once?.key ?? null,
          once?.textDigest ?? null,
        );
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
      async update({ id, text, editedAt, deletedAt }) {
        change(
          "UPDATE messages SET text = ?, edited_at = ?, deleted_at = ? WHERE id = ?",
          text,
          editedAt,
          deletedAt,
          id,
        );
      },
    },

    sessions: {
      async byDigest(digest) {
        const found = row(
          `SELECT ${SESSION} FROM sessions JOIN users ON users.id = sessions.user_id
           WHERE sessions.digest = (SELECT ?)`,
          digest,
        );
        return found && sessionOf(found);
      },
      async ofUser(id) {
        return rows(
          `SELECT ${SESSION} FROM sessions CROSS JOIN users ON users.id = sessions.user_id
           WHERE sessions.user_id = (SELECT ?) ORDER BY sessions.created_at, sessions.id`,
          id,
        ).map(sessionOf);
      },
      async add(session, digest) {
        change(
          `INSERT INTO sessions (id, digest, user_id, kind, name, user_agent, created_at, last_seen_at, expires_at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
          session.id,
          digest,
          session.user.id,
          session.kind,
          session.name,
          session.userAgent,
          session.createdAt,
          session.lastSeenAt,
          session.expiresAt,
        );
      },
      async touch({ id, lastSeenAt, expiresAt }) {
        return (
          change(
            "UPDATE sessions SET last_seen_at = ?, expires_at = ? WHERE id = ?",
            lastSeenAt,
            expiresAt,
            id,
          ) > 0
        );
      },
      async remove(id) {
        return change("DELETE FROM sessions WHERE id = ?", id) > 0;
      },
      async removeExpired(userId, now) {
        change("DELETE FROM sessions WHERE user_id = ? AND expires_at <= ?", userId, now);
      },
    },

    events: {
      async bounds() {
        const [epoch] = row("SELECT epoch FROM identity") ?? [];
        const last = lastEventId();
        return { epoch: epoch as string, first: number("SELECT min(id) FROM events") || last + 1, last };
      },
      async all({ after, upTo, limit }) {
        return rows(
          `SELECT ${EVENT} FROM events LEFT JOIN messages ON messages.id = events.message_id
             LEFT JOIN users ON users.id = messages.sender_id
           WHERE events.id > ? AND events.id <= ? ORDER BY events.id LIMIT ?`,
          after,
          upTo,
          limit,
        ).map(logEntryOf);
      },
      // A queue like the feed of messages. It begins with the next event of each chat and the next for the user alone.
      async ofUser(userId, { after, upTo, limit }) {
        const next = (chatId: string, behind: string) =>
          `(SELECT min(id) FROM events WHERE user_id IS NULL AND chat_id = ${chatId} AND id > ${behind})`;
        const nextAlone = (behind: string) =>
          `(SELECT min(id) FROM events WHERE user_id = ?1 AND chat_id IS NOT NULL AND id > ${behind} AND (outside OR EXISTS (
             SELECT 1 FROM participants
             WHERE participants.user_id = ?1 AND participants.chat_id = events.chat_id AND joined_after < events.id)))`;
        return rows(
          `WITH RECURSIVE feed (id, chat_id) AS (
             SELECT events.id, events.chat_id FROM participants CROSS JOIN events
               ON events.id = ${next("participants.chat_id", "max(?2, participants.joined_after)")}
             WHERE participants.user_id = ?1 AND events.id <= ?3
             UNION ALL
             SELECT id, NULL FROM events WHERE id = ${nextAlone("?2")} AND id <= ?3
             UNION ALL
             SELECT events.id, feed.chat_id FROM feed CROSS JOIN events
               ON events.id = iif(feed.chat_id IS NULL, ${nextAlone("feed.id")}, ${next("feed.chat_id", "feed.id")})
             WHERE events.id <= ?3
             ORDER BY 1 LIMIT ?4
           )
           SELECT ${EVENT} FROM feed CROSS JOIN events ON events.id = feed.id
             LEFT JOIN messages ON messages.id = events.message_id
             LEFT JOIN users ON users.id = messages.sender_id`,
          userId,
          after,
          upTo,
          limit,
        ).map((found) => logEntryOf(found) as StoredEvent);
      },
      async append(event) {
        const [chatId, userId, outside, what, messageId] =
          "sessionId" in event
            ? [null, event.userId, false, { sessionId: event.sessionId }, null]
            : event.to === "participants"
              ? [event.chatId, null, false, event.what, event.messageId]
              : [event.chatId, event.to.user, event.to.outside, event.what, event.messageId];
        change(
          "INSERT INTO events (id, chat_id, user_id, outside, at, what, message_id) VALUES (?, ?, ?, ?, ?, ?, ?)",
          lastEventId() + 1,
          chatId,
          userId,
          Number(outside),
          event.at,
          JSON.stringify(what),
          messageId,
        );
      },
      async forget(before, limit) {
        const oldest = rows(
          "SELECT id, at FROM events WHERE id < ? ORDER BY id LIMIT ?",
          lastEventId(),
          limit,
        );
        const stays = oldest.findIndex(([, at]) => (at as number) >= before);
        const [id] = oldest.at(stays === -1 ? oldest.length - 1 : stays - 1) ?? [];
        if (id === undefined || stays === 0) return 0;
        return change("DELETE FROM events WHERE id <= ?", id);
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

function inOrder(from: Slice["from"], found: readonly Row[]): readonly Message[] {
  const messages = found.map(messageOf);
  return from === "oldest" ? messages : messages.toReversed();
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

function logEntryOf([id, chatId, userId, outside, at, what, ...message]: Row): LogEntry {
  const place = { id: id as number, at: at as number };
  if (chatId === null) {
    const { sessionId } = JSON.parse(what as string) as { readonly sessionId: SessionId };
    return { ...place, sessionId, userId: userId as UserId };
  }
  return {
    ...place,
    chatId: chatId as ChatId,
    to: userId === null ? "participants" : { user: userId as UserId, outside: outside === 1 },
    what: JSON.parse(what as string) as StoredEvent["what"],
    message: message[0] === null ? null : messageOf(message),
  };
}

function sessionOf([id, kind, name, userAgent, createdAt, lastSeenAt, expiresAt, ...user]: Row): Session {
  return {
    id: id as SessionId,
    user: userOf(user),
    kind: kind as Session["kind"],
    name: name as string | null,
    userAgent: userAgent as string | null,
    createdAt: createdAt as number,
    lastSeenAt: lastSeenAt as number,
    expiresAt: expiresAt as number,
  };
}
