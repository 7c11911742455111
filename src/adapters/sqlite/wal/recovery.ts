import { openDatabase, type Database } from "../database.js";
import { damage } from "./damage.js";
import type { Disk } from "./disk.js";
import { removeFiles, type Files, type SegmentFile, type SnapshotFile } from "./files.js";
import { decodeRecords } from "./record.js";
import { decodeSegment, type PlacedFrame, type Segment } from "./segment.js";
import { rewriteSegmentDurably } from "./segment-writer.js";
import { readSnapshot, replaceFiles } from "./snapshot.js";

/** The content of the files of a store. */
export interface Recovered {
  readonly database: Database;
  /** The number of the last transaction in the database. */
  readonly last: number;
  /** How many transactions were replayed from the log. */
  readonly replayed: number;
  /** The snapshot that the log was replayed on. */
  readonly snapshot: SnapshotFile | undefined;
  /** The size of the replayed segments, in bytes. */
  readonly logBytes: number;
  readonly snapshotBytes: number;
  /** The last segment. Unless the store was closed after it, its end may be in the page cache only. */
  readonly newest: Segment | undefined;
}

/**
 * Reads the newest snapshot and replays the log after it. The files are left unchanged.
 *
 * @throws DamageError
 */
export async function recover(disk: Disk, { snapshots, segments }: Files): Promise<Recovered> {
  const snapshot = snapshots.at(-1);
  if (snapshot === undefined && segments[0]) {
    throw damage(segments[0].name, 0, "the snapshot before it is missing");
  }
  const bytes = snapshot && readSnapshot(disk, snapshot);
  const start = snapshot?.transaction ?? 0;
  const database = await openDatabase(bytes);
  let last = start;
  let logBytes = 0;
  let newest: Segment | undefined;
  try {
    for (const { name, segment } of segmentsFrom(disk, segments, start)) {
      for (const frame of segment.frames) replay(database, frame, name);
      newest = segment;
      last = segment.last;
      logBytes += segment.header.size;
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

/**
 * Reads the segments that continue a snapshot, one at a time.
 *
 * @param start the last transaction in the snapshot.
 * @throws DamageError
 */
function* segmentsFrom(
  disk: Disk,
  segments: readonly SegmentFile[],
  start: number,
): Generator<{ readonly name: string; readonly segment: Segment }, void> {
  let last = start;
  for (const { name, after } of segments.filter((file) => file.after >= start)) {
    // A segment that another follows may have a torn tail. If no transaction is missing, the tail was never
    // acknowledged: a later run read that end from the page cache, and a power cut then lost it.
    if (after !== last) {
      throw damage(name, 0, `the transactions ${last + 1} to ${after} before it are missing`);
    }
    const segment = decodeSegment(name, disk.read(name));
    if (segment.header.after !== after) throw damage(name, 0, "its header belongs to another segment");
    yield { name, segment };
    last = segment.last;
  }
}

/**
 * Reads the files that a start would read.
 *
 * @param last the last transaction in them.
 * @param withSnapshot whether the snapshot is read, too.
 * @throws DamageError where they differ from what was written.
 */
export function verifyFiles(
  disk: Disk,
  { snapshots, segments }: Files,
  last: number,
  withSnapshot: boolean,
): void {
  const snapshot = snapshots.at(-1);
  if (snapshot && withSnapshot) readSnapshot(disk, snapshot);
  let found = snapshot?.transaction ?? 0;
  for (const { segment } of segmentsFrom(disk, segments, found)) found = segment.last;
  assertComplete([...snapshots, ...segments].at(-1)?.name ?? "The log", found, last);
}

/** @throws DamageError where the files end before the transaction that they should end with. */
export function assertComplete(file: string, found: number, last: number): void {
  if (found !== last) {
    throw damage(file, 0, `the log ends with transaction ${found}, and should end with ${last}`);
  }
}

function replay(database: Database, { first, count, payload, offset }: PlacedFrame, file: string): void {
  database.execute("BEGIN");
  try {
    for (const [sql, ...values] of decodeRecords(payload).flat()) {
      // The log holds only statements that changed something.
      if (database.change(sql, ...values) === 0) throw new Error(`The statement changes nothing: ${sql}`);
    }
  } catch (error) {
    const fault = `the transactions ${first} to ${first + count - 1} do not apply to the data before them`;
    throw damage(file, offset, fault, error);
  }
  database.execute("COMMIT");
}

/** In bytes. */
export interface StoreSizes {
  readonly log: number;
  readonly snapshot: number;
}

/**
 * Makes the recovered state durable and removes the files that are not needed. After a migration, or without a snapshot, that
 * is a new snapshot of the database; otherwise it is the rewritten end of the log.
 *
 * @throws Error where the disk is full; the store can be opened again.
 */
export function recoverFiles(
  disk: Disk,
  files: Files,
  { database, last, logBytes, snapshotBytes, newest, snapshot }: Recovered,
  isMigrated: boolean,
): StoreSizes {
  // The names may be in the page cache only.
  disk.syncDirectory();
  removeFiles(disk, files.unfinished);
  if (isMigrated || snapshot === undefined) {
    const whole = database.toFile();
    return { log: 0, snapshot: explainFullDisk(whole.length, () => replaceFiles(disk, files, last, whole)) };
  }
  if (newest && !newest.ended) {
    explainFullDisk(newest.header.size, () => rewriteSegmentDurably(disk, newest));
  }
  removeFiles(disk, [
    ...files.snapshots.filter((file) => file !== snapshot),
    ...files.segments.filter(({ after }) => after < snapshot.transaction),
  ]);
  return { log: logBytes, snapshot: snapshotBytes };
}

function explainFullDisk<T>(bytes: number, write: () => T): T {
  try {
    return write();
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
    throw new Error(
      `The disk is full, and the store must rewrite some data to open. Free ${bytes} bytes, and start again.`,
      { cause: error },
    );
  }
}
