import { mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Repositories, Store } from "../../application/ports.js";
import { MessagingError } from "../../domain/errors.js";
import { startLog } from "./wal/commit-log.js";
import { numberIn, PAGE_BYTES, type Change, type Database, type Statements } from "./database.js";
import { nodeDisk, type Disk } from "./wal/disk.js";
import { filesOn, type Files } from "./wal/files.js";
import { lockDirectory } from "./wal/lock.js";
import { recover, removeFiles, replaceFiles, type Recovered } from "./wal/recovery.js";
import { repositories as repositoriesOn } from "./repositories.js";
import { migrate } from "./schema.js";
import type { TornTail } from "./wal/segment.js";
import { makeSpare, secureSegment } from "./wal/segment-writer.js";
import { workerThreads, type Threads } from "./wal/threads.js";

export interface SqliteStore extends Store {
  readonly opening: Opening;
}

/** What was found when the store was opened. */
export interface Opening {
  /** The number of the last transaction that is stored. */
  readonly last: number;
  /** How many transactions were taken from the log. */
  readonly replayed: number;
  /** The end of the log that a crash cut off. Nobody was told that it was stored. */
  readonly torn: TornTail | undefined;
  /** The version of the schema that the data was of, if that was an older one; 0 for a new store. */
  readonly migratedFrom: number | undefined;
}

export interface SqliteOptions {
  /** The size of a segment of the log, in bytes: 4 KiB or more. */
  readonly segmentBytes?: number;
  /** How large the database may grow, in bytes. */
  readonly largestDatabase?: number;
  /** How long to wait before a full disk is tried again, in milliseconds. */
  readonly retryAfter?: number;
  /**
   * Something failed that does not stop the store: it goes on, and tries again. Told once for each time it begins. Without
   * this, the process is warned.
   */
  readonly onTrouble?: (trouble: Error) => void;
  /** The disk was full, and has space again. */
  readonly onSpace?: () => void;
  /**
   * The log could not be written, or what is in memory is no longer what the log says. Whoever waits for the store will never
   * be answered, since nobody knows what is stored. End the process; the next start reads what is there. Without this, the error
   * is thrown out of the process.
   */
  readonly onFatal?: (error: Error) => void;
}

/**
 * Opens the store in a directory, which is made if it is not there. What a transaction wrote is on the disk before it
 * resolves, whatever happens to the process or the machine after that.
 *
 * @throws DamageError where a file is not what was written.
 * @throws DirectoryInUseError where another process has the directory.
 * @throws Error where a newer program wrote it.
 */
export async function openSqliteStore(directory: string, options: SqliteOptions = {}): Promise<SqliteStore> {
  makeDirectory(directory);
  const unlock = lockDirectory(directory);
  const threads = workerThreads(directory);
  try {
    const store = await openStore(nodeDisk(directory), threads, options);
    let closing: Promise<void> | undefined;
    return { ...store, close: () => (closing ??= store.close().finally(unlock)) };
  } catch (error) {
    await threads.stop();
    unlock();
    throw error;
  }
}

/** The directory, and those above it that are not there either, each durable in the one above it. */
function makeDirectory(directory: string): void {
  const path = resolve(directory);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  makeDirectory(dirname(path));
  // Not with `recursive`, which never returns where the system finds no place for it, in /proc say.
  mkdirSync(path, { mode: 0o700 });
  nodeDisk(dirname(path)).syncDirectory();
}

const SEGMENT_BYTES = 16 * 2 ** 20;
const RETRY_AFTER = 2000;

/** The store on any disk. Nobody else may have it. */
export async function openStore(disk: Disk, threads: Threads, options: SqliteOptions): Promise<SqliteStore> {
  const files = filesOn(disk);
  const recovered = await recover(disk, files);
  try {
    return await startStore(disk, threads, options, files, recovered);
  } catch (error) {
    recovered.database.close();
    throw error;
  }
}

