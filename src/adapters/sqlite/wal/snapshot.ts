import { crc32 } from "node:zlib";
import { damage } from "./damage.js";
import { writeAll, type Disk } from "./disk.js";
import { removeFiles, snapshotName, UNFINISHED_SNAPSHOT, type Files, type SnapshotFile } from "./files.js";

/** A long sync would delay the commits, so a snapshot is synced in parts of this size. */
const SYNC_BYTES = 2 ** 22;

/**
 * Stores a database as of that transaction. On return it is durable under its name; before, no file has that name.
 *
 * @throws the error of the disk; the unfinished file is removed.
 */
export function writeSnapshot(disk: Disk, transaction: number, bytes: Uint8Array): SnapshotFile {
  const checksum = checksumOf(bytes);
  const name = snapshotName(transaction, checksum);
  try {
    const file = disk.create(UNFINISHED_SNAPSHOT);
    try {
      for (let at = 0; at < bytes.length; at += SYNC_BYTES) {
        writeAll(file, bytes.subarray(at, at + SYNC_BYTES), at);
        file.sync();
      }
    } finally {
      file.close();
    }
    disk.rename(UNFINISHED_SNAPSHOT, name);
  } catch (error) {
    disk.remove(UNFINISHED_SNAPSHOT);
    throw error;
  }
  disk.syncDirectory();
  return { name, transaction, checksum };
}

/**
 * Stores a database as of that transaction, then removes the files that it supersedes.
 *
 * @returns the size of the snapshot, in bytes.
 */
export function replaceFiles(
  disk: Disk,
  { snapshots, segments }: Files,
  transaction: number,
  database: Uint8Array,
): number {
  const written = writeSnapshot(disk, transaction, database);
  removeFiles(
    disk,
    [...snapshots, ...segments].filter(({ name }) => name !== written.name),
  );
  return database.length;
}

/** @throws DamageError where the content does not match the checksum in the name. */
export function readSnapshot(disk: Disk, { name, checksum }: SnapshotFile): Uint8Array {
  const bytes = disk.read(name);
  if (checksumOf(bytes) !== checksum) {
    throw damage(name, undefined, "its checksum differs from the one in its name");
  }
  return bytes;
}

/** The `crc32` of zlib has a 32-bit length. */
const MAX_CRC_BYTES = 2 ** 30;

function checksumOf(bytes: Uint8Array): number {
  let checksum = 0;
  for (let at = 0; at < bytes.length; at += MAX_CRC_BYTES) {
    checksum = crc32(bytes.subarray(at, at + MAX_CRC_BYTES), checksum);
  }
  return checksum;
}
