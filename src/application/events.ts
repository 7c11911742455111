import type { ChatOverview } from "../domain/chat.js";
import { cursorAt, positionOf, toChatEvent, type ChatEvent, type EventCursor } from "../domain/event.js";
import { MessagingError } from "../domain/errors.js";
import type { SessionId } from "../domain/session.js";
import type { UserId } from "../domain/user.js";
import type { EventFeed, Following } from "./feed.js";
import type { Ports, ReadRepositories } from "./ports.js";
import { findLiveSessions } from "./sessions.js";

/** What happened, and from where to go on. */
export interface EventBatch {
  /** Oldest first. */
  readonly events: readonly ChatEvent[];
  /** Behind all that the caller has been told by now. */
  readonly cursor: EventCursor;
}

export interface EventPage extends EventBatch {
  readonly hasMore: boolean;
}

export interface ListEvents {
  readonly by: UserId;
  /** Where to begin; without it, nothing is told but the cursor of now. */
  readonly after?: string | undefined;
  /** 1 or more. */
  readonly limit: number;
  /** Where there is nothing yet: waits until there is, or until this resolves. Without it, there is no waiting. */
  readonly until?: Promise<unknown> | undefined;
  /** The session on whose behalf this is: when it ends, so does the waiting. */
  readonly session?: SessionId | undefined;
}

/**
 * What happened in the caller's chats since that cursor. Whoever goes on from the cursor of each answer misses nothing and
 * is told nothing twice.
 *
 * @throws MessagingError `invalid_cursor`, `cursor_expired`; `not_signed_in` where the session ended meanwhile
 */
export async function listEvents(core: Ports & Feed, command: ListEvents): Promise<EventPage> {
  const { by, after, until, session } = command;
  const pageAfter = (cursor: string | undefined) => (repositories: ReadRepositories) =>
    readPage(repositories, { ...command, after: cursor });
  if (after === undefined || until === undefined) return core.store.read(pageAfter(after));
  const following = core.feed.join(by, session);
  try {
    const page = await following.catchUp(async (repositories) => {
      await requireSession(repositories, command, core.clock.now());
      return pageAfter(after)(repositories);
    });
    if (page.events.length > 0) return page;
    if ((await Promise.race([following.next(), until])) === "ended") throw sessionEnded();
    return await core.store.read(pageAfter(page.cursor));
  } finally {
    following.leave();
  }
}

export interface Subscribe {
  readonly by: UserId;
  /** Where to begin; without it, now. */
  readonly after?: string | undefined;
  /** The session on whose behalf this is: when it ends, so does this. */
  readonly session?: SessionId | undefined;
}

/** Batch after batch; one call at a time. */
export interface Subscription extends AsyncIterableIterator<EventBatch, undefined> {
  /**
   * What has happened since the last batch, without waiting, for whoever tells very many at once: it may be nothing. Undefined
   * where only `next` can tell: before the first batch, while there is more in the log, and at the end.
   *
   * @param wake is called once, when there is something to take again, or only `next` can tell.
   */
  now(wake: () => void): EventBatch | undefined;
}

/** How many events a replay hands over at a time. */
const SLICE = 200;

/**
 * What happened in the caller's chats since that cursor, and then what happens, without a seam. It comes as soon as it is
 * stored, together what was stored together; the first batch may be empty, and tells the cursor. Whoever takes them too
 * slowly is told from the log. It ends with the session, or when it is left: `break` in a `for await`, or `return()`, which
 * also ends a `next()` that waits.
 *
 * @throws MessagingError `invalid_cursor`, `cursor_expired`, when the first batch or a later one is taken; `not_signed_in` with
 * the first, where the session has ended
 */
export function subscribe(core: Ports & Feed, command: Subscribe): Subscription {
  const place: Place = { cursor: command.after, following: undefined, live: false };
  const batches = follow(core, command, place);
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: () => batches.next(),
    now(wake) {
      const events = place.live ? place.following?.now(wake) : undefined;
      return events && moveOn(place, events);
    },
    async return() {
      place.following?.leave();
      return batches.return(undefined);
    },
  };
}

/** Where somebody who follows has got to. */
interface Place {
  cursor: string | undefined;
  following: Following | undefined;
  /** Whether all that was in the log has been told. */
  live: boolean;
}

function moveOn(place: Place, events: readonly ChatEvent[]): EventBatch {
  const cursor = events.at(-1)?.cursor ?? (place.cursor as EventCursor);
  place.cursor = cursor;
  return { events, cursor };
}

