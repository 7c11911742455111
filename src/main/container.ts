import { Container, type ServiceIdentifier } from "inversify";
import type Koa from "koa";
import type { Logger } from "pino";
import { argon2Hasher } from "../adapters/argon2.js";
import { createHttpApp } from "../adapters/http/app.js";
import { keyedSecrets, systemClock, uuids } from "../adapters/system.js";
import { createMessaging, type Messaging } from "../application/messaging.js";
import type { Clock, Ids, PasswordHasher, Secrets } from "../application/ports.js";
import type { Data } from "./administration.js";
import type { Config } from "./config.js";
import { openLog } from "./log.js";
import { sessionKeys } from "./session-key.js";
import { openStore, type OpenStore } from "./storage.js";

/** A name under which the container knows a value of that type. */
type Token<T> = ServiceIdentifier<T> & symbol;

const token = <T>(name: string): Token<T> => Symbol(name);

export const tokens = {
  log: token<Logger>("log"),
  store: token<OpenStore>("store"),
  passwords: token<PasswordHasher>("passwords"),
  secrets: token<Secrets>("secrets"),
  clock: token<Clock>("clock"),
  ids: token<Ids>("ids"),
  messaging: token<Messaging>("messaging"),
  data: token<Data>("data"),
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
  const { refusedPasswords, dataDir: directory } = config;
  container
    .bind(tokens.data)
    .toResolvedValue(
      (store, passwords, clock, ids) => ({ store, passwords, clock, ids, refusedPasswords, directory }),
      [tokens.store, tokens.passwords, tokens.clock, tokens.ids],
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
