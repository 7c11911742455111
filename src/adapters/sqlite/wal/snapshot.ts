import { crc32 } from "node:zlib";
import { damage } from "./damage.js";
import { writeAll, type Disk } from "./disk.js";
import { snapshotName, UNFINISHED_SNAPSHOT, type SnapshotFile } from "./files.js";

/** How much is synced at a time, in bytes: between two stretches the disk is free for commits. */
const STRETCH = 2 ** 22;

/**
 * Stores a database whole, as of that transaction. It is durable, under its name, when this returns; before, there is
 * nothing of that name.
 *
 * @throws the disk's error, and leaves no part of it behind.
 */
export function writeSnapshot(disk: Disk, transaction: number, bytes: Uint8Array): SnapshotFile {
  const checksum = checksumOf(bytes);
  const name = snapshotName(transaction, checksum);
  try {
    const file = disk.create(UNFINISHED_SNAPSHOT);
    try {
      for (let at = 0; at < bytes.length; at += STRETCH) {
        writeAll(file, bytes.subarray(at, at + STRETCH), at);
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

/** @throws DamageError where it is not what was written. */
export function readSnapshot(disk: Disk, { name, checksum }: SnapshotFile): Uint8Array {
  const bytes = disk.read(name);
  if (checksumOf(bytes) !== checksum) {
    throw damage(name, 0, "its checksum is not the one that its name tells");
  }
  return bytes;
}

/** zlib counts the bytes that it is given in 32 bits. */
const PIECE = 2 ** 30;

function checksumOf(bytes: Uint8Array): number {
  let checksum = 0;
  for (let at = 0; at < bytes.length; at += PIECE) checksum = crc32(bytes.subarray(at, at + PIECE), checksum);
  return checksum;
}
