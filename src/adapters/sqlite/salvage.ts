import type { Change } from "../sql/columns.js";
import { openDatabase, openDatabaseFile, type Database } from "./database.js";
import { diskOf } from "./existing-store.js";
import { checkStore, copyOtherFiles, createTarget, faultsIn, segmentFaults } from "./inspection.js";
import type { UserId } from "../../domain/user.js";
import { APPOINT_OWNERS, CREATE_DIGEST_KEY, INDEX_MENTIONS, migrate, renewEpoch } from "./schema.js";
import { errorMessage } from "./wal/damage.js";
import { nodeDisk, type Disk } from "./wal/disk.js";
import { filesOn, type Files } from "./wal/files.js";
import { lockDirectory } from "./wal/lock.js";
import { recountReactions } from "./reactions.js";
import { indexUser } from "./users.js";
import { decodeRecords } from "./wal/record.js";
import { findFrames } from "./wal/segment.js";
import { readSnapshot, writeSnapshot } from "./wal/snapshot.js";

/** The result of salvaging a damaged store. */
export interface Salvage {
  /** The number of the last transaction in the new store. */
  readonly last: number;
  /** A sentence for each damage. */
  readonly faults: readonly string[];
  /** The gaps of transactions that could not be read. */
  readonly missing: readonly (readonly [first: number, last: number])[];
  /** Readable transactions that were left out, because they depend on missing ones. */
  readonly leftOut: readonly number[];
  /** How many readable rows of a damaged snapshot were left out, because they refer to missing rows. */
  readonly rowsLeftOut: number;
}

/**
 * Creates a new store from the readable parts of a damaged one, which is left unchanged. Where the very end of the log is
 * damaged, the number of lost transactions is unknown, and only `faults` reports it.
 *
 * @param target a directory that does not exist or is empty.
 * @throws NoStoreError
 * @throws DirectoryInUseError where a process uses the store.
 * @throws Error where the target is not empty.
 */
export async function salvageStore(directory: string, target: string): Promise<Salvage> {
  const disk = diskOf(directory);
  const unlock = lockDirectory(directory);
  try {
    createTarget(directory, target);
    const files = filesOn(disk);
    const transactions = readTransactions(disk, files);
    const base = await readBase(disk, files, transactions);
    const { database } = base;
    const replayed = replay(database, base.transaction, transactions);
    migrate(database);
    // An event of a missing message could not be delivered. Those of messages that were deleted by age stay.
    database.execute(
      `DELETE FROM events WHERE message_id NOT IN (SELECT id FROM messages)
         AND message_id > coalesce((SELECT born_after FROM chats WHERE id = chat_id), 0)`,
    );
    // Reactions can be missing, and messages with reactions.
    recountReactions(database);
    // The row of an owner can be missing.
    database.execute(APPOINT_OWNERS);
    database.execute(CREATE_DIGEST_KEY);
    // So can mentions, and the messages of others.
    database.execute(INDEX_MENTIONS);
    // So can words of the directory.
    for (const [id] of database.rows("SELECT id FROM users")) indexUser(database, id as UserId);
    renewEpoch(database);
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

/** The changes of each readable transaction, by its number. */
type Transactions = ReadonlyMap<number, readonly Change[]>;

function readTransactions(disk: Disk, { segments }: Files): Transactions {
  const transactions = new Map<number, readonly Change[]>();
  for (const { first, payload } of segments.flatMap(({ name }) => findFrames(disk.read(name)))) {
    for (const [index, changes] of decodeRecords(payload).entries()) transactions.set(first + index, changes);
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
 * Reads the newest intact snapshot, if the log has all transactions from it to the newest snapshot; otherwise, the readable rows
 * of the newest one.
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
      faults.push(errorMessage(error));
    }
  }
  const database = await openDatabase();
  if (newest === undefined) {
    migrate(database);
    return { database, transaction: 0, faults: ["There is no snapshot."], rowsLeftOut: 0 };
  }
  const damaged = await openDatabaseFile(disk.read(newest.name));
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

/** Copies the readable rows of each table, forwards up to the damage and backwards down to it. */
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
    faults.push(`The snapshot is unreadable: ${errorMessage(error)}.`);
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
        faults.push(`The table ${table} is only partly readable: ${errorMessage(error)}.`);
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
