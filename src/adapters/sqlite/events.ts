import type { EventLog, LogEntry } from "../../application/ports.js";
import type { Chat, ChatId } from "../../domain/chat.js";
import type { EventDraft, SessionEnd, StoredEvent } from "../../domain/event.js";
import type { Message } from "../../domain/message.js";
import type { SessionId } from "../../domain/session.js";
import type { UserId } from "../../domain/user.js";
import { insertion, projection, valueAt } from "./columns.js";
import { boundedRows, numberIn, type Row, type Statements } from "./database.js";
import { MESSAGE } from "./messages.js";

/** A row without a chat is the end of a session. A row without a user is for all participants of its chat. */
interface EventRow {
  readonly id: number;
  readonly chatId: ChatId | null;
  readonly chatKind: Chat["kind"];
  readonly userId: UserId | null;
  /** 1 or 0: `includesRemoved` of the audience. */
  readonly outside: number;
  readonly at: number;
  /** JSON. */
  readonly what: string;
  readonly message: Message | null;
}

/** From `events`, left-joined with `messages` and the `users` that sent them. */
const EVENT = projection<EventRow, LogEntry>(
  {
    id: "events.id",
    chatId: "events.chat_id",
    // Only group chats are deleted.
    chatKind: "coalesce((SELECT kind FROM chats WHERE chats.id = events.chat_id), 'group')",
    userId: "events.user_id",
    outside: "events.outside",
    at: "events.at",
    what: "events.what",
    message: MESSAGE.columns,
  },
  (row, at) => {
    const position = { id: valueAt(row, at.id), at: valueAt(row, at.at) };
    const chatId = valueAt(row, at.chatId);
    const userId = valueAt(row, at.userId);
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
      change: JSON.parse(valueAt(row, at.what)) as StoredEvent["change"],
      message: row[at.message.id] === null ? null : MESSAGE.decodeAt(row, at.message),
    };
  },
);

const insertEvent = insertion<Omit<EventRow, "message" | "chatKind"> & { readonly messageId: number | null }>(
  "events",
  {
    id: ({ id }) => id,
    chat_id: ({ chatId }) => chatId,
    user_id: ({ userId }) => userId,
    outside: ({ outside }) => outside,
    at: ({ at }) => at,
    what: ({ what }) => what,
    message_id: ({ messageId }) => messageId,
  },
);

/** Cursors of runs before that are expired. */
const MAX_EPOCHS = 100;

/** How many ids `forget` searches for entries before a time, behind those of a clock that went back. Takes up to 10 ms. */
const MAX_SEARCHED = 20_000;

