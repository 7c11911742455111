import { closeSync, constants, openSync } from "node:fs";
import { join } from "node:path";
import { tryLock } from "fs-native-extensions";
import { LOCK } from "./files.js";

/** Another process has the directory. */
export class DirectoryInUseError extends Error {
  override readonly name = "DirectoryInUseError";
}

/**
 * Takes the directory for this store alone. The operating system holds the lock, and lets go of it when the process ends
 * in whatever way. The file stays, and means nothing by itself.
 *
 * @returns what lets go of it.
 * @throws DirectoryInUseError where somebody else holds it.
 */
export function lockDirectory(directory: string): () => void {
  const descriptor = openSync(join(directory, LOCK), constants.O_RDWR | constants.O_CREAT, 0o600);
  if (!tryLock(descriptor)) {
    closeSync(descriptor);
    throw new DirectoryInUseError(
      `The directory ${directory} is in use by another process. End that one, or give this one a directory of its own.`,
    );
  }
  return () => closeSync(descriptor);
}
