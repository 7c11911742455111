import initSqlJs from "sql.js";

export type SqlValue = string | number | null;
/** A statement that changes something, with the values of its `?`s. */
export type Change = readonly [sql: string, ...values: SqlValue[]];

/** What a query finds, in the order of its columns. */
export type Row = readonly SqlValue[];

/** An SQLite database in memory. It calls no clock and no dice, and neither may the SQL that it is given. */
export interface Database {
  row(sql: string, ...values: SqlValue[]): Row | undefined;
  rows(sql: string, ...values: SqlValue[]): readonly Row[];
  /** Visits row by row, so that what comes before an error is seen. */
  each(visit: (row: Row) => void, sql: string, ...values: SqlValue[]): void;
  /** @returns how many rows the statement put in, altered or took out. */
  change(sql: string, ...values: SqlValue[]): number;
  /** Runs statements that take no values. */
  execute(sql: string): void;
  /** The database as an SQLite file, in which nothing is left of what was deleted. Not while a transaction is open. */
  toFile(): Uint8Array;
  /** How large it may grow, in bytes; writing more fails as "full". */
  limit(bytes: number): void;
  close(): void;
}

/**
 * The part of a database by which it is read and changed, statement by statement. Some values stand as `(SELECT ?)`: when a
 * plain `?` is bound, SQLite plans a join or an aggregate anew, which takes longer than to run it.
 */
export type Statements = Pick<Database, "row" | "rows" | "change">;

export const PAGE_BYTES = 4096;
/** sql.js hangs when a database comes near to 3.8 GiB. */
const LARGEST_DATABASE = 3.5 * 2 ** 30;

/** @param file an SQLite file; without it, the database is empty. */
export async function openDatabase(file?: Uint8Array): Promise<Database> {
  const sqlite = await initSqlJs();
  const database = new sqlite.Database(file);
  const prepared = new Map<string, ReturnType<typeof database.prepare>>();
  setUp();

  function setUp(): void {
    database.run(`
      PRAGMA page_size = ${PAGE_BYTES};
      PRAGMA journal_mode = memory;
      PRAGMA synchronous = off;
      PRAGMA locking_mode = exclusive;
      PRAGMA temp_store = memory;
      PRAGMA foreign_keys = on;
      PRAGMA secure_delete = on;
    `);
    limit(LARGEST_DATABASE);
  }

  function limit(bytes: number): void {
    database.run(`PRAGMA max_page_count = ${Math.floor(bytes / PAGE_BYTES)}`);
  }

  function statement(sql: string) {
    const known = prepared.get(sql);
    if (known) return known;
    const made = database.prepare(sql);
    prepared.set(sql, made);
    return made;
  }

  function each(visit: (row: Row) => void, sql: string, ...values: SqlValue[]): void {
    const query = statement(sql);
    try {
      bind(query, values);
      while (query.step()) visit(query.get() as SqlValue[]);
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
      each((row) => found.push(row), sql, ...values);
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
      prepared.clear();
      const bytes = database.export();
      setUp();
      wipeGaps(bytes);
      return bytes;
    },
    limit,
    close() {
      database.close();
    },
  };
}

function bind(statement: { bind(values: SqlValue[]): boolean }, values: SqlValue[]): void {
  try {
    statement.bind(values);
  } catch (error) {
    // For a value of another type sql.js throws a text.
    throw error instanceof Error ? error : new TypeError(String(error));
  }
}

/** The number that stands alone in a row; 0 where there is none. */
export function numberIn(row: Row | undefined): number {
  return Number(row?.[0] ?? 0);
}

/** What the header of a page of a tree takes, in bytes, by the first of them; other pages begin with another byte. */
const HEADER_BYTES: Readonly<Record<number, number>> = { 2: 12, 5: 12, 10: 8, 13: 8 };

/**
 * Overwrites the unused middle of each page. `secure_delete` wipes what is deleted, but when SQLite moves a row to another
 * page, a copy can stay in this gap, which nothing would find when the row is deleted there.
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
