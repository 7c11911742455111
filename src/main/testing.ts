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
import { authenticate } from "../application/sessions.js";
import type { Chat } from "../domain/chat.js";
import type { User } from "../domain/user.js";
import { connection, faultyStore, hangUp } from "./faults.js";
import type { OpenMessaging } from "./index.js";

export type { ManualClock };

/** Ports of one's own, which take the place of the harness's. A store must be empty. */
export interface TestOptions extends Partial<Ports> {
  readonly clock?: ManualClock;
}

/**
 * The messaging core in the hands of a test: what `openMessaging` gives, in a world in which nothing is left to chance. What
 * `events`, `subscribe` and a waiting `listEvents` throw besides their refusals is told at `cutStreams`.
 */
export interface TestMessaging extends OpenMessaging {
  /** What the core was made of, the store without its faults. */
  readonly ports: Ports;
  /** Stands still until it is moved; at first at 2026-11-23T10:15:00.123Z. */
  readonly clock: ManualClock;
  /**
   * Registers users of these names. The password of `ana` is `password of ana`.
   *
   * @returns them, by these names.
   * @throws MessagingError `invalid_username`, `username_taken`
   */
  users<const Names extends readonly string[]>(
    ...names: Names
  ): Promise<Readonly<Record<Names[number], User>>>;
  /** A group chat that the first has made, with the others in it. */
  group(creator: User, ...others: readonly User[]): Promise<Chat>;
  /** The next transaction is refused with `store_unavailable`, and nothing of it is stored. */
  failNextCommit(): void;
  /**
   * What the next transaction that succeeds has written is stored, but whoever waits for it is not told so, as when the
   * connection breaks behind the commit: in this process there is an Error whose `code` is `ECONNRESET`, and over HTTP the
   * connection is cut.
   */
  loseNextAnswer(): void;
  /**
   * Breaks off whatever listens, or waits, for events now, as when the network is cut: in this process with an Error whose
   * `code` is `ECONNRESET`, and over HTTP by cutting the connection. Whoever goes on from the cursor of the last event that
   * they had misses nothing.
   */
  cutStreams(): void;
  /**
   * Resolves when all that the store was asked for is done, and nothing has followed from it: when a bot in this process has
   * dealt with all that it was told. Does not wait for timers, nor for the network.
   */
  settled(): Promise<void>;
  /** Serves all this over HTTP, on a free port of this machine, without limits on how often. */
  listen(): Promise<TestServer>;
  /**
   * Ends all that is open: whatever listens for events is done, servers are closed, the store too. Nothing is left that keeps
   * the process alive.
   */
  close(): Promise<void>;
}

/** A server over HTTP, for clients that are to be tested. */
export interface TestServer {
  /** For instance `http://127.0.0.1:40123`. */
  readonly url: string;
  /**
   * Logs in somebody whom `users` has registered.
   *
   * @returns what a client of theirs needs: for instance `curl`, or a program in another language.
   * @throws MessagingError `wrong_credentials` where there is nobody of that name
   */
  access(username: string): Promise<Access>;
  /** A client of `palaver/client` for somebody whom `users` has registered, logged in. Refuses as `access` does. */
  client(username: string): Promise<Client>;
  close(): Promise<void>;
}

/** An address, and a bearer token for it. */
export interface Access {
  readonly url: string;
  readonly token: string;
}

/**
 * The core for a test: in memory, with a clock that is moved by hand, ids and secrets that are counted, passwords that take no
 * time to hash, and faults on demand. It costs so little that each test can have its own.
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
  const messaging: Messaging = {
    ...createMessaging({ ...ports, store }, feed),
    // It notes now and then that a session is in use. No fault that a test asks for is meant for that.
    authenticate: (command) => authenticate(ports, command),
  };
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
      const chat = await messaging.createGroupChat({ by });
      for (const { username } of others) await messaging.addParticipant({ by, chatId: chat.id, username });
      return chat;
    },
    failNextCommit: () => store.failNextCommit(),
    loseNextAnswer: () => store.loseNextAnswer(),
    cutStreams: () => feed.fail(() => hangUp("The network was cut: the test has asked for that.")),
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
  // Whoever needs no server loads none of it.
  const [{ createClient }, { createHttpApp }, { connectionLimits }, { listen }] = await Promise.all([
    import("../client/index.js"),
    import("../adapters/http/app.js"),
    import("../adapters/http/connections.js"),
    import("../adapters/http/server.js"),
  ]);
  // A bug is to be seen. What was cut on purpose is none.
  const error = (fields: object) => void (connection.getStore()?.destroyed || console.error(fields));
  const log = { debug() {}, info() {}, error };
  const storeStatus = () => store.status();
  const options = {
    messaging,
    storeStatus,
    clock,
    log,
    trustProxy: false,
    rateLimits: false,
    corsOrigins: [],
  };
  const app = createHttpApp(options);
  app.middleware.unshift(({ req }, next) => connection.run(req.socket, next));
  const server = await listen(app, "127.0.0.1", 0, log, connectionLimits(false));
  let closing: Promise<void> | undefined;
  async function access(username: string): Promise<Access> {
    const { session } = await messaging.logIn({ username, password: passwordOf(username) });
    const { secret } = await messaging.createToken({ by: session, name: "test" });
    return { url: server.url, token: secret };
  }
  return {
    url: server.url,
    access,
    client: async (username) => createClient(await access(username)),
    close: () => (closing ??= server.close(0)),
  };
}
