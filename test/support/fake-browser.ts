import { memoryStorage } from "./memory-storage.js";
import { createApp, type App, type Session } from "../../src/web/state/app.js";
import type { Channel, DesktopNotification, Locks, Ports, Storage } from "../../src/web/state/ports.js";

/** A tab of the fake browser. */
export interface Tab {
  readonly app: App;
  /** The session, once somebody is logged in and the chats are there. */
  ready(): Promise<Session>;
  readonly title: string;
  readonly badge: number;
  setVisible(isVisible: boolean): void;
  /** Ends the tab as its user does. */
  close(): void;
  /** Ends the tab like a crash: nothing of it runs any more. */
  kill(): void;
}

interface TabState {
  isDead: boolean;
  isVisible: boolean;
  title: string;
  badge: number;
  readonly listeners: Set<() => void>;
  readonly requests: Set<AbortController>;
  readonly locks: Set<Held>;
  readonly channels: Set<FakeChannel>;
}

interface Held {
  readonly name: string;
  readonly mode: "shared" | "exclusive";
  readonly release: () => void;
}

interface Waiting {
  readonly name: string;
  readonly mode: "shared" | "exclusive";
  readonly tab: TabState;
  readonly grant: (held: Held) => void;
}

interface FakeChannel {
  readonly name: string;
  readonly tab: TabState;
  listener: ((message: unknown) => void) | undefined;
}

/** A request of the page, before it is sent. */
export interface PageRequest {
  readonly method: string;
  readonly path: string;
  readonly body: string | undefined;
  readonly key: string | null;
}

/** A browser with tabs that share one session cookie, storage, locks and channels. It is offline on demand. */
export class FakeBrowser {
  readonly #url: string;
  readonly #tabs = new Set<TabState>();
  readonly #held = new Set<Held>();
  #waiting: Waiting[] = [];
  readonly #channels = new Set<FakeChannel>();
  #cookie: string | undefined;
  #isOnline = true;
  readonly storage: Storage;
  /** All requests that were sent. */
  readonly requests: PageRequest[] = [];
  readonly notifications: DesktopNotification[] = [];
  /**
   * Called with each request. Throws to lose it, returns a response in place of that of the server, or a function that is called
   * with the response, and may throw.
   */
  intercept: (request: PageRequest) => void | Response | ((response: Response) => unknown) = () => {};
  /** Whether posts of one tab reach the others. */
  deliversPosts = true;
  /** Whether there are Web Locks. */
  hasLocks = true;
  now = () => Date.now();

  constructor(url: string, storage: Storage = memoryStorage()) {
    this.#url = url;
    this.storage = storage;
  }

