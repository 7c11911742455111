import type { SqliteOptions } from "../adapters/sqlite/store.js";
import type { Registration, Store } from "../application/ports.js";

/**
 * The storage of all data: `"memory"`, which ends with the process; a directory for SQLite, which is created if it does not
 * exist and which one process can open at a time; or a store of your own.
 */
export type Storage = "memory" | { readonly sqlite: string } | Store;

/** @throws TypeError for anything else */
export function assertStorage(storage: unknown): asserts storage is Storage {
  const isStorage =
    storage === "memory" ||
    (typeof storage === "object" &&
      storage !== null &&
      (!("sqlite" in storage) || (typeof storage.sqlite === "string" && storage.sqlite !== "")));
  if (isStorage) return;
  throw new TypeError(
    `Invalid \`storage\` ${JSON.stringify(storage)}. Use "memory", { sqlite: directory } or a store.`,
  );
}

/** What differs between the programs that open the core. */
export interface Settings {
  readonly storage: Storage;
  /** Passwords that nobody may choose, each in its `refusedForm`. */
  readonly refusedPasswords: ReadonlySet<string>;
  readonly registration?: Registration | undefined;
  /** Keys of the digests of session secrets, newest first. Defaults to a key kept in the directory of the storage. */
  readonly sessionKeys?: readonly [string, ...string[]] | undefined;
  readonly sqlite?: SqliteOptions;
}
