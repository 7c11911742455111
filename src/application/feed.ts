import { canRead, type ChatId } from "../domain/chat.js";
import { isUnavailable, MessagingError } from "../domain/errors.js";
import {
  cursorAt,
  cursorExpired,
  epochOf,
  positionOf,
  toChatEvent,
  usersIn,
  type ChatEvent,
  type EventCursor,
  type LogBounds,
  type NamedUser,
  type SessionEnd,
  type StoredChatEvent,
  type StoredEvent,
} from "../domain/event.js";
import type { LiveSignal } from "../domain/live-signal.js";
import { lengthOf } from "../domain/message.js";
import { reactionsLength } from "../domain/reaction.js";
import type { SessionId } from "../domain/session.js";
import type { UserId } from "../domain/user.js";
import type { EventBatch, EventPage, ListEvents, Subscribe, Subscription } from "./events.js";
import { Multimap } from "./multimap.js";
import type { LogEntry, Ports, ReadRepositories, UserMembership, UserReader } from "./ports.js";
import { hasManyChats, MAX_RANGE_LENGTH } from "./ranges.js";
import { findLiveSessions } from "./sessions.js";
import { SignalBuffer } from "./signal-buffer.js";

/** The ports, and the feed of their store. */
export interface PortsWithFeed extends Ports {
  readonly feed: EventFeed;
}

const MAX_ENTRIES_PER_READ = 500;

/** Events of a page that a lagging subscriber reads from the log. */
const CATCH_UP_PAGE_SIZE = 200;

/** Chats are created with consecutive ids, and the last characters of the id of a user are random. */
const shardOfChat = (id: ChatId) => Math.floor(id / 1_000);
const shardOfUser = (id: UserId) => id.slice(-2);

/** The length of the texts of the events that are read at once, in UTF-16 code units. A read can exceed it by one text. */
const MAX_CHARACTERS_PER_READ = 32_000;

/** With so few new entries, it costs less to read all of them than to look for events in each chat of a user. */
const SHORT_RANGE_LENGTH = 20;

/** Bounds the cost of a page that skips events of messages that the user cannot read. */
const MAX_READS_PER_PAGE = 10;

/** Chats of a subscriber that are read and indexed in one turn of the event loop. */
const MAX_MEMBERSHIPS_PER_READ = 250;

/** Chats and peers of former subscribers that are removed from the indexes at a time. */
const MAX_REMOVED_PER_TURN = 1_000;

/** Events that the feed buffers for one subscriber. Beyond that the subscriber lags and re-reads the log. */
const MAX_BUFFERED_EVENTS = 1_000;

/** The length of the texts in that buffer, in UTF-16 code units. */
const MAX_BUFFERED_CHARACTERS = 128_000;

type People = ReadonlyMap<UserId, NamedUser>;

/** Entries of the log, and the users in them. */
interface Entries {
  readonly entries: readonly LogEntry[];
  readonly people: People;
}

/** The chats and peers of a subscriber that are still to be removed from the indexes. */
interface Removal {
  readonly subscriber: Subscriber;
  readonly chats: Iterator<ChatId, undefined>;
  readonly peers: Iterator<UserId, undefined>;
}

/**
 * Reads the event log once for all subscribers and delivers each event to its recipients. Without subscribers it reads
 * nothing. The store must stay open until `close`.
 */
export class EventFeed {
  readonly #store: Ports["store"];
  readonly #clock: Ports["clock"];
  readonly #byUser = new Multimap<UserId, Subscriber>(shardOfUser);
  #byChat = new Multimap<ChatId, Subscriber>(shardOfChat);
  /** By the users that they receive events about. */
  #byPeer = new Multimap<UserId, Subscriber>(shardOfUser);
  /** Former chats and peers of subscribers, which `#byChat` and `#byPeer` still have. */
  #removals: Removal[] = [];
  /** Subscribers that could not read their page of the log. They are woken once the log can be read. */
  readonly #stalled = new Set<Subscriber>();
  /** One list for each catch-up in progress: the entries that the feed reads meanwhile. */
  readonly #missed = new Set<Entries[]>();
  /** The id of the last entry read; undefined before the first catch-up. */
  #position: number | undefined;
  #bounds: Pick<LogBounds, "epoch" | "earlier"> = { epoch: "" };
  #unsubscribe: (() => void) | undefined;
  #woken = false;
  #reading = false;
  #closed = false;

