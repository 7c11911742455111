import { randomBytes } from "node:crypto";
import type { Row } from "../sql/columns.js";
import { columnsOf, slicesOf, type CopySource, type CopyTarget, type TableName } from "../sql/copy.js";
import { Pool, sqlState, type Connection } from "./connection.js";
import { describeDatabase, openingError } from "./database-url.js";
import { assertSchema } from "./inspection.js";
import { Relay } from "./relay.js";
import { lockSchema, migrate, SERVERS_LOCK } from "./schema.js";

/** Where the session key is kept, beside the rows. */
interface SessionKeyCopy {
  /** `undefined` if the servers have it in `SESSION_SECRET`. */
  sessionKey(): Promise<string | undefined>;
}

export type PostgresSource = CopySource & SessionKeyCopy;

export interface PostgresTarget extends CopyTarget {
  setSessionKey(key: string): Promise<void>;
}

const VIEWS: Readonly<Record<string, string>> = {
  // The events of a chat have their numbers and ids in the same order. Those that were committed before the user joined, and
  // moved to the log later, are the ones between the end of the log at that time and the first event after the user joined.
  participants: `(
    SELECT participants.user_id, participants.chat_id, joined_at, role, history_start, muted_until, archived_seq, pinned, greatest(
      joined_position,
      (SELECT max(id) FROM events WHERE user_id IS NULL AND chat_id = participants.chat_id
         AND id > joined_position AND (first.id IS NULL OR id < first.id)),
      (SELECT max(id) FROM events WHERE user_id = participants.user_id AND chat_id IS NOT NULL
         AND chat_id = participants.chat_id AND id > joined_position AND (first.id IS NULL OR id < first.id)
         AND number <= joined_after),
      (SELECT max(events.id) FROM chats JOIN events ON events.chat_id IS NULL AND events.outside = 1
           AND events.user_id = CASE WHEN first_user_id = participants.user_id THEN second_user_id ELSE first_user_id END
         WHERE chats.id = participants.chat_id AND kind = 'p2p' AND first_user_id <> second_user_id
           AND events.id > joined_position AND number <= joined_after)) AS joined_after
    FROM participants LEFT JOIN LATERAL (
      SELECT id FROM events WHERE user_id IS NULL AND chat_id = participants.chat_id
        AND id > joined_position AND number > joined_after
      ORDER BY id LIMIT 1
    ) AS first ON true
  )`,
  epochs: `(
    SELECT id, epoch, last FROM earlier_epochs
    UNION ALL SELECT (SELECT coalesce(max(id), 0) + 1 FROM earlier_epochs), epoch, last FROM event_log
  )`,
  greatest_ids: `(
    SELECT 'chat' AS kind, last_value - (NOT is_called)::int AS id FROM chat_ids
    UNION ALL SELECT 'event', last FROM event_log
    UNION ALL SELECT 'forgotten', forgotten FROM event_log
    UNION ALL SELECT 'message', last_value - (NOT is_called)::int FROM message_ids
  )`,
};

/** The columns of a copied row that only this store has, each with the column that it is equal to. */
const ADDED_COLUMNS: Readonly<Record<string, readonly [added: string, column: string]>> = {
  participants: ["joined_position", "joined_after"],
  events: ["number", "id"],
};

interface Opened {
  readonly pool: Pool;
  readonly connection: Connection;
}

/** Opens a pool of two connections to the writable host, and migrates the schema. */
async function open(url: string): Promise<Opened> {
  const pool = new Pool(url, 2, () => {});
  let connection: Connection | undefined;
  try {
    connection = await pool.acquire();
    await migrate(connection);
    // A copy takes long, and waits for the other side.
    await connection.execute("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0");
    return { pool, connection };
  } catch (error) {
    connection?.release(true);
    await pool.end();
    throw openingError(url, error);
  }
}

/** @param views of the tables that differ from those of a copy. */
function sourceOf({ pool, connection }: Opened, views: Readonly<Record<string, string>>): PostgresSource {
  return {
    rows: (table, order) => slicesOf(connection, table, order, views[table]),
    async sessionKey() {
      const found = await connection.row("SELECT value FROM settings WHERE name = 'session_key'");
      return found?.[0] as string | undefined;
    },
    async close() {
      // Also rolls back what is not committed.
      connection.release(true);
      await pool.end();
    },
  };
}

/** How often the events in the outbox are moved before the servers must still be running. */
const MAX_MOVES = 10;

/**
 * Reads one snapshot of the store in a database, in which all events are in the log.
 *
 * @throws Error if the database cannot be reached, has no store, or is in use.
 */
