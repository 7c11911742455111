import type { EventLog } from "../../application/ports.js";
import type { StoredEvent } from "../../domain/event.js";
import type { UserId } from "../../domain/user.js";
import {
  EVENT,
  EVENT_LENGTH,
  fieldsOf,
  IS_ABOUT_USER,
  lastDueId,
  lengthOf,
  MAX_SEARCHED,
  receivedInRange,
} from "../sql/events.js";
import { boundedRows } from "./bounded-rows.js";
import type { Scope } from "./scope.js";

const RECEIVED = receivedInRange("participants.joined_after < events.number");

export function events(scope: Scope): EventLog {
  /**
   * Ends this attempt of a read while committed events are not in the log: in its first attempt any events, so that a caller finds
   * what was stored before; later those of the user, so that the log and the rest of the snapshot agree.
   */
  async function assertRelayed(userId: UserId | undefined): Promise<void> {
    const { attempts } = scope;
    if (attempts === undefined) return scope.relayOnce();
    if (attempts.count === 1 || userId !== undefined) {
      const [isWaiting] = (await scope.row(
        `SELECT EXISTS (SELECT FROM outbox WHERE $1::text IS NULL OR user_id = $1 OR (user_id IS NULL AND EXISTS (
           SELECT FROM participants WHERE participants.user_id = $1 AND participants.chat_id = outbox.chat_id))
           OR (${IS_ABOUT_USER} AND EXISTS (
             SELECT FROM chats WHERE first_user_id = least($1, outbox.user_id) AND second_user_id = greatest($1, outbox.user_id))))`,
        userId ?? null,
      ))!;
      if (isWaiting) scope.throwBehind(attempts);
    }
  }

  return {
    async bounds(userId) {
      await assertRelayed(userId);
      const [epoch, forgotten, last, earlier] = (await scope.row(
        `SELECT epoch, forgotten, last,
           (SELECT string_agg(earlier_epochs.epoch || ' ' || earlier_epochs.last, ',' ORDER BY id) FROM earlier_epochs)
         FROM event_log`,
      ))!;
      const bounds = { epoch: epoch as string, first: (forgotten as number) + 1, last: last as number };
      return earlier === null ? bounds : { ...bounds, earlier: epochsIn(earlier as string) };
    },
    async all({ after, upTo, limit, maxCharacters = Infinity }) {
      await assertRelayed(undefined);
      const query = {
        from: `events LEFT JOIN messages ON messages.id = events.message_id
          LEFT JOIN users ON users.id = messages.sender_id`,
        where: "WHERE events.id > $1 AND events.id <= $2",
        orderBy: "events.id",
        limit: "LIMIT $3",
        length: EVENT_LENGTH,
      };
      return boundedRows(scope, EVENT, lengthOf, maxCharacters, query, after, upTo, limit);
    },
    async ofUser(userId, { after, upTo, limit, maxCharacters = Infinity, scansRange = false }) {
      await assertRelayed(userId);
      const query = scansRange
        ? { ...RECEIVED, orderBy: "events.id", limit: "LIMIT $4", length: EVENT_LENGTH }
        : {
            with: FEED_OF_USER,
            from: `feed JOIN events ON events.id = feed.id
              LEFT JOIN participants ON participants.user_id = $1 AND participants.chat_id = events.chat_id
              LEFT JOIN messages ON messages.id = events.message_id AND messages.id > coalesce(participants.history_start, 0)
              LEFT JOIN users ON users.id = messages.sender_id`,
            orderBy: "events.id",
            length: EVENT_LENGTH,
          };
      const values = [userId, after, upTo, limit];
      const found = await boundedRows(scope, EVENT, lengthOf, maxCharacters, query, ...values);
      return found as readonly StoredEvent[];
    },
    async append(event) {
      if ("chatId" in event) scope.lockChat(event.chatId);
      else if ("to" in event) scope.lockUser(event.to.peersOf);
      const { chatId, userId, outside, what, messageId } = fieldsOf(event);
      scope.sendEach(
        `INSERT INTO outbox (chat_id, user_id, outside, at, what, message_id)
         SELECT chat_id, user_id, outside, at, what, message_id
         FROM unnest($1::bigint[], $2::text[], $3::integer[], $4::bigint[], $5::text[], $6::bigint[]) WITH ORDINALITY
           AS given (chat_id, user_id, outside, at, what, message_id, place)
         ORDER BY place`,
        chatId,
        userId,
        outside,
        event.at,
        what,
        messageId,
      );
    },
    async forget(before, limit, now = Number.MAX_SAFE_INTEGER) {
      await scope.relayOnce();
      const [last] = (await scope.row("SELECT last FROM event_log FOR NO KEY UPDATE"))!;
      // Without those of a clock that went back.
      const oldest = await scope.rows(
        `SELECT id, at FROM events
         WHERE id < $1 AND id < (SELECT min(id) FROM events) + $2 AND (at < $3 OR at <= $4) ORDER BY id LIMIT $5`,
        last as number,
        MAX_SEARCHED,
        before,
        now,
        limit,
      );
      const lastDue = lastDueId(oldest, before);
      if (lastDue === undefined) return 0;
      const [id] = (await scope.row(
        "SELECT max(id) FROM (SELECT id FROM events WHERE id <= $1 ORDER BY id LIMIT $2) AS due",
        lastDue,
        limit,
      ))!;
      scope.send("UPDATE event_log SET forgotten = $1", id as number);
      return scope.change("DELETE FROM events WHERE id <= $1", id as number);
    },
    // First from the outbox: what the relay moves meanwhile is then found in the log.
    async deleteOfChat(chatId, limit) {
      const deleteFrom = (table: string, key: string, condition: string, max: number) =>
        scope.change(
          `DELETE FROM ${table} WHERE ${key} IN (SELECT ${key} FROM ${table} WHERE ${condition} AND chat_id = $1 LIMIT $2)`,
          chatId,
          max,
        );
      let left = limit;
      left -= await deleteFrom("outbox", "number", "(user_id IS NULL OR outside = 0)", left);
      left -= await deleteFrom("events", "id", "user_id IS NULL", left);
      left -= await deleteFrom("events", "id", "user_id IS NOT NULL AND outside = 0", left);
      return limit - left;
    },
  };
}

