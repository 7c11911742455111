import type { MessageRepository, Slice } from "../../application/ports.js";
import { lengthOf, toMessage, type MessageId } from "../../domain/message.js";
import type { Row } from "../sql/columns.js";
import {
  deleteForgotten,
  eraseMessage,
  FORGOTTEN,
  jsonOf,
  MESSAGE,
  MESSAGE_TIME,
  oldestFirst,
  SENT_AS,
  TOMBSTONES_AFTER,
  updateMessage,
} from "../sql/messages.js";
import { discardReactions, encodeReactions, updateReactions } from "../sql/reactions.js";
import { boundedRows } from "./bounded-rows.js";
import type { Scope } from "./scope.js";
import { removeTerms, replaceTerms } from "./search.js";

const MESSAGES = "messages JOIN users ON users.id = messages.sender_id";

export function messages(scope: Scope): MessageRepository {
  /** Keeps the result of `lastId` when messages are deleted. */
  function keepLastId(): void {
    scope.send(
      `UPDATE deleted_ids SET id = greatest(id, (SELECT max(id) FROM messages)) WHERE kind = 'message'`,
    );
  }

  return {
    async lastId() {
      return lastMessageId(scope);
    },
    async settledId() {
      const { attempts } = scope;
      const lastId = await lastMessageId(scope);
      if (attempts === undefined) return lastId;
      const wanted = (attempts.lastMessageId ??= lastId);
      const settled = Number((await scope.row("SELECT settled_message FROM event_log"))![0]);
      if (settled < wanted && attempts.count < MAX_ATTEMPTS_TO_SETTLE) scope.throwBehind(attempts);
      return Math.min(settled, lastId);
    },
    async byId(id) {
      if (!Number.isSafeInteger(id)) return undefined;
      const locked = scope.attempts ? "" : "FOR NO KEY UPDATE OF messages";
      const found = await scope.row(
        `SELECT ${MESSAGE.sql} FROM ${MESSAGES} WHERE messages.id = $1 ${locked}`,
        id,
      );
      return found && MESSAGE.decode(found);
    },
    async byIds(ids, { maxCharacters = Infinity }) {
      const from = `unnest($1::bigint[]) WITH ORDINALITY AS wanted (id, place) JOIN messages ON messages.id = wanted.id
        JOIN users ON users.id = messages.sender_id`;
      return boundedRows(scope, MESSAGE, lengthOf, maxCharacters, { from, orderBy: "wanted.place" }, ids);
    },
    async sentAs(userId, key) {
      const found = await scope.each(
        `SELECT ${SENT_AS.sql} FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS given (sender_id, idempotency_key, place)
           LEFT JOIN messages USING (sender_id, idempotency_key) LEFT JOIN users ON users.id = messages.sender_id
         ORDER BY given.place`,
        userId,
        key,
      );
      return found?.[0] == null ? undefined : SENT_AS.decode(found);
    },
    async ofChat(id, { after, upTo, limit, from, maxCharacters = Infinity }) {
      scope.lockChat(id);
      const query = {
        from: MESSAGES,
        where: "WHERE messages.chat_id = $1 AND messages.id > $2 AND messages.id <= $3",
        orderBy: orderOf(from),
        limit: "LIMIT $4",
      };
      const values = [id, after, upTo, limit];
      return oldestFirst(from, await boundedRows(scope, MESSAGE, lengthOf, maxCharacters, query, ...values));
    },
    async ofUser(id, { after, upTo, limit, from, maxCharacters = Infinity, scansRange = false }) {
      const query = scansRange
        ? { from: MESSAGES, where: IN_RANGE, orderBy: orderOf(from), limit: "LIMIT $4" }
        : {
            with: feedOfUser(from),
            from: "feed JOIN messages ON messages.id = feed.id JOIN users ON users.id = messages.sender_id",
            orderBy: orderOf(from),
          };
      const values = [id, after, upTo, limit];
      return oldestFirst(from, await boundedRows(scope, MESSAGE, lengthOf, maxCharacters, query, ...values));
    },
    async idsOfChat(id, { after, upTo, limit, from }) {
      scope.lockChat(id);
      const found = await scope.rows(
        `SELECT id FROM messages WHERE chat_id = $1 AND id > $2 AND id <= $3
         ORDER BY id ${from === "oldest" ? "" : "DESC"} LIMIT $4`,
        id,
        after,
        upTo,
        limit,
      );
      return oldestFirst(from, idsIn(found));
    },
    async idsOfUser(id, { after, upTo, limit, from, scansRange = false }) {
      const sql = scansRange
        ? `SELECT id FROM messages ${IN_RANGE} ORDER BY ${orderOf(from)} LIMIT $4`
        : `${feedOfUser(from)} SELECT id FROM feed`;
      const found = await scope.rows(sql, id, after, upTo, limit);
      return oldestFirst(from, idsIn(found));
    },
    async sentBy(id, { after, upTo }) {
      const found = await scope.rows(
        // An expression, so that the range of ids is scanned: no index has the sender.
        `SELECT ${MESSAGE.sql} FROM ${MESSAGES}
         WHERE messages.id > $1 AND messages.id <= $2 AND messages.sender_id || '' = $3 ORDER BY messages.id`,
        after,
        upTo,
        id,
      );
      return found.map(MESSAGE.decode);
    },
    async timesOf({ after, limit }) {
      const found = await scope.rows(
        `SELECT ${MESSAGE_TIME.sql} FROM messages WHERE id > $1 ORDER BY id LIMIT $2`,
        after,
        limit,
      );
      return found.map(MESSAGE_TIME.decode);
    },
    async tombstonesAfter(id, seq) {
      scope.lockChat(id);
      const [count] = (await scope.row(TOMBSTONES_AFTER, id, seq))!;
      return count as number;
    },
    async append(draft, once) {
      scope.lockChat(draft.chatId);
      const { mentions, metadata } = jsonOf(draft);
      const [id, seq] = (await scope.insertEach(
        `INSERT INTO messages
           (id, chat_id, seq, sender_id, text, reply_to, mentions, metadata, sent_at, idempotency_key, text_digest)
         SELECT nextval('message_ids'), chat_id,
           coalesce(
             (SELECT max(seq) FROM messages WHERE messages.chat_id = given.chat_id),
             (SELECT forgotten_seq FROM chats WHERE chats.id = given.chat_id)) + number,
           sender_id, text, reply_to, mentions, metadata, sent_at, idempotency_key, text_digest
         FROM (
           SELECT *, row_number() OVER (PARTITION BY chat_id ORDER BY place) AS number
           FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::bigint[], $8::text[], $9::text[])
             WITH ORDINALITY
             AS given (chat_id, sender_id, text, reply_to, mentions, metadata, sent_at, idempotency_key, text_digest, place)
           ORDER BY place
         ) AS given
         RETURNING id, seq`,
        draft.chatId,
        draft.sender.id,
        draft.text,
        draft.replyTo,
        mentions,
        metadata,
        draft.sentAt,
        once?.key ?? null,
        once?.textDigest ?? null,
      ))!;
      return toMessage(draft, id as MessageId, seq as number);
    },
    async update(message) {
      replaceTerms(scope, message.id, message.text);
      for (const statement of updateMessage(message)) scope.send(...statement);
    },
    async setReactions({ id, reactions }) {
      scope.send(...updateReactions(id, encodeReactions(reactions)));
    },
    async erase(message) {
      replaceTerms(scope, message.id, message.text);
      for (const statement of eraseMessage(message)) scope.send(...statement);
    },
    async deleteOfChat(chatId, limit) {
      keepLastId();
      removeTerms(scope, chatId, Number.MAX_SAFE_INTEGER, limit);
      const some = "id IN (SELECT id FROM messages WHERE chat_id = $1 ORDER BY id LIMIT $2)";
      scope.send(discardReactions(some), chatId, limit);
      return scope.change(`DELETE FROM messages WHERE ${some}`, chatId, limit);
    },
    async forget(chatId, upTo, limit) {
      scope.lockChat(chatId);
      const found = await scope.row(FORGOTTEN, chatId, upTo, limit);
      if (found === undefined) return undefined;
      keepLastId();
      removeTerms(scope, chatId, upTo, limit);
      const { forgotten, statements } = deleteForgotten(chatId, found);
      for (const statement of statements) scope.send(...statement);
      return forgotten;
    },
  };
}

