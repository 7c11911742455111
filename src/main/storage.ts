import type { Logger } from "pino";
import { openMemoryStore } from "../adapters/memory/store.js";
import { openSqliteStore, type Opening, type SqliteOptions } from "../adapters/sqlite/store.js";
import type { Store } from "../application/ports.js";
import type { Config } from "./config.js";

/** A store, and what was found when it was opened, if it keeps anything. */
export interface OpenStore extends Store {
  readonly opening?: Opening;
}

/**
 * Opens the store that the configuration names, and tells the log what was found in it.
 *
 * @param onFatal is told when the store can go on no longer.
 */
export async function openStore(
  config: Pick<Config, "storage" | "dataDir">,
  log: Logger,
  onFatal: (error: Error) => void,
  options: Pick<SqliteOptions, "segmentBytes"> = {},
): Promise<OpenStore> {
  if (config.storage === "memory") return openMemoryStore();
  const store = await openSqliteStore(config.dataDir, {
    ...options,
    onFatal,
    onTrouble: (trouble) => log.warn({ cause: String(trouble.cause) }, trouble.message),
    onSpace: () => log.info("There is space for the log again. Writing goes on."),
  });
  const { replayed, torn, migratedFrom } = store.opening;
  log.info({ transactions: store.opening.last, replayed }, "The data is open.");
  if (torn)
    log.warn({ ...torn }, "The last commit was cut off, and nobody was told that it is stored: it is gone.");
  if (migratedFrom)
    log.info({ from: migratedFrom }, "The data was of an older version, and is of this one now.");
  return store;
}