async function startStore(
  disk: Disk,
  threads: Threads,
  options: SqliteOptions,
  files: Files,
  recovered: Recovered,
): Promise<SqliteStore> {
  const { database, last, replayed } = recovered;
  const torn = recovered.newest?.torn;
  const { segmentBytes = SEGMENT_BYTES, retryAfter = RETRY_AFTER, largestDatabase } = options;
  const { onTrouble = warn, onSpace = () => {}, onFatal = throwOut } = options;
  const migratedFrom = migrate(database);
  const sizes = secureFiles(disk, files, recovered, migratedFrom !== undefined);
  if (largestDatabase !== undefined) database.limit(largestDatabase);
  const subscribers = new Set<() => void>();
  const log = await startLog({
    threads,
    last,
    segmentBytes,
    makeFirstSpare: () => makeSpare(disk, segmentBytes),
    retryAfter,
    onSwitch: compaction(threads, sizes, segmentBytes, onTrouble),
    onDurable() {
      for (const wake of subscribers) wake();
    },
    onTrouble,
    onSpace,
    onFatal,
  });

  /** What the transaction under way has changed. */
  let changes: Change[] | undefined;
  let broken: unknown;
  const statements: Statements = {
    ...database,
    change(sql, ...values) {
      if (changes === undefined) {
        throw new Error("A repository was kept and written to after its transaction.");
      }
      try {
        begin();
        const count = database.change(sql, ...values);
        if (count > 0) changes.push([sql, ...values]);
        return count;
      } catch (error) {
        broken = error;
        throw error;
      }
    },
  };
  let all = repositoriesOn(statements);

  /** The end of the line: everything is done one after the other. */
  let line: Promise<void> = Promise.resolve();
  let closed = false;

  /** Does it when its turn comes, and answers when nothing that it has seen can be lost any more. */
  async function inTurn<T>(admit: () => void, work: () => Promise<T>): Promise<T> {
    if (closed) throw new Error("The store is closed.");
    const before = line;
    let done!: () => void;
    line = new Promise((go) => {
      done = go;
    });
    await before;
    let seen: Promise<void> | undefined;
    try {
      admit();
      try {
        return await work();
      } finally {
        seen = log.settled();
      }
    } finally {
      done();
      await seen;
    }
  }

  async function transact<T>(work: (repositories: Repositories) => Promise<T>): Promise<T> {
    changes = [];
    broken = undefined;
    try {
      const value = await work(all);
      if (broken) throw broken;
      if (changes.length > 0) {
        log.append(log.record(changes));
        uncommitted.push(...changes);
      }
      return value;
    } catch (error) {
      if (broken || changes.length > 0) orEnd(takeBack);
      throw isFull(error) ? databaseFull(error) : error;
    } finally {
      changes = undefined;
    }
  }

  /**
   * To commit in memory costs a third of what a send costs there. So what comes in one turn of the event loop is one transaction
   * of SQLite's; this is what it has done so far.
   */
  let uncommitted: Change[] = [];
  let begun = false;

  function begin(): void {
    if (begun) return;
    database.change("BEGIN");
    begun = true;
    setImmediate(() => {
      line = line.then(() => orEnd(commit));
    });
  }

  function commit(): void {
    if (!begun) return;
    database.change("COMMIT");
    begun = false;
    uncommitted = [];
  }

  /** Without it the memory would be behind the log. */
  function orEnd(work: () => void): void {
    try {
      work();
    } catch (error) {
      onFatal(error as Error);
    }
  }

  /** Takes back what the transaction under way has changed, with all others of the turn, and does those again. */
  function takeBack(): void {
    // What they remember may never have been.
    all = repositoriesOn(statements);
    try {
      database.change("ROLLBACK");
    } catch (error) {
      // A full database has rolled back already.
      if (!String(error).includes("no transaction is active")) throw error;
    }
    begun = false;
    begin();
    for (const [sql, ...values] of uncommitted) database.change(sql, ...values);
  }

  return {
    opening: { last, replayed, torn, migratedFrom },
    transaction: (work) =>
      inTurn(
        () => log.requireRoom(),
        () => transact(work),
      ),
    read: (work) =>
      inTurn(
        () => log.requireUp(),
        () => work(all),
      ),
    subscribe(wake) {
      const subscriber = () => wake();
      subscribers.add(subscriber);
      return () => void subscribers.delete(subscriber);
    },
    status: () => log.status(),
    async close() {
      if (closed) return;
      closed = true;
      await line;
      try {
        commit();
        await log.end();
        await threads.stop();
        const { fault, transactions } = log.status();
        if (fault === undefined) shortenStart(disk, database, last + transactions, onTrouble);
      } finally {
        database.close();
        await threads.stop();
      }
    },
  };
}