  constructor({ store, clock }: Pick<Ports, "store" | "clock">) {
    this.#store = store;
    this.#clock = clock;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The subscription reads nothing before its first `next`. */
  subscribe(command: Subscribe, observer?: SubscriberObserver): Subscriber {
    return new Subscriber(this, this.#clock, command, observer);
  }

  /** The subscribers among the participants of the chat, as of the last entry. */
  subscribersIn(chatId: ChatId): readonly Subscriber[] {
    return Array.from(this.#byChat.get(chatId)).filter(({ chats }) => chats.has(chatId));
  }

  /** The subscribers of the user and of their p2p peers. */
  subscribersAbout(userId: UserId): readonly Subscriber[] {
    return Array.from(this.#byPeer.get(userId)).filter(({ peers }) => peers.has(userId));
  }

  /** Ends all subscriptions as their `close` does. Later ones end at once. */
  close(): void {
    this.#closed = true;
    for (const subscriber of this.#subscribers()) subscriber.end();
  }

  /** Ends all open subscriptions: their `next` throws the error, created for each in the asynchronous context of that call. */
  fail(createError: () => unknown): void {
    for (const subscriber of this.#subscribers()) subscriber.end(createError);
  }

  /**
   * Reads a page of the log for the subscriber. Behind the last page, the feed delivers every later event and no earlier one.
   *
   * The chats of the subscriber are read in slices, each in a separate read, so that other work runs in between. The read of the
   * last slice also reads the page. With the events since the first slice applied to them, the chats are complete as of that page.
   */
  async catchUp(
    subscriber: Subscriber,
    read: (repositories: ReadRepositories) => Promise<EventPage>,
  ): Promise<EventPage> {
    const { userId } = subscriber;
    this.#byUser.add(userId, subscriber);
    this.#unsubscribe ??= this.#store.subscribe(() => void this.#readOn());
    this.#removeMemberships(subscriber);
    const missed: Entries[] = [];
    this.#missed.add(missed);
    try {
      let known: EventPage | undefined;
      for (let after: UserMembership | undefined; ;) {
        const hasStarted = this.#position !== undefined;
        const wanted = { after, limit: MAX_MEMBERSHIPS_PER_READ };
        const { page, slice, bounds } = await this.#store.read(async (repositories) => {
          const found = await repositories.chats.memberships(userId, wanted);
          return {
            page: known && found.length === wanted.limit ? known : await read(repositories),
            slice: found,
            bounds: await repositories.events.bounds(userId),
          };
        });
        const isLast = slice.length < wanted.limit;
        if (this.#position !== undefined) this.#assertEpoch(bounds);
        // The feed has already removed a closed subscriber: nothing would remove what is added later.
        if (subscriber.closed) return page;
        const { last } = bounds;
        this.#bounds = bounds;
        this.#position ??= last;
        // Another catch-up may have started the feed behind this view. The subscriber then reads the gap from the log.
        const hasGap = !hasStarted && last < this.#position;
        const isBehind = page.hasMore || hasGap;
        if (!isBehind) {
          this.#removeSome();
          for (const membership of slice) this.#addMembership(subscriber, membership);
          if (isLast) this.#goLive(subscriber, last, missed);
        }
        // A commit that came before the first catch-up has not been read.
        if (this.#woken) void this.#readOn();
        if (isBehind || isLast) return page;
        known = page;
        after = slice.at(-1);
      }
    } finally {
      this.#missed.delete(missed);
    }
  }

  /** @param missed everything that the feed has read since the chats of the subscriber were read. */
  #goLive(subscriber: Subscriber, last: number, missed: readonly Entries[]): void {
    this.#addPeer(subscriber, subscriber.userId);
    subscriber.start(last);
    for (const { entries, people } of missed) {
      for (const entry of entries) if ("change" in entry) this.#deliver(entry, people, [subscriber]);
    }
    if (missed.some(({ entries }) => entries.some(isDeletionOfUser))) subscriber.discardBuffer();
  }

  /** Wakes the subscriber, which could not read the log, once the log can be read. */
  wakeWhenReadable(subscriber: Subscriber): void {
    this.#stalled.add(subscriber);
  }

  /** Stops delivery to the subscriber. */
  remove(subscriber: Subscriber): void {
    this.#stalled.delete(subscriber);
    this.#byUser.delete(subscriber.userId, subscriber);
    this.#removeMemberships(subscriber);
    if (!this.#byUser.isEmpty) return;
    this.#byChat = new Multimap(shardOfChat);
    this.#byPeer = new Multimap(shardOfUser);
    this.#removals = [];
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#position = undefined;
  }

  #addMembership(
    subscriber: Subscriber,
    { chatId, historyStart, peer }: Omit<UserMembership, "joinedAfter">,
  ): void {
    subscriber.chats.add(chatId);
    this.#byChat.add(chatId, subscriber);
    if (historyStart > 0) subscriber.historyStarts.set(chatId, historyStart);
    if (peer !== undefined) this.#addPeer(subscriber, peer);
  }

  #addPeer(subscriber: Subscriber, peer: UserId): void {
    subscriber.peers.add(peer);
    this.#byPeer.add(peer, subscriber);
  }

  /** Empties the chats and peers of the subscriber. Leaves most of a long index to later calls. */
  #removeMemberships(subscriber: Subscriber): void {
    const { chats, peers } = subscriber;
    this.#removals.push({ subscriber, chats: chats.values(), peers: peers.values() });
    subscriber.chats = new Set();
    subscriber.historyStarts = new Map();
    subscriber.peers = new Set();
    this.#removeSome();
  }

  #removeSome(): void {
    for (let left = MAX_REMOVED_PER_TURN; left > 0 && this.#removals[0]; left -= 1) {
      const { subscriber, chats, peers } = this.#removals[0];
      const chatId = chats.next().value;
      const peer = chatId === undefined ? peers.next().value : undefined;
      if (chatId !== undefined) {
        if (!subscriber.chats.has(chatId)) this.#byChat.delete(chatId, subscriber);
      } else if (peer !== undefined) {
        if (!subscriber.peers.has(peer)) this.#byPeer.delete(peer, subscriber);
      } else {
        this.#removals.shift();
      }
    }
  }

  #subscribers(): Subscriber[] {
    return this.#byUser.values();
  }

  async #readOn(): Promise<void> {
    this.#woken = true;
    if (this.#reading) return;
    this.#reading = true;
    try {
      while (this.#woken && this.#position !== undefined) {
        this.#woken = false;
        const after = this.#position;
        const [entries, people, bounds] = await this.#store.read(async ({ users, events }) => {
          const found = await events.all({
            after,
            upTo: Number.MAX_SAFE_INTEGER,
            limit: MAX_ENTRIES_PER_READ,
            maxCharacters: MAX_CHARACTERS_PER_READ,
          });
          return [found, await readPeople(users, found), await events.bounds()];
        });
        for (const subscriber of this.#stalled) subscriber.wake();
        this.#stalled.clear();
        // If all subscribers left meanwhile, a new one has started behind these entries.
        if (this.#position !== after) continue;
        this.#assertEpoch(bounds);
        const last = entries.at(-1);
        if (last === undefined) continue;
        this.#position = last.id;
        this.#bounds = bounds;
        this.#removeSome();
        const isCut =
          entries.length === MAX_ENTRIES_PER_READ || charactersOf(entries) >= MAX_CHARACTERS_PER_READ;
        this.#woken ||= isCut;
        for (const missed of this.#missed) missed.push({ entries, people });
        this.#deliverAll({ entries, people });
      }
    } catch (error) {
      // Live subscribers miss nothing: the position stays, and the store wakes the feed when it can be read.
      if (isUnavailable(error)) this.#woken = true;
      else this.fail(() => error);
    } finally {
      this.#reading = false;
    }
  }

  /**
   * Fails all subscriptions if the epoch that the feed has read so far has expired: they may have events that the log has lost. A
   * later subscription starts the feed again.
   */
  #assertEpoch({ epoch, earlier }: LogBounds): void {
    const known = this.#bounds.epoch;
    if (epoch !== known && !earlier?.has(known)) this.fail(cursorExpired);
  }

  #deliverAll({ entries, people }: Entries): void {
    const recipients = new Set<Subscriber>();
    for (const entry of entries) {
      if ("sessionId" in entry) {
        this.#endSession(entry);
        continue;
      }
      if (isDeletionOfUser(entry)) this.#discardBuffers();
      for (const each of this.#deliver(entry, people, this.#candidates(entry))) recipients.add(each);
    }
    // Each is woken once, when all events of this read are in its buffer.
    for (const recipient of recipients) recipient.wake();
  }

  #endSession({ userId, sessionId }: SessionEnd): void {
    for (const subscriber of this.#byUser.get(userId)) {
      if (subscriber.session === sessionId) subscriber.endSession();
    }
  }

