import { signal, type ReadonlySignal } from "@preact/signals";
import { PalaverError, type Client, type Message } from "../../client/index.js";
import { backoff } from "../../client/call.js";
import { isTransient, toFailure } from "./failure.js";
import { keyOf, type Composition, type Destination, type OutboxEntry } from "./outbox-entry.js";
import { pause } from "./pause.js";
import type { Tabs } from "./tabs.js";
import type { UserStorage } from "./user-storage.js";

export type { Composition, Destination, OutboxEntry } from "./outbox-entry.js";

export interface OutboxDependencies {
  readonly client: Client;
  readonly storage: UserStorage;
  readonly tabs: Tabs;
  readonly now: () => number;
  /** Returns the id of the p2p chat with a user, if there is one by now. */
  readonly chatWith: (username: string) => number | undefined;
  /** Returns the `seq` of the last message of a chat among the events, if the user is in the chat. */
  readonly lastSeqOf: (chatId: number) => number | undefined;
}

/**
 * The messages that are on their way. Each is in the storage with its idempotency key until the server acknowledges or rejects
 * it, so it survives a reload and is stored once, however often it is sent.
 *
 * All tabs know all entries, and the leading tab sends them: those of one chat one after the other, in their order.
 */
export class Outbox {
  readonly #client: Client;
  readonly #storage: UserStorage;
  readonly #tabs: Tabs;
  readonly #now: () => number;
  readonly #chatWith: OutboxDependencies["chatWith"];
  readonly #lastSeqOf: OutboxDependencies["lastSeqOf"];
  readonly #entries = signal<readonly OutboxEntry[]>([]);
  readonly #closing = new AbortController();
  /** The lanes in which an entry is being sent, or waits after a failure. */
  readonly #busyLanes = new Set<string>();
  /** The keys of entries that are no longer there. Without locks, a post of another tab about one can come late. */
  readonly #ended = new Set<string>();
  #isLeading = false;
  /** Ends the pauses after failures. */
  #waking = new AbortController();

