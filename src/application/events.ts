import type { ChatOverview } from "../domain/chat.js";
import { cursorAt, epochOf, type ChatEvent, type EventCursor } from "../domain/event.js";
import type { LiveSignal } from "../domain/live-signal.js";
import type { SessionId } from "../domain/session.js";
import type { UserId } from "../domain/user.js";
import type { PortsWithRankings } from "./chat-ranking.js";
import { sliceOverviews, type ChatSlices } from "./chats.js";
import { readPage, sessionEnded, type PortsWithFeed } from "./feed.js";
import type { PortsWithSignals } from "./live-signals.js";
import type { Ports } from "./ports.js";
import { joinSlices } from "./slices.js";

export interface EventBatch {
  /** Oldest first. */
  readonly events: readonly ChatEvent[];
  /** Behind all events that the caller has received so far. */
  readonly cursor: EventCursor;
  /** Signals, oldest first, in a batch without events: only where `Subscribe.signals` asks for them. */
  readonly signals?: readonly LiveSignal[];
}

export interface EventPage extends EventBatch {
  readonly hasMore: boolean;
}

export interface ListEvents {
  readonly by: UserId;
  /** Returns the events after this cursor; without it, an empty page with the cursor of now. */
  readonly after?: string | undefined;
  /** Maximum number of events, 1 or more. */
  readonly limit: number;
  /** If the page would be empty, waits until there is an event or this resolves. Without it, does not wait. */
  readonly until?: Promise<unknown> | undefined;
  /** The session of the caller. The wait ends with it. */
  readonly session?: SessionId | undefined;
}

/**
 * Returns a page of the events in the caller's chats. A caller that continues from the cursor of each page receives every event
 * exactly once.
 *
 * @throws MessagingError `invalid_cursor`, `cursor_expired`; `not_signed_in` if the session ended meanwhile
 */
export async function listEvents(core: PortsWithFeed, command: ListEvents): Promise<EventPage> {
  const { by, after, limit, until, session } = command;
  const readAfter = (cursor: string | undefined) =>
    core.store.read((repositories) => readPage(repositories, { by, after: cursor, limit }));
  const found = await readAfter(after);
  if (until === undefined || after === undefined || found.events.length > 0 || found.hasMore) return found;
  const subscription = core.feed.subscribe({ by, after: found.cursor, session });
  try {
    const page = await subscription.catchUp(limit);
    if (page.events.length > 0 || page.hasMore) return page;
    await Promise.race([subscription.next(), until]);
    if (subscription.sessionEnded) throw sessionEnded();
    return await readAfter(page.cursor);
  } finally {
    subscription.close();
  }
}

export interface Subscribe {
  readonly by: UserId;
  /** Starts after this cursor; without it, at the first call of `next`. */
  readonly after?: string | undefined;
  /** The session of the caller. The subscription ends with it. */
  readonly session?: SessionId | undefined;
  /** Also delivers typing and presence, in batches between those of events. They are not stored, and have no cursor. */
  readonly signals?: boolean | undefined;
}

/** The events of one user in batches, each event exactly once. Iterating over it closes it at the end. */
export interface Subscription extends AsyncIterable<EventBatch> {
  /**
   * Resolves to the events since the last batch, as soon as there are any; events that are stored together come together. The
   * first batch may be empty. Resolves to `undefined` at the end. One call at a time.
   *
   * @throws MessagingError `invalid_cursor`; `cursor_expired`, also where a slow consumer lags behind the log; `not_signed_in`
   * if the session ended before the subscription was live
   */
  next(): Promise<EventBatch | undefined>;
  /**
   * Returns the buffered events without waiting, possibly none. Returns `undefined` where only `next` can continue: before the
   * first batch, while the subscriber lags, and at the end.
   *
   * @param wake called at most once, when there are events to drain or only `next` can continue.
   */
  drain(wake: () => void): EventBatch | undefined;
  /** Ends the subscription, including a pending `next`. */
  close(): void;
}

