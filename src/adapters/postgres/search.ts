import type { SearchIndex } from "../../application/ports.js";
import type { ChatId } from "../../domain/chat.js";
import type { MessageId } from "../../domain/message.js";
import { searchTerms, type SearchQuery } from "../../domain/search.js";
import { SEARCH_LOCK } from "./schema.js";
import type { Scope } from "./scope.js";

/** What a call of `indexNext` reads at most. */
const MAX_INDEXED = 500;
const MAX_INDEXED_CHARACTERS = 20_000;

const MAX_FOUND_PER_CALL = 400;

/** A query that finds so many of the newest messages is frequent: reading on in the order of ids costs less than the index. */
const MAX_NEWEST = 2_000;
const MIN_FREQUENT = 20;

/**
 * The index is a table of the terms of each message. An edit or a deletion changes it in the same transaction. `indexNext` adds messages
 * that no transaction can change meanwhile: each change of a text shares a lock, which it takes alone.
 */
export function searchIndex(scope: Scope): SearchIndex {
  return {
    async indexedUpTo() {
      const [indexedUpTo] = (await scope.row("SELECT indexed_up_to FROM search_progress"))!;
      return indexedUpTo as number;
    },
    async find(userId, query, { after, upTo, chatId, senderId }) {
      const words = toTsquery(query);
      const [newest, found] = (await scope.row(
        `SELECT min(message_id), count(*) FILTER (WHERE message_id > $2 AND terms @@ $1::tsquery) FROM (${NEWEST}) AS newest`,
        words,
        after,
        upTo,
      ))! as readonly [number | null, number];
      if (newest === null) return { ids: [], reached: after };
      const isNear = found >= MIN_FREQUENT || newest <= after;
      const start = isNear ? Math.max(after, newest - 1) : after;
      const rows = await scope.rows(
        `SELECT found.message_id, participants.user_id IS NOT NULL AND (messages.chat_id = $5 OR $5 IS NULL)
             AND (messages.sender_id = $6 OR $6 IS NULL)
         FROM (${isNear ? BY_ID : BY_TERM}) AS found JOIN messages ON messages.id = found.message_id
           LEFT JOIN participants ON participants.user_id = $4 AND participants.chat_id = messages.chat_id
             AND messages.id > participants.history_start
         ORDER BY found.message_id DESC`,
        words,
        start,
        upTo,
        userId,
        chatId ?? null,
        senderId ?? null,
      );
      const ids = rows.flatMap(([id, isReadable]) => (isReadable ? [id as MessageId] : []));
      return { ids, reached: rows.length < MAX_FOUND_PER_CALL ? start : (rows.at(-1)![0] as number) - 1 };
    },
    async indexNext() {
      const [isLocked] = (await scope.row(`SELECT pg_try_advisory_xact_lock(${SEARCH_LOCK})`))!;
      // Another node is indexing, or a text is being changed. The next call finds what is left.
      if (!isLocked) return false;
      const found = await scope.rows(
        `SELECT id, text FROM (
           SELECT id, text, sum(length(text)) OVER (ORDER BY id) - length(text) AS characters_before
           FROM event_log CROSS JOIN search_progress CROSS JOIN LATERAL (
             SELECT id, text FROM messages WHERE id > indexed_up_to AND id <= settled_message ORDER BY id LIMIT ${MAX_INDEXED}
           ) AS waiting
         ) AS slice WHERE characters_before < ${MAX_INDEXED_CHARACTERS} ORDER BY id`,
      );
      if (found.length === 0) return false;
      // A crash can undo this transaction. Its messages are then indexed again.
      scope.send("SELECT set_config('synchronous_commit', 'off', true)");
      const [last] = found.at(-1)! as readonly [number];
      const terms = found.map(([, text]) => toTsvector(text as string));
      scope.send(
        `INSERT INTO search_terms (message_id, terms)
         SELECT message_id, terms::tsvector FROM unnest($1::bigint[], $2::text[]) AS given (message_id, terms)
         WHERE terms <> ''`,
        found.map(([id]) => id as number),
        terms,
      );
      scope.send("UPDATE search_progress SET indexed_up_to = $1", last);
      const characters = found.reduce((sum, [, text]) => sum + (text as string).length, 0);
      return found.length === MAX_INDEXED || characters >= MAX_INDEXED_CHARACTERS;
    },
  };
}

/**
 * The newest messages with an id up to $3. Without a lower bound, the planner expects many rows, and reads them in the order of ids also
 * where it has no statistics.
 */
const NEWEST = `SELECT message_id, terms FROM search_terms WHERE message_id <= $3 ORDER BY message_id DESC LIMIT ${MAX_NEWEST}`;

/** The newest of those with $2 < id that have the words $1. */
const BY_ID = `SELECT message_id FROM (${NEWEST}) AS newest
  WHERE message_id > $2 AND terms @@ $1::tsquery ORDER BY message_id DESC LIMIT ${MAX_FOUND_PER_CALL}`;

/**
 * The newest messages with $2 < id <= $3 that have the words $1, by the index of terms. The sums keep the planner, which does not know the words, from reading
 * all messages in the order of their ids.
 */
const BY_TERM = `SELECT message_id FROM search_terms
  WHERE terms @@ $1::tsquery AND message_id + 0 > $2 AND message_id + 0 <= $3
  ORDER BY message_id + 0 DESC LIMIT ${MAX_FOUND_PER_CALL}`;

/** Replaces the terms of a message, in the transaction that changes its text. */
export function replaceTerms(scope: Scope, id: MessageId, text: string): void {
  scope.send(`SELECT pg_advisory_xact_lock_shared(${SEARCH_LOCK})`);
  const terms = toTsvector(text);
  if (terms === "") {
    scope.send("DELETE FROM search_terms WHERE message_id = $1", id);
    return;
  }
  scope.send(
    `INSERT INTO search_terms SELECT $1::bigint, $2::text::tsvector FROM search_progress WHERE indexed_up_to >= $1
     ON CONFLICT (message_id) DO UPDATE SET terms = excluded.terms`,
    id,
    terms,
  );
}

/** Removes the terms of the messages that a deletion with the same arguments deletes, before it. */
export function removeTerms(scope: Scope, chatId: ChatId, upTo: number, limit: number): void {
  scope.send(`SELECT pg_advisory_xact_lock_shared(${SEARCH_LOCK})`);
  scope.send(
    `DELETE FROM search_terms WHERE message_id IN (
       SELECT id FROM messages WHERE chat_id = $1 AND id <= $2 ORDER BY id LIMIT $3)`,
    chatId,
    upTo,
    limit,
  );
}

/** The text of a `tsvector` with the terms of a text. */
function toTsvector(text: string): string {
  return Array.from(searchTerms(text), quoted).join(" ");
}

/** The text of the `tsquery` that finds what has the words of a query. */
function toTsquery(query: SearchQuery): string {
  return query.map(({ term, isPrefix }) => (isPrefix ? `${quoted(term)}:*` : quoted(term))).join(" & ");
}

/** A term has letters, marks and digits alone, so it needs no escape. The quotes keep PostgreSQL from parsing it. */
function quoted(term: string): string {
  return `'${term}'`;
}
