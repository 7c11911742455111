import { numberIn, PAGE_BYTES, type Database } from "../database.js";
import type { Disk } from "./disk.js";
import { filesOn, type Files } from "./files.js";
import { errorMessage, isDamage, type DamageError } from "./damage.js";
import { assertComplete, recover, verifyFiles, type StoreSizes } from "./recovery.js";
import { replaceFiles } from "./snapshot.js";
import type { Threads } from "./threads.js";

/**
 * Replaces the snapshot and the segments up to the transaction `upTo` by a new snapshot.
 *
 * @param upTo the last transaction of a segment.
 * @returns the size of the new snapshot, in bytes.
 */
export async function compact(disk: Disk, upTo: number): Promise<number> {
  const { snapshots, segments } = filesOn(disk);
  const files: Files = {
    snapshots: snapshots.filter(({ transaction }) => transaction < upTo),
    segments: segments.filter(({ after }) => after < upTo),
    unfinished: [],
  };
  const { database, last } = await recover(disk, files);
  try {
    assertComplete([...files.snapshots, ...files.segments].at(-1)?.name ?? "The log", last, upTo);
    return replaceFiles(disk, files, last, database.toFile());
  } finally {
    database.close();
  }
}

/**
 * Replaces all files up to the transaction by a snapshot of the database in memory.
 *
 * @param transaction the last one before the segment in use.
 * @returns the size of the snapshot, in bytes.
 */
export function replaceFromMemory(disk: Disk, { transaction, bytes }: MemorySnapshot): number {
  const { snapshots, segments } = filesOn(disk);
  const files: Files = {
    snapshots: snapshots.filter((file) => file.transaction <= transaction),
    segments: segments.filter(({ after }) => after < transaction),
    unfinished: [],
  };
  return replaceFiles(disk, files, transaction, bytes);
}

/** The database in memory as an SQLite file, as of a transaction after which a segment begins. */
export interface MemorySnapshot {
  readonly transaction: number;
  readonly bytes: Uint8Array;
}

/** Starts a compaction when the finished segments outgrow the snapshot. At most one runs at a time. */
export class Compactor {
  readonly #threads: Pick<Threads, "compact" | "replaceFromMemory">;
  readonly #snapshotOfMemory: () => Promise<MemorySnapshot>;
  readonly #segmentBytes: number;
  readonly #onTrouble: (trouble: Error) => void;
  #snapshotBytes: number;
  #finishedBytes: number;
  #currentBytes = 0;
  #isRunning = false;
  /** Whether the last compaction failed. A series of failures is reported once. */
  #isFailing = false;
  #damage: string | undefined;
  #repairs = 0;

  /** @param snapshotOfMemory copies the database, which replaces damaged files. */
  constructor(
    threads: Pick<Threads, "compact" | "replaceFromMemory">,
    snapshotOfMemory: () => Promise<MemorySnapshot>,
    sizes: StoreSizes,
    segmentBytes: number,
    onTrouble: (trouble: Error) => void,
  ) {
    this.#threads = threads;
    this.#snapshotOfMemory = snapshotOfMemory;
    this.#segmentBytes = segmentBytes;
    this.#onTrouble = onTrouble;
    this.#snapshotBytes = sizes.snapshot;
    this.#finishedBytes = sizes.log;
  }

  /** The damage in the files that is not repaired; undefined if there is no known damage. */
  get damage(): string | undefined {
    return this.#damage;
  }

  /** How often damaged files were replaced. */
  get repairs(): number {
    return this.#repairs;
  }

