import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { nodeDisk, writeAll, type Disk } from "../adapters/sqlite/disk.js";
import { SHORTEST_KEY, type Config } from "./config.js";

const NAME = "session-secret";

/**
 * The keys of the configuration; or, where it has none, one that is made once and kept beside the data.
 *
 * @throws Error where the file of that key holds none.
 */
export function sessionKeys(config: Config): readonly [string, ...string[]] {
  if (config.sessionKeys) return config.sessionKeys;
  if (config.storage === "memory") return [newKey()];
  const disk = nodeDisk(config.dataDir);
  if (!disk.list().includes(NAME)) return [keep(disk, newKey())];
  const key = Buffer.from(disk.read(NAME)).toString("utf8").trim();
  if (key.length < SHORTEST_KEY) {
    throw new Error(
      `${join(config.dataDir, NAME)} is damaged: it holds no key of ${SHORTEST_KEY} characters or more. Put it back from a backup; or remove it, and everybody has to log in again.`,
    );
  }
  return [key];
}

function newKey(): string {
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
