import { Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type { Router } from "@koa/router";
import type Koa from "koa";
import { pino } from "pino";
import { createHttpApp, type HttpOptions } from "../../src/adapters/http/app.js";
import type { ConnectionLimits } from "../../src/adapters/http/connections.js";
import { openHttpServer } from "../../src/adapters/http/server.js";
import { openMemoryStore } from "../../src/adapters/memory/store.js";
import type { Store } from "../../src/application/ports.js";
import { createMessaging, type Messaging } from "../../src/application/messaging.js";
import { usernameKey, type User } from "../../src/domain/user.js";
import { Client, PASSWORD } from "./client.js";
import { testPorts, type TestPorts } from "./ports.js";
import { PostgresStores } from "./postgres-stores.js";
import { watched, type WatchedStore } from "./watched-store.js";

/** The HTTP adapter over an empty store, on a free port. */
export interface TestServer {
  readonly url: string;
  readonly store: WatchedStore;
  readonly ports: TestPorts;
  readonly messaging: Messaging;
  /** The log without the audit log. */
  readonly lines: readonly Readonly<Record<string, unknown>>[];
  /** The audit log. */
  readonly audit: readonly Readonly<Record<string, unknown>>[];
  /** All routes of the router. */
  readonly routes: readonly Route[];
  /** Resolves when this many lines have been logged. */
  settled(count: number): Promise<void>;
  /** Registers and logs in a user without HTTP. */
  signIn(username: string): Promise<{ readonly user: User; readonly client: Client }>;
  /** Sends a message from the user to themselves without HTTP. */
  send(username: string, text: string): Promise<void>;
  /** @param graceMs how long requests in progress may take, 0 by default */
  close(graceMs?: number): Promise<void>;
}

/** Options of the server. By default it has no rate limits. */
type TestServerOptions = Partial<
  Pick<
    HttpOptions,
    | "trustProxy"
    | "rateLimits"
    | "openCounter"
    | "corsOrigins"
    | "userDirectory"
    | "webClient"
    | "streams"
    | "maxUnreadBytes"
  >
> & {
  readonly connections?: Partial<ConnectionLimits>;
  /** An empty store in place of the default one. */
  readonly store?: Store;
  readonly presence?: boolean;
};

export async function openTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const {
    trustProxy = false,
    rateLimits = false,
    openCounter,
    corsOrigins = [],
    userDirectory,
    webClient,
    connections = {},
    streams = {},
    maxUnreadBytes,
    presence,
  } = options;
  const lines: Record<string, unknown>[] = [];
  const audit: Record<string, unknown>[] = [];
  const store = watched(options.store ?? (await openStore()));
  const ports = { ...testPorts(), store, presence };
  const messaging = createMessaging(ports);
  const log = pino(
    { base: null },
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        const line = JSON.parse(chunk.toString()) as Record<string, unknown>;
        ("audit" in line ? audit : lines).push(line);
        done();
      },
    }),
  );
  const storeStatus = () => store.status();
  const { clock } = ports;
  const http = { trustProxy, rateLimits, openCounter, corsOrigins, userDirectory, webClient };
  const app = createHttpApp({ messaging, storeStatus, clock, log, ...http, streams, maxUnreadBytes });
  const server = await openHttpServer(app, "127.0.0.1", 0, log, connections);
  let closed = false;
  return {
    url: server.url,
    store,
    ports,
    messaging,
    lines,
    audit,
    routes: routesOf(app),
    async settled(count) {
      while (lines.length < count) await delay(1);
    },
    async signIn(username) {
      const user = await messaging.registerUser({ username, password: PASSWORD });
      const client = new Client(server.url);
      client.username = username;
      client.cookie = `palaver_session=${(await messaging.logIn({ username, password: PASSWORD })).secret}`;
      return { user, client };
    },
    async send(username, text) {
      const user = await store.read(({ users }) => users.byKey(usernameKey(username)));
      await messaging.sendMessage({ by: user!.id, to: { username }, text });
    },
    async close(graceMs = 0) {
      if (closed) return;
      closed = true;
      await server.close(graceMs);
      await store.close();
    },
  };
}

/** The databases without an open store. */
const free: PostgresStores[] = [];

/** Opens an empty store: in memory, or in PostgreSQL where `TEST_STORE` says so. */
async function openStore(): Promise<Store> {
  if (process.env["TEST_STORE"] !== "postgres") return openMemoryStore();
  const stores = free.pop() ?? new PostgresStores();
  const store = await stores.openEmpty();
  return {
    ...store,
    async close() {
      await store.close();
      free.push(stores);
    },
  };
}

/** A method and a path; `:name` is a parameter. */
export interface Route {
  readonly method: string;
  readonly path: string;
}

function routesOf(app: Koa): readonly Route[] {
  const routing = app.middleware.flatMap((each) => ("router" in each ? [each.router as Router] : []));
  return routing.flatMap(({ stack }) =>
    stack.flatMap(({ methods, path }) => methods.map((method) => ({ method, path: String(path) }))),
  );
}
