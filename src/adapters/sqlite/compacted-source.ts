import { statSync } from "node:fs";
import { join } from "node:path";
import type { CopySource } from "../sql/copy.js";
import { sourceOf } from "./copy.js";
import { diskOf } from "./existing-store.js";
import { migrate } from "./schema.js";
import { nodeDisk } from "./wal/disk.js";
import { filesOn, removeFiles } from "./wal/files.js";
import { lockDirectory } from "./wal/lock.js";
import { recover } from "./wal/recovery.js";
import { replaceFiles } from "./wal/snapshot.js";

/** The rows of a store whose files have nothing else. */
export interface CompactedSource extends CopySource {
  /** The paths of all files in the directory. */
  readonly files: readonly string[];
}

/**
 * Replaces the snapshot and the log of a store by a new snapshot, in which every page was written anew, so that it has no byte of a
 * row that was changed or deleted. Locks the directory until `close`.
 *
 * @throws NoStoreError
 * @throws DirectoryInUseError where a process uses the store.
 * @throws DamageError
 */
export async function openCompactedSource(directory: string): Promise<CompactedSource> {
  const disk = diskOf(directory);
  const unlock = lockDirectory(directory);
  try {
    const files = filesOn(disk);
    const { database, last } = await recover(disk, files);
    migrate(database);
    database.execute("VACUUM");
    replaceFiles(disk, files, last, database.toFile());
    removeFiles(disk, files.unfinished);
    const paths = nodeDisk(directory)
      .list()
      .map((name) => join(directory, name))
      .filter((path) => statSync(path).isFile());
    return { ...sourceOf(database, unlock), files: paths };
  } catch (error) {
    unlock();
    throw error;
  }
}
