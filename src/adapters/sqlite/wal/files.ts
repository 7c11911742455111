import type { Disk } from "./disk.js";

/**
 * The files of a store. `N` is the number of a transaction, in sixteen digits.
 *
 *     snapshot-N-C.sqlite   the database as of transaction N, an SQLite file; C is its CRC-32, in hex
 *     log-N.palaver         a segment of the log, from transaction N + 1 on
 *     spare.palaver         the next segment, preallocated with zeros
 *     snapshot.tmp          an unfinished snapshot
 *     lock                  locked by the process that uses the directory
 */
export interface StoreFile {
  readonly name: string;
}

export interface SnapshotFile extends StoreFile {
  /** The number of the last transaction in the snapshot. */
  readonly transaction: number;
  readonly checksum: number;
}

export interface SegmentFile extends StoreFile {
  /** The number of the last transaction before the segment. */
  readonly after: number;
}

/** Each list is in the order of its transactions. */
export interface Files {
  readonly snapshots: readonly SnapshotFile[];
  readonly segments: readonly SegmentFile[];
  /** Files that a crash left unfinished, and spare segments. An opening store removes them. */
  readonly unfinished: readonly StoreFile[];
}

export const SPARE = "spare.palaver";
export const UNFINISHED_SNAPSHOT = "snapshot.tmp";
export const LOCK = "lock";

/** Whether a file of this name belongs to the store. */
export function isStoreFile(name: string): boolean {
  return /^(snapshot|log)-\d{16}/.test(name) || [SPARE, UNFINISHED_SNAPSHOT, LOCK].includes(name);
}

export function snapshotName(transaction: number, checksum: number): string {
  return `snapshot-${digits(transaction)}-${checksum.toString(16).padStart(8, "0")}.sqlite`;
}

export function segmentName(after: number): string {
  return `log-${digits(after)}.palaver`;
}

/** Lists the files of the store. Other files are ignored. */
export function filesOn(disk: Disk): Files {
  const snapshots: SnapshotFile[] = [];
  const segments: SegmentFile[] = [];
  const unfinished: StoreFile[] = [];
  for (const name of disk.list().toSorted()) {
    const snapshot = /^snapshot-(\d{16})-([0-9a-f]{8})\.sqlite$/.exec(name);
    const segment = /^log-(\d{16})\.palaver$/.exec(name);
    if (snapshot) {
      snapshots.push({ name, transaction: Number(snapshot[1]), checksum: parseInt(snapshot[2]!, 16) });
    } else if (segment) {
      segments.push({ name, after: Number(segment[1]) });
    } else if (name === SPARE || name === UNFINISHED_SNAPSHOT) {
      unfinished.push({ name });
    }
  }
  return { snapshots, segments, unfinished };
}

export function removeFiles(disk: Disk, files: readonly StoreFile[]): void {
  for (const { name } of files) disk.remove(name);
}

function digits(transaction: number): string {
  return String(transaction).padStart(16, "0");
}
