import type { MessageRepository, Slice } from "../../application/ports.js";
import type { ChatId } from "../../domain/chat.js";
import { lengthOf, toMessage, type Message, type MessageId } from "../../domain/message.js";
import {
  deleteForgotten,
  eraseMessage,
  FORGOTTEN,
  insertMessage,
  MESSAGE,
  MESSAGE_TIME,
  oldestFirst,
  SENT_AS,
  TOMBSTONES_AFTER,
  updateMessage,
} from "../sql/messages.js";
import { decodeReactions, discardReactions, encodeReactions, updateReactions } from "../sql/reactions.js";
import { boundedRows, numberIn, type Statements } from "./database.js";
import type { MessageIndex } from "./message-index.js";
import { scanRange } from "./range.js";
import type { RecentMessages } from "./recent-messages.js";

/**
 * @param index of the texts.
 * @param onErase called when a text changes or goes.
 */
export function messages(
  statements: Statements,
  recent: RecentMessages,
  index: MessageIndex,
  onErase: () => void,
): MessageRepository {
  const { row, rows, change } = statements;
  function onChange(chatId: ChatId, ids: readonly number[]): void {
    recent.delete(chatId);
    index.change(ids);
    onErase();
  }

  /** The ids of the oldest messages of a chat. */
  function oldestIds(chatId: ChatId, upTo: number, limit: number): readonly number[] {
    const sql = "SELECT id FROM messages WHERE chat_id = ? AND id <= ? ORDER BY id LIMIT ?";
    return rows(sql, chatId, upTo, limit).map(([id]) => id as number);
  }

  /** The result of `lastMessageId` after the first `append`: only `append` assigns ids. */
  let lastId: number | undefined;

  function readNewest(id: ChatId, slice: Slice): readonly Message[] {
    const cached = recent.newest(id, slice);
    if (cached !== undefined) return newestWithin(cached, slice.maxCharacters);
    const found = read(id, slice);
    if (slice.after === 0 && slice.upTo >= lastMessageId(statements)) {
      const isWhole = slice.maxCharacters === undefined || charactersOf(found) < slice.maxCharacters;
      recent.set(id, found, isWhole && found.length < slice.limit);
    }
    return found;
  }

  function read(id: ChatId, { after, upTo, limit, from, maxCharacters = Infinity }: Slice) {
    const found = boundedRows(
      statements,
      MESSAGE.decode,
      lengthOf,
      maxCharacters,
      `SELECT ${MESSAGE.sql} FROM messages JOIN users ON users.id = messages.sender_id
       WHERE messages.chat_id = ? AND messages.id > ? AND messages.id <= ?
       ORDER BY messages.id ${from === "oldest" ? "" : "DESC"} LIMIT ?`,
      id,
      after,
      upTo,
      limit,
    );
    return oldestFirst(from, found);
  }

  function lastSeq(id: ChatId): number {
    return (
      recent.last(id)?.seq ??
      numberIn(
        row(
          `SELECT coalesce((SELECT max(seq) FROM messages WHERE chat_id = chats.id), forgotten_seq)
           FROM chats WHERE id = (SELECT ?)`,
          id,
        ),
      )
    );
  }

  return {
    async lastId() {
      return lastMessageId(statements);
    },
    async settledId() {
      return lastMessageId(statements);
    },
    async byId(id) {
      const found = row(
        `SELECT ${MESSAGE.sql} FROM messages CROSS JOIN users ON users.id = messages.sender_id
         WHERE messages.id = (SELECT ?)`,
        id,
      );
      return found && MESSAGE.decode(found);
    },
    async byIds(ids, { maxCharacters = Infinity }) {
      return boundedRows(
        statements,
        MESSAGE.decode,
        lengthOf,
        maxCharacters,
        `SELECT ${MESSAGE.sql} FROM json_each(?) AS wanted CROSS JOIN messages ON messages.id = wanted.value
           CROSS JOIN users ON users.id = messages.sender_id`,
        JSON.stringify(ids),
      );
    },
    async sentAs(userId, key) {
      const found = row(
        `SELECT ${SENT_AS.sql} FROM messages CROSS JOIN users ON users.id = messages.sender_id
         WHERE messages.sender_id = (SELECT ?) AND messages.idempotency_key = (SELECT ?)`,
        userId,
        key,
      );
      return found && SENT_AS.decode(found);
    },
    // Oldest-first reads bypass the cache: they page through a whole history once and would evict everything else.
    async ofChat(id, slice) {
      return slice.from === "newest" ? readNewest(id, slice) : read(id, slice);
    },
    async ofUser(id, slice) {
      const { after, upTo, limit, from, maxCharacters = Infinity } = slice;
      if (slice.scansRange) {
        const range = { ...slice, upTo: Math.min(upTo, lastMessageId(statements)) };
        const scanned = await scanRange(range, lengthOf, (part) =>
          boundedRows(
            statements,
            MESSAGE.decode,
            lengthOf,
            part.maxCharacters,
            `SELECT ${MESSAGE.sql} FROM messages CROSS JOIN users ON users.id = messages.sender_id ${IN_RANGE}
             ${orderOf(from)} LIMIT ?4`,
            id,
            part.after,
            part.upTo,
            part.limit,
          ),
        );
        return oldestFirst(from, scanned);
      }
      const found = boundedRows(
        statements,
        MESSAGE.decode,
        lengthOf,
        maxCharacters,
        `${feedOfUser(from)}
         SELECT ${MESSAGE.sql} FROM feed CROSS JOIN messages ON messages.id = feed.id
           JOIN users ON users.id = messages.sender_id`,
        id,
        after,
        upTo,
        limit,
      );
      return oldestFirst(from, found);
    },
    async idsOfChat(id, { after, upTo, limit, from }) {
      const found = rows(
        `SELECT id FROM messages WHERE chat_id = ? AND id > ? AND id <= ?
         ORDER BY id ${from === "oldest" ? "" : "DESC"} LIMIT ?`,
        id,
        after,
        upTo,
        limit,
      );
      return oldestFirst(
        from,
        found.map(([each]) => each as MessageId),
      );
    },
    async idsOfUser(id, slice) {
      const { after, upTo, limit, from } = slice;
      if (slice.scansRange) {
        const range = { ...slice, upTo: Math.min(upTo, lastMessageId(statements)) };
        const scanned = await scanRange(
          range,
          () => 0,
          (part) =>
            rows(
              `SELECT id FROM messages ${IN_RANGE} ${orderOf(from)} LIMIT ?4`,
              id,
              part.after,
              part.upTo,
              part.limit,
            ).map(([each]) => each as MessageId),
        );
        return oldestFirst(from, scanned);
      }
      const found = rows(`${feedOfUser(from)} SELECT id FROM feed`, id, after, upTo, limit);
      return oldestFirst(
        from,
        found.map(([each]) => each as MessageId),
      );
    },
    // A range scan by id: an index on the sender would make every send more expensive, for an export that is rare.
    async sentBy(id, { after, upTo }) {
      return rows(
        `SELECT ${MESSAGE.sql} FROM messages CROSS JOIN users ON users.id = messages.sender_id
         WHERE messages.id > ? AND messages.id <= ? AND +messages.sender_id = ? ORDER BY messages.id`,
        after,
        upTo,
        id,
      ).map(MESSAGE.decode);
    },
    async timesOf({ after, limit }) {
      const sql = `SELECT ${MESSAGE_TIME.sql} FROM messages WHERE id > ? ORDER BY id LIMIT ?`;
      return rows(sql, after, limit).map(MESSAGE_TIME.decode);
    },
    tombstonesAfter: async (id, seq) => numberIn(row(TOMBSTONES_AFTER, id, seq)),
    async append(draft, once) {
      const id = ((lastId ?? lastMessageId(statements)) + 1) as MessageId;
      const message = toMessage(draft, id, lastSeq(draft.chatId) + 1);
      change(...insertMessage({ message, once }));
      if (message.mentions.length > 0) {
        change(
          "INSERT INTO mentions SELECT value, ?, ? FROM json_each(?)",
          message.chatId,
          message.seq,
          JSON.stringify(message.mentions),
        );
      }
      lastId = message.id;
      recent.append(message);
      return message;
    },
    async update(message) {
      for (const statement of updateMessage(message)) change(...statement);
      onChange(message.chatId, [message.id]);
    },
    async setReactions({ id, chatId, reactions }) {
      const stored = encodeReactions(reactions);
      change(...updateReactions(id, stored));
      recent.setReactions(chatId, id, decodeReactions(stored));
    },
    async erase(message) {
      for (const statement of eraseMessage(message)) change(...statement);
      onChange(message.chatId, [message.id]);
    },
    async deleteOfChat(chatId, limit) {
      change("UPDATE deleted_ids SET id = ?1 WHERE kind = 'message' AND id < ?1", lastMessageId(statements));
      const ids = oldestIds(chatId, Number.MAX_SAFE_INTEGER, limit);
      if (ids.length === 0) return 0;
      onChange(chatId, ids);
      const some = "chat_id = ? AND id <= ?";
      change(discardReactions(some), chatId, ids.at(-1)!);
      return change(`DELETE FROM messages WHERE ${some}`, chatId, ids.at(-1)!);
    },
    async forget(chatId, upTo, limit) {
      const found = row(FORGOTTEN, chatId, upTo, limit);
      if (found === undefined) return undefined;
      change("UPDATE deleted_ids SET id = ?1 WHERE kind = 'message' AND id < ?1", lastMessageId(statements));
      onChange(chatId, oldestIds(chatId, upTo, limit));
      const { forgotten, statements: deletion } = deleteForgotten(chatId, found);
      for (const statement of deletion) change(...statement);
      return forgotten;
    },
  };
}

