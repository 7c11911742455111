import { createHash } from "node:crypto";
import type { Row, SqlValue } from "./columns.js";

interface CopiedTable {
  readonly columns: readonly string[];
  /** The order in which the rows are copied. */
  readonly key: readonly string[];
  /** The order in which the rows are compared. Rows with the same first column have a digest of their own. By default, the key. */
  readonly groups?: readonly [group: string, ...order: string[]];
}

/**
 * The rows that a copy moves from store to store, in an order in which each row follows those that it refers to. A store that
 * keeps them in another form provides a view of each table that differs.
 *
 * - `participants.joined_after`: the user receives the events of the chat with a greater id.
 * - `epochs`: of the event log, oldest first, each with the greatest id of an event in it.
 * - `messages.mentions`: the target derives its index of mentions from it.
 * - `greatest_ids`: the greatest ids that were assigned to a chat, an event and a message, and of an event that was deleted
 *   because of its age (`forgotten`).
 */
const TABLES = {
  users: {
    columns: [
      "id",
      "username",
      "username_key",
      "password_digest",
      "created_at",
      "disabled_at",
      "deleted_at",
      "erased_at",
      "display_name",
    ],
    key: ["id"],
  },
  user_words: { columns: ["word", "user_id"], key: ["word", "user_id"] },
  blocks: { columns: ["user_id", "blocked_id", "blocked_at"], key: ["user_id", "blocked_id"] },
  chats: {
    columns: [
      "id",
      "kind",
      "title",
      "first_user_id",
      "second_user_id",
      "created_at",
      "participant_count",
      "born_after",
      "may_add",
      "may_remove",
      "may_rename",
      "may_post",
      "history",
      "metadata",
      "forgotten_seq",
      "forgotten_at",
    ],
    key: ["id"],
  },
  participants: {
    columns: [
      "user_id",
      "chat_id",
      "joined_at",
      "joined_after",
      "role",
      "history_start",
      "muted_until",
      "archived_seq",
      "pinned",
    ],
    key: ["user_id", "chat_id"],
  },
  read_markers: {
    columns: ["user_id", "chat_id", "seq"],
    key: ["user_id", "chat_id"],
  },
  messages: {
    columns: [
      "id",
      "chat_id",
      "seq",
      "sender_id",
      "text",
      "reply_to",
      "mentions",
      "metadata",
      "sent_at",
      "edited_at",
      "deleted_at",
      "idempotency_key",
      "text_digest",
      "reactions",
    ],
    key: ["id"],
    groups: ["chat_id", "seq"],
  },
  reactions: {
    columns: ["message_id", "position", "emoji", "user_id", "at"],
    key: ["message_id", "position"],
  },
  deleted_reactions: { columns: ["message_id"], key: ["message_id"] },
  sessions: {
    columns: [
      "id",
      "digest",
      "user_id",
      "kind",
      "name",
      "user_agent",
      "created_at",
      "last_seen_at",
      "expires_at",
    ],
    key: ["id"],
  },
  invitations: {
    columns: ["id", "digest", "chat_id", "inviter_id", "created_at", "expires_at", "max_uses", "uses"],
    key: ["id"],
  },
  events: {
    columns: ["id", "chat_id", "user_id", "outside", "at", "what", "message_id"],
    key: ["id"],
  },
  digest_keys: { columns: ["name", "key"], key: ["name"] },
  epochs: { columns: ["id", "epoch", "last"], key: ["id"] },
  greatest_ids: { columns: ["kind", "id"], key: ["kind"] },
} satisfies Readonly<Record<string, CopiedTable>>;

export type TableName = keyof typeof TABLES;

export const TABLE_NAMES = Object.keys(TABLES) as readonly TableName[];

export function columnsOf(table: TableName): readonly string[] {
  return TABLES[table].columns;
}

/** The order in which the rows of a table are copied. */
export function keyOf(table: TableName): readonly string[] {
  return TABLES[table].key;
}

/** A store at rest, as a copy reads it. */
export interface CopySource {
  /** Reads all rows of a table, in ascending order of these columns, in slices of bounded size. */
  rows(table: TableName, order: readonly string[]): AsyncIterable<readonly Row[]>;
  close(): Promise<void>;
}

/** An empty store, as a copy writes it. It reads what was written. */
export interface CopyTarget extends CopySource {
  write(table: TableName, rows: readonly Row[]): Promise<void>;
  /** Stores everything that was written, durably. A target that is closed without it stays empty. */
  commit(): Promise<void>;
}

/** Where a copy is. */
export interface CopyProgress {
  readonly phase: "copying" | "comparing";
  readonly table: TableName;
  /** How many of the rows of the table are done. */
  readonly rows: number;
}