  openTab({ isVisible = true } = {}): Tab {
    const state: TabState = {
      isDead: false,
      isVisible,
      title: "",
      badge: 0,
      listeners: new Set(),
      requests: new Set(),
      locks: new Set(),
      channels: new Set(),
    };
    this.#tabs.add(state);
    const app = createApp(this.#portsOf(state));
    const end = () => {
      state.isDead = true;
      this.#tabs.delete(state);
      for (const channel of state.channels) this.#channels.delete(channel);
      for (const held of state.locks) held.release();
      this.#waiting = this.#waiting.filter(({ tab }) => tab !== state);
    };
    return {
      app,
      async ready() {
        await until(() => app.session.value?.chats.all.value);
        return app.session.value!;
      },
      get title() {
        return state.title;
      },
      get badge() {
        return state.badge;
      },
      setVisible(shown) {
        state.isVisible = shown;
        for (const listener of state.listeners) listener();
      },
      close() {
        app.close();
        end();
      },
      kill() {
        end();
        for (const request of state.requests) request.abort();
        // Ends its timers. It has neither network, storage, locks nor channels any more.
        app.close();
      },
    };
  }

  /** Cuts all requests and streams, and rejects others until `goOnline`. */
  goOffline(isNoticed = true): void {
    this.#isOnline = false;
    for (const { requests } of this.#tabs) for (const request of requests) request.abort();
    if (isNoticed) this.#notifyTabs();
  }

  goOnline(): void {
    this.#isOnline = true;
    this.#notifyTabs();
  }

  /** Posts a message to all channels with this name. */
  post(name: string, message: unknown): void {
    for (const channel of this.#channels) if (channel.name === name) channel.listener?.(message);
  }

  /** The names of the locks that are held. */
  get heldLocks(): readonly string[] {
    return Array.from(this.#held, ({ name }) => name);
  }

  #notifyTabs(): void {
    for (const { listeners } of this.#tabs) for (const listener of listeners) listener();
  }

  #portsOf(tab: TabState): Ports {
    const { storage } = this;
    const alive = async <Result>(work: () => Promise<Result>): Promise<Result> =>
      tab.isDead ? new Promise(() => {}) : work();
    return {
      url: this.#url,
      fetch: async (input, init) =>
        alive(() => this.#fetch(tab, input instanceof Request ? input.url : input.toString(), init ?? {})),
      storage: {
        list: (...args) => alive(() => storage.list(...args)),
        put: (...args) => alive(() => storage.put(...args)),
        delete: (...args) => alive(() => storage.delete(...args)),
        clear: (...args) => alive(() => storage.clear(...args)),
        close() {},
      },
      locks: this.#locksOf(tab),
      openChannel: (name) => this.#openChannel(name, tab),
      page: {
        isVisible: () => tab.isVisible,
        isOnline: () => this.#isOnline,
        subscribe(listener) {
          tab.listeners.add(listener);
          return () => tab.listeners.delete(listener);
        },
        setTitle(title) {
          tab.title = title;
        },
        setBadge(count) {
          tab.badge = count;
        },
      },
      notifier: {
        permission: () => "granted",
        ask: async () => "granted",
        show: (notification) => this.notifications.push(notification),
      },
      now: () => this.now(),
    };
  }

  async #fetch(tab: TabState, url: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    const { pathname, search } = new URL(url);
    const request = {
      method: init.method ?? "GET",
      path: pathname + search,
      body: typeof init.body === "string" ? init.body : undefined,
      key: headers.get("Idempotency-Key"),
    };
    init.signal?.throwIfAborted();
    if (!this.#isOnline) throw new TypeError("Failed to fetch");
    const receive = this.intercept(request);
    this.requests.push(request);
    if (receive instanceof Response) return receive;
    const cut = new AbortController();
    tab.requests.add(cut);
    const isCut = AbortSignal.any([cut.signal, ...(init.signal ? [init.signal] : [])]);
    if (this.#cookie !== undefined) headers.set("Cookie", this.#cookie);
    const response = await fetch(url, { ...init, headers, signal: isCut });
    for (const cookie of response.headers.getSetCookie()) {
      const [, pair, value] = /^(palaver_session=([^;]*))/.exec(cookie) ?? [];
      if (pair !== undefined) this.#cookie = value === "" ? undefined : pair;
    }
    await receive?.(response);
    // Browsers hide the cookie from scripts.
    const shown = new Headers(response.headers);
    shown.delete("Set-Cookie");
    return new Response(response.body, { status: response.status, headers: shown });
  }

  #locksOf(tab: TabState): Locks {
    if (!this.hasLocks) return { request: async (_, __, work) => work(), isHeld: async () => false };
    return {
      request: async (name, { mode = "exclusive", signal }, work) => {
        const held = await this.#acquire(tab, name, mode, signal);
        try {
          return await work();
        } finally {
          held.release();
        }
      },
      isHeld: async (name) => [...this.#held].some((held) => held.name === name),
    };
  }

  async #acquire(tab: TabState, name: string, mode: "shared" | "exclusive", signal: AbortSignal | undefined) {
    signal?.throwIfAborted();
    return new Promise<Held>((resolve, reject) => {
      const waiting: Waiting = { name, mode, tab, grant: resolve };
      this.#waiting.push(waiting);
      signal?.addEventListener("abort", () => {
        if (!this.#waiting.includes(waiting)) return;
        this.#waiting = this.#waiting.filter((each) => each !== waiting);
        reject(signal.reason as Error);
        this.#grantAll();
      });
      this.#grantAll();
    });
  }

  /** Grants the locks in the order of the requests, as browsers do. */
  #grantAll(): void {
    const blocked = new Set<string>();
    for (const waiting of this.#waiting) {
      const { name, mode, tab, grant } = waiting;
      const held = [...this.#held].filter((each) => each.name === name);
      const isFree = held.length === 0 || (mode === "shared" && held.every((each) => each.mode === "shared"));
      if (blocked.has(name) || !isFree) {
        blocked.add(name);
        continue;
      }
      this.#waiting = this.#waiting.filter((each) => each !== waiting);
      const granted: Held = {
        name,
        mode,
        release: () => {
          this.#held.delete(granted);
          tab.locks.delete(granted);
          this.#grantAll();
        },
      };
      this.#held.add(granted);
      tab.locks.add(granted);
      grant(granted);
    }
  }

  #openChannel(name: string, tab: TabState): Channel {
    const channel: FakeChannel = { name, tab, listener: undefined };
    this.#channels.add(channel);
    tab.channels.add(channel);
    return {
      post: (message) => {
        if (!this.#channels.has(channel)) {
          if (tab.isDead) return;
          throw new Error("The channel is closed.");
        }
        for (const other of this.deliversPosts ? this.#channels : []) {
          if (other === channel || other.name !== name || other.tab === tab) continue;
          const copy: unknown = structuredClone(message);
          setImmediate(() => {
            if (this.#channels.has(other)) other.listener?.(copy);
          });
        }
      },
      listen(listener) {
        channel.listener = listener;
      },
      close: () => this.#channels.delete(channel),
    };
  }
}

/** Resolves to the first value that is neither undefined, null nor false. Rejects after five seconds. */
export async function until<Value>(
  condition: () => Promise<Value | undefined | null | false> | Value | undefined | null | false,
): Promise<Value> {
  for (const end = Date.now() + 5_000; ;) {
    const value = await condition();
    if (value !== undefined && value !== null && value !== false) return value;
    if (Date.now() > end) throw new Error(`It did not happen within five seconds: ${String(condition)}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