  /** Lets the subscribers read again what they have buffered, since it can have the name of a user who is deleted. */
  #discardBuffers(): void {
    for (const subscriber of this.#subscribers()) subscriber.discardBuffer();
  }

  /** The subscribers that can be recipients: a superset. */
  #candidates(event: StoredEvent): Iterable<Subscriber> {
    if (!("chatId" in event)) return this.#byPeer.get(event.to.peersOf);
    const { chatId, to, change } = event;
    if (to !== "participants") return this.#byUser.get(to.user);
    if (change.type === "chat.created") {
      return change.participants.flatMap(({ id }) => [...this.#byUser.get(id)]);
    }
    return this.#byChat.get(chatId);
  }

  /** @returns the recipients. They share one `ChatEvent`, so that an adapter can serialize it once for all of them. */
  #deliver(event: StoredEvent, people: People, candidates: Iterable<Subscriber>): readonly Subscriber[] {
    const recipients = this.#recipientsOf(event, candidates);
    if (recipients.length === 0) return recipients;
    const chatEvent = toChatEvent(event, epochOf(event.id, this.#bounds), people);
    if (chatEvent === undefined) return [];
    for (const recipient of recipients) recipient.deliver(chatEvent);
    return recipients;
  }

  /**
   * The candidates that receive the event: the participants of the chat after this event who can read its message, or the one user
   * that it is addressed to, who must be a participant unless the event includes removed users; of an event about a user, that user
   * and their peers. `EventReader.ofUser` selects by the same rule, with the participants of today.
   */
  #recipientsOf(event: StoredEvent, candidates: Iterable<Subscriber>): readonly Subscriber[] {
    const recipients: Subscriber[] = [];
    for (const subscriber of candidates) {
      if (!subscriber.isLive) continue;
      const isNew = event.id > subscriber.startsAfter;
      if (!("chatId" in event)) {
        if (isNew && subscriber.peers.has(event.to.peersOf)) recipients.push(subscriber);
        continue;
      }
      const { chatId, to, message } = event;
      this.#updateMembership(subscriber, event);
      if (!isNew) continue;
      const isParticipant = subscriber.chats.has(chatId);
      const historyStart = subscriber.historyStarts.get(chatId) ?? 0;
      const isReadable = message === null || canRead({ historyStart }, message);
      if (
        to === "participants"
          ? isParticipant && isReadable
          : to.user === subscriber.userId && (to.includesRemoved || isParticipant)
      ) {
        recipients.push(subscriber);
      }
    }
    return recipients;
  }

  #updateMembership(subscriber: Subscriber, { chatId, to, change }: StoredChatEvent): void {
    const { userId, chats, historyStarts } = subscriber;
    const joins =
      (change.type === "chat.created" && change.participants.some(({ id }) => id === userId)) ||
      (change.type === "participant.added" && to !== "participants" && to.user === userId);
    if (joins) {
      const historyStart = change.type === "participant.added" ? (change.overview?.historyStart ?? 0) : 0;
      this.#addMembership(subscriber, { chatId, historyStart, peer: undefined });
      if (change.type === "chat.created" && change.chat.kind === "p2p") {
        for (const { id } of change.participants) this.#addPeer(subscriber, id);
      }
    } else if (change.type === "participant.removed" && change.user.id === userId) {
      chats.delete(chatId);
      historyStarts.delete(chatId);
      this.#byChat.delete(chatId, subscriber);
      // The event does not say who the peer was.
      if (change.chatKind === "p2p") subscriber.lag();
    }
  }
}