/** The epochs, each with the greatest id of an event in it, of a text such as `0123456789abcdef 7,fedcba9876543210 9`. */
function epochsIn(text: string): ReadonlyMap<string, number> {
  return new Map(
    text.split(",").map((each) => {
      const [epoch, last] = each.split(" ");
      return [epoch!, Number(last)];
    }),
  );
}

/**
 * The ids of the events that the user $1 receives, with $2 < id <= $3, at most $4, as the table `feed`. As in `messages.ts`, the
 * first event of each chat decides which chats can be in the slice.
 */
const FEED_OF_USER = `
  WITH first AS MATERIALIZED (
    SELECT participants.chat_id, found.id FROM participants CROSS JOIN LATERAL (
      SELECT id FROM events
      WHERE user_id IS NULL AND chat_id = participants.chat_id AND id > greatest($2, participants.joined_position)
        AND id <= $3 AND number > participants.joined_after
      ORDER BY id LIMIT 1
    ) AS found WHERE participants.user_id = $1 ORDER BY found.id LIMIT $4
  ), common AS MATERIALIZED (
    SELECT found.id FROM first CROSS JOIN LATERAL (
      SELECT id FROM events
      WHERE user_id IS NULL AND chat_id = first.chat_id AND id >= first.id
        AND id <= (SELECT CASE WHEN count(*) = $4 THEN max(id) ELSE $3 END FROM first)
      ORDER BY id LIMIT $4
    ) AS found ORDER BY found.id LIMIT $4
  ), alone AS MATERIALIZED (
    SELECT id FROM events
    WHERE user_id = $1 AND chat_id IS NOT NULL AND id > $2 AND id <= $3 AND (outside = 1 OR EXISTS (
      SELECT FROM participants
      WHERE participants.user_id = $1 AND participants.chat_id = events.chat_id AND joined_after < events.number))
    ORDER BY id LIMIT $4
  ), peers AS MATERIALIZED (
    SELECT CASE WHEN first_user_id = $1 THEN second_user_id ELSE first_user_id END AS user_id, joined_after, joined_position
    FROM participants JOIN chats ON chats.id = participants.chat_id
    WHERE participants.user_id = $1 AND kind = 'p2p' AND first_user_id <> second_user_id
    UNION ALL SELECT $1, -1, 0
  ), first_about AS MATERIALIZED (
    SELECT peers.user_id, found.id FROM peers CROSS JOIN LATERAL (
      SELECT id FROM events
      WHERE ${IS_ABOUT_USER} AND user_id = peers.user_id AND id > greatest($2, peers.joined_position) AND id <= $3
        AND number > peers.joined_after
      ORDER BY id LIMIT 1
    ) AS found ORDER BY found.id LIMIT $4
  ), about AS MATERIALIZED (
    SELECT found.id FROM first_about CROSS JOIN LATERAL (
      SELECT id FROM events
      WHERE ${IS_ABOUT_USER} AND user_id = first_about.user_id AND id >= first_about.id
        AND id <= (SELECT CASE WHEN count(*) = $4 THEN max(id) ELSE $3 END FROM first_about)
      ORDER BY id LIMIT $4
    ) AS found ORDER BY found.id LIMIT $4
  ), feed AS MATERIALIZED (
    SELECT id FROM (SELECT id FROM common UNION ALL SELECT id FROM alone UNION ALL SELECT id FROM about) AS all_kinds
    ORDER BY id LIMIT $4
  )`;
