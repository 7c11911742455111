import { openMemoryStore } from "../adapters/memory/store.js";
import {
  sequentialIds,
  sequentialSecrets,
  manualClock,
  plaintextHasher,
  type ManualClock,
} from "../adapters/predictable.js";
import { EventFeed } from "../application/feed.js";
import { createMessaging, type Messaging } from "../application/messaging.js";
import type { Client } from "../client/index.js";
import type { Ports } from "../application/ports.js";

import { LiveSignals } from "../application/live-signals.js";
import { SessionUses } from "../application/session-uses.js";
import type { Chat } from "../domain/chat.js";
import type { ChatEvent } from "../domain/event.js";
import type { User } from "../domain/user.js";
import { EventWaits, type EventMatch, type WaitOptions } from "./event-waits.js";
import { connection, faultyStore, hangUp } from "./faults.js";
import type { OpenMessaging } from "./index.js";
import { Seeder, type Seed, type Seeded } from "./seed.js";

export type { ManualClock };
export type { EventMatch, WaitOptions } from "./event-waits.js";
export type { Seed, SeedChat, SeedMessage, SeedTime, SeedUser, Seeded } from "./seed.js";

/** Ports that replace those of the harness. A store must be empty. */
export interface TestOptions extends Partial<Ports> {
  readonly clock?: ManualClock;
}

/**
 * A deterministic messaging core for tests, with the methods of `openMessaging` and control over time and faults. Besides
 * their usual errors, `events`, `subscribe` and a waiting `listEvents` throw the error described at `cutStreams`.
 */
export interface TestMessaging extends OpenMessaging {
  /** The ports of the core, with the store free of faults. */
  readonly ports: Ports;
  /** Starts at 2026-11-23T10:15:00.123Z, and moves only when the test moves it. */
  readonly clock: ManualClock;
  /**
   * Registers users. The password of `ana` is `password of ana`.
   *
   * @returns the users by name.
   * @throws MessagingError `invalid_username`, `username_taken`
   */
  users<const Names extends readonly string[]>(
    ...names: Names
  ): Promise<Readonly<Record<Names[number], User>>>;
  /** Creates a group chat of the creator and the others. */
  group(creator: User, ...others: readonly User[]): Promise<Chat>;
  /**
   * Stores users, group chats and messages with times in the past, in the order of their times, by the use cases. Passwords are
   * those of `users`. Faults do not affect it. Unknown names and invalid times are found before anything is stored.
   *
   * @throws MessagingError `invalid_request`, `username_taken`; for an item that a use case rejects, as that use case. `errors`
   * and the message name the item.
   */
  seed<const Given extends Seed>(seed: Given): Promise<Seeded<Given>>;
  /**
   * Resolves to the first event of the user that matches, behind the last one that it has returned for this user: an event that
   * came before the call is not missed, and none is returned twice. It skips all events up to the last seed. It reads the log as a client
   * that continues from a cursor does. Calls for one user are answered one after the other.
   *
   * @throws Error with the code `ETIMEDOUT` after `timeoutMs`, and `ECANCELED` if the harness is closed meanwhile. The message
   * has the number and the last types of the other events.
   */
  waitFor<Type extends ChatEvent["type"]>(
    user: User,
    matches: EventMatch<Type>,
    options?: WaitOptions,
  ): Promise<ChatEvent & { readonly type: Type }>;
  /** Makes the next transaction reject with `store_unavailable`, with nothing of it stored. */
  failNextCommit(): void;
  /**
   * Loses the result of the next transaction that succeeds, as when the connection breaks after the commit: its writes are
   * stored, but the caller gets an Error whose `code` is `ECONNRESET`, or over HTTP a cut connection.
   */
  loseNextAnswer(): void;
  /**
   * Breaks off all current subscriptions and waiting `listEvents` calls, as when the network is cut: with an Error whose
   * `code` is `ECONNRESET`, or over HTTP by cutting the connection. A subscriber that resumes from its last cursor misses
   * nothing.
   */
  cutStreams(): void;
  /**
   * Resolves once the store is idle and no call follows: a bot in this process has then handled all its events. Does not
   * wait for timers or the network.
   */
  settled(): Promise<void>;
  /** Serves this core over HTTP on a free local port, without rate limits. */
  listen(): Promise<TestServer>;
  /**
   * Ends all subscriptions, and closes the servers and the store. Nothing remains that keeps the process alive.
   */
  close(): Promise<void>;
}

/** An HTTP server, for tests of clients. */
export interface TestServer {
  /** For instance `http://127.0.0.1:40123`. */
  readonly url: string;
  /**
   * Logs in a user that `users` registered, and creates a token, for any HTTP client.
   *
   * @throws MessagingError `wrong_credentials` if there is no such user
   */
  access(username: string): Promise<Access>;
  /** Creates a logged-in client of `palaver/client` for a user that `users` registered. Throws as `access` does. */
  client(username: string): Promise<Client>;
  /**
   * Cuts the connections on which requests of these clients are in progress, and each later request: of the clients that `access`
   * and `client` have created for the user, or without a username of all clients.
   *
   * @throws MessagingError `unknown_user` if they have created none for the user, also below
   */
  goOffline(username?: string): void;
  /** Ends `goOffline` for the user, or without a username for all. */
  goOnline(username?: string): void;
  /**
   * Delays each request before it is handled, in real time: those of the clients of the user, or without a username those of all
   * others. 0 ends the delay.
   *
   * @throws TypeError unless it is a number from 0
   */
  setLatency(milliseconds: number, username?: string): void;
  /**
   * Rejects the next requests with 429 `too_many_requests`, as a rate limit does. They are not performed. 0 rejects none.
   *
   * @throws TypeError if the number or an option is invalid
   */
  rejectNext(count: number, options?: { readonly retryAfterSeconds?: number | undefined }): void;
  close(): Promise<void>;
}

