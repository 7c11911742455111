import type { ChatId } from "../domain/chat.js";
import { toChatEvent, type ChatEvent, type StoredEvent } from "../domain/event.js";
import type { SessionId } from "../domain/session.js";
import type { UserId } from "../domain/user.js";
import type { LogEntry, ReadRepositories, Store } from "./ports.js";

/** The log of events, read once for all who follow it, however many they are. While nobody does, it costs nothing. */
export interface EventFeed {
  /**
   * Begins to follow for this user. Their first call is `catchUp`, and their last is `leave`.
   *
   * @param session when it ends, there is nothing more.
   */
  join(userId: UserId, session: SessionId | undefined): Following;
}

/** One call at a time, but for `leave`. */
export interface Following {
  /** Reads the store: what happens behind that, and nothing before it, comes from `next`. */
  catchUp<T>(read: (repositories: ReadRepositories) => Promise<T>): Promise<T>;
  /**
   * What has happened since the last call, or else what happens next: one event or more, in order. Who has fallen behind is
   * given no more until they have caught up.
   *
   * @throws what the store threw when it could not be read.
   */
  next(): Promise<readonly ChatEvent[] | "fell behind" | "ended">;
  /**
   * The same without waiting: none where nothing has happened since, and undefined where only `next` can tell.
   *
   * @param wake is called once, when there is more to take or to be told.
   */
  now(wake: () => void): readonly ChatEvent[] | undefined;
  /** Whether the session has ended, or `leave` was called. */
  ended(): boolean;
  /** Also ends a `next` that waits. */
  leave(): void;
}

/** How many entries of the log are read at a time. */
const SLICE = 500;

/** How many events wait for a subscriber who does not take them; those behind them are for them to read from the log. */
const MOST_WAITING = 1_000;

/** @param store must stay open as long as there are subscribers. */
export function eventFeed(store: Pick<Store, "read" | "subscribe">): EventFeed {
  const byChat = new Map<ChatId, Set<Subscriber>>();
  const byUser = new Map<UserId, Set<Subscriber>>();
  /** What was read of the log meanwhile, for each who is catching up. */
  const missing = new Set<LogEntry[]>();
  /** Up to where the log has been read; undefined before anybody has caught up. */
  let position: number | undefined;
  let unsubscribe: (() => void) | undefined;
  let woken = false;
  let reading = false;
  let epoch = "";

  async function readOn(): Promise<void> {
    woken = true;
    if (reading) return;
    reading = true;
    try {
      while (woken && position !== undefined) {
        woken = false;
        const after = position;
        const entries = await store.read(({ events }) =>
          events.all({ after, upTo: Number.MAX_SAFE_INTEGER, limit: SLICE }),
        );
        const last = entries.at(-1);
        // Whoever came after all had left has begun behind what was read here.
        if (last === undefined || position !== after) continue;
        position = last.id;
        woken ||= entries.length === SLICE;
        for (const missed of missing) missed.push(...entries);
        handOut(entries);
      }
    } catch (error) {
      for (const subscriber of [...byUser.values()].flatMap((set) => [...set])) subscriber.fail(error);
    } finally {
      reading = false;
    }
  }

  function handOut(entries: readonly LogEntry[]): void {
    const told = new Set<Subscriber>();
    for (const entry of entries) {
      const give = giver(entry);
      for (const subscriber of concerned(entry)) if (give(subscriber)) told.add(subscriber);
    }
    for (const subscriber of told) subscriber.wake();
  }

  /** Those who follow and may have to do with it. A copy, since it may change who is in the chat. */
  function concerned(entry: LogEntry): Set<Subscriber> {
    if ("sessionId" in entry) return new Set(byUser.get(entry.userId));
    if (entry.to !== "participants") return new Set(byUser.get(entry.to.user));
    const all = new Set(byChat.get(entry.chatId));
    if (entry.change.type === "chat.created") {
      for (const { id } of entry.change.participants) for (const each of byUser.get(id) ?? []) all.add(each);
    }
    return all;
  }

  /** Gives it to a subscriber, if it is for them. It is made ready once, however many they are. */
  function giver(entry: LogEntry): (subscriber: Subscriber) => boolean {
    let event: ChatEvent | undefined;
    return (subscriber) => {
      if ("sessionId" in entry) {
        if (entry.sessionId === subscriber.session) subscriber.end();
        return false;
      }
      if (entry.id <= subscriber.from) return false;
      move(subscriber, entry);
      const isFor =
        entry.to === "participants"
          ? subscriber.chats.has(entry.chatId)
          : entry.to.user === subscriber.userId &&
            (entry.to.includesRemoved || subscriber.chats.has(entry.chatId));
      if (isFor) subscriber.take((event ??= toChatEvent(entry, epoch)));
      return isFor;
    };
  }

  /** Lets a subscriber into the chat or out of it, where that is what has happened. */
  function move(subscriber: Subscriber, { chatId, to, change }: StoredEvent): void {
    const { userId, chats } = subscriber;
    const enters =
      (change.type === "chat.created" && change.participants.some(({ id }) => id === userId)) ||
      (change.type === "participant.added" && to !== "participants" && to.user === userId);
    if (enters) {
      chats.add(chatId);
      put(byChat, chatId, subscriber);
    } else if (change.type === "participant.removed" && change.user.id === userId) {
      chats.delete(chatId);
      drop(byChat, chatId, subscriber);
    }
  }

  async function catchUp<T>(
    subscriber: Subscriber,
    read: (repositories: ReadRepositories) => Promise<T>,
  ): Promise<T> {
    const missed: LogEntry[] = [];
    missing.add(missed);
    try {
      subscriber.wait();
      const [result, chatIds, bounds] = await store.read(async (repositories) => [
        await read(repositories),
        await repositories.chats.idsOfUser(subscriber.userId),
        await repositories.events.bounds(),
      ]);
      if (subscriber.ended) return result;
      for (const chatId of subscriber.chats) drop(byChat, chatId, subscriber);
      for (const chatId of chatIds) put(byChat, chatId, subscriber);
      epoch = bounds.epoch;
      position ??= bounds.last;
      subscriber.begin(bounds.last, chatIds);
      for (const entry of missed) giver(entry)(subscriber);
      // Something was stored before anybody had caught up.
      if (woken) void readOn();
      return result;
    } finally {
      missing.delete(missed);
    }
  }

  function leave(subscriber: Subscriber): void {
    subscriber.end();
    drop(byUser, subscriber.userId, subscriber);
    for (const chatId of subscriber.chats) drop(byChat, chatId, subscriber);
    if (byUser.size > 0) return;
    unsubscribe?.();
    unsubscribe = undefined;
    position = undefined;
  }

  return {
    join(userId, session) {
      const subscriber = new Subscriber(userId, session);
      put(byUser, userId, subscriber);
      unsubscribe ??= store.subscribe(() => void readOn());
      return {
        catchUp: (read) => catchUp(subscriber, read),
        next: () => subscriber.next(),
        now: (wake) => subscriber.now(wake),
        ended: () => subscriber.ended,
        leave: () => leave(subscriber),
      };
    },
  };
}

