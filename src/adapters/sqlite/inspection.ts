import { mkdirSync, readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Database } from "./database.js";
import { diskOf } from "./existing-store.js";
import { reactionFaults } from "./reactions.js";
import { renewEpoch } from "./schema.js";
import { DamageError, errorMessage } from "./wal/damage.js";
import { nodeDisk, writeAll, type Disk } from "./wal/disk.js";
import { filesOn, isStoreFile } from "./wal/files.js";
import { recover, type Recovered } from "./wal/recovery.js";
import { decodeSegment, type TornTail } from "./wal/segment.js";
import { writeSnapshot } from "./wal/snapshot.js";

/** The result of a check of the files of a store. */
export interface Inspection {
  /** The number of the last transaction; undefined where the files are damaged. */
  readonly last: number | undefined;
  /** The incomplete end of the log: a crash left it, or a running store is writing it. It was never acknowledged. */
  readonly torn: TornTail | undefined;
  /** A sentence for each damage; empty if the store is sound. */
  readonly faults: readonly string[];
}

/**
 * Reads all files that a start would read, and checks the database. The files are left unchanged, and a running store may use
 * the directory meanwhile.
 *
 * @throws NoStoreError
 */
export async function checkStore(directory: string): Promise<Inspection> {
  const disk = diskOf(directory);
  let recovered: Recovered;
  try {
    recovered = await recoverRunning(disk);
  } catch (error) {
    if (!(error instanceof DamageError)) throw error;
    const faults = new Set([error.message, ...segmentFaults(disk)]);
    return { last: undefined, torn: undefined, faults: [...faults] };
  }
  const { database, last, newest } = recovered;
  const faults = faultsIn(database);
  database.close();
  return { last, torn: newest?.torn, faults };
}

export interface Backup {
  /** The number of the last transaction in the backup. */
  readonly last: number;
  /** The size of the snapshot, in bytes. */
  readonly bytes: number;
}

/**
 * Copies a consistent snapshot of a store, running or not, and checks the copy. Other files in the directory are copied, too.
 * Event cursors of the original are invalid for the copy.
 *
 * @param target a directory that does not exist or is empty.
 * @throws DamageError where the store is damaged.
 * @throws NoStoreError
 * @throws Error where the target is not empty.
 */
export async function backUpStore(directory: string, target: string): Promise<Backup> {
  const { database, last } = await recoverRunning(diskOf(directory));
  renewEpoch(database);
  const bytes = database.toFile();
  database.close();
  createTarget(directory, target);
  copyOtherFiles(directory, target);
  writeSnapshot(nodeDisk(target), last, bytes);
  const { faults } = await checkStore(target);
  if (faults.length > 0)
    throw new Error(`The backup in ${target} is damaged: ${faults.join(" ")} Delete it, and try again.`);
  return { last, bytes: bytes.length };
}

/**
 * Creates the target directory of a copy.
 *
 * @throws Error where it is not empty, or within the directory that is copied.
 */
export function createTarget(directory: string, target: string): void {
  if (`${resolve(target)}/`.startsWith(`${resolve(directory)}/`)) {
    throw new Error(`The directory ${target} is within ${directory}. Name one outside of it.`);
  }
  mkdirSync(target, { recursive: true, mode: 0o700 });
  if (readdirSync(target).length > 0) {
    throw new Error(`The directory ${target} is not empty. Name a new one.`);
  }
}

/** Copies the files that do not belong to the store, such as a session key. */
export function copyOtherFiles(directory: string, target: string): void {
  const [from, to] = [nodeDisk(directory), nodeDisk(target)];
  for (const name of from.list()) {
    if (isStoreFile(name) || !statSync(join(directory, name)).isFile()) continue;
    const file = to.create(name);
    writeAll(file, from.read(name), 0);
    file.sync();
    file.close();
  }
}

/** A sentence for each inconsistency of the database. */
export function faultsIn(database: Database): string[] {
  const damages = database
    .rows("PRAGMA integrity_check")
    .map(([fault]) => String(fault))
    .filter((fault) => fault !== "ok");
  return [
    ...damages.map((fault) => `The database is damaged: ${fault}.`),
    ...database
      .rows("PRAGMA foreign_key_check")
      .map(([table, row, parent]) => `The row ${row} of ${table} refers to a missing row of ${parent}.`),
    // A damaged database may not be readable.
    ...(damages.length === 0 ? reactionFaults(database) : []),
  ];
}

/** A sentence for each damaged segment that a start would read. */
export function segmentFaults(disk: Disk): string[] {
  const { snapshots, segments } = filesOn(disk);
  const start = snapshots.at(-1)?.transaction ?? 0;
  return segments.flatMap(({ name, after }) => {
    try {
      if (after >= start) decodeSegment(name, disk.read(name));
      return [];
    } catch (error) {
      return [errorMessage(error)];
    }
  });
}

const MAX_ATTEMPTS = 5;
const RETRY_DELAY_MS = 100;

/** A running store removes compacted files and appends to the log during the read, so that a sound store can look damaged. */
async function recoverRunning(disk: Disk): Promise<Recovered> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await recover(disk, filesOn(disk));
    } catch (error) {
      if (attempt === MAX_ATTEMPTS) throw error;
      await sleep(RETRY_DELAY_MS);
    }
  }
}