/** Beyond that, a transaction of somebody else keeps the ids from being settled. The list then ends before it. */
const MAX_ATTEMPTS_TO_SETTLE = 20;

/** The greatest message id that has been committed; 0 before the first. */
async function lastMessageId(scope: Scope): Promise<number> {
  const [id] = (await scope.row(
    `SELECT greatest((SELECT max(id) FROM messages), (SELECT id FROM deleted_ids WHERE kind = 'message'))`,
  ))!;
  return id as number;
}

function orderOf(from: Slice["from"]): string {
  return from === "oldest" ? "messages.id" : "messages.id DESC";
}

/** The messages of the user $1 with $2 < id <= $3. Visits each row of that range. */
const IN_RANGE = `WHERE messages.id > $2 AND messages.id <= $3
  AND messages.id > (SELECT history_start FROM participants WHERE user_id = $1 AND chat_id = messages.chat_id)`;

function idsIn(rows: readonly Row[]): readonly MessageId[] {
  return rows.map(([id]) => id as MessageId);
}

/**
 * The ids of the messages of the user $1 with $2 < id <= $3, at most $4, as the table `feed`, in each chat from the start of the
 * user's history on. The first message of each chat decides which chats can be in the slice: at most as many as it has messages. The
 * cost is the number of chats plus that of the slice, not the length of the histories.
 */
function feedOfUser(from: Slice["from"]): string {
  const isOldest = from === "oldest";
  const order = isOldest ? "" : "DESC";
  const [behind, bound, edge] = isOldest ? [">=", "<=", "max"] : ["<=", ">=", "min"];
  const end = isOldest ? "$3::bigint" : "$2::bigint + 1";
  return `WITH first AS MATERIALIZED (
    SELECT participants.chat_id, found.id, history_start FROM participants CROSS JOIN LATERAL (
      SELECT id FROM messages
      WHERE chat_id = participants.chat_id AND id > greatest($2, history_start) AND id <= $3 ORDER BY id ${order} LIMIT 1
    ) AS found WHERE participants.user_id = $1 ORDER BY found.id ${order} LIMIT $4
  ), feed AS MATERIALIZED (
    SELECT found.id FROM first CROSS JOIN LATERAL (
      SELECT id FROM messages WHERE chat_id = first.chat_id AND id ${behind} first.id AND id > first.history_start
        AND id ${bound} (SELECT CASE WHEN count(*) = $4 THEN ${edge}(id) ELSE ${end} END FROM first)
      ORDER BY id ${order} LIMIT $4
    ) AS found ORDER BY found.id ${order} LIMIT $4
  )`;
}