/** Is called once a subscriber is live for the first time, and once it has ended after that. */
export interface SubscriberObserver {
  opened(userId: UserId): void;
  closed(userId: UserId): void;
}

/**
 * The implementation of `Subscription`. Everything that is not in that interface is for the feed and the use cases of this layer.
 * A subscriber is either lagging, and reads pages of the log, or live, and consumes its buffer, which the feed fills.
 */
export class Subscriber implements Subscription {
  readonly userId: UserId;
  readonly session: SessionId | undefined;
  /** The chats that the user is a participant of, as of the last entry that the feed has read. It has the subscriber under each. */
  chats: Set<ChatId> = new Set();
  /** The chats of which the user cannot read all messages, each with the `historyStart`. */
  historyStarts: Map<ChatId, number> = new Map();
  /** The user, and the other users of the p2p chats among `chats`. The feed has the subscriber under each of them. */
  peers: Set<UserId> = new Set();
  /** The feed delivers only entries with a greater id; none while it is infinite. */
  startsAfter = Infinity;
  readonly #feed: EventFeed;
  readonly #clock: Ports["clock"];
  readonly #observer: SubscriberObserver | undefined;
  /** Without it, the consumer receives no signals. */
  readonly #signals: SignalBuffer | undefined;
  /** Behind the last event that the consumer has; undefined before the first batch of a command without one. */
  #cursor: string | undefined;
  #buffer: ChatEvent[] = [];
  #bufferedCharacters = 0;
  #lagging = true;
  /** Whether the consumer has the first page. Only that one may be empty. */
  #opened = false;
  /** Whether it has been live. Since then the feed reports the end of the session. */
  #started = false;
  #sessionEnded = false;
  #closed = false;
  #createError: (() => unknown) | undefined;
  #wake: (() => void) | undefined;