/** The messages of the user ?1 with ?2 < id <= ?3. Visits each row of that range. */
const IN_RANGE = `WHERE messages.id > ?2 AND messages.id <= ?3
  AND messages.id > (SELECT history_start FROM participants WHERE user_id = ?1 AND chat_id = messages.chat_id)`;

function orderOf(from: Slice["from"]): string {
  return `ORDER BY messages.id ${from === "oldest" ? "" : "DESC"}`;
}

/** The greatest message id so far; 0 before the first. */
export function lastMessageId({ row }: Statements): number {
  return numberIn(
    row(
      `SELECT max(coalesce((SELECT max(id) FROM messages), 0), (SELECT id FROM deleted_ids WHERE kind = 'message'))`,
    ),
  );
}

/**
 * The ids of the messages of the user ?1 with ?2 < id <= ?3, at most ?4, as the table `feed`. The recursive query is a merge of
 * the user's chats by id, each from the start of the user's history on: the queue holds the next message of each chat, and each
 * row that leaves it is replaced by its successor in the same chat. The cost is the number of chats plus the slice, not the length
 * of the histories.
 */
function feedOfUser(from: Slice["from"]): string {
  const forward = from === "oldest";
  const next = (chatId: string, behind: string) =>
    forward
      ? `(SELECT min(id) FROM messages WHERE chat_id = ${chatId} AND id > ${behind})`
      : `(SELECT max(id) FROM messages WHERE chat_id = ${chatId} AND id < ${behind})`;
  return `WITH RECURSIVE feed (id, chat_id, after) AS (
    SELECT messages.id, messages.chat_id, max(?2, history_start) FROM participants CROSS JOIN messages
      ON messages.id = ${next("participants.chat_id", forward ? "max(?2, history_start)" : "?3 + 1")}
    WHERE participants.user_id = ?1 AND messages.id > max(?2, history_start) AND messages.id <= ?3
    UNION ALL
    SELECT messages.id, messages.chat_id, feed.after FROM feed CROSS JOIN messages
      ON messages.id = ${next("feed.chat_id", "feed.id")}
    WHERE messages.id > feed.after AND messages.id <= ?3
    ORDER BY 1 ${forward ? "" : "DESC"} LIMIT ?4
  )`;
}

function charactersOf(found: readonly Message[]): number {
  return found.reduce((sum, message) => sum + lengthOf(message), 0);
}

/** The newest messages, up to the one with which they have `maxCharacters` together. */
function newestWithin(found: readonly Message[], maxCharacters = Infinity): readonly Message[] {
  let characters = 0;
  const last = found.findLastIndex((message) => (characters += lengthOf(message)) >= maxCharacters);
  return last <= 0 ? found : found.slice(last);
}