export async function openPostgresSource(url: string): Promise<PostgresSource> {
  await assertSchema(url);
  const opened = await open(url);
  const { pool, connection } = opened;
  const source = sourceOf(opened, VIEWS);
  try {
    for (let move = 1; move <= MAX_MOVES; move += 1) {
      await new Relay(pool, () => {}).run();
      await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
      const [isWaiting] = (await connection.row("SELECT EXISTS (SELECT FROM outbox)"))!;
      if (!isWaiting) return source;
      await connection.execute("ROLLBACK");
    }
    throw inUse(url);
  } catch (error) {
    await source.close();
    throw error;
  }
}

/**
 * Writes a store to a database in one transaction. Servers can neither start on the database nor write to it before `close`.
 *
 * @throws Error if the database cannot be reached, is not empty, or is in use.
 */
export async function openPostgresTarget(url: string): Promise<PostgresTarget> {
  const opened = await open(url);
  const { connection } = opened;
  const source = sourceOf(opened, { ...VIEWS, epochs: "earlier_epochs" });
  try {
    await connection.execute("BEGIN");
    await lockSchema(connection);
    await connection.execute(`SELECT pg_advisory_xact_lock(${SERVERS_LOCK})`);
    await connection.execute("LOCK TABLE users, event_log, settings IN EXCLUSIVE MODE");
    const [isUsed] = (await connection.row(
      `SELECT EXISTS (SELECT FROM users) OR EXISTS (SELECT FROM chats) OR EXISTS (SELECT FROM outbox)
         OR EXISTS (SELECT FROM events)`,
    ))!;
    if (isUsed) {
      throw new Error(`The database ${describeDatabase(url)} is not empty. Name an empty one.`);
    }
    await connection.change("DELETE FROM earlier_epochs");
    await connection.change("DELETE FROM digest_keys");
  } catch (error) {
    await source.close();
    throw translated(url, error);
  }
  return {
    ...source,
    write: (table, rows) => write(connection, table, rows),
    async setSessionKey(key) {
      await connection.change(
        `INSERT INTO settings (name, value) VALUES ('session_key', $1)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
        key,
      );
    },
    async commit() {
      await connection.execute("COMMIT");
    },
  };
}

/** The SQLSTATE of a lock that was not free in time. */
const LOCK_NOT_AVAILABLE = "55P03";

function translated(url: string, error: unknown): unknown {
  return sqlState(error) === LOCK_NOT_AVAILABLE ? inUse(url, error) : error;
}

function inUse(url: string, cause?: unknown): Error {
  return new Error(`The database ${describeDatabase(url)} is in use. Stop the servers on it.`, { cause });
}

async function write(connection: Connection, table: TableName, rows: readonly Row[]): Promise<void> {
  if (table === "greatest_ids") return setGreatestIds(connection, new Map(rows as [string, number][]));
  const name = table === "epochs" ? "earlier_epochs" : table;
  const columns = columnsOf(table);
  const [added, column] = ADDED_COLUMNS[table] ?? [];
  const names = columns.join(", ");
  // One parameter, so that the types are those of the table.
  await connection.change(
    `INSERT INTO ${name} (${names}${added ? `, ${added}` : ""})
     SELECT ${names}${column ? `, ${column}` : ""} FROM json_populate_recordset(NULL::${name}, $1)`,
    JSON.stringify(rows.map((row) => Object.fromEntries(columns.map((each, index) => [each, row[index]])))),
  );
}

/** Lets all numberings go on behind these ids, and begins an epoch of the event log: the original can go on, too. */
async function setGreatestIds(connection: Connection, ids: ReadonlyMap<string, number>): Promise<void> {
  const [chat, event, forgotten, message] = ["chat", "event", "forgotten", "message"].map((kind) =>
    ids.get(kind)!,
  ) as [number, number, number, number];
  for (const [sequence, id] of [
    ["chat_ids", chat],
    ["event_numbers", event],
    ["message_ids", message],
  ] as const) {
    await connection.row(`SELECT setval('${sequence}', greatest($1::bigint, 1), $1 > 0)`, id);
  }
  await connection.change("UPDATE deleted_ids SET id = $1 WHERE kind = 'message'", message);
  await connection.change(
    `UPDATE event_log SET epoch = $1, last = $2, forgotten = $3, settled_number = $2, next_number = $2,
       settled_message = $4, next_message = $4`,
    randomBytes(8).toString("hex"),
    event,
    forgotten,
    message,
  );
  // The comparison that follows, and the first servers, need the statistics for their plans.
  await connection.execute(
    "ANALYZE users, user_words, blocks, chats, participants, read_markers, messages, mentions, reactions, sessions, invitations, events",
  );
}
