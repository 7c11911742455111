import type { EventLog, LogEntry } from "../../application/ports.js";
import type { ChatId } from "../../domain/chat.js";
import type { StoredEvent } from "../../domain/event.js";
import type { SessionId } from "../../domain/session.js";
import type { UserId } from "../../domain/user.js";
import { numberIn, type Row, type Statements } from "./database.js";
import { MESSAGE, messageOf } from "./messages.js";

const EVENT = `events.id, events.chat_id, events.user_id, events.outside, events.at, events.what, ${MESSAGE}`;

export function events(statements: Statements): EventLog {
  const { row, rows, change } = statements;
  /** What was given last, as `lastEventId`: nothing else gives any. */
  let lastId: number | undefined;
  return {
    async bounds() {
      const [epoch] = row("SELECT epoch FROM identity") ?? [];
      const last = lastEventId(statements);
      return { epoch: epoch as string, first: numberIn(row("SELECT min(id) FROM events")) || last + 1, last };
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
            ? [event.chatId, null, false, event.change, event.messageId]
            : [event.chatId, event.to.user, event.to.includesRemoved, event.change, event.messageId];
      const id = (lastId ?? lastEventId(statements)) + 1;
      change(
        "INSERT INTO events (id, chat_id, user_id, outside, at, what, message_id) VALUES (?, ?, ?, ?, ?, ?, ?)",
        id,
        chatId,
        userId,
        Number(outside),
        event.at,
        JSON.stringify(what),
        messageId,
      );
      lastId = id;
    },
    async forget(before, limit) {
      const oldest = rows(
        "SELECT id, at FROM events WHERE id < ? ORDER BY id LIMIT ?",
        lastEventId(statements),
        limit,
      );
      const stays = oldest.findIndex(([, at]) => (at as number) >= before);
      const [id] = oldest.at(stays === -1 ? oldest.length - 1 : stays - 1) ?? [];
      if (id === undefined || stays === 0) return 0;
      return change("DELETE FROM events WHERE id <= ?", id);
    },
  };
}

/** The greatest id given so far; 0 before the first. */
export function lastEventId({ row }: Statements): number {
  return numberIn(row("SELECT max(id) FROM events"));
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
    to: userId === null ? "participants" : { user: userId as UserId, includesRemoved: outside === 1 },
    change: JSON.parse(what as string) as StoredEvent["change"],
    message: message[0] === null ? null : messageOf(message),
  };
}
