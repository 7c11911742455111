import { setImmediate as turn } from "node:timers/promises";
import { expect } from "chai";
import fc from "fast-check";
import type { ChatEvent, Client } from "../../src/client/index.js";
import { Live } from "../../src/web/state/live.js";
import { Tabs } from "../../src/web/state/tabs.js";

const positionOf = (cursor: string) => Number(cursor.slice(2));

/** The event log of a server that answers after some turns of the event loop. */
class SlowLog {
  readonly events: ChatEvent[] = [];
  /** The turns before each answer, again and again. */
  readonly #delays: readonly number[];
  #answers = 0;
  #wake: (() => void)[] = [];

  constructor(delays: readonly number[]) {
    this.#delays = delays;
  }

  append(): void {
    this.events.push({ cursor: `e-${this.events.length + 1}`, type: "chat.renamed" } as ChatEvent);
    for (const wake of this.#wake.splice(0)) wake();
  }

  /** A client with its own connection. Snapshots and pages end at positions that are not those of events. */
  readonly client = {
    sync: async () => {
      const cursor = `h-${this.events.length}`;
      await this.#delay();
      return { chats: [], cursor, more: false };
    },
    listEvents: async ({ after }: { readonly after: string }) => {
      const events = this.events.slice(positionOf(after));
      const cursor = `h-${this.events.length}`;
      await this.#delay();
      return { events, cursor, has_more: false };
    },
    events: (options: Parameters<Client["events"]>[0]) => this.#stream(options ?? {}),
  } as unknown as Client;

  async *#stream({ after = "", signal, onConnection }: NonNullable<Parameters<Client["events"]>[0]>) {
    await this.#delay();
    onConnection?.(true);
    for (let position = positionOf(after); ; position += 1) {
      while (position >= this.events.length) {
        signal?.throwIfAborted();
        await new Promise<void>((resolve) => {
          this.#wake.push(resolve);
          signal?.addEventListener("abort", () => resolve(), { once: true });
        });
      }
      await this.#delay();
      signal?.throwIfAborted();
      yield this.events[position]!;
    }
  }

  async #delay(): Promise<void> {
    const turns = this.#delays[this.#answers % this.#delays.length] ?? 0;
    this.#answers += 1;
    for (let n = 0; n < turns; n += 1) await turn();
  }
}

/** Tabs whose posts can be lost. */
class TabStrip {
  readonly tabs: OpenTab[] = [];
  deliversPosts = true;
  readonly #log: SlowLog;

  constructor(log: SlowLog) {
    this.#log = log;
  }

  open(): void {
    const received: string[] = [];
    let listener: (message: unknown) => void = () => {};
    const channel = new Tabs({
      post: (message) => {
        for (const other of this.deliversPosts ? this.tabs : [])
          if (other !== tab) setImmediate(other.receive, message);
      },
      listen: (each) => (listener = each),
      close() {},
    });
    const live = new Live({
      client: this.#log.client,
      tabs: channel,
      page: {
        isVisible: () => true,
        isOnline: () => true,
        subscribe: () => () => {},
        setTitle() {},
        setBadge() {},
      },
      consumer: {
        reset: ({ cursor }) => received.splice(0, Infinity, cursor),
        apply: ({ cursor }) => received.push(cursor),
        applySignal() {},
        connected() {},
        signedOut: async () => {},
      },
    });
    const tab: OpenTab = {
      live,
      received,
      receive: (message) => this.tabs.includes(tab) && listener(message),
      isStarted: false,
      isLeading: false,
    };
    this.tabs.push(tab);
    void live.start().then(() => {
      tab.isStarted = true;
      this.#elect();
    });
  }

  /** Closes a tab, unless it is the last one. */
  close(index: number): void {
    if (this.tabs.length < 2) return;
    const [tab] = this.tabs.splice(index % this.tabs.length, 1);
    tab?.live.close();
    this.#elect();
  }

  #elect(): void {
    if (this.tabs.some(({ isLeading }) => isLeading)) return;
    const next = this.tabs.find(({ isStarted }) => isStarted);
    if (!next) return;
    next.isLeading = true;
    void next.live.lead();
  }
}

interface OpenTab {
  readonly live: Live;
  /** The cursor of the last snapshot, then those of the events. */
  readonly received: string[];
  readonly receive: (message: unknown) => void;
  isStarted: boolean;
  isLeading: boolean;
}

describe("Live", () => {
  const step = fc.record({
    do: fc.constantFrom(
      ...(["append", "append", "append", "append", "turn", "turn", "turn"] as const),
      ...(["open", "close", "lose", "deliver"] as const),
    ),
    n: fc.nat(5),
  });

  it("applies each event behind the snapshot once and in order, in each tab, whatever is slow or lost", async () => {
    const delays = fc.array(fc.nat(4), { minLength: 1, maxLength: 9 });
    const property = fc.asyncProperty(
      delays,
      fc.array(step, { maxLength: 40, size: "max" }),
      async (turns, steps) => {
        const log = new SlowLog(turns);
        const strip = new TabStrip(log);
        strip.open();
        for (const each of steps) {
          if (each.do === "append") log.append();
          else if (each.do === "open") strip.open();
          else if (each.do === "close") strip.close(each.n);
          else if (each.do === "turn") for (let n = 0; n <= each.n; n += 1) await turn();
          else strip.deliversPosts = each.do === "deliver";
        }
        strip.deliversPosts = true;
        // All tabs have started and follow the stream before the last events.
        for (let n = 0; n < 100; n += 1) await turn();
        log.append();
        log.append();
        for (let n = 0; n < 100; n += 1) await turn();
        for (const { received } of strip.tabs) {
          const [snapshot, ...events] = received;
          expect(events).to.deep.equal(log.events.slice(positionOf(snapshot!)).map(({ cursor }) => cursor));
        }
        for (const { live } of strip.tabs) live.close();
      },
    );
    await fc.assert(property, { numRuns: 150 });
  });
});
