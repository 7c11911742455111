import { randomBytes } from "node:crypto";
import { Client } from "pg";
import { TABLE_NAMES, type TableName } from "../sql/copy.js";
import { causeOf, isConnectionError, Servers, sqlState, statementsOf } from "./connection.js";
import { MAX_LISTED_USERS } from "../../domain/reaction.js";
import { IS_KEPT as IS_REACTION_KEPT } from "../sql/reactions.js";
import { describeDatabase, openingError } from "./database-url.js";
import { SchemaError, schemaVersion } from "./schema.js";

/** The result of a check of a database. */
export interface DatabaseInspection {
  /** The version of the schema. */
  readonly version: number;
  /** The number of committed events that are not in the event log yet. */
  readonly outboxRows: number;
  /** The number of positions of the event log, from the first to the last, without an event. Deleted chats leave such gaps. */
  readonly missingPositions: number;
  /** A sentence for each violated invariant, at most 20 for each kind; empty if the data is sound. */
  readonly faults: readonly string[];
}

const MAX_FAULTS_PER_KIND = 20;

/** A chat without participants is deleted in slices, each of which leaves a part of it. */
const IS_KEPT = "chats.participant_count > 0";

/** The directory lists active users alone. */
const IS_LISTED = "disabled_at IS NULL AND deleted_at IS NULL";

/** Queries that return a column `fault` for each violation of an invariant that no constraint of the schema holds. */
const INVARIANTS: readonly string[] = [
  `SELECT format('Chat %s has %s messages, with seq from %s to %s.', chat_id, count(*), min(seq), max(seq)) AS fault
   FROM messages JOIN chats ON chats.id = chat_id WHERE ${IS_KEPT}
   GROUP BY chat_id, forgotten_seq HAVING min(seq) <> forgotten_seq + 1 OR max(seq) <> forgotten_seq + count(*)`,
  `SELECT format('The messages with seq %s and %s of chat %s have the ids %s and %s.', seq - 1, seq, chat_id, previous, id) AS fault
   FROM (SELECT id, chat_id, seq, lag(id) OVER (PARTITION BY chat_id ORDER BY seq) AS previous FROM messages) AS ordered
   WHERE previous > id`,
  `SELECT format('Chat %s counts %s participants, and has %s.', id, participant_count, coalesce(found.number, 0)) AS fault
   FROM chats LEFT JOIN (SELECT chat_id, count(*) AS number FROM participants GROUP BY chat_id) AS found ON chat_id = id
   WHERE participant_count <> coalesce(found.number, 0)`,
  `SELECT format('Chat %s has %s participants, and none of them owns it.', id, participant_count) AS fault
   FROM chats WHERE kind = 'group' AND participant_count > 0
     AND NOT EXISTS (SELECT FROM participants WHERE chat_id = id AND role = 'owner')`,
  `SELECT format('User %s is %s the directory, and is %s.', users.id,
     CASE WHEN word IS NULL THEN 'not in' ELSE 'in' END,
     CASE WHEN deleted_at IS NOT NULL THEN 'deleted' WHEN disabled_at IS NOT NULL THEN 'disabled' ELSE 'active' END) AS fault
   FROM users LEFT JOIN LATERAL (
     SELECT word FROM user_words WHERE user_words.user_id = users.id
       AND (NOT (${IS_LISTED}) OR word = left(username_key, 64)) LIMIT 1) AS found ON true
   WHERE (word IS NULL) = (${IS_LISTED})`,
  `SELECT format('User %s is %s by the message with seq %s of chat %s, and is %s the index of mentions.', user_id,
     CASE WHEN wanted IS NULL THEN 'not mentioned' ELSE 'mentioned' END, seq, chat_id,
     CASE WHEN found IS NULL THEN 'not in' ELSE 'in' END) AS fault
   FROM (SELECT value AS user_id, chat_id, seq, true AS wanted
       FROM messages CROSS JOIN json_array_elements_text(mentions::json)) AS mentioned
     FULL JOIN (SELECT user_id, chat_id, seq, true AS found FROM mentions) AS indexed USING (user_id, chat_id, seq)
   WHERE wanted IS NULL OR found IS NULL`,
  `SELECT format('User %s has read chat %s up to seq %s, and its last message has seq %s.', user_id, chat_id, seq, last) AS fault
   FROM (SELECT user_id, chat_id, seq,
       coalesce((SELECT max(seq) FROM messages WHERE messages.chat_id = read_markers.chat_id), forgotten_seq) AS last
     FROM read_markers JOIN chats ON chats.id = chat_id WHERE ${IS_KEPT}) AS markers
   WHERE seq > last`,
  `SELECT format('Event %s refers to message %s, which is missing.', events.id, message_id) AS fault
   FROM events JOIN chats ON chats.id = events.chat_id LEFT JOIN messages ON messages.id = message_id
   WHERE message_id > born_after AND messages.id IS NULL AND ${IS_KEPT}`,
  `SELECT format('Message %s does not count the reactions to it as they are.', coalesce(id, message_id)) AS fault
   FROM (
     SELECT id, (
       SELECT jsonb_agg(each ORDER BY each ->> 'emoji' COLLATE "C") FROM jsonb_array_elements(reactions::jsonb) AS each) AS counts
     FROM messages WHERE reactions IS NOT NULL
   ) AS messages FULL JOIN (
     SELECT message_id, jsonb_agg(jsonb_build_object('emoji', emoji, 'count', number, 'userIds', first_users) ORDER BY emoji) AS counts
     FROM (
       SELECT message_id, emoji, count(*) AS number, (array_agg(user_id ORDER BY position))[1:${MAX_LISTED_USERS}] AS first_users
       FROM reactions WHERE ${IS_REACTION_KEPT} GROUP BY message_id, emoji
     ) AS by_emoji GROUP BY message_id
   ) AS listed ON id = message_id
   WHERE messages.counts IS DISTINCT FROM listed.counts`,
  `SELECT format('Message %s is %s, and the search index has its terms.', message_id,
     CASE WHEN messages.id IS NULL THEN 'missing' ELSE 'deleted' END) AS fault
   FROM search_terms LEFT JOIN messages ON messages.id = message_id WHERE messages.id IS NULL OR deleted_at IS NOT NULL`,
  `SELECT format('Event %s of chat %s comes after an event that was stored later.', id, chat_id) AS fault
   FROM (SELECT id, chat_id, number, lag(number) OVER (PARTITION BY chat_id ORDER BY id) AS previous
     FROM events WHERE chat_id IS NOT NULL) AS ordered
   WHERE previous >= number`,
  `SELECT format('Event %s is outside of the event log, which has events from %s to %s.', id, forgotten + 1, last) AS fault
   FROM events CROSS JOIN event_log WHERE id <= forgotten OR id > last`,
];

