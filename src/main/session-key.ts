import { randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const FILE_NAME = "session-secret";
const UNFINISHED = `${FILE_NAME}.tmp`;

/** The names of the files that `writeSessionKey` creates. */
export const SESSION_KEY_FILES: readonly string[] = [FILE_NAME, UNFINISHED];

/** In characters. */
export const MIN_SESSION_KEY_LENGTH = 16;

/**
 * Returns the session key that is kept in a data directory. Creates it if there is no such file.
 *
 * @throws Error if the file holds no valid key.
 */
export function loadSessionKey(directory: string): string {
  const known = readSessionKey(directory);
  if (known !== undefined) return known;
  const key = generateSessionKey();
  writeSessionKey(directory, key);
  return key;
}

/**
 * Returns the session key that is kept in a data directory, `undefined` if there is none.
 *
 * @throws Error if the file holds no valid key.
 */
export function readSessionKey(directory: string): string | undefined {
  const path = join(directory, FILE_NAME);
  if (!existsSync(path)) return undefined;
  const key = readFileSync(path, "utf8").trim();
  if (key.length < MIN_SESSION_KEY_LENGTH) {
    throw new Error(
      `${path} is damaged: it holds no key of ${MIN_SESSION_KEY_LENGTH} characters or more. Restore it from a backup, or remove it: all users then have to log in again.`,
    );
  }
  return key;
}

export function generateSessionKey(): string {
  return randomBytes(32).toString("base64url");
}

/** Writes the session key of a data directory durably. A power cut leaves a whole file or none. */
export function writeSessionKey(directory: string, key: string): void {
  const unfinished = join(directory, UNFINISHED);
  writeFileSync(unfinished, `${key}\n`, { mode: 0o600, flush: true });
  renameSync(unfinished, join(directory, FILE_NAME));
  const descriptor = openSync(directory, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
