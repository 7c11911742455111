import type { EventLog } from "../../application/ports.js";
import type { StoredEvent } from "../../domain/event.js";
import { insertion, type Row } from "../sql/columns.js";
import {
  EVENT,
  fieldsOf,
  IS_ABOUT_USER,
  lastDueId,
  lengthOf,
  MAX_SEARCHED,
  receivedInRange,
  type EventRow,
} from "../sql/events.js";
import { boundedRows, numberIn, type Statements } from "./database.js";
import { scanRange } from "./range.js";

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

const RECEIVED = receivedInRange("participants.joined_after < events.id");

/** Cursors of runs before that are expired. */
const MAX_EPOCHS = 100;

/** @param runEpoch the epoch that the first `append` begins. */
export function events(statements: Statements, runEpoch: string): EventLog {
  const { row, rows, change } = statements;
  /** The result of `lastEventId` after the first `append`: only `append` assigns ids. */
  let lastId: number | undefined;
  /** The rows of `epochs`, oldest first. Only `beginEpoch` changes them. */
  let epochs: readonly Row[] | undefined;

  const decode = (found: Row) => EVENT.decode(found) as StoredEvent;

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
    // A merge by id as in `MessageRepository.ofUser`: of the events of each of the user's chats, of those about the user and each
    // of the user's peers, and of those addressed to the user alone.
    async ofUser(userId, slice) {
      const { after, upTo, limit, maxCharacters = Infinity } = slice;
      if (slice.scansRange) {
        const range = { ...slice, upTo: Math.min(upTo, lastEventId(statements)), from: "oldest" } as const;
        return scanRange(range, lengthOf, (part) =>
          boundedRows(
            statements,
            decode,
            lengthOf,
            part.maxCharacters,
            `SELECT ${EVENT.sql} FROM ${RECEIVED.from} ${RECEIVED.where} ORDER BY events.id LIMIT $4`,
            userId,
            part.after,
            part.upTo,
            part.limit,
          ),
        );
      }
      const next = (chatId: string, behind: string) =>
        `(SELECT min(id) FROM events WHERE user_id IS NULL AND chat_id = ${chatId} AND id > ${behind})`;
      const nextAbout = (peer: string, behind: string) =>
        `(SELECT min(id) FROM events WHERE ${IS_ABOUT_USER} AND user_id = ${peer} AND id > ${behind})`;
      const nextAlone = (behind: string) =>
        `(SELECT min(id) FROM events WHERE user_id = ?1 AND chat_id IS NOT NULL AND id > ${behind} AND (outside OR EXISTS (
           SELECT 1 FROM participants
           WHERE participants.user_id = ?1 AND participants.chat_id = events.chat_id AND joined_after < events.id)))`;
      return boundedRows(
        statements,
        decode,
        lengthOf,
        maxCharacters,
        `WITH RECURSIVE peers (peer, joined_after) AS (
           SELECT iif(first_user_id = ?1, second_user_id, first_user_id), participants.joined_after
           FROM participants CROSS JOIN chats ON chats.id = participants.chat_id
           WHERE participants.user_id = ?1 AND kind = 'p2p' AND first_user_id <> second_user_id
           UNION ALL SELECT ?1, 0
         ), feed (id, chat_id, peer) AS (
           SELECT events.id, events.chat_id, NULL FROM participants CROSS JOIN events
             ON events.id = ${next("participants.chat_id", "max(?2, participants.joined_after)")}
           WHERE participants.user_id = ?1 AND events.id <= ?3
           UNION ALL
           SELECT events.id, NULL, peers.peer FROM peers CROSS JOIN events
             ON events.id = ${nextAbout("peers.peer", "max(?2, peers.joined_after)")}
           WHERE events.id <= ?3
           UNION ALL
           SELECT id, NULL, NULL FROM events WHERE id = ${nextAlone("?2")} AND id <= ?3
           UNION ALL
           SELECT events.id, feed.chat_id, feed.peer FROM feed CROSS JOIN events
             ON events.id = CASE
               WHEN feed.chat_id IS NOT NULL THEN ${next("feed.chat_id", "feed.id")}
               WHEN feed.peer IS NOT NULL THEN ${nextAbout("feed.peer", "feed.id")}
               ELSE ${nextAlone("feed.id")} END
           WHERE events.id <= ?3
           ORDER BY 1 LIMIT ?4
         )
         SELECT ${EVENT.sql} FROM feed CROSS JOIN events ON events.id = feed.id
           LEFT JOIN participants ON participants.user_id = ?1 AND participants.chat_id = events.chat_id
           LEFT JOIN messages ON messages.id = events.message_id AND messages.id > coalesce(history_start, 0)
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
      const lastDue = lastDueId(oldest, before);
      if (lastDue === undefined) return 0;
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

/** The greatest event id so far; 0 before the first. */
export function lastEventId({ row }: Statements): number {
  return numberIn(row("SELECT max(id) FROM events"));
}
