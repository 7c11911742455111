import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { nodeDisk, writeAll, type Disk } from "../adapters/sqlite/wal/disk.js";
import type { Config } from "./config.js";

const NAME = "session-secret";

/** Of a key for the digests of sessions, in characters. */
export const MIN_KEY_LENGTH = 16;

/**
 * The keys of the configuration; or, where it has none, one that is made once and kept beside the data.
 *
 * @throws Error where the file of that key holds none.
 */
export function sessionKeys({
  sessionKeys: given,
  storage,
  dataDir,
}: Config): readonly [string, ...string[]] {
  return given ?? [storage === "memory" ? newKey() : keptKey(dataDir)];
}

/**
 * The key that is kept in a data directory, made where there is none.
 *
 * @throws Error where its file holds none.
 */
export function keptKey(directory: string): string {
  const disk = nodeDisk(directory);
  if (!disk.list().includes(NAME)) return keep(disk, newKey());
  const key = Buffer.from(disk.read(NAME)).toString("utf8").trim();
  if (key.length < MIN_KEY_LENGTH) {
    throw new Error(
      `${join(directory, NAME)} is damaged: it holds no key of ${MIN_KEY_LENGTH} characters or more. Put it back from a backup; or remove it, and everybody has to log in again.`,
    );
  }
  return key;
}

export function newKey(): string {
  return randomBytes(32).toString("base64url");
}

/** Whole or not at all, whatever happens to the power. */
function keep(disk: Disk, key: string): string {
  const unfinished = `${NAME}.tmp`;
  const file = disk.create(unfinished);
  writeAll(file, Buffer.from(`${key}\n`), 0);
  file.sync();
  file.close();
  disk.rename(unfinished, NAME);
  disk.syncDirectory();
  return key;
}
