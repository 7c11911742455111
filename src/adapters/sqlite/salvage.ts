import { openDatabase, type Change, type Database } from "./database.js";
import { nodeDisk, type Disk } from "./wal/disk.js";
import { filesOn, type Files } from "./wal/files.js";
import { checkStore, copyOtherFiles, diskOf, faultsIn, makeTarget, segmentFaults } from "./inspection.js";
import { lockDirectory } from "./wal/lock.js";
import { readRecords } from "./wal/record.js";
import { migrate, renewIdentity } from "./schema.js";
import { findFrames } from "./wal/segment.js";
import { readSnapshot, writeSnapshot } from "./wal/snapshot.js";

/** What could be saved of a damaged store. */
export interface Salvage {
  /** The number of the last transaction in the new store. */
  readonly last: number;
  /** What was found damaged, a sentence each. */
  readonly faults: readonly string[];
  /** The transactions that could not be read, from the first to the last of each gap. */
  readonly missing: readonly (readonly [first: number, last: number])[];
  /** The transactions that could be read and were left out, since they need what is missing. */
  readonly leftOut: readonly number[];
  /** Rows of a damaged snapshot that were left out, since they need a row that is missing. */
  readonly rowsLeftOut: number;
}

/**
 * Makes a new store of all that can be read in a damaged one, which stays as it is. Where the damage is at the very end of
 * the log, nobody can tell how many transactions stood there: `faults` names the place.
 *
 * @param target must not exist, or be empty.
 * @throws Error where there is no store, a process has it, or the target is in use.
 */
export async function salvageStore(directory: string, target: string): Promise<Salvage> {
  const disk = diskOf(directory);
  const unlock = lockDirectory(directory);
  try {
    makeTarget(directory, target);
    const files = filesOn(disk);
    const transactions = readTransactions(disk, files);
    const base = await readBase(disk, files, transactions);
    const { database } = base;
    const replayed = replay(database, base.transaction, transactions);
    migrate(database);
    renewIdentity(database);
    const faults = [...base.faults, ...segmentFaults(disk), ...faultsIn(database)];
    copyOtherFiles(directory, target);
    writeSnapshot(nodeDisk(target), replayed.last, database.toFile());
    database.close();
    const { faults: left } = await checkStore(target);
    return { ...replayed, faults: [...faults, ...left], rowsLeftOut: base.rowsLeftOut };
  } finally {
    unlock();
  }
}

/** By number, in order. */
type Transactions = ReadonlyMap<number, readonly Change[]>;

function readTransactions(disk: Disk, { segments }: Files): Transactions {
  const transactions = new Map<number, readonly Change[]>();
  for (const { first, payload } of segments.flatMap(({ name }) => findFrames(disk.read(name)))) {
    for (const [index, changes] of readRecords(payload).entries()) transactions.set(first + index, changes);
  }
  return transactions;
}

interface Base {
  readonly database: Database;
  readonly transaction: number;
  readonly faults: readonly string[];
  readonly rowsLeftOut: number;
}

/**
 * The newest snapshot that is whole, if the log leads from there to the newest of all; else whatever rows of the newest can
 * be read.
 */
async function readBase(disk: Disk, { snapshots }: Files, transactions: Transactions): Promise<Base> {
  const newest = snapshots.at(-1);
  const faults: string[] = [];
  for (const snapshot of snapshots.toReversed()) {
    const { transaction } = snapshot;
    try {
      const bytes = readSnapshot(disk, snapshot);
      if (isComplete(transactions, transaction + 1, newest!.transaction)) {
        return { database: await openDatabase(bytes), transaction, faults, rowsLeftOut: 0 };
      }
    } catch (error) {
      faults.push(messageOf(error));
    }
  }
  const database = await openDatabase();
  if (newest === undefined) {
    migrate(database);
    return { database, transaction: 0, faults: ["There is no snapshot."], rowsLeftOut: 0 };
  }
  const damaged = await openDatabase(disk.read(newest.name));
  const copied = copyRows(damaged, database);
  damaged.close();
  return { database, transaction: newest.transaction, ...copied, faults: [...faults, ...copied.faults] };
}

function isComplete(transactions: Transactions, first: number, last: number): boolean {
  for (let number = first; number <= last; number++) {
    if (!transactions.has(number)) return false;
  }
  return true;
}

/** Copies what can be read, table by table: from the beginning to the damage, and from the end back to it. */
function copyRows(from: Database, to: Database): Pick<Base, "faults" | "rowsLeftOut"> {
  const faults: string[] = [];
  let rowsLeftOut = 0;
  let tables: string[] = [];
  try {
    const schema = from.rows(
      "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid",
    );
    for (const [, , sql] of schema) to.execute(String(sql));
    to.execute(`PRAGMA user_version = ${Number(from.row("PRAGMA user_version")?.[0])}`);
    tables = schema.filter(([type]) => type === "table").map(([, name]) => String(name));
  } catch (error) {
    faults.push(`Nothing of the snapshot can be read: ${messageOf(error)}.`);
    migrate(to);
  }
  for (const table of tables) {
    const columns = to.rows(`PRAGMA table_info(${table})`);
    const key = columns.filter(([, , , , , position]) => position !== 0).map(([, name]) => String(name));
    const insert = `INSERT OR IGNORE INTO ${table} VALUES (${columns.map(() => "?").join(", ")})`;
    const leftOut = new Set<string>();
    for (const direction of ["ASC", "DESC"]) {
      const order = key.map((column) => `${column} ${direction}`).join(", ");
      try {
        from.each((row) => {
          try {
            to.change(insert, ...row);
          } catch {
            leftOut.add(JSON.stringify(row));
          }
        }, `SELECT * FROM ${table} ORDER BY ${order}`);
        break;
      } catch (error) {
        faults.push(`Not all of the table ${table} can be read: ${messageOf(error)}.`);
      }
    }
    rowsLeftOut += leftOut.size;
  }
  return { faults, rowsLeftOut };
}

function replay(
  database: Database,
  after: number,
  transactions: Transactions,
): Pick<Salvage, "last" | "missing" | "leftOut"> {
  const missing: [number, number][] = [];
  const leftOut: number[] = [];
  let last = after;
  for (const number of [...transactions.keys()].filter((found) => found > after).toSorted((a, b) => a - b)) {
    if (number > last + 1) missing.push([last + 1, number - 1]);
    last = number;
    database.execute("BEGIN");
    try {
      for (const [sql, ...values] of transactions.get(number) ?? []) database.change(sql, ...values);
      database.execute("COMMIT");
    } catch {
      database.execute("ROLLBACK");
      leftOut.push(number);
    }
  }
  return { last, missing, leftOut };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
