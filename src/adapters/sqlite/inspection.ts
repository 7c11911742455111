import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DamageError } from "./wal/damage.js";
import type { Database } from "./database.js";
import { nodeDisk, writeAll, type Disk } from "./wal/disk.js";
import { filesOn, isStoreFile } from "./wal/files.js";
import { recover, type Recovered } from "./wal/recovery.js";
import { renewIdentity } from "./schema.js";
import { readSegment, type TornTail } from "./wal/segment.js";
import { writeSnapshot } from "./wal/snapshot.js";

/** What a look at the files of a store has shown. */
export interface Inspection {
  /** The number of the last transaction, as far as the files can be read. */
  readonly last: number | undefined;
  /** The end of the log that a crash cut off, or a running store is about to write. Nobody was told that it is stored. */
  readonly torn: TornTail | undefined;
  /** What is damaged, a sentence each. None where all is sound. */
  readonly faults: readonly string[];
}

/**
 * Reads all that a start would read, and checks the database itself. It changes nothing, and a running store may have the
 * directory meanwhile.
 *
 * @throws Error where there is no store.
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
  /** The number of the last transaction in it. */
  readonly last: number;
  /** Its size in bytes. */
  readonly bytes: number;
}

/**
 * Copies a store, running or not, as it is at one moment, into a new directory, and checks the copy. What others keep in
 * the directory is copied as well. Cursors of the events of the one are not good for the other.
 *
 * @param target must not exist, or be empty.
 * @throws DamageError where the store is damaged.
 * @throws Error where there is no store, or the target is in use.
 */
export async function backUpStore(directory: string, target: string): Promise<Backup> {
  const { database, last } = await recoverRunning(diskOf(directory));
  renewIdentity(database);
  const bytes = database.toFile();
  database.close();
  makeTarget(directory, target);
  copyOtherFiles(directory, target);
  writeSnapshot(nodeDisk(target), last, bytes);
  const { faults } = await checkStore(target);
  if (faults.length > 0) throw new Error(`The backup in ${target} is of no use: ${faults.join(" ")}`);
  return { last, bytes: bytes.length };
}

/** There is no store in the directory, or no directory. */
export class NoStoreError extends Error {
  override readonly name = "NoStoreError";
}

/** @throws NoStoreError */
export function diskOf(directory: string): Disk {
  const disk = nodeDisk(directory);
  const { snapshots, segments } = existsSync(directory) ? filesOn(disk) : { snapshots: [], segments: [] };
  if (snapshots.length + segments.length === 0) throw new NoStoreError(`There is no store in ${directory}.`);
  return disk;
}

/**
 * Makes the directory that a copy goes to.
 *
 * @throws Error where it is there and not empty, or within the directory that is copied.
 */
export function makeTarget(directory: string, target: string): void {
  if (`${resolve(target)}/`.startsWith(`${resolve(directory)}/`)) {
    throw new Error(`The directory ${target} is within ${directory}. Name one outside of it.`);
  }
  mkdirSync(target, { recursive: true, mode: 0o700 });
  if (readdirSync(target).length > 0) {
    throw new Error(`The directory ${target} is not empty. Name a new one.`);
  }
}

/** What others keep beside the store, such as a key. */
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

/** What is wrong with the database, a sentence each. */
export function faultsIn(database: Database): string[] {
  return [
    ...database
      .rows("PRAGMA integrity_check")
      .map(([fault]) => String(fault))
      .filter((fault) => fault !== "ok")
      .map((fault) => `The database is damaged: ${fault}.`),
    ...database
      .rows("PRAGMA foreign_key_check")
      .map(([table, row, parent]) => `The row ${row} of ${table} points to none of ${parent}.`),
  ];
}

/** What is damaged in the segments that a start would read, a sentence each. */
export function segmentFaults(disk: Disk): string[] {
  const { snapshots, segments } = filesOn(disk);
  const start = snapshots.at(-1)?.transaction ?? 0;
  return segments.flatMap(({ name, after }) => {
    try {
      if (after >= start) readSegment(name, disk.read(name));
      return [];
    } catch (error) {
      return [String(error instanceof Error ? error.message : error)];
    }
  });
}

const ATTEMPTS = 5;
const PAUSE = 100;

/**
 * Under the eyes of a reader, a running store removes files that it has compacted, and writes on behind what was just
 * read. So what fails may be sound at the next look.
 */
async function recoverRunning(disk: Disk): Promise<Recovered> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await recover(disk, filesOn(disk));
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
      await sleep(PAUSE);
    }
  }
}
