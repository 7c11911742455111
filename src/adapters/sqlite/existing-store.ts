import { existsSync } from "node:fs";
import { nodeDisk, type Disk } from "./wal/disk.js";
import { filesOn } from "./wal/files.js";

/** Thrown where a directory does not exist or holds no store. */
export class NoStoreError extends Error {
  override readonly name = "NoStoreError";
}

/**
 * The disk over the directory of an existing store.
 *
 * @throws NoStoreError
 */
export function diskOf(directory: string): Disk {
  const disk = nodeDisk(directory);
  const { snapshots, segments } = existsSync(directory) ? filesOn(disk) : { snapshots: [], segments: [] };
  if (snapshots.length + segments.length === 0) throw new NoStoreError(`There is no store in ${directory}.`);
  return disk;
}