type OnProgress = (progress: CopyProgress) => void;

/** Bounds the memory of a copy: 1,000 texts of 10,000 characters take 40 MB at most. */
const MAX_SLICE_ROWS = 1_000;

/**
 * Reads all rows of a table in slices, each from the key of the row before it.
 *
 * @param from the table, or a view of it in parentheses.
 */
export async function* slicesOf(
  database: { rows(sql: string, ...values: SqlValue[]): readonly Row[] | Promise<readonly Row[]> },
  table: TableName,
  order: readonly string[],
  from: string = table,
): AsyncGenerator<readonly Row[], void> {
  const columns = columnsOf(table);
  const places = order.map((column) => columns.indexOf(column));
  const marks = order.map((_, index) => `$${index + 1}`).join(", ");
  const select = `SELECT ${columns.join(", ")} FROM ${from} AS copied`;
  const end = `ORDER BY ${order.join(", ")} LIMIT ${MAX_SLICE_ROWS}`;
  let slice = await database.rows(`${select} ${end}`);
  while (slice.length > 0) {
    yield slice;
    if (slice.length < MAX_SLICE_ROWS) return;
    const last = slice.at(-1)!;
    slice = await database.rows(
      `${select} WHERE (${order.join(", ")}) > (${marks}) ${end}`,
      ...places.map((place) => last[place]!),
    );
  }
}

/** Writes all rows of the source to the target, without committing them. */
export async function copyRows(
  source: CopySource,
  target: CopyTarget,
  onProgress: OnProgress,
): Promise<void> {
  for (const table of TABLE_NAMES) {
    let rows = 0;
    for await (const slice of source.rows(table, TABLES[table].key)) {
      await target.write(table, slice);
      rows += slice.length;
      onProgress({ phase: "copying", table, rows });
    }
  }
}

export interface Comparison {
  /** The number of rows of each table in the source. */
  readonly rows: Readonly<Record<TableName, number>>;
  /** A sentence for each table or chat that differs, at most 20. */
  readonly differences: readonly string[];
}

const MAX_DIFFERENCES = 20;

/** Reads all rows of both stores again, and compares their numbers and digests: one for each table, and one for each chat. */
export async function compareRows(
  source: CopySource,
  target: CopySource,
  onProgress: OnProgress,
): Promise<Comparison> {
  const counts = Object.fromEntries(TABLE_NAMES.map((table) => [table, 0])) as Record<TableName, number>;
  const differences: string[] = [];
  for (const table of TABLE_NAMES) {
    const onRows = (rows: number) => {
      counts[table] = rows;
      onProgress({ phase: "comparing", table, rows });
    };
    const [ofSource, ofTarget] = [groupsOf(source, table, onRows), groupsOf(target, table, () => {})];
    let [one, other] = await Promise.all([ofSource.next(), ofTarget.next()]);
    while (one.done !== true || other.done !== true) {
      const id = Math.min(one.value?.id ?? Infinity, other.value?.id ?? Infinity);
      const [from, to] = [one, other].map(({ value }) => (value?.id === id ? value : undefined));
      if (from?.digest !== to?.digest && differences.length < MAX_DIFFERENCES) {
        const what = "groups" in TABLES[table] ? `The ${table} of chat ${id} differ` : `The ${table} differ`;
        differences.push(`${what}: ${from?.rows ?? 0} rows were read, and ${to?.rows ?? 0} written.`);
      }
      if (from) one = await ofSource.next();
      if (to) other = await ofTarget.next();
    }
  }
  return { rows: counts, differences };
}

interface Group {
  readonly id: number;
  readonly rows: number;
  readonly digest: string;
}

/** The groups of a table in ascending order of their ids. A table without groups is one, with the id 0. */
async function* groupsOf(
  source: CopySource,
  table: TableName,
  onRows: (rows: number) => void,
): AsyncGenerator<Group, undefined> {
  const { columns, key, groups }: CopiedTable = TABLES[table];
  const place = groups === undefined ? undefined : columns.indexOf(groups[0]);
  let id = 0;
  let rows = 0;
  let rowsBefore = 0;
  let hash = createHash("sha256");
  const group = () => ({ id, rows: rows - rowsBefore, digest: hash.digest("base64") });
  for await (const slice of source.rows(table, groups ?? key)) {
    for (const row of slice) {
      const idOfRow = place === undefined ? 0 : (row[place] as number);
      if (idOfRow !== id) {
        if (rows > rowsBefore) yield group();
        id = idOfRow;
        rowsBefore = rows;
        hash = createHash("sha256");
      }
      hash.update(`${JSON.stringify(row)}\n`);
      rows += 1;
    }
    onRows(rows);
  }
  if (rows > rowsBefore) yield group();
  return undefined;
}
