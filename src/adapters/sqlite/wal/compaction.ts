import { numberIn, PAGE_BYTES, type Database } from "../database.js";
import type { Disk } from "./disk.js";
import { filesOn, type Files } from "./files.js";
import { recover, type StoreSizes } from "./recovery.js";
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
    if (last !== upTo) {
      throw new Error(`The log ends at transaction ${last}, and should end at ${upTo}.`);
    }
    return replaceFiles(disk, files, last, database.toFile());
  } finally {
    database.close();
  }
}

/** Starts a compaction when the finished segments outgrow the snapshot. At most one runs at a time. */
export class Compactor {
  readonly #threads: Pick<Threads, "compact">;
  readonly #segmentBytes: number;
  readonly #onTrouble: (trouble: Error) => void;
  #snapshotBytes: number;
  #finishedBytes: number;
  #currentBytes = 0;
  #isRunning = false;
  /** Whether the last compaction failed. A series of failures is reported once. */
  #isFailing = false;

  constructor(
    threads: Pick<Threads, "compact">,
    sizes: StoreSizes,
    segmentBytes: number,
    onTrouble: (trouble: Error) => void,
  ) {
    this.#threads = threads;
    this.#segmentBytes = segmentBytes;
    this.#onTrouble = onTrouble;
    this.#snapshotBytes = sizes.snapshot;
    this.#finishedBytes = sizes.log;
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
      const trouble = new Error("The log could not be compacted. It will be tried again.", { cause: error });
      if (!this.#isFailing) this.#onTrouble(trouble);
      this.#isFailing = true;
    }
    this.#isRunning = false;
  }
}

/**
 * Replaying a transaction takes about as long as writing 2,500 bytes of a snapshot. A shutdown may take longer than the start
 * that it saves.
 */
const MAX_SNAPSHOT_BYTES_PER_REPLAYED = 10_000;
/** A larger snapshot may take longer than the seconds that a service has to stop. */
const MAX_SHUTDOWN_SNAPSHOT_BYTES = 2 ** 29;

/** Writes a snapshot if that shortens the next start. A failure is reported and harmless: the log holds everything. */
export function writeShutdownSnapshot(
  disk: Disk,
  database: Database,
  last: number,
  onTrouble: (trouble: Error) => void,
): void {
  try {
    const files = filesOn(disk);
    const replayed = last - (files.snapshots.at(-1)?.transaction ?? 0);
    const bytes = numberIn(database.row("PRAGMA page_count")) * PAGE_BYTES;
    const maxBytes = Math.min(replayed * MAX_SNAPSHOT_BYTES_PER_REPLAYED, MAX_SHUTDOWN_SNAPSHOT_BYTES);
    if (bytes <= maxBytes) replaceFiles(disk, files, last, database.toFile());
  } catch (error) {
    onTrouble(
      new Error("The shutdown snapshot could not be written. The next start takes longer.", { cause: error }),
    );
  }
}