/** One who follows. It holds what is for them until they take it. */
class Subscriber {
  readonly userId: UserId;
  readonly session: SessionId | undefined;
  /** The last entry before those that it is given. */
  from = Infinity;
  /** The chats that they are in, as of the last entry that was given. */
  chats: Set<ChatId> = new Set();
  ended = false;
  #waiting: ChatEvent[] = [];
  #behind = false;
  #failure: { readonly error: unknown } | undefined;
  #awake: (() => void) | undefined;

  constructor(userId: UserId, session: SessionId | undefined) {
    this.userId = userId;
    this.session = session;
  }

  /** Is given nothing until it begins. */
  wait(): void {
    this.from = Infinity;
    this.#waiting = [];
    this.#behind = false;
  }

  begin(from: number, chatIds: readonly ChatId[]): void {
    this.from = from;
    this.chats = new Set(chatIds);
  }

  take(event: ChatEvent): void {
    this.#behind ||= this.#waiting.length >= MOST_WAITING;
    if (!this.#behind) this.#waiting.push(event);
  }

  end(): void {
    this.ended = true;
    this.wake();
  }

  fail(error: unknown): void {
    this.#failure = { error };
    this.wake();
  }

  wake(): void {
    const awake = this.#awake;
    this.#awake = undefined;
    awake?.();
  }

  async next(): Promise<readonly ChatEvent[] | "fell behind" | "ended"> {
    for (;;) {
      if (this.#failure) throw this.#failure.error;
      if (this.ended) return "ended";
      if (this.#waiting.length > 0) return this.#taken();
      if (this.#behind) return "fell behind";
      await new Promise<void>((resolve) => {
        this.#awake = resolve;
      });
    }
  }

  now(wake: () => void): readonly ChatEvent[] | undefined {
    if (this.#failure || this.ended || this.#behind) return undefined;
    this.#awake = wake;
    return this.#taken();
  }

  #taken(): readonly ChatEvent[] {
    const events = this.#waiting;
    this.#waiting = [];
    return events;
  }
}

function put<Key>(sets: Map<Key, Set<Subscriber>>, key: Key, subscriber: Subscriber): void {
  const set = sets.get(key) ?? new Set();
  sets.set(key, set.add(subscriber));
}

function drop<Key>(sets: Map<Key, Set<Subscriber>>, key: Key, subscriber: Subscriber): void {
  const set = sets.get(key);
  set?.delete(subscriber);
  if (set?.size === 0) sets.delete(key);
}