/**
 * Checks the schema version and the invariants of the data in one snapshot. Changes nothing. Reads whole tables; running servers
 * go on meanwhile.
 *
 * @throws Error if the database cannot be reached or has no schema of Palaver.
 */
export async function inspectDatabase(url: string): Promise<DatabaseInspection> {
  return withClient(url, async (client) => {
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    const version = await existingVersion(client, url);
    const faults: string[] = [];
    for (const query of INVARIANTS) {
      const { rows } = await client.query<{ readonly fault: string }>(
        `${query} LIMIT ${MAX_FAULTS_PER_KIND}`,
      );
      faults.push(...rows.map(({ fault }) => fault));
    }
    const { rows } = await client.query<{ readonly outbox: number; readonly missing: number }>(
      `SELECT (SELECT count(*) FROM outbox) AS outbox,
         last - forgotten - (SELECT count(*) FROM events) AS missing FROM event_log`,
    );
    const { outbox, missing } = rows[0]!;
    return { version, outboxRows: outbox, missingPositions: missing, faults };
  });
}

/**
 * Gives the event log another epoch, so that all cursors given so far are expired.
 *
 * @returns the new epoch.
 * @throws Error if the database cannot be reached or has no schema of Palaver.
 */
export async function replaceEpoch(url: string): Promise<string> {
  return withClient(url, async (client) => {
    await existingVersion(client, url);
    const epoch = randomBytes(8).toString("hex");
    await client.query("WITH expired AS (DELETE FROM earlier_epochs) UPDATE event_log SET epoch = $1", [
      epoch,
    ]);
    return epoch;
  });
}

