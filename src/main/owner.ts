import { statSync } from "node:fs";
import { join } from "node:path";
import { nodeDisk } from "../adapters/sqlite/wal/disk.js";
import { filesOn } from "../adapters/sqlite/wal/files.js";

/**
 * Requires that root does not write into the data directory of another user, who could then not read the files of root. Other
 * users cannot write to files of others.
 *
 * @param euid the user that this process acts as.
 * @throws Error with the command to run instead
 */
export function assertOwnFiles(directory: string, euid: number | undefined = process.geteuid?.()): void {
  if (euid !== 0) return;
  const owner = ownerOf(directory);
  if (owner === 0) return;
  throw new Error(
    `The data in ${directory} belongs to the user ${owner}, who could not read what root writes there. Run the command as that user: sudo -u '#${owner}' palaver …`,
  );
}

/** The owner of the files of a store, or its directory where there are none; 0 where there is no directory. */
function ownerOf(directory: string): number {
  if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) return 0;
  const { snapshots, segments } = filesOn(nodeDisk(directory));
  const paths = [...snapshots, ...segments].map(({ name }) => join(directory, name));
  const owners = (paths.length > 0 ? paths : [directory]).map(
    (path) => statSync(path, { throwIfNoEntry: false })?.uid ?? 0,
  );
  return owners.find((uid) => uid !== 0) ?? 0;
}
