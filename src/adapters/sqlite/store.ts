import { mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Store } from "../../application/ports.js";
import { migrate } from "./schema.js";
import { TurnBudget } from "./turn-budget.js";
import { TurnTransaction } from "./turn-transaction.js";
import { CommitLog } from "./wal/commit-log.js";
import { Compactor, writeShutdownSnapshot, type MemorySnapshot } from "./wal/compaction.js";
import { nodeDisk, type Disk } from "./wal/disk.js";
import { filesOn, type Files } from "./wal/files.js";
import { lockDirectory } from "./wal/lock.js";
import { recover, recoverFiles, type Recovered } from "./wal/recovery.js";
import type { TornTail } from "./wal/segment.js";
import { makeSpare } from "./wal/segment-writer.js";
import { workerThreads, type Threads } from "./wal/threads.js";

export interface SqliteStore extends Store {
  readonly opening: Opening;
}

/** The state that the store was in when it was opened. */
export interface Opening {
  /** The number of the last stored transaction. */
  readonly last: number;
  /** How many transactions were replayed from the log. */
  readonly replayed: number;
  /** The incomplete end of the log that a crash left. It was never acknowledged, and is cut off. */
  readonly torn: TornTail | undefined;
  /** The version of the schema before it was migrated; 0 for a new store, undefined if it was current. */
  readonly migratedFrom: number | undefined;
}

export interface SqliteOptions {
  /** The size of a segment of the log, in bytes: at least 4 KiB. */
  readonly segmentBytes?: number;
  /** The maximum size of the database, in bytes. */
  readonly largestDatabase?: number;
  /** The delay before a full disk is tried again, in milliseconds. */
  readonly retryAfter?: number;
  /**
   * Called once for each series of failures that the store recovers from by itself, such as a full disk. By default, a process
   * warning.
   */
  readonly onTrouble?: (trouble: Error) => void;
  /** Called when a full disk has space again. */
  readonly onSpace?: () => void;
  /**
   * Called when the log cannot be written, or the database in memory differs from the log. Pending calls never resolve, since
   * it is unknown which of them are stored: end the process, and the next start reads what is stored. By default, the error
   * is thrown as an uncaught exception.
   */
  readonly onFatal?: (error: Error) => void;
}

/**
 * Opens the store in a directory, which is created if it does not exist. A resolved transaction is durable: it survives a crash
 * of the process or of the machine.
 *
 * @throws DamageError where a file differs from what was written.
 * @throws DirectoryInUseError where another process uses the directory.
 * @throws Error where a newer version wrote the data.
 */
export async function openSqliteStore(directory: string, options: SqliteOptions = {}): Promise<SqliteStore> {
  createDirectory(directory);
  const unlock = lockDirectory(directory);
  const threads = workerThreads(directory);
  try {
    const store = await openStoreOn(nodeDisk(directory), threads, options);
    let closing: Promise<void> | undefined;
    return { ...store, close: () => (closing ??= store.close().finally(unlock)) };
  } catch (error) {
    await threads.stop();
    unlock();
    throw error;
  }
}

/** Creates the directory and its missing parents, each durably. */
export function createDirectory(directory: string): void {
  const path = resolve(directory);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  createDirectory(dirname(path));
  // The `recursive` option of Node loops forever where no directory can be created, such as in /proc.
  mkdirSync(path, { mode: 0o700 });
  nodeDisk(dirname(path)).syncDirectory();
}

const DEFAULT_SEGMENT_BYTES = 16 * 2 ** 20;
const DEFAULT_RETRY_AFTER_MS = 2000;

/** Opens the store on any disk, which no other process may use. */
export async function openStoreOn(
  disk: Disk,
  threads: Threads,
  options: SqliteOptions,
): Promise<SqliteStore> {
  const files = filesOn(disk);
  const recovered = await recover(disk, files);
  try {
    return await start(disk, threads, options, files, recovered);
  } catch (error) {
    recovered.database.close();
    throw error;
  }
}