/** The tables that have the rows of a copied table, where no table has its name. */
const TABLES_OF_VIEWS: Partial<Record<TableName, readonly string[]>> = {
  epochs: ["earlier_epochs", "event_log"],
  greatest_ids: ["deleted_ids"],
};

/**
 * Four of the tables with data of users are not copied: the events that are not in the event log yet, the counts of requests by
 * digest, and two indexes: of mentions, and of the terms of messages.
 */
const VACUUMED = [
  ...TABLE_NAMES.flatMap((name) => TABLES_OF_VIEWS[name] ?? [name]),
  "mentions",
  "outbox",
  "request_counts",
  "search_terms",
];

/**
 * Frees the space of rows that were changed or deleted, in all tables with data of users, and builds the search index again, which
 * otherwise keeps the words of deleted texts. Running servers go on meanwhile.
 *
 * @throws Error if the database cannot be reached or has no schema of Palaver.
 */
export async function vacuum(url: string): Promise<void> {
  await withClient(url, async (client) => {
    await existingVersion(client, url);
    await client.query(`VACUUM ${VACUUMED.join(", ")}`);
    await client.query("REINDEX INDEX CONCURRENTLY messages_by_term");
  });
}

/**
 * The number of deleted messages of a user whose terms the search index has.
 *
 * @throws Error if the database cannot be reached or has no schema of Palaver.
 */
export async function countIndexedTombstones(url: string, userId: string): Promise<number> {
  return withClient(url, async (client) => {
    await existingVersion(client, url);
    const { rows } = await client.query<{ readonly count: number }>(
      `SELECT count(*)::int AS count FROM messages JOIN search_terms ON message_id = id
       WHERE sender_id = $1 AND deleted_at IS NOT NULL`,
      [userId],
    );
    return rows[0]!.count;
  });
}

/**
 * The session key that all nodes share; undefined if none has been created.
 *
 * @throws Error if the database cannot be reached or has no schema of Palaver.
 */
export async function readSessionKey(url: string): Promise<string | undefined> {
  return withClient(url, async (client) => {
    await existingVersion(client, url);
    const { rows } = await client.query<{ readonly value: string }>(
      "SELECT value FROM settings WHERE name = 'session_key'",
    );
    return rows[0]?.value;
  });
}

/**
 * The size of a database in bytes, with its indexes.
 *
 * @throws Error if the database cannot be reached.
 */
export async function sizeOfDatabase(url: string): Promise<number> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ readonly bytes: number }>(
      "SELECT pg_database_size(current_database()) AS bytes",
    );
    return rows[0]!.bytes;
  });
}

/**
 * Requires the schema of Palaver: opening a store creates it.
 *
 * @throws Error if the database cannot be reached or has no schema of Palaver.
 */
export async function assertSchema(url: string): Promise<void> {
  await withClient(url, (client) => existingVersion(client, url));
}

/** @throws Error if the database has no schema of Palaver, or one that this program cannot use. */
async function existingVersion(client: Client, url: string): Promise<number> {
  const version = await schemaVersion(statementsOf(client));
  if (version > 0) return version;
  throw new Error(
    `There is no store in the database ${describeDatabase(url)}. Run \`palaver serve\` on it once, which creates the store, or name another database.`,
  );
}

/**
 * Runs `work` on a connection without time limits, to the first host that can be reached and accepts what `work` writes.
 *
 * @throws Error that names the database and its hosts, if none can be reached, or the database rejects the work.
 */
async function withClient<Result>(url: string, work: (client: Client) => Promise<Result>): Promise<Result> {
  const servers = new Servers(url);
  for (const failures: unknown[] = []; ;) {
    const client = new Client({ ...servers.config(), statement_timeout: false, query_timeout: 0 });
    // A lost connection also rejects the statement in progress.
    client.on("error", () => {});
    try {
      await client.connect();
      return await work(client);
    } catch (error) {
      if (error instanceof SchemaError) throw openingError(url, error);
      if (!isConnectionError(error)) throw sqlState(error) === undefined ? error : openingError(url, error);
      failures.push(error);
      if (failures.length === servers.count) throw openingError(url, causeOf(failures));
      servers.leave(servers.current);
    } finally {
      await client.end();
    }
  }
}