/** @param runEpoch the epoch that the first `append` begins. */
export function events(statements: Statements, runEpoch: string): EventLog {
  const { row, rows, change } = statements;
  /** The result of `lastEventId` after the first `append`: only `append` assigns ids. */
  let lastId: number | undefined;
  /** The rows of `epochs`, oldest first. Only `beginEpoch` changes them. */
  let epochs: readonly Row[] | undefined;

  /** Does nothing where the epoch of this run has begun. */
  function beginEpoch(): void {
    const begun = change(
      "INSERT INTO epochs (epoch, after) VALUES (?, ?) ON CONFLICT DO NOTHING",
      runEpoch,
      lastEventId(statements),
    );
    if (begun > 0) change("DELETE FROM epochs WHERE id <= (SELECT max(id) FROM epochs) - ?", MAX_EPOCHS);
    epochs = undefined;
  }

  return {
    async bounds() {
      epochs ??= rows("SELECT epoch, after FROM epochs WHERE id > 0 ORDER BY id");
      const epoch = epochs.at(-1)![0] as string;
      const earlier = new Map(
        epochs.slice(1).map(([, after], index) => [epochs![index]![0] as string, after as number]),
      );
      const forgotten = numberIn(row("SELECT id FROM deleted_ids WHERE kind = 'event'"));
      return { epoch, earlier, first: forgotten + 1, last: lastEventId(statements) };
    },
    async all({ after, upTo, limit, maxCharacters = Infinity }) {
      return boundedRows(
        statements,
        EVENT.decode,
        lengthOf,
        maxCharacters,
        `SELECT ${EVENT.sql} FROM events LEFT JOIN messages ON messages.id = events.message_id
           LEFT JOIN users ON users.id = messages.sender_id
         WHERE events.id > ? AND events.id <= ? ORDER BY events.id LIMIT ?`,
        after,
        upTo,
        limit,
      );
    },
    // A merge by id as in `MessageRepository.ofUser`: of the events of each of the user's chats, and of those addressed to
    // the user alone.
    async ofUser(userId, { after, upTo, limit, maxCharacters = Infinity }) {
      const next = (chatId: string, behind: string) =>
        `(SELECT min(id) FROM events WHERE user_id IS NULL AND chat_id = ${chatId} AND id > ${behind})`;
      const nextAlone = (behind: string) =>
        `(SELECT min(id) FROM events WHERE user_id = ?1 AND chat_id IS NOT NULL AND id > ${behind} AND (outside OR EXISTS (
           SELECT 1 FROM participants
           WHERE participants.user_id = ?1 AND participants.chat_id = events.chat_id AND joined_after < events.id)))`;
      return boundedRows(
        statements,
        (found) => EVENT.decode(found) as StoredEvent,
        lengthOf,
        maxCharacters,
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
         SELECT ${EVENT.sql} FROM feed CROSS JOIN events ON events.id = feed.id
           LEFT JOIN messages ON messages.id = events.message_id
           LEFT JOIN users ON users.id = messages.sender_id`,
        userId,
        after,
        upTo,
        limit,
      );
    },
    async append(event) {
      if (lastId === undefined) beginEpoch();
      const id = (lastId ?? lastEventId(statements)) + 1;
      change(...insertEvent({ id, at: event.at, ...fieldsOf(event) }));
      lastId = id;
    },
    async forget(before, limit, now = Infinity) {
      // Without those of a clock that went back.
      const oldest = rows(
        `SELECT id, at FROM events
         WHERE id < ? AND id < (SELECT min(id) FROM events) + ? AND (at < ? OR at <= ?) ORDER BY id LIMIT ?`,
        lastEventId(statements),
        MAX_SEARCHED,
        before,
        now,
        limit,
      );
      const firstKept = oldest.findIndex(([, at]) => (at as number) >= before);
      const [lastDue] = oldest.at(firstKept === -1 ? oldest.length - 1 : firstKept - 1) ?? [];
      if (lastDue === undefined || firstKept === 0) return 0;
      const id = numberIn(
        row("SELECT max(id) FROM (SELECT id FROM events WHERE id <= ? ORDER BY id LIMIT ?)", lastDue, limit),
      );
      change("UPDATE deleted_ids SET id = ? WHERE kind = 'event'", id);
      return change("DELETE FROM events WHERE id <= ?", id);
    },
    async deleteOfChat(chatId, limit) {
      const deleteWhere = (condition: string, max: number) =>
        change(
          `DELETE FROM events WHERE id IN (SELECT id FROM events WHERE ${condition} AND chat_id = ? LIMIT ?)`,
          chatId,
          max,
        );
      const common = deleteWhere("user_id IS NULL", limit);
      return common + deleteWhere("user_id IS NOT NULL AND outside = 0", limit - common);
    },
  };
}

function lengthOf(entry: LogEntry): number {
  return "sessionId" in entry ? 0 : (entry.message?.text.length ?? 0);
}

function fieldsOf(event: EventDraft | SessionEnd) {
  if ("sessionId" in event) {
    const { sessionId, userId } = event;
    return { chatId: null, userId, outside: 0, what: JSON.stringify({ sessionId }), messageId: null };
  }
  const { chatId, to, messageId } = event;
  const [userId, outside] = to === "participants" ? [null, 0] : [to.user, Number(to.includesRemoved)];
  return { chatId, userId, outside, what: JSON.stringify(event.change), messageId };
}

/** The greatest event id so far; 0 before the first. */
export function lastEventId({ row }: Statements): number {
  return numberIn(row("SELECT max(id) FROM events"));
}
