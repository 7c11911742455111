import { Container, ContainerModule, type ServiceIdentifier } from "inversify";
import type { OpenCounter } from "../adapters/http/counter.js";
import type { PostgresOptions } from "../adapters/postgres/store.js";
import type { Opening, SqliteOptions } from "../adapters/sqlite/store.js";
import { keyedSecrets, systemClock, uuids } from "../adapters/system.js";
import { deleteAbandonedChats } from "../application/chats.js";
import { eraseDeletedUsers } from "../application/erasure.js";
import { EventFeed } from "../application/feed.js";
import { createMessaging, type Messaging } from "../application/messaging.js";
import { indexMessages } from "../application/search.js";
import type {
  Clock,
  Ids,
  PasswordHasher,
  Ports,
  Secrets,
  SignalChannel,
  Store,
} from "../application/ports.js";
import { startIndexing } from "./indexing.js";
import { startRetention, type Retention } from "./retention.js";
import { generateSessionKey, loadSessionKey } from "./session-key.js";
import type { PostgresStorage, Settings } from "./settings.js";

/** A store, with what the opening of SQLite found, and with what nodes share if several can use it. */
export type OpenStore = Store & {
  readonly opening?: Opening;
  readonly openCounter?: OpenCounter;
  readonly signals?: SignalChannel;
  sessionKey?(): Promise<string>;
};

type Token<T> = ServiceIdentifier<T> & symbol;

const token = <T>(name: string): Token<T> => Symbol(name);

export const tokens = {
  store: token<OpenStore>("store"),
  passwords: token<PasswordHasher>("passwords"),
  secrets: token<Secrets>("secrets"),
  clock: token<Clock>("clock"),
  ids: token<Ids>("ids"),
  ports: token<Ports & { readonly store: OpenStore }>("ports"),
  feed: token<EventFeed>("feed"),
  messaging: token<Messaging>("messaging"),
};

/**
 * The composition root: binds every port to an adapter, and the core to the ports. Each is created once, when it is first
 * resolved, and an adapter's code is loaded only then. `container.unbindAsync(tokens.store)` closes a store that the
 * container opened.
 *
 * @param overrides ports that replace the default adapters. The container does not close them.
 */
export function createContainer(
  settings: Settings,
  overrides: Partial<Omit<Ports, "store" | "refusedPasswords">> = {},
): Container {
  const { passwords, secrets, clock, ids } = overrides;
  const container = new Container({ defaultScope: "Singleton" });
  container.load(storage(settings), system(settings), argon2, core(settings));
  if (passwords) container.rebind(tokens.passwords).toConstantValue(passwords);
  if (secrets) container.rebind(tokens.secrets).toConstantValue(secrets);
  if (clock) container.rebind(tokens.clock).toConstantValue(clock);
  if (ids) container.rebind(tokens.ids).toConstantValue(ids);
  return container;
}

function storage(settings: Settings): ContainerModule {
  const { storage: where } = settings;
  if (where === "memory") return memory;
  if ("sqlite" in where) return sqlite(where.sqlite, settings.sqlite);
  return "postgres" in where ? postgres(where, settings.postgres) : existing(where);
}

const memory = new ContainerModule(({ bind }) => {
  bind(tokens.store)
    .toResolvedValue(async () => {
      const { openMemoryStore } = await import("../adapters/memory/store.js");
      return openMemoryStore();
    })
    .onDeactivation((store) => store.close());
});

const sqlite = (directory: string, options: SqliteOptions = {}) =>
  new ContainerModule(({ bind }) => {
    bind(tokens.store)
      .toResolvedValue(async (): Promise<OpenStore> => {
        const { openSqliteStore } = await import("../adapters/sqlite/store.js");
        return openSqliteStore(directory, options);
      })
      .onDeactivation((store) => store.close());
  });