  constructor(
    feed: EventFeed,
    clock: Ports["clock"],
    { by, session, after, signals }: Subscribe,
    observer?: SubscriberObserver,
  ) {
    this.userId = by;
    this.session = session;
    this.#feed = feed;
    this.#clock = clock;
    this.#cursor = after;
    this.#observer = observer;
    this.#signals = signals === true ? new SignalBuffer() : undefined;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Whether the chats and peers are complete, so that the feed can deliver. */
  get isLive(): boolean {
    return this.startsAfter < Infinity;
  }

  get sessionEnded(): boolean {
    return this.#sessionEnded;
  }

  async next(): Promise<EventBatch | undefined> {
    try {
      for (;;) {
        if (this.#createError) throw this.#createError();
        if (this.#closed || this.#feed.closed) return undefined;
        if (this.#hasBuffered) return this.#takeBuffer();
        if (this.#lagging) {
          const page = await this.#readNextPage();
          if (page !== undefined && !this.#closed) return page;
        } else {
          await this.#woken();
        }
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  drain(wake: () => void): EventBatch | undefined {
    if (this.#closed || this.#lagging) return undefined;
    this.#wake = wake;
    const batch = this.#takeBuffer();
    if (this.#hasBuffered) this.wake();
    return batch;
  }

  close(): void {
    this.end();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<EventBatch, undefined> {
    try {
      for (let batch = await this.next(); batch; batch = await this.next()) yield batch;
    } finally {
      this.close();
    }
  }

  /**
   * Returns the next page of the log; undefined if it is empty and not the first one. If the log cannot be read for the moment,
   * also undefined, once it can be read again; the first page is rejected.
   */
  async #readNextPage(): Promise<EventBatch | undefined> {
    const isFirst = !this.#opened;
    try {
      const { events, cursor } = await this.catchUp(CATCH_UP_PAGE_SIZE);
      return isFirst || events.length > 0 ? { events, cursor } : undefined;
    } catch (error) {
      if (isFirst || !isUnavailable(error)) throw error;
      if (this.#closed) return undefined;
      this.#feed.wakeWhenReadable(this);
      await this.#woken();
      return undefined;
    }
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Reads the next page of the log. Behind the last page the subscriber is live. */
  async catchUp(limit: number): Promise<EventPage> {
    this.startsAfter = Infinity;
    const page = await this.#feed.catchUp(this, async (repositories) => {
      if (!this.#started) await this.#assertSession(repositories);
      return readPage(repositories, { by: this.userId, after: this.#cursor, limit });
    });
    this.#opened = true;
    this.#cursor = page.cursor;
    return page;
  }

  /** The consumer has everything up to this entry, as of which the chats and peers are complete. */
  start(after: number): void {
    this.startsAfter = after;
    if (!this.#started) this.#observer?.opened(this.userId);
    this.#started = true;
    this.#lagging = false;
  }

  deliver(event: ChatEvent): void {
    this.#lagging ||=
      this.#buffer.length >= MAX_BUFFERED_EVENTS || this.#bufferedCharacters >= MAX_BUFFERED_CHARACTERS;
    if (this.#lagging) return;
    this.#buffer.push(event);
    this.#bufferedCharacters += charactersOf([event]);
  }

  /** Whether the consumer has asked for signals and does not lag. */
  get takesSignals(): boolean {
    return !this.#lagging && this.#signals !== undefined;
  }

  /** Does nothing unless it `takesSignals`. */
  signal(signal: LiveSignal): void {
    if (!this.takesSignals) return;
    this.#signals!.add(signal, this.#buffer.length);
    this.wake();
  }

  /** Does nothing with an empty buffer. */
  discardBuffer(): void {
    this.#signals?.clear();
    if (this.#buffer.length > 0) this.lag();
  }

  /** Discards the buffer. The next read of the log also finds the chats and peers of the user anew. */
  lag(): void {
    this.#lagging = true;
    this.#signals?.clear();
    this.#buffer = [];
    this.#bufferedCharacters = 0;
    this.wake();
  }

  wake(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  endSession(): void {
    this.#sessionEnded = true;
    this.end();
  }

  /** @param createError what `next` throws, once; without it, `next` resolves to `undefined`. */
  end(createError?: () => unknown): void {
    if (this.#started && !this.#closed) this.#observer?.closed(this.userId);
    this.#closed = true;
    this.startsAfter = Infinity;
    this.#signals?.clear();
    this.#createError = createError;
    this.#buffer = [];
    this.#bufferedCharacters = 0;
    this.#feed.remove(this);
    this.wake();
  }

  get #hasBuffered(): boolean {
    return this.#buffer.length > 0 || this.#signals?.isEmpty === false;
  }

  /** The events up to the first signal; or the signals up to the next event, which leave the cursor where it is. */
  #takeBuffer(): EventBatch {
    const before = this.#signals?.eventsBefore;
    if (before === 0)
      return { events: [], cursor: this.#cursor as EventCursor, signals: this.#signals!.take() };
    const events = before === undefined ? this.#buffer : this.#buffer.slice(0, before);
    this.#buffer = before === undefined ? [] : this.#buffer.slice(before);
    this.#bufferedCharacters = this.#buffer.length === 0 ? 0 : charactersOf(this.#buffer);
    this.#signals?.skip(events.length);
    const cursor = events.at(-1)?.cursor ?? (this.#cursor as EventCursor);
    this.#cursor = cursor;
    return { events, cursor };
  }

  /** The feed does not read the end of a session that ended before the feed started, or before the cursor. */
  async #assertSession({ sessions }: ReadRepositories): Promise<void> {
    if (this.session === undefined) return;
    const live = await findLiveSessions(sessions, this.userId, this.#clock.now());
    if (!live.some(({ id }) => id === this.session)) throw sessionEnded();
  }
}

export function sessionEnded(): MessagingError {
  return new MessagingError("not_signed_in", "Your session has ended. Log in.");
}

/**
 * Returns the user's events after the cursor; without a cursor, an empty page with the cursor of now. A page can be shorter than the
 * limit although there are more events: it bounds the length of its texts, the events of messages that the user cannot read, and
 * the entries of other chats that it skips.
 */
export async function readPage(
  repositories: Pick<ReadRepositories, "users" | "chats" | "events">,
  { by, after, limit }: ListEvents,
): Promise<EventPage> {
  const { users, events } = repositories;
  const bounds: LogBounds = await events.bounds(by);
  const { last } = bounds;
  const found: ChatEvent[] = [];
  let position = after === undefined ? last : positionOf(after, bounds);
  const scansRange = last - position <= SHORT_RANGE_LENGTH || (await hasManyChats(repositories, by));
  const end = scansRange ? Math.min(position + MAX_RANGE_LENGTH, last) : last;
  let characters = 0;
  for (
    let reads = 0;
    position < end &&
    found.length <= limit &&
    characters < MAX_CHARACTERS_PER_READ &&
    reads < MAX_READS_PER_PAGE;
    reads += 1
  ) {
    const slice = {
      after: position,
      upTo: end,
      limit: reads === 0 ? limit + 1 : CATCH_UP_PAGE_SIZE,
      maxCharacters: MAX_CHARACTERS_PER_READ - characters,
      scansRange,
    };
    const entries = await events.ofUser(by, slice);
    const people = await readPeople(users, entries);
    found.push(...entries.flatMap((event) => toChatEvent(event, epochOf(event.id, bounds), people) ?? []));
    const length = charactersOf(entries);
    characters += length;
    const isCut = entries.length === slice.limit || length >= slice.maxCharacters;
    position = isCut ? entries.at(-1)!.id : end;
  }
  const page = found.slice(0, limit);
  const isCut = found.length > limit;
  return {
    events: page,
    cursor: (isCut && page.at(-1)?.cursor) || cursorAt(epochOf(position, bounds), position),
    hasMore: isCut || position < last,
  };
}

/** Events read before it can have the name of the user. */
function isDeletionOfUser(entry: LogEntry): boolean {
  return "change" in entry && entry.change.type === "user.deleted";
}

/** The users that the entries refer to. */
export async function readPeople(users: UserReader, entries: readonly LogEntry[]): Promise<People> {
  const ids = new Set(
    entries.flatMap((entry) => ("change" in entry ? usersIn(entry) : []).map(({ id }) => id)),
  );
  const found = ids.size === 0 ? [] : await users.accountsById([...ids]);
  return new Map(
    found.map(({ user: { id, username }, displayName }) => [id, { id, username, displayName }] as const),
  );
}

/** The length of the messages and reactions that the entries carry, in UTF-16 code units. */
function charactersOf(entries: readonly (LogEntry | ChatEvent)[]): number {
  return entries.reduce((sum, entry) => {
    if ("reactions" in entry) return sum + reactionsLength(entry.reactions);
    const message =
      "message" in entry ? entry.message : "overview" in entry ? entry.overview?.lastMessage : null;
    return sum + (message ? lengthOf(message) : 0);
  }, 0);
}
