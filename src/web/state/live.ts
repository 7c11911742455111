import { computed, signal, type ReadonlySignal } from "@preact/signals";
import {
  PalaverError,
  type ChatEvent,
  type Client,
  type ClientSignal,
  type Snapshot,
} from "../../client/index.js";
import { backoff } from "../../client/call.js";
import { isTransient } from "./failure.js";
import { pause } from "./pause.js";
import type { Page } from "./ports.js";
import type { Tabs } from "./tabs.js";

/**
 * - `connecting`: no stream has been open yet.
 * - `live`: events arrive as they happen.
 * - `reconnecting`: the stream was lost, and is being opened again.
 * - `offline`: the browser has no network.
 */
export type LiveStatus = "connecting" | "live" | "reconnecting" | "offline";

/** Consumes what `Live` reads. */
export interface LiveConsumer {
  /** All chats, at first and whenever events were missed. Each event from then on is delivered after it. */
  readonly reset: (snapshot: Snapshot) => void;
  /** Each event once, in order. */
  readonly apply: (event: ChatEvent) => void;
  readonly applySignal: (signal: ClientSignal) => void;
  /** The stream has been opened, so signals may have been missed. */
  readonly connected: () => void;
  /** The server does not accept the session any more. Resolves once that is checked, and if it is so, it is closed. */
  readonly signedOut: () => Promise<void>;
}

export interface LiveDependencies {
  readonly client: Client;
  readonly tabs: Tabs;
  readonly page: Page;
  readonly consumer: LiveConsumer;
}

/** How many cursors of past events a tab remembers. An event from before them is found by reading the log. */
const MAX_SEEN = 2_000;
const EVENTS_PER_PAGE = 1_000;

/**
 * The events of the user, read by one tab for all. The tab that leads has the stream, and posts each event to the others with
 * the cursor of the event before it.
 *
 * Each tab has its own cursor. A posted event that continues it is applied; one that was applied before is ignored. For
 * any other the tab reads the log from its cursor on, so it depends neither on the order in which tabs start and close, nor on
 * the delivery of each post.
 */
export class Live {
  readonly #client: Client;
  readonly #tabs: Tabs;
  readonly #page: Page;
  readonly #consumer: LiveConsumer;
  readonly #closing = new AbortController();
  readonly #isOnline: ReturnType<typeof signal<boolean>>;
  /** `undefined` until a stream has been open. */
  readonly #isConnected = signal<boolean | undefined>(undefined);
  readonly #unsubscribe: () => void;
  /** Behind the last applied event. */
  #cursor = "";
  /** The cursors of applied events, oldest first. */
  readonly #seen = new Set<string>();
  #needsSnapshot = true;
  #needsEvents = false;
  #refreshing: Promise<void> | undefined;
  #isLeading = false;
  /** Resyncs without an event between them. A server that always sends one must not be asked in a loop. */
  #resyncs = 0;
  /** Ends the current stream, which is then opened again. */
  #stream: AbortController | undefined;