/** An address, and a bearer token for it. */
export interface Access {
  readonly url: string;
  readonly token: string;
}

/**
 * Opens a core for a test: in memory, with a clock that the test moves, sequential ids and secrets, passwords that take no
 * time to hash, and faults on demand. It is cheap enough to open one per test.
 *
 * Every port has a value here, so there is nothing for the container to resolve: loading it would take three times as long
 * as all the rest of the harness.
 */
export function openTestMessaging(options: TestOptions = {}): TestMessaging {
  const clock = options.clock ?? manualClock();
  const ports: Ports = {
    store: openMemoryStore(),
    passwords: plaintextHasher(),
    secrets: sequentialSecrets(),
    ids: sequentialIds(),
    refusedPasswords: new Set(),
    ...options,
    clock,
  };
  const store = faultyStore(ports.store);
  const feed = new EventFeed({ store, clock });
  const sessionUses = new SessionUses();
  const live = new LiveSignals({ ...ports, store }, feed);
  const messaging: Messaging = {
    ...createMessaging({ ...ports, store }, feed, sessionUses, live),
    // Authentication may store that a session is in use. Requested faults must not hit that write.
    authenticate: createMessaging(ports, feed, sessionUses, live).authenticate,
  };
  const waits = new EventWaits(ports.store, messaging.subscribe);
  const seeder = new Seeder(ports, passwordOf);
  const servers: TestServer[] = [];
  let closing: Promise<void> | undefined;

  async function close(): Promise<void> {
    feed.close();
    await Promise.all(servers.map((server) => server.close()));
    await ports.store.close();
  }

  return {
    ...messaging,
    ports,
    clock,
    status: () => ports.store.status(),
    async users<const Names extends readonly string[]>(...names: Names) {
      const users: Record<string, User> = {};
      for (const username of names) {
        users[username] = await messaging.registerUser({ username, password: passwordOf(username) });
      }
      return users as Record<Names[number], User>;
    },
    async group({ id: by }, ...others) {
      const { chat } = (await messaging.createGroupChat({ by })).overview;
      for (const { username } of others) await messaging.addParticipant({ by, chatId: chat.id, username });
      return chat;
    },
    async seed(seed) {
      const seeded = await seeder.store(seed);
      await waits.skip();
      return seeded;
    },
    waitFor: (user, matches, waitOptions) => waits.next(user, matches, waitOptions),
    failNextCommit: () => store.failNextCommit(),
    loseNextAnswer: () => store.loseNextAnswer(),
    cutStreams: () => feed.fail(() => hangUp("The network is cut, as the test requested.")),
    settled: () => store.settled(),
    async listen() {
      const server = await serve(messaging, ports);
      servers.push(server);
      return server;
    },
    close: () => (closing ??= close()),
  };
}

function passwordOf(username: string): string {
  return `password of ${username}`;
}

async function serve(messaging: Messaging, { store, clock }: Ports): Promise<TestServer> {
  // Loaded only by tests that need a server.
  const [{ createClient }, { createHttpApp }, { connectionLimits }, { openHttpServer }, { NetworkFaults }] =
    await Promise.all([
      import("../client/index.js"),
      import("../adapters/http/app.js"),
      import("../adapters/http/connections.js"),
      import("../adapters/http/server.js"),
      import("./network-faults.js"),
    ]);
  // Unexpected errors are printed. Connections that were cut on purpose are expected.
  const error = (fields: object) => void (connection.getStore()?.destroyed || console.error(fields));
  const log = { debug() {}, info() {}, error };
  const storeStatus = () => store.status();
  const faults = new NetworkFaults();
  const options = {
    messaging,
    storeStatus,
    clock,
    log,
    trustProxy: false,
    rateLimits: false,
    corsOrigins: [],
    intercept: faults.middleware,
  };
  const app = createHttpApp(options);
  app.middleware.unshift(({ req }, next) => connection.run(req.socket, next));
  const server = await openHttpServer(app, "127.0.0.1", 0, log, connectionLimits(false));
  let closing: Promise<void> | undefined;
  async function access(username: string): Promise<Access> {
    const { session } = await messaging.logIn({ username, password: passwordOf(username) });
    const { secret } = await messaging.createToken({ by: session, name: "test" });
    faults.addToken(secret, username);
    return { url: server.url, token: secret };
  }
  return {
    url: server.url,
    access,
    client: async (username) => createClient(await access(username)),
    goOffline: (username) => faults.goOffline(username),
    goOnline: (username) => faults.goOnline(username),
    setLatency: (milliseconds, username) => faults.setLatency(milliseconds, username),
    rejectNext(count, { retryAfterSeconds, ...others } = {}) {
      const [unknown] = Object.keys(others);
      if (unknown !== undefined)
        throw new TypeError(`Unknown option ${unknown}. The option is retryAfterSeconds.`);
      faults.rejectNext(count, retryAfterSeconds);
    },
    close: () => (closing ??= server.close(0)),
  };
}