  constructor({ client, storage, tabs, now, chatWith, lastSeqOf }: OutboxDependencies) {
    this.#client = client;
    this.#storage = storage;
    this.#tabs = tabs;
    this.#now = now;
    this.#chatWith = chatWith;
    this.#lastSeqOf = lastSeqOf;
    tabs.on("entry", ({ entry }) => {
      if (this.#ended.has(entry.key) || this.#isStale(entry)) return;
      this.#put(entry);
      this.settle();
      this.#sendAll();
    });
    tabs.on("entry_discarded", ({ key }) => this.#remove(key));
  }

  /** In the order in which the user sent them. */
  get entries(): ReadonlySignal<readonly OutboxEntry[]> {
    return this.#entries;
  }

  /** Reads the entries of earlier pages. */
  async load(): Promise<void> {
    const stored = await this.#storage.list<OutboxEntry>("outbox");
    const known = new Set(this.#entries.peek().map(({ key }) => key));
    for (const entry of stored) if (!known.has(entry.key)) this.#put(entry);
  }

  /** Sends what waits, from now on. Reads the entries again: the tab that led before may not have posted all of them. */
  async lead(): Promise<void> {
    await this.load();
    // The tab that led before may have been closed while it sent.
    const entries = this.#entries.peek();
    this.#entries.value = entries.map((entry) =>
      entry.state === "sending" ? { ...entry, state: "waiting" as const } : entry,
    );
    this.#isLeading = !this.#closing.signal.aborted;
    this.#sendAll();
  }

  /** Sends at once what waits after a failure, since the network is back. */
  wake(): void {
    this.#waking.abort();
    this.#waking = new AbortController();
  }

  /** Stores a message and sends it as soon as possible. It is in `entries` at once. Never rejects. */
  async add(destination: Destination, composition: Composition, afterId: number): Promise<void> {
    const latest = Math.max(0, ...this.#entries.peek().map(({ createdAt }) => createdAt));
    const entry: OutboxEntry = {
      ...composition,
      key: randomKey(),
      destination,
      createdAt: Math.max(this.#now(), latest + 1),
      afterId,
      state: "waiting",
      failure: undefined,
      message: undefined,
    };
    this.#put(entry);
    // The tab that leads also knows it if the storage fails.
    this.#tabs.post({ type: "entry", entry });
    await this.#storage.put("outbox", entry.key, entry);
    this.#sendAll();
  }

  /** Sends a rejected message again, behind all others. */
  async retry(key: string): Promise<void> {
    const entry = this.#find(key);
    if (entry?.state !== "rejected") return;
    await this.add(entry.destination, entry, entry.afterId);
    await this.discard(key);
  }

  /** Deletes a message that is not being sent. Returns it, for instance to edit it. */
  async discard(key: string): Promise<OutboxEntry | undefined> {
    const entry = this.#find(key);
    if (!entry || entry.state === "sending" || entry.state === "sent") return undefined;
    this.#remove(key);
    this.#tabs.post({ type: "entry_discarded", key });
    await this.#storage.delete("outbox", key);
    return entry;
  }

  /** Removes the sent entries whose messages have appeared among the events or in a snapshot. */
  settle(): void {
    const remaining = this.#entries.peek().filter(({ message, destination }) => {
      if (!message) return true;
      const lastSeq = this.#lastSeqOf(message.destination_chat_id);
      // The event that creates the p2p chat may be still to come. Any other chat has been left.
      return lastSeq === undefined ? "username" in destination : lastSeq < message.seq;
    });
    this.#keep(remaining);
  }

  close(): void {
    this.#isLeading = false;
    this.#closing.abort();
    this.#waking.abort();
  }

  #sendAll(): void {
    if (!this.#isLeading) return;
    for (const lane of new Set(this.#entries.peek().map((entry) => this.#laneOf(entry)))) {
      if (!this.#busyLanes.has(lane) && this.#headOf(lane)) void this.#sendLane(lane);
    }
  }

  async #sendLane(lane: string): Promise<void> {
    this.#busyLanes.add(lane);
    for (let failures = 0; this.#isLeading;) {
      const entry = this.#headOf(lane);
      if (!entry) break;
      const wait = await this.#attempt(entry, failures);
      failures = wait === undefined ? 0 : failures + 1;
      if (wait !== undefined) await pause(wait, this.#waking.signal);
    }
    this.#busyLanes.delete(lane);
    // A lane to a user becomes the lane of a chat by the first message.
    this.#sendAll();
  }

  /** Returns how long to wait before the next attempt; `undefined` if the entry needs none. */
  async #attempt(entry: OutboxEntry, failures: number): Promise<number | undefined> {
    this.#publish({ ...entry, state: "sending" });
    const { destination, key, text, replyTo, mentions } = entry;
    const to =
      "chatId" in destination
        ? { group_chat_id: destination.chatId }
        : { dest_username: destination.username };
    const request = {
      ...to,
      message: text,
      reply_to: replyTo,
      mentions: mentions.map(({ user_id }) => user_id),
    };
    try {
      const options = { idempotencyKey: key, patience: 0, signal: this.#closing.signal };
      await this.#sent(entry, await this.#client.sendMessage(request, options));
      return undefined;
    } catch (error) {
      // A session that has ended may begin again.
      const isSignedOut = error instanceof PalaverError && error.code === "not_signed_in";
      if (this.#closing.signal.aborted || isSignedOut || isTransient(error)) {
        this.#publish({ ...entry, state: "waiting" });
        const retryAfter = error instanceof PalaverError ? (error.retryAfter ?? 0) : 0;
        return retryAfter + backoff(failures + 1);
      }
      const rejected: OutboxEntry = { ...entry, state: "rejected", failure: toFailure(error) };
      this.#publish(rejected);
      await this.#storage.put("outbox", key, rejected);
      return undefined;
    }
  }

  async #sent(entry: OutboxEntry, message: Message): Promise<void> {
    const lane = this.#laneOf(entry);
    // Else the next entry with the same text could be taken for this message.
    const later = this.#entries
      .peek()
      .filter((each) => each.state === "waiting" && each.text === entry.text && this.#laneOf(each) === lane)
      .map((each) => ({ ...each, afterId: message.id }));
    for (const each of later) this.#publish(each);
    this.#publish({ ...entry, state: "sent", message });
    this.settle();
    for (const each of later) await this.#storage.put("outbox", each.key, each);
    await this.#storage.delete("outbox", entry.key);
  }

  /** The first entry of a lane that is to be sent; `undefined` while another one is being sent. */
  #headOf(lane: string): OutboxEntry | undefined {
    const isUnsent = ({ state }: OutboxEntry) => state === "waiting" || state === "sending";
    const head = this.#entries.peek().find((entry) => isUnsent(entry) && this.#laneOf(entry) === lane);
    return head?.state === "waiting" ? head : undefined;
  }

  /** Entries of one lane are sent one after the other: those to one chat, also if some name its user. */
  #laneOf({ destination }: OutboxEntry): string {
    const chatId = "username" in destination ? this.#chatWith(destination.username) : undefined;
    return keyOf(chatId === undefined ? destination : { chatId });
  }

  #publish(entry: OutboxEntry): void {
    // It may have been discarded meanwhile.
    if (!this.#find(entry.key) || this.#isStale(entry)) return;
    this.#put(entry);
    this.#tabs.post({ type: "entry", entry });
  }

  /** Whether the message is known to be stored, but not to this entry. Without locks, two tabs can send the same message. */
  #isStale({ key, message }: OutboxEntry): boolean {
    return message === undefined && this.#find(key)?.message !== undefined;
  }

  #find(key: string): OutboxEntry | undefined {
    return this.#entries.peek().find((entry) => entry.key === key);
  }

  #put(entry: OutboxEntry): void {
    const others = this.#entries.peek().filter(({ key }) => key !== entry.key);
    this.#entries.value = [...others, entry].toSorted((one, other) => one.createdAt - other.createdAt);
  }

  #remove(key: string): void {
    this.#keep(this.#entries.peek().filter((entry) => entry.key !== key));
  }

  #keep(remaining: readonly OutboxEntry[]): void {
    const entries = this.#entries.peek();
    if (remaining.length === entries.length) return;
    for (const entry of entries) if (!remaining.includes(entry)) this.#ended.add(entry.key);
    this.#entries.value = remaining;
  }
}

/** Browsers offer `crypto.randomUUID` only to pages loaded over TLS. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
