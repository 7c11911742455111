import type { Row, SqlValue } from "../sql/columns.js";
import { openFile, openInMemory } from "./sql-js.js";

/**
 * An SQLite database in memory. The SQL must be deterministic, without the time or random values, because the log replays it.
 */
export interface Database {
  row(sql: string, ...values: SqlValue[]): Row | undefined;
  rows(sql: string, ...values: SqlValue[]): readonly Row[];
  /**
   * Visits the rows one by one until `visit` returns false. Rows before an error are visited, too, and rows behind the last
   * visited one are not read.
   */
  each(visit: (row: Row) => boolean | void, sql: string, ...values: SqlValue[]): void;
  /** @returns how many rows the statement inserted, updated or deleted. */
  change(sql: string, ...values: SqlValue[]): number;
  /** Runs statements without parameters. */
  execute(sql: string): void;
  /** The database as an SQLite file without remains of deleted data. No transaction may be open. */
  toFile(): Uint8Array;
  /** Lowers the maximum size, in bytes. Writes beyond it fail with "database or disk is full". */
  limit(bytes: number): void;
  close(): void;
}

/**
 * Single statements, as the repositories use them. Some parameters are written as `(SELECT ?)`: binding a plain `?` makes SQLite
 * plan a join or an aggregate again, which takes longer than running it.
 */
export type Statements = Pick<Database, "row" | "rows" | "each" | "change">;

export const PAGE_BYTES = 4096;
/**
 * The heap of WebAssembly ends at 2 GiB, which 1.9 GiB of pages fill. What is left holds the undo journal, the statements and
 * the rows that a query sorts.
 */
export const MAX_DATABASE_BYTES = 1.75 * 2 ** 30;
/** sql.js hangs at about 3.8 GiB. */
const MAX_FILE_BYTES = 3.5 * 2 ** 30;

/** @param file an SQLite file, which is copied. The default is an empty database. */
export async function openDatabase(file?: Uint8Array): Promise<Database> {
  // Earlier versions allowed larger databases, and these stay usable.
  if (file !== undefined && file.length > MAX_DATABASE_BYTES) return openDatabaseFile(file);
  return databaseOf(await openInMemory(file), MAX_DATABASE_BYTES);
}

/** Opens an SQLite file of any size, damaged or not. Its growth stalls the thread. */
export async function openDatabaseFile(file: Uint8Array): Promise<Database> {
  return databaseOf(await openFile(file), MAX_FILE_BYTES);
}

function databaseOf(database: Awaited<ReturnType<typeof openFile>>, maxBytes: number): Database {
  const prepared = new Map<string, ReturnType<typeof database.prepare>>();
  database.run(`
    PRAGMA page_size = ${PAGE_BYTES};
    PRAGMA journal_mode = memory;
    PRAGMA synchronous = off;
    PRAGMA locking_mode = exclusive;
    PRAGMA temp_store = memory;
    PRAGMA foreign_keys = on;
    PRAGMA secure_delete = on;
  `);
  limit(maxBytes);

  function limit(bytes: number): void {
    database.run(`PRAGMA max_page_count = ${Math.floor(Math.min(bytes, maxBytes) / PAGE_BYTES)}`);
  }

  function statement(sql: string) {
    const known = prepared.get(sql);
    if (known) return known;
    const made = database.prepare(sql);
    prepared.set(sql, made);
    return made;
  }

  function each(visit: (row: Row) => boolean | void, sql: string, ...values: SqlValue[]): void {
    const query = statement(sql);
    try {
      bind(query, values);
      while (query.step() && visit(query.get() as SqlValue[]) !== false);
    } finally {
      query.reset();
    }
  }

  return {
    row(sql, ...values) {
      const query = statement(sql);
      try {
        bind(query, values);
        return query.step() ? (query.get() as SqlValue[]) : undefined;
      } finally {
        query.reset();
      }
    },
    rows(sql, ...values) {
      const found: Row[] = [];
      each((row) => void found.push(row), sql, ...values);
      return found;
    },
    each,
    change(sql, ...values) {
      const command = statement(sql);
      try {
        bind(command, values);
        command.step();
        return database.getRowsModified();
      } finally {
        command.reset();
      }
    },
    execute(sql) {
      database.run(sql);
    },
    toFile() {
      const bytes = database.export();
      wipeGaps(bytes);
      return bytes;
    },
    limit,
    close() {
      database.close();
    },
  };
}

/**
 * The rows of a query, decoded, up to the one with which their messages have `maxCharacters` together.
 *
 * @param lengthOf the length of the message of a value.
 */
export function boundedRows<Value>(
  { each }: Pick<Statements, "each">,
  decode: (row: Row) => Value,
  lengthOf: (value: Value) => number,
  maxCharacters: number,
  sql: string,
  ...values: SqlValue[]
): readonly Value[] {
  const found: Value[] = [];
  let characters = 0;
  each(
    (row) => {
      const value = decode(row);
      found.push(value);
      characters += lengthOf(value);
      return characters < maxCharacters;
    },
    sql,
    ...values,
  );
  return found;
}

function bind(statement: { bind(values: SqlValue[]): boolean }, values: SqlValue[]): void {
  try {
    statement.bind(values);
  } catch (error) {
    // sql.js throws a string for a value of an unsupported type.
    throw error instanceof Error ? error : new TypeError(String(error));
  }
}

/** The number in the first column; 0 for NULL or no row. */
export function numberIn(row: Row | undefined): number {
  return Number(row?.[0] ?? 0);
}

/** The header size of a b-tree page, in bytes, by its first byte, the page type. Other pages have other first bytes. */
const HEADER_BYTES: Readonly<Record<number, number>> = { 2: 12, 5: 12, 10: 8, 13: 8 };

/**
 * Overwrites the unallocated gap of each page. `secure_delete` wipes deleted rows, but when SQLite moves a row to another page,
 * a copy can remain in the gap and outlive the row.
 */
function wipeGaps(file: Uint8Array): void {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (let page = 0; page < file.length; page += PAGE_BYTES) {
    // The first page begins with the header of the file.
    const header = page === 0 ? 100 : page;
    const headerBytes = HEADER_BYTES[view.getUint8(header)];
    if (headerBytes === undefined) continue;
    const cells = view.getUint16(header + 3);
    const content = view.getUint16(header + 5);
    file.fill(0, header + headerBytes + 2 * cells, page + content);
  }
}