/**
 * Subscribes to the events in the caller's chats: first those after the cursor, then each new one once it is durable, without a
 * gap. A consumer that lags more than 1,000 events behind re-reads the log. The subscription ends with the session or with
 * `close`.
 */
export function subscribe({ feed, live }: PortsWithSignals, command: Subscribe): Subscription {
  return feed.subscribe(command, live);
}

/** As `Subscribe`, without signals, which have no cursor. */
export type EveryEvent = Omit<Subscribe, "signals">;

/**
 * Iterates over the events in the caller's chats, one at a time. Without a cursor it starts with the events after this call. It
 * ends with the session, or with `return()`, which also ends a pending `next()`.
 *
 * @throws MessagingError from `next()`: `invalid_cursor`; `not_signed_in` if the session had ended before; `cursor_expired`: then
 * read the chats again with `sync`, and continue from its cursor
 */
export function everyEvent(core: PortsWithSignals, command: EveryEvent): AsyncIterableIterator<ChatEvent> {
  const { by, after, session } = command;
  const subscription = subscribe(core, { by, after, session });
  const first = subscription.next();
  // The first `next()` of the iterator reports it.
  first.catch(() => {});
  const events = eventsOf(first, subscription);
  const leave = events.return.bind(events);
  // The generator alone would first wait for its pending `next()`.
  events.return = (value) => {
    subscription.close();
    return leave(value);
  };
  return events;
}

async function* eventsOf(
  first: Promise<EventBatch | undefined>,
  subscription: Subscription,
): AsyncGenerator<ChatEvent, undefined> {
  try {
    for (let batch = await first; batch; batch = await subscription.next()) yield* batch.events;
  } finally {
    subscription.close();
  }
}

export interface Sync {
  readonly by: UserId;
}

export interface Snapshot {
  /** The caller's chats, last active first; at most 1,000. */
  readonly chats: readonly ChatOverview[];
  /** Whether the caller has more chats, which `listChats` returns. */
  readonly more: boolean;
  /** Behind all events that the chats reflect. */
  readonly cursor: EventCursor;
}

/** The number of chats of a snapshot. */
export const MAX_SNAPSHOT_CHATS = 1_000;

/** Returns a consistent snapshot. A snapshot and the events after its cursor add up to any later snapshot. */
export async function sync(ports: PortsWithRankings, command: Sync): Promise<Snapshot> {
  const { first, rest, more, cursor } = await sliceSync(ports, command);
  return { chats: await joinSlices({ first, rest }), more, cursor };
}

/**
 * The snapshot that `sync` returns, in slices of bounded size. All of it is as of the cursor, except that a last message is in its
 * current state when its slice is read, like the message of an event.
 */
export async function sliceSync(
  { store, rankings }: PortsWithRankings,
  { by }: Sync,
): Promise<ChatSlices & Omit<Snapshot, "chats">> {
  return rankings.readPage(store, by, { limit: MAX_SNAPSHOT_CHATS }, async (repositories, page) => {
    const bounds = await repositories.events.bounds(by);
    const { last } = bounds;
    return {
      ...(await sliceOverviews(store, repositories, by, page.chats)),
      more: page.next !== undefined,
      cursor: cursorAt(epochOf(last, bounds), last),
    };
  });
}

export interface ForgetEvents {
  /** Epoch milliseconds. */
  readonly before: number;
}

/** Bounds the time for which other transactions have to wait. */
const MAX_FORGOTTEN_PER_TRANSACTION = 2_000;

/**
 * Deletes the events that happened before the given time, except the last one. Messages stay. Events of a clock that was ahead, and
 * has gone back since, are deleted with those around them.
 *
 * @returns the number of deleted events.
 */
export async function forgetEvents({ store, clock }: Ports, { before }: ForgetEvents): Promise<number> {
  const now = clock.now();
  for (let total = 0; ;) {
    const forgotten = await store.transaction(({ events }) =>
      events.forget(before, MAX_FORGOTTEN_PER_TRANSACTION, now),
    );
    total += forgotten;
    if (forgotten < MAX_FORGOTTEN_PER_TRANSACTION) return total;
  }
}
