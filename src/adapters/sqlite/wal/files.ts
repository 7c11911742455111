import type { Disk } from "./disk.js";

/**
 * The files of a store. `N` is the number of a transaction, in sixteen digits.
 *
 *     snapshot-N-C.sqlite   everything up to transaction N, as an SQLite file; C is its CRC-32, in hex
 *     log-N.palaver         a segment of the log, from transaction N + 1 on
 *     spare.palaver         a segment made ahead, of zeros
 *     snapshot.tmp          a snapshot in the making
 *     lock                  what the process that has the directory holds on to
 */
export interface StoreFile {
  readonly name: string;
}

export interface SnapshotFile extends StoreFile {
  readonly transaction: number;
  readonly checksum: number;
}

export interface SegmentFile extends StoreFile {
  readonly after: number;
}

/** Each list in the order of time. */
export interface Files {
  readonly snapshots: readonly SnapshotFile[];
  readonly segments: readonly SegmentFile[];
  /** What was in the making. A store that opens has no use for it. */
  readonly unfinished: readonly StoreFile[];
}

export const SPARE = "spare.palaver";
export const UNFINISHED_SNAPSHOT = "snapshot.tmp";
export const LOCK = "lock";

/** Whether a file of that name is the store's. */
export function isStoreFile(name: string): boolean {
  return /^(snapshot|log)-\d{16}/.test(name) || [SPARE, UNFINISHED_SNAPSHOT, LOCK].includes(name);
}

export function snapshotName(transaction: number, checksum: number): string {
  return `snapshot-${digits(transaction)}-${checksum.toString(16).padStart(8, "0")}.sqlite`;
}

export function segmentName(after: number): string {
  return `log-${digits(after)}.palaver`;
}

/** What there is of the store on the disk. */
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

function digits(transaction: number): string {
  return String(transaction).padStart(16, "0");
}