const postgres = ({ postgres: url, poolSize, directUrl }: PostgresStorage, options: PostgresOptions = {}) =>
  new ContainerModule(({ bind }) => {
    bind(tokens.store)
      .toResolvedValue(async (): Promise<OpenStore> => {
        const { openPostgresStore } = await import("../adapters/postgres/store.js");
        return openPostgresStore(url, { ...options, poolSize, directUrl });
      })
      .onDeactivation((store) => store.close());
  });

const existing = (store: Store) =>
  new ContainerModule(({ bind }) => {
    bind(tokens.store).toConstantValue(store);
  });

const system = ({ storage: where, sessionKeys }: Settings) =>
  new ContainerModule(({ bind }) => {
    bind(tokens.clock).toConstantValue(systemClock);
    bind(tokens.ids).toConstantValue(uuids);
    bind(tokens.secrets)
      // Opening the store creates and locks the directory that the key is kept in.
      .toResolvedValue(
        async (store) => keyedSecrets(sessionKeys ?? [await keptSessionKey(store)]),
        [tokens.store],
      );

    async function keptSessionKey(store: OpenStore): Promise<string> {
      if (typeof where === "object" && "sqlite" in where) return loadSessionKey(where.sqlite);
      return (await store.sessionKey?.()) ?? generateSessionKey();
    }
  });

const argon2 = new ContainerModule(({ bind }) => {
  bind(tokens.passwords).toResolvedValue(async () => {
    const { argon2Hasher } = await import("../adapters/argon2.js");
    return argon2Hasher();
  });
});

const core = ({ refusedPasswords, registration, presence }: Settings) =>
  new ContainerModule(({ bind }) => {
    bind(tokens.ports).toResolvedValue(
      (store, passwords, secrets, clock, ids) => ({
        store,
        passwords,
        secrets,
        clock,
        ids,
        refusedPasswords,
        registration,
        signals: store.signals,
        presence,
      }),
      [tokens.store, tokens.passwords, tokens.secrets, tokens.clock, tokens.ids],
    );
    bind(tokens.feed).toResolvedValue((ports) => new EventFeed(ports), [tokens.ports]);
    bind(tokens.messaging).toResolvedValue(
      (ports, feed) => createMessaging(ports, feed),
      [tokens.ports, tokens.feed],
    );
  });

/** The core at work, and the ports under it. */
export interface OpenCore {
  readonly messaging: Messaging;
  readonly ports: Ports & { readonly store: OpenStore };
  /** Ends all subscriptions, the indexing and the deletion of old data, then closes a store that the container opened. */
  readonly close: () => Promise<void>;
}

/**
 * Opens the core of a container. While it is open, deletes data that is older than its retention, and chats without participants,
 * continues the erasure of users, and indexes texts. If it fails, the store is closed again.
 *
 * @param onTrouble receives failures of that work, which is tried again.
 */
export async function openCore(
  container: Container,
  retention: Retention,
  onTrouble: (trouble: Error) => void,
): Promise<OpenCore> {
  await container.getAsync(tokens.store);
  try {
    const ports = await container.getAsync(tokens.ports);
    const feed = await container.getAsync(tokens.feed);
    const messaging = await container.getAsync(tokens.messaging);
    let isStopped = false;
    const { forgetEvents, forgetMessages } = messaging;
    const work = {
      forgetEvents,
      forgetMessages,
      deleteAbandonedChats: () => deleteAbandonedChats(ports),
      eraseDeletedUsers: () => eraseDeletedUsers(ports, () => isStopped),
    };
    const stopRetention = startRetention(work, ports.clock, retention, onTrouble);
    const stopIndexing = startIndexing((...given) => indexMessages(ports, ...given), onTrouble);
    return {
      messaging,
      ports,
      async close() {
        feed.close();
        isStopped = true;
        await Promise.all([stopRetention(), stopIndexing()]);
        await container.unbindAsync(tokens.store);
      },
    };
  } catch (error) {
    await container.unbindAsync(tokens.store);
    throw error;
  }
}
