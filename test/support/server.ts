import { Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { pino } from "pino";
import { createHttpApp } from "../../src/adapters/http/app.js";
import { listen } from "../../src/adapters/http/server.js";
import { openMemoryStore } from "../../src/adapters/memory/store.js";
import type { Store } from "../../src/application/ports.js";
import { createMessaging } from "../../src/application/messaging.js";
import { MessagingError } from "../../src/domain/errors.js";
import { usernameKey } from "../../src/domain/user.js";
import { testPorts } from "./ports.js";

/** The memory store, with a hand on it. */
interface WatchedStore extends Store {
  /** How many reads there were. */
  reads: number;
  /** Nothing can be stored while this is set. */
  fault: string | undefined;
  /** Awaited before each read; told how many there were since it was set. */
  beforeRead: ((count: number) => Promise<unknown>) | undefined;
}

/** The HTTP adapter over the memory store, on a free port. */
export interface TestServer {
  readonly url: string;
  readonly store: WatchedStore;
  /** What was logged. */
  readonly lines: readonly Readonly<Record<string, unknown>>[];
  /** Resolves when that many requests have been logged. */
  settled(count: number): Promise<void>;
  /** Sends a message of the user to themselves, past HTTP. */
  send(username: string, text: string): Promise<void>;
  close(): Promise<void>;
}

export async function openTestServer({ trustProxy = false } = {}): Promise<TestServer> {
  const lines: Record<string, unknown>[] = [];
  const store = watch(openMemoryStore());
  const messaging = createMessaging({ ...testPorts(), store });
  const log = pino(
    { base: null },
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        lines.push(JSON.parse(chunk.toString()) as Record<string, unknown>);
        done();
      },
    }),
  );
  const app = createHttpApp({ messaging, storeStatus: () => store.status(), log, trustProxy });
  const server = await listen(app, "127.0.0.1", 0, log);
  return {
    url: server.url,
    store,
    lines,
    async settled(count) {
      while (lines.length < count) await delay(1);
    },
    async send(username, text) {
      const user = await store.read(({ users }) => users.byKey(usernameKey(username)));
      await messaging.sendMessage({ by: user!.id, to: { username }, text });
    },
    async close() {
      await server.close(0);
      await store.close();
    },
  };
}

function watch(inner: Store): WatchedStore {
  let hook: WatchedStore["beforeRead"];
  let count = 0;
  const store: WatchedStore = {
    reads: 0,
    fault: undefined,
    get beforeRead() {
      return hook;
    },
    set beforeRead(next) {
      hook = next;
      count = 0;
    },
    async read(work) {
      store.reads += 1;
      count += 1;
      await hook?.(count);
      return inner.read(work);
    },
    async transaction(work) {
      if (store.fault !== undefined) throw new MessagingError("store_unavailable", store.fault);
      return inner.transaction(work);
    },
    status: () => ({ ...inner.status(), fault: store.fault }),
    close: () => inner.close(),
  };
  return store;
}