  /** `live`, unless the stream is not open. */
  readonly status: ReadonlySignal<LiveStatus> = computed(() => {
    if (!this.#isOnline.value) return "offline";
    const isConnected = this.#isConnected.value;
    if (isConnected === undefined) return "connecting";
    return isConnected ? "live" : "reconnecting";
  });

  constructor({ client, tabs, page, consumer }: LiveDependencies) {
    this.#client = client;
    this.#tabs = tabs;
    this.#page = page;
    this.#consumer = consumer;
    this.#isOnline = signal(page.isOnline());
    this.#unsubscribe = page.subscribe(() => this.#pageChanged());
    tabs.on("event", ({ event, previous }) => this.#receive(event, previous));
    tabs.on("signal", (message) => this.#consumer.applySignal(message.signal));
    tabs.on("stream", ({ isConnected, cursor }) => this.#followStream(isConnected, cursor));
    tabs.on("ask", () => this.#postStream());
    tabs.on("resync", () => void this.#resync());
  }

  /** Reads the chats. Resolves once they are there, or it is closed. */
  async start(): Promise<void> {
    await this.#refresh();
    this.#tabs.post({ type: "ask" });
  }

  /** Reads the stream for all tabs, until it is closed or the session has ended. Requires that `start` has resolved. */
  async lead(): Promise<void> {
    const { signal: closing } = this.#closing;
    this.#isLeading = true;
    for (let failures = 0; !closing.aborted;) {
      try {
        // The events that others have applied already are not posted again.
        await this.#readOn();
        this.#postStream();
        failures = 0;
        if (this.#resyncs > 1) await pause(backoff(this.#resyncs - 1), closing);
        await this.#readStream();
      } catch (error) {
        if (closing.aborted) break;
        this.#setConnected(false);
        // The stream was ended to be opened again.
        if (this.#stream?.signal.aborted) continue;
        await this.#assess(error);
        failures += 1;
        await pause(backoff(failures), closing);
      }
    }
    this.#isLeading = false;
  }

  close(): void {
    this.#closing.abort();
    this.#stream?.abort();
    this.#unsubscribe();
  }

  async #readStream(): Promise<void> {
    const stream = new AbortController();
    this.#stream = stream;
    if (this.#closing.signal.aborted) return;
    const events = this.#client.events({
      after: this.#cursor,
      signals: true,
      signal: stream.signal,
      onConnection: (isConnected) => this.#setConnected(isConnected),
    });
    for await (const event of events) {
      if (event.type === "resync") {
        this.#resyncs += 1;
        this.#tabs.post({ type: "resync" });
        // The stream goes on from a cursor before the snapshot, so it is opened again.
        this.#needsSnapshot = true;
        return;
      }
      if (event.type === "typing" || event.type === "presence") {
        this.#tabs.post({ type: "signal", signal: event });
        this.#consumer.applySignal(event);
        continue;
      }
      this.#resyncs = 0;
      const previous = this.#cursor;
      if (!this.#apply(event)) continue;
      this.#tabs.post({ type: "event", event, previous });
    }
  }

  /** An event that another tab has read. */
  #receive(event: ChatEvent, previous: string): void {
    if (this.#isLeading || this.#seen.has(event.cursor)) return;
    const follows = previous === this.#cursor || this.#seen.has(previous);
    if (follows && !this.#needsSnapshot) this.#apply(event);
    else void this.#readOn();
  }

  #followStream(isConnected: boolean, cursor: string): void {
    if (this.#isLeading) return;
    this.#setConnected(isConnected);
    if (cursor !== this.#cursor && !this.#seen.has(cursor)) void this.#readOn();
  }

  /** Returns false if the event was applied before. */
  #apply(event: ChatEvent): boolean {
    const { cursor } = event;
    if (this.#seen.has(cursor)) return false;
    this.#cursor = cursor;
    this.#seen.add(cursor);
    if (this.#seen.size > MAX_SEEN) {
      for (const oldest of this.#seen) {
        this.#seen.delete(oldest);
        break;
      }
    }
    this.#consumer.apply(event);
    return true;
  }

  async #resync(): Promise<void> {
    if (this.#isLeading) return;
    this.#needsSnapshot = true;
    await this.#refresh();
  }

  /** Applies the events behind the cursor that are in the log by now. */
  async #readOn(): Promise<void> {
    this.#needsEvents = true;
    await this.#refresh();
  }

  /** Reads what is needed. Never rejects: a failure of the network is retried until it is closed. */
  #refresh(): Promise<void> {
    this.#refreshing ??= this.#readAll().finally(() => (this.#refreshing = undefined));
    return this.#refreshing;
  }

  get #isBehind(): boolean {
    return this.#needsSnapshot || this.#needsEvents;
  }

  async #readAll(): Promise<void> {
    const { signal: closing } = this.#closing;
    for (let failures = 0; this.#isBehind && !closing.aborted;) {
      try {
        if (this.#needsSnapshot) await this.#readSnapshot(closing);
        else await this.#readEvents(closing);
        failures = 0;
      } catch (error) {
        if (closing.aborted) return;
        await this.#assess(error);
        failures += 1;
        await pause(backoff(failures), closing);
      }
    }
  }

  /** Finds out what has to be read after an error. */
  async #assess(error: unknown): Promise<void> {
    if (isSignedOut(error)) await this.#consumer.signedOut();
    // The log does not reach back to the cursor, or is another one.
    else if (!isTransient(error)) this.#needsSnapshot = true;
  }

  async #readSnapshot(closing: AbortSignal): Promise<void> {
    this.#needsEvents = false;
    const snapshot = await this.#client.sync({ patience: Infinity, signal: closing });
    if (closing.aborted) return;
    this.#needsSnapshot = false;
    this.#cursor = snapshot.cursor;
    this.#seen.clear();
    this.#consumer.reset(snapshot);
  }

  async #readEvents(closing: AbortSignal): Promise<void> {
    this.#needsEvents = false;
    try {
      const request = { after: this.#cursor, limit: EVENTS_PER_PAGE };
      const page = await this.#client.listEvents(request, { patience: Infinity, signal: closing });
      if (closing.aborted) return;
      for (const event of page.events) this.#apply(event);
      this.#cursor = page.cursor;
      if (page.has_more) this.#needsEvents = true;
    } catch (error) {
      this.#needsEvents = true;
      throw error;
    }
  }

  #setConnected(isConnected: boolean): void {
    // Until a stream has been open the status is `connecting`.
    if (!isConnected && this.#isConnected.peek() === undefined) return;
    const before = this.#isConnected.peek();
    this.#isConnected.value = isConnected;
    if (isConnected && !before) this.#consumer.connected();
    if (before !== isConnected) this.#postStream();
  }

  #postStream(): void {
    if (!this.#isLeading) return;
    this.#tabs.post({ type: "stream", isConnected: this.#isConnected.peek() === true, cursor: this.#cursor });
  }

  #pageChanged(): void {
    const isOnline = this.#page.isOnline();
    const wasOnline = this.#isOnline.peek();
    this.#isOnline.value = isOnline;
    // The stream waits for longer and longer between two attempts, and a dead one is only found after a while.
    if (isOnline && !wasOnline && this.#isLeading) this.#stream?.abort();
    // A hidden tab may have been stopped, and may have missed posts.
    if (this.#page.isVisible() && !this.#isLeading) this.#tabs.post({ type: "ask" });
  }
}

function isSignedOut(error: unknown): boolean {
  return (
    error instanceof PalaverError && (error.code === "not_signed_in" || error.code === "account_disabled")
  );
}