async function start(
  disk: Disk,
  threads: Threads,
  options: SqliteOptions,
  files: Files,
  recovered: Recovered,
): Promise<SqliteStore> {
  const { database, last, replayed } = recovered;
  const torn = recovered.newest?.torn;
  const { segmentBytes = DEFAULT_SEGMENT_BYTES, retryAfter = DEFAULT_RETRY_AFTER_MS } = options;
  const { onTrouble = warn, onSpace = () => {}, onFatal = throwUncaught } = options;
  const migratedFrom = migrate(database);
  // No closure may capture `recovered`, or the last segment would stay in memory.
  const sizes = recoverFiles(disk, files, recovered, migratedFrom !== undefined);
  if (options.largestDatabase !== undefined) database.limit(options.largestDatabase);
  const subscribers = new Set<() => void>();
  const compactor = new Compactor(threads, snapshotOfMemory, sizes, segmentBytes, onTrouble);
  const log = await CommitLog.start({
    threads,
    last,
    segmentBytes,
    makeFirstSpare: () => makeSpare(disk, segmentBytes),
    retryAfter,
    onSwitch: (after) => compactor.segmentBegun(after),
    onDurable() {
      for (const wake of subscribers) wake();
    },
    onTrouble,
    onSpace,
    onFatal,
  });

  /** Resolves when the last queued work has run. All reads and transactions run one after the other. */
  let queue: Promise<void> = Promise.resolve();
  let isClosed = false;
  const scheduleCommit = (commit: () => void) => {
    setImmediate(() => {
      queue = queue.then(commit);
    });
  };
  const budget = new TurnBudget();
  const turn = new TurnTransaction(database, log, budget, scheduleCommit, onFatal);

  /**
   * Runs `work` after all earlier work. Settles once everything that `work` has read is durable, also where it throws: an error
   * can reveal data, too.
   *
   * @param assertReady throws where the log rejects this work.
   */
  async function runExclusive<T>(assertReady: () => void, work: () => Promise<T>): Promise<T> {
    if (isClosed) throw new Error("The store is closed.");
    const before = queue;
    let release!: () => void;
    queue = new Promise((resolveQueue) => {
      release = resolveQueue;
    });
    await before;
    if (budget.isSpent) await budget.nextTurn();
    let durable: Promise<void> | undefined;
    try {
      assertReady();
      try {
        return await work();
      } finally {
        durable = log.durable();
      }
    } finally {
      release();
      await durable;
    }
  }

  /**
   * Copies the database at the end of a segment, for the case that the files are damaged. The copy blocks the event loop for 1 to
   * 2 ms a megabyte.
   */
  async function snapshotOfMemory(): Promise<MemorySnapshot> {
    await log.spareAttempted();
    return runExclusive(
      () => log.assertHealthy(),
      async () => {
        turn.commit();
        const transaction = await log.cut();
        return { transaction, bytes: database.toFile() };
      },
    );
  }

  return {
    opening: { last, replayed, torn, migratedFrom },
    transaction: (work) =>
      runExclusive(
        () => log.assertCapacity(),
        () => turn.run(work),
      ),
    read: (work) =>
      runExclusive(
        () => log.assertHealthy(),
        () => work(turn.repositories),
      ),
    subscribe(wake) {
      const subscriber = () => wake();
      subscribers.add(subscriber);
      return () => void subscribers.delete(subscriber);
    },
    status: () => ({ ...log.status(), damage: compactor.damage, repairs: compactor.repairs }),
    async close() {
      if (isClosed) return;
      isClosed = true;
      await queue;
      try {
        turn.commit();
        await log.end();
        await threads.stop();
        const { fault, transactions } = log.status();
        if (fault === undefined)
          writeShutdownSnapshot(disk, database, last + transactions, turn.hasErased, onTrouble);
      } finally {
        database.close();
        await threads.stop();
      }
    },
  };
}

function warn(trouble: Error): void {
  process.emitWarning(trouble);
}

function throwUncaught(error: Error): void {
  setImmediate(() => {
    throw error;
  });
}
