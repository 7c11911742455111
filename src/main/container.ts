import { Container, type ServiceIdentifier } from "inversify";
import type Koa from "koa";
import type { Logger } from "pino";
import { argon2Hasher } from "../adapters/argon2.js";
import { createHttpApp } from "../adapters/http/app.js";
import { openMemoryStore } from "../adapters/memory/store.js";
import { openSqliteStore } from "../adapters/sqlite/store.js";
import { keyedSecrets, systemClock, uuids } from "../adapters/system.js";
import { createMessaging, type Messaging } from "../application/messaging.js";
import type { Clock, Ids, PasswordHasher, Secrets, Store } from "../application/ports.js";
import type { Config } from "./config.js";
import { openLog } from "./log.js";
import { sessionKeys } from "./session-key.js";

/** A name under which the container knows a value of that type. */
type Token<T> = ServiceIdentifier<T> & symbol;

const token = <T>(name: string): Token<T> => Symbol(name);

export const tokens = {
  log: token<Logger>("log"),
  store: token<Store>("store"),
  passwords: token<PasswordHasher>("passwords"),
  secrets: token<Secrets>("secrets"),
  clock: token<Clock>("clock"),
  ids: token<Ids>("ids"),
  messaging: token<Messaging>("messaging"),
  app: token<Koa>("app"),
};

/** What is to be closed at the end, last opened first. */
export type Closers = (() => Promise<void>)[];

/**
 * Who depends on whom. Everything is made once, when it is first asked for; what must be closed adds itself to `closers`.
 *
 * @param onFatal is told when the store can go on no longer. Nothing that waits for it is ever answered.
 */
export function createContainer(
  config: Config,
  closers: Closers,
  onFatal: (error: Error) => void,
): Container {
  const container = new Container({ defaultScope: "Singleton" });
  container.bind(tokens.log).toResolvedValue(() => openLog(config.logLevel));
  container.bind(tokens.store).toResolvedValue(
    async (log) => {
      const store = await openStore(config, log, onFatal);
      closers.push(() => store.close());
      return store;
    },
    [tokens.log],
  );
  container.bind(tokens.passwords).toResolvedValue(() => argon2Hasher());
  container
    .bind(tokens.secrets)
    // The store comes first, since it makes the directory that the key is kept in, and locks it.
    .toResolvedValue((_store) => keyedSecrets(sessionKeys(config)), [tokens.store]);
  container.bind(tokens.clock).toConstantValue(systemClock);
  container.bind(tokens.ids).toConstantValue(uuids);
  container
    .bind(tokens.messaging)
    .toResolvedValue(
      (store, passwords, secrets, clock, ids) =>
        createMessaging({ store, passwords, secrets, clock, ids, refusedPasswords: config.refusedPasswords }),
      [tokens.store, tokens.passwords, tokens.secrets, tokens.clock, tokens.ids],
    );
  container.bind(tokens.app).toResolvedValue(
    (messaging, store, clock, log) =>
      createHttpApp({
        messaging,
        storeStatus: () => store.status(),
        clock,
        log,
        trustProxy: config.trustProxy,
        rateLimits: config.rateLimits,
        corsOrigins: config.corsOrigins,
      }),
    [tokens.messaging, tokens.store, tokens.clock, tokens.log],
  );
  return container;
}

async function openStore(config: Config, log: Logger, onFatal: (error: Error) => void): Promise<Store> {
  if (config.storage === "memory") return openMemoryStore();
  const store = await openSqliteStore(config.dataDir, {
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
