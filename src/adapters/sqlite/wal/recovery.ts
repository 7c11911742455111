import { damage } from "./damage.js";
import { openDatabase, type Database } from "../database.js";
import type { Disk } from "./disk.js";
import { filesOn, type Files, type SnapshotFile, type StoreFile } from "./files.js";
import { readRecords } from "./record.js";
import { readSegment, type PlacedFrame, type Segment } from "./segment.js";
import { readSnapshot, writeSnapshot } from "./snapshot.js";

/** What the files hold. */
export interface Recovered {
  readonly database: Database;
  /** The number of the last transaction in it. */
  readonly last: number;
  /** How many of them came from the log. */
  readonly replayed: number;
  /** Where they were read from. */
  readonly snapshot: SnapshotFile | undefined;
  /** How much log there is, in bytes. */
  readonly logBytes: number;
  /** How large the snapshot is, in bytes. */
  readonly snapshotBytes: number;
  /** The last segment. If the store was not closed after it, its end may be in the machine's memory only. */
  readonly newest: Segment | undefined;
}

/**
 * Reads the newest snapshot and replays the log after it. It changes nothing on the disk.
 *
 * @throws DamageError
 */
export async function recover(disk: Disk, { snapshots, segments }: Files): Promise<Recovered> {
  const snapshot = snapshots.at(-1);
  if (snapshot === undefined && segments[0]) {
    throw damage(segments[0].name, 0, "the snapshot before it is gone");
  }
  const bytes = snapshot && readSnapshot(disk, snapshot);
  const start = snapshot?.transaction ?? 0;
  const database = await openDatabase(bytes);
  let last = start;
  let logBytes = 0;
  let newest: Segment | undefined;
  try {
    for (const { name, after } of segments.filter((file) => file.after >= start)) {
      // A segment before another may end torn without harm: where nothing is missing, what was cut off was no more than
      // the end of a run, read from the machine's memory by the next one and then lost with the power.
      if (after !== last) {
        throw damage(name, 0, `the transactions ${last + 1} to ${after} before it are gone`);
      }
      newest = readSegment(name, disk.read(name));
      if (newest.header.after !== after) throw damage(name, 0, "this is another segment than its name tells");
      for (const frame of newest.frames) replay(database, frame, name);
      last = newest.last;
      logBytes += newest.header.size;
    }
  } catch (error) {
    database.close();
    throw error;
  }
  return {
    database,
    last,
    replayed: last - start,
    snapshot,
    logBytes,
    snapshotBytes: bytes?.length ?? 0,
    newest,
  };
}

function replay(database: Database, { first, count, payload, offset }: PlacedFrame, file: string): void {
  database.execute("BEGIN");
  try {
    for (const [sql, ...values] of readRecords(payload).flat()) {
      // Only what changed something is in the log.
      if (database.change(sql, ...values) === 0) throw new Error(`This changes nothing: ${sql}`);
    }
  } catch (error) {
    const which = `the transactions ${first} to ${first + count - 1}`;
    throw damage(file, offset, `${which} do not fit what is before them`, error);
  }
  database.execute("COMMIT");
}

/**
 * Makes one new snapshot, as of the transaction `upTo`, of the snapshot and the segments before it, and removes those.
 *
 * @param upTo where a segment ends.
 * @returns the size of the snapshot in bytes.
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
      throw new Error(`The log should lead up to transaction ${upTo}, and it ends at ${last}.`);
    }
    return replaceFiles(disk, files, last, database.toFile());
  } finally {
    database.close();
  }
}

/**
 * Puts one new snapshot in the place of these files.
 *
 * @returns the size of the snapshot in bytes.
 */
export function replaceFiles(
  disk: Disk,
  { snapshots, segments }: Files,
  transaction: number,
  database: Uint8Array,
): number {
  const kept = writeSnapshot(disk, transaction, database);
  removeFiles(
    disk,
    [...snapshots, ...segments].filter(({ name }) => name !== kept.name),
  );
  return database.length;
}

export function removeFiles(disk: Disk, files: readonly StoreFile[]): void {
  for (const { name } of files) disk.remove(name);
}