async function* follow(
  { feed, clock }: Ports & Feed,
  command: Subscribe,
  place: Place,
): AsyncGenerator<EventBatch, undefined> {
  const { by, session } = command;
  const following = feed.join(by, session);
  place.following = following;
  try {
    for (;;) {
      const { hasMore, ...page } = await following.catchUp(async (repositories) => {
        if (place.cursor === command.after) await requireSession(repositories, command, clock.now());
        return readPage(repositories, { by, after: place.cursor, limit: SLICE });
      });
      if (following.ended()) return;
      place.cursor = page.cursor;
      place.live = !hasMore;
      yield page;
      while (place.live) {
        const events = await following.next();
        if (events === "ended") return;
        // The rest is in the log.
        if (events === "fell behind") place.live = false;
        else yield moveOn(place, events);
      }
    }
  } finally {
    following.leave();
  }
}

/**
 * What happens in the caller's chats, one event at a time: what `subscribe` tells. Without a cursor it begins with what
 * happens after this call, whenever the first event is taken. It is done when the session ends.
 *
 * @throws MessagingError when an event is taken: `invalid_cursor`; `not_signed_in` where the session had ended before;
 * `cursor_expired`, then read the chats anew with `sync`, and go on from its cursor
 */
export function everyEvent(
  core: Ports & Feed,
  command: Subscribe,
): AsyncIterableIterator<ChatEvent, undefined> {
  const batches = subscribe(core, command);
  const first = batches.next();
  // Whoever takes the first event is told.
  first.catch(() => {});
  const events = oneByOne(first, batches);
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: () => events.next(),
    async return() {
      await batches.return?.();
      return events.return(undefined);
    },
  };
}

async function* oneByOne(
  first: Promise<IteratorResult<EventBatch, undefined>>,
  batches: AsyncIterator<EventBatch, undefined>,
): AsyncGenerator<ChatEvent, undefined> {
  for (let taken = await first; !taken.done; taken = await batches.next()) yield* taken.value.events;
}

/** One that ended before the log was followed has its end behind it, and would be followed for ever. */
async function requireSession(
  { sessions }: ReadRepositories,
  { by, session }: Subscribe,
  now: number,
): Promise<void> {
  if (session === undefined) return;
  const own = await findLiveSessions(sessions, by, now);
  if (!own.some(({ id }) => id === session)) throw sessionEnded();
}

function sessionEnded(): MessagingError {
  return new MessagingError("not_signed_in", "Your session has ended. Log in.");
}

/** What the use cases here need besides the ports. */
export interface Feed {
  readonly feed: EventFeed;
}

/** What is for the user after that cursor; without one, nothing but the cursor of now. */
async function readPage({ events }: ReadRepositories, { by, after, limit }: ListEvents): Promise<EventPage> {
  const bounds = await events.bounds();
  const { epoch, last: upTo } = bounds;
  const place = after === undefined ? upTo : positionOf(after, bounds);
  const found = place < upTo ? await events.ofUser(by, { after: place, upTo, limit: limit + 1 }) : [];
  const told = found.slice(0, limit).map((event) => toChatEvent(event, epoch));
  const last = found.length > limit ? told.at(-1) : undefined;
  return { events: told, cursor: last?.cursor ?? cursorAt(epoch, upTo), hasMore: last !== undefined };
}

export interface Sync {
  readonly by: UserId;
}

/** All chats of the caller, last active first, and the cursor at which they are so. */
export interface Snapshot {
  readonly chats: readonly ChatOverview[];
  readonly cursor: EventCursor;
}

/** One consistent look at everything: it, and the events after its cursor, are what a later look will show. */
export async function sync({ store }: Ports, { by }: Sync): Promise<Snapshot> {
  return store.read(async ({ chats, messages, events }) => {
    const { epoch, last } = await events.bounds();
    const all = { asOf: await messages.lastId(), after: undefined, limit: Number.MAX_SAFE_INTEGER };
    return { chats: await chats.ofUser(by, all), cursor: cursorAt(epoch, last) };
  });
}

export interface ForgetEvents {
  /** Epoch milliseconds: what happened before that may go. */
  readonly before: number;
}

/** How many events are forgotten in one transaction: others have their turn after it. */
const MOST_FORGOTTEN = 2_000;

/**
 * Forgets old events. The last one stays, whatever its age, and messages stay in any case.
 *
 * @returns how many.
 */
export async function forgetEvents({ store }: Ports, { before }: ForgetEvents): Promise<number> {
  if (typeof before !== "number" || Number.isNaN(before)) throw new TypeError(`${before} is no time.`);
  for (let all = 0; ;) {
    const forgotten = await store.transaction(({ events }) => events.forget(before, MOST_FORGOTTEN));
    all += forgotten;
    if (forgotten < MOST_FORGOTTEN) return all;
  }
}
