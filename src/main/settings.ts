import { problemOfUrl } from "../adapters/postgres/database-url.js";
import type { PostgresOptions } from "../adapters/postgres/store.js";
import type { SqliteOptions } from "../adapters/sqlite/store.js";
import type { Registration, Store } from "../application/ports.js";

/**
 * The storage of all data: `"memory"`, which ends with the process; a directory for SQLite, which is created if it does not
 * exist and which one process can open at a time; a PostgreSQL database, which any number of processes can open at a time; or
 * a store of your own.
 */
export type Storage = "memory" | { readonly sqlite: string } | PostgresStorage | Store;

/** A PostgreSQL database. */
export interface PostgresStorage {
  /** `postgres://user:password@host/database`. */
  readonly postgres: string;
  /** The number of connections of this process, 1 to 200. One more waits for events. Defaults to 10. */
  readonly poolSize?: number | undefined;
  /** The URL for the connection that waits for events, if `postgres` leads to a pooler in transaction mode. */
  readonly directUrl?: string | undefined;
}

export const MAX_POOL_SIZE = 200;

/** @throws TypeError for anything else. The message shows no URL of a database. */
export function assertStorage(storage: unknown): asserts storage is Storage {
  if (typeof storage === "object" && storage !== null) {
    if ("postgres" in storage) {
      assertKeys(storage, ["postgres", "poolSize", "directUrl"]);
      assertPostgres(storage as Readonly<Record<keyof PostgresStorage, unknown>>);
      return;
    }
    if ("sqlite" in storage) assertKeys(storage, ["sqlite"]);
  }
  const isStorage =
    storage === "memory" ||
    (typeof storage === "object" &&
      storage !== null &&
      (!("sqlite" in storage) || (typeof storage.sqlite === "string" && storage.sqlite !== "")));
  if (isStorage) return;
  // The URL of a database, where an object with it belongs.
  const isUrl = typeof storage === "string" && storage.includes("://");
  const shown = isUrl ? "(not shown)" : JSON.stringify(storage);
  throw new TypeError(
    `Invalid \`storage\` ${shown}. Use "memory", { sqlite: directory }, { postgres: url } or a store.`,
  );
}

/** A misspelt key would be ignored. */
function assertKeys(storage: object, allowed: readonly string[]): void {
  for (const key of Object.keys(storage)) {
    if (allowed.includes(key)) continue;
    throw new TypeError(`Unknown key ${JSON.stringify(key)} in \`storage\`. Use ${allowed.join(", ")}.`);
  }
}

function assertPostgres({
  postgres,
  poolSize,
  directUrl,
}: Readonly<Record<keyof PostgresStorage, unknown>>): void {
  for (const [name, url] of Object.entries({ postgres, ...(directUrl !== undefined && { directUrl }) })) {
    const problem = typeof url === "string" ? problemOfUrl(url) : "it is not a string";
    if (problem === undefined) continue;
    throw new TypeError(
      `Invalid URL in \`storage.${name}\` (not shown): ${problem}. Use postgres://user:password@host/database, with /, ?, # and @ in the password percent-encoded.`,
    );
  }
  const isSize = Number.isInteger(poolSize) && Number(poolSize) >= 1 && Number(poolSize) <= MAX_POOL_SIZE;
  if (poolSize === undefined || isSize) return;
  throw new TypeError(
    `Invalid \`storage.poolSize\` ${JSON.stringify(poolSize)}. Use an integer from 1 to ${MAX_POOL_SIZE}.`,
  );
}

/** What differs between the programs that open the core. */
export interface Settings {
  readonly storage: Storage;
  /** Passwords that nobody may choose, each in its `refusedForm`. */
  readonly refusedPasswords: ReadonlySet<string>;
  readonly registration?: Registration | undefined;
  /** Whether users see who is online. Defaults to true. */
  readonly presence?: boolean | undefined;
  /**
   * Keys of the digests of session secrets, newest first. Defaults to a key kept with the data: in the directory of SQLite, or in
   * the PostgreSQL database for all of its nodes.
   */
  readonly sessionKeys?: readonly [string, ...string[]] | undefined;
  readonly sqlite?: SqliteOptions;
  readonly postgres?: Pick<PostgresOptions, "onTrouble" | "onRecovery">;
}