/** In bytes. */
interface Sizes {
  readonly log: number;
  readonly snapshot: number;
}

/**
 * Makes durable what was found, and removes what is not needed. A function of its own, so that nothing keeps hold of what was
 * read of the log.
 */
function secureFiles(
  disk: Disk,
  files: Files,
  { database, last, logBytes, snapshotBytes, newest, snapshot }: Recovered,
  isMigrated: boolean,
): Sizes {
  // The names that were found may be in the machine's memory only.
  disk.syncDirectory();
  removeFiles(disk, files.unfinished);
  if (isMigrated || snapshot === undefined) {
    const whole = database.toFile();
    return { log: 0, snapshot: orAskForRoom(whole.length, () => replaceFiles(disk, files, last, whole)) };
  }
  if (newest && !newest.ended) orAskForRoom(newest.header.size, () => secureSegment(disk, newest));
  const { transaction } = snapshot;
  removeFiles(disk, [
    ...files.snapshots.filter((file) => file !== snapshot),
    ...files.segments.filter(({ after }) => after < transaction),
  ]);
  return { log: logBytes, snapshot: snapshotBytes };
}

function orAskForRoom<T>(bytes: number, write: () => T): T {
  try {
    return write();
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
    throw new Error(
      `The disk is full, and the store must write some data anew to open. Make room for ${bytes} bytes, and start again.`,
      { cause: error },
    );
  }
}

/** A transaction takes about as long to replay as 2,500 bytes of a snapshot to write. At the end there is more time. */
const SNAPSHOT_BYTES_PER_REPLAYED = 10_000;
/** More is not sure to be written in the seconds that a service has to end. */
const LARGEST_LAST_SNAPSHOT = 2 ** 29;

/** Writes a snapshot where the next start would have a lot to replay. It may fail: everything is in the log. */
function shortenStart(
  disk: Disk,
  database: Database,
  last: number,
  onTrouble: (trouble: Error) => void,
): void {
  try {
    const files = filesOn(disk);
    const replayed = last - (files.snapshots.at(-1)?.transaction ?? 0);
    const bytes = numberIn(database.row("PRAGMA page_count")) * PAGE_BYTES;
    if (bytes > Math.min(replayed * SNAPSHOT_BYTES_PER_REPLAYED, LARGEST_LAST_SNAPSHOT)) return;
    replaceFiles(disk, files, last, database.toFile());
  } catch (error) {
    onTrouble(
      new Error("The last snapshot could not be written. The next start takes longer.", { cause: error }),
    );
  }
}

/** Has the log compacted when its finished segments outgrow the data. */
function compaction(
  threads: Threads,
  sizes: Sizes,
  segmentBytes: number,
  onTrouble: (trouble: Error) => void,
): (after: number) => void {
  let finished = sizes.log;
  let snapshot = sizes.snapshot;
  let current = 0;
  let running = false;
  let failing = false;

  async function compact(upTo: number): Promise<void> {
    const covered = finished;
    running = true;
    try {
      snapshot = await threads.compact(upTo);
      finished -= covered;
      failing = false;
    } catch (error) {
      const trouble = new Error("The log could not be compacted. It will be tried again.", { cause: error });
      if (!failing) onTrouble(trouble);
      failing = true;
    }
    running = false;
  }

  return (after) => {
    finished += current;
    current = segmentBytes;
    if (!running && finished >= Math.max(4 * segmentBytes, snapshot / 4)) void compact(after);
  };
}

function isFull(error: unknown): boolean {
  return error instanceof Error && /database or disk is full|out of memory/.test(error.message);
}

function databaseFull(cause: unknown): MessagingError {
  return new MessagingError("store_unavailable", "The database is as large as it may be.", { cause });
}

function warn(trouble: Error): void {
  process.emitWarning(trouble);
}

function throwOut(error: Error): void {
  setImmediate(() => {
    throw error;
  });
}
