import { closeSync, constants, openSync } from "node:fs";
import { join } from "node:path";
import { tryLock } from "fs-native-extensions";
import { LOCK } from "./files.js";

/** Thrown where another process has locked the directory. */
export class DirectoryInUseError extends Error {
  override readonly name = "DirectoryInUseError";
}

/**
 * Locks the directory for this process. The operating system releases the lock when the process ends, however it ends. The
 * lock file remains, and its existence means nothing.
 *
 * @returns a function that releases the lock.
 * @throws DirectoryInUseError where another process holds the lock.
 */
export function lockDirectory(directory: string): () => void {
  const descriptor = openSync(join(directory, LOCK), constants.O_RDWR | constants.O_CREAT, 0o600);
  if (!tryLock(descriptor)) {
    closeSync(descriptor);
    throw new DirectoryInUseError(
      `The directory ${directory} is in use by another process. End that process, or choose another directory.`,
    );
  }
  return () => closeSync(descriptor);
}