  /** Must be called when the log continues in a new segment, with the number of the last transaction before it. */
  segmentBegun(after: number): void {
    this.#finishedBytes += this.#currentBytes;
    this.#currentBytes = this.#segmentBytes;
    const threshold = Math.max(4 * this.#segmentBytes, this.#snapshotBytes / 4);
    if (!this.#isRunning && this.#finishedBytes >= threshold) void this.#compact(after);
  }

  async #compact(upTo: number): Promise<void> {
    const compactedBytes = this.#finishedBytes;
    this.#isRunning = true;
    try {
      this.#snapshotBytes = await this.#threads.compact(upTo);
      this.#finishedBytes -= compactedBytes;
      this.#isFailing = false;
    } catch (error) {
      if (isDamage(error)) await this.#repair(error);
      else this.#reportFailure("The log could not be compacted. It will be tried again.", error);
    }
    this.#isRunning = false;
  }

  async #repair(damage: DamageError): Promise<void> {
    this.#damage = `${damage.finding} This process has all data in memory, and writes a new snapshot at the next compaction or at shutdown: keep it running until then.`;
    try {
      const snapshot = await this.#snapshotOfMemory();
      const replacedBytes = this.#finishedBytes;
      this.#snapshotBytes = await this.#threads.replaceFromMemory(snapshot);
      this.#finishedBytes -= replacedBytes;
    } catch (error) {
      const cause = new Error(`${this.#damage} The attempt failed: ${errorMessage(error)}`, { cause: error });
      this.#reportFailure("Files of the store are damaged, and could not be replaced.", cause);
      return;
    }
    this.#damage = undefined;
    this.#repairs++;
    this.#isFailing = false;
    this.#onTrouble(repaired(damage));
  }

  /** Reports the first of a series of failures. */
  #reportFailure(message: string, cause: unknown): void {
    if (!this.#isFailing) this.#onTrouble(new Error(message, { cause }));
    this.#isFailing = true;
  }
}

/**
 * Replaying a transaction takes about as long as writing 2,500 bytes of a snapshot. A shutdown may take longer than the start
 * that it saves.
 */
const MAX_SNAPSHOT_BYTES_PER_REPLAYED = 10_000;
/** A larger snapshot may take longer than the seconds that a service has to stop. */
const MAX_SHUTDOWN_SNAPSHOT_BYTES = 2 ** 29;

/**
 * Writes a snapshot if that shortens the next start, if the files have texts or names that were erased, or if they are damaged. A
 * failure is reported, and is harmless unless they are: the log holds everything.
 */
export function writeShutdownSnapshot(
  disk: Disk,
  database: Database,
  last: number,
  hasErased: boolean,
  onTrouble: (trouble: Error) => void,
): void {
  let damage: DamageError | undefined;
  try {
    const files = filesOn(disk);
    const replayed = last - (files.snapshots.at(-1)?.transaction ?? 0);
    const bytes = numberIn(database.row("PRAGMA page_count")) * PAGE_BYTES;
    damage = damageIn(disk, files, last, bytes <= MAX_SHUTDOWN_SNAPSHOT_BYTES);
    const worthwhileBytes = hasErased ? Infinity : replayed * MAX_SNAPSHOT_BYTES_PER_REPLAYED;
    const maxBytes = Math.min(worthwhileBytes, MAX_SHUTDOWN_SNAPSHOT_BYTES);
    if (damage || bytes <= maxBytes) replaceFiles(disk, files, last, database.toFile());
    if (damage) onTrouble(repaired(damage));
  } catch (error) {
    const message = damage
      ? `Files of the store are damaged, and could not be replaced. ${damage.message}`
      : "The shutdown snapshot could not be written. The next start takes longer.";
    onTrouble(new Error(message, { cause: error }));
  }
}

function damageIn(disk: Disk, files: Files, last: number, withSnapshot: boolean): DamageError | undefined {
  try {
    verifyFiles(disk, files, last, withSnapshot);
    return undefined;
  } catch (error) {
    if (!isDamage(error)) throw error;
    return error;
  }
}

function repaired(damage: DamageError): Error {
  return new Error(
    "Files of the store were damaged. A new snapshot from memory has replaced them, and nothing is lost. Check the disk.",
    { cause: new Error(damage.finding, { cause: damage }) },
  );
}
