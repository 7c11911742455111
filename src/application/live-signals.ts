import type { Block } from "../domain/block.js";
import { assertMay, assertParticipant, type ChatId } from "../domain/chat.js";
import { MessagingError } from "../domain/errors.js";
import type { Person } from "../domain/event.js";
import {
  MAX_PRESENCE_PARTICIPANTS,
  type NodeSignal,
  type Presence,
  type PresenceChange,
  type Typing,
} from "../domain/live-signal.js";
import { DELETED_USERNAME, type UserId } from "../domain/user.js";
import { peerIn } from "./chats.js";
import { DeliveryBudget } from "./delivery-budget.js";
import type { EventFeed, PortsWithFeed, Subscriber } from "./feed.js";
import type { Ports, ReadRepositories } from "./ports.js";
import { Times } from "./times.js";

/** The ports, the feed of their store, and the signals beside it. */
export interface PortsWithSignals extends PortsWithFeed {
  readonly live: LiveSignals;
}

/** Of the signals of one user in one chat, at most one in this time is delivered. */
const TYPING_INTERVAL_MS = 2_000;

/** The most users and chats for which the last signal is remembered. Beyond that the oldest are delivered again. */
const MAX_TYPING = 100_000;

/**
 * Deliveries in a second, on average, of this process: each is a write to a stream. A thousand users who type in groups of a hundred
 * would otherwise cost a multiple of what their messages cost.
 */
const MAX_TYPING_PER_SECOND = 50;
const MAX_PRESENCE_PER_SECOND = 50;

/** A signal of typing to so few streams is delivered in any case. */
const MAX_FEW_STREAMS = 10;

const TICK_MS = 1_000;

/** Of the changes of one user's presence, at most one in this time is delivered. */
const PRESENCE_INTERVAL_MS = 10_000;

/** A user whose last stream has ended counts as online for this long, so that a page can be loaded again unnoticed. */
const OFFLINE_DELAY_MS = 5_000;

/** How often a node repeats which users have streams open at it. */
const REPEAT_MS = 20_000;

/** After this time without a repetition, the node is dead or unreachable, and its users count as offline. */
const NODE_TIMEOUT_MS = 60_000;

/** Users in one signal to other nodes. */
const MAX_USERS_PER_SIGNAL = 100;

/** Users whose presence is repeated, or delivered, in one tick. The others have their turn in the next ones. */
const MAX_REPEATED_PER_TICK = 2_000;
const MAX_DELIVERED_PER_TICK = 100;

/** Users whose last time online is known. */
const MAX_OFFLINE = 100_000;

const MAX_PEERS_PER_READ = 500;

const PARTICIPANTS_PER_READ = 250;

/** A change of presence that is not delivered yet. */
interface PendingChange {
  readonly wasOnline: boolean;
  readonly dueAt: number;
}

/**
 * Typing and presence. They never touch the event log or wait for a commit, live in the memory of this process, and may be lost.
 * Other processes that share the store take part through `Ports.signals`.
 */
export class LiveSignals {
  readonly #ports: Pick<Ports, "store" | "clock" | "signals">;
  readonly #feed: EventFeed;
  readonly #showsPresence: boolean;
  /** The last signal by user and chat. */
  readonly #typed = new Times<string>();
  readonly #typingBudget = new DeliveryBudget(MAX_TYPING_PER_SECOND);
  /** The number of open streams of each user in this process. */
  readonly #streams = new Map<UserId, number>();
  /** By the process that has their streams, when it last said so. */
  readonly #elsewhere = new Map<string, Times<UserId>>();
  readonly #offline = new Times<UserId>();
  readonly #pending = new Map<UserId, PendingChange>();
  /** The last delivered change of each user. */
  readonly #delivered = new Times<UserId>();
  readonly #presenceBudget = new DeliveryBudget(MAX_PRESENCE_PER_SECOND);
  #isDelivering = false;
  /** Users who came or left since the last signal to other nodes. */
  readonly #changed = new Set<UserId>();
  /** The last signal to other nodes about each user with an open stream. */
  readonly #repeated = new Times<UserId>();
  /** When another node last asked for all users. */
  #askedAt = -Infinity;
  #stopTicks: (() => void) | undefined;

  constructor(ports: Pick<Ports, "store" | "clock" | "signals" | "presence">, feed: EventFeed) {
    this.#ports = ports;
    this.#feed = feed;
    this.#showsPresence = ports.presence ?? true;
    ports.signals?.subscribe((signal, from) => this.#receive(signal, from));
    if (this.#showsPresence) ports.signals?.publish({ type: "hello" });
  }

  /** @throws MessagingError `presence_off` */
  assertShowsPresence(): void {
    if (this.#showsPresence) return;
    throw new MessagingError("presence_off", "This service does not show who is online.");
  }

  /** Whether a signal of the user in the chat came in the last two seconds. */
  hasTyped(chatId: ChatId, userId: UserId): boolean {
    const at = this.#typed.get(`${chatId} ${userId}`);
    return at !== undefined && Math.abs(this.#now() - at) < TYPING_INTERVAL_MS;
  }

  /** Delivers the signal here and at other nodes, unless `hasTyped`. */
  sendTyping(typing: Typing): void {
    if (this.hasTyped(typing.chatId, typing.user.id)) return;
    this.#deliverTyping(typing);
    this.#ports.signals?.publish(typing);
  }

  /** Called when a stream of the user has opened. */
  opened(userId: UserId): void {
    if (!this.#showsPresence) return;
    const wasOnline = this.#isOnline(userId);
    const count = this.#streams.get(userId) ?? 0;
    this.#streams.set(userId, count + 1);
    this.#stopTicks ??= this.#ports.clock.every?.(TICK_MS, () => this.#tick());
    if (count > 0) return;
    this.#markChanged(userId);
    if (!wasOnline) this.#onChange(userId, true);
  }

  /** Called when a stream of the user that was `opened` has ended. */
  closed(userId: UserId): void {
    const count = this.#streams.get(userId);
    if (count === undefined) return;
    if (count > 1) {
      this.#streams.set(userId, count - 1);
      return;
    }
    this.#streams.delete(userId);
    this.#markChanged(userId);
    if (!this.#isOnline(userId)) this.#onChange(userId, false);
  }

  presenceOf(userId: UserId): Presence {
    const online = this.#isOnline(userId);
    return { online, offlineSince: online ? null : (this.#offline.get(userId) ?? null) };
  }

  #now(): number {
    return this.#ports.clock.now();
  }

  #isOnline(userId: UserId): boolean {
    if (this.#streams.has(userId)) return true;
    const now = this.#now();
    for (const users of this.#elsewhere.values()) {
      const heardAt = users.get(userId);
      if (heardAt !== undefined && Math.abs(now - heardAt) < NODE_TIMEOUT_MS) return true;
    }
    return false;
  }

  #receive(signal: NodeSignal, from: string): void {
    if (signal.type === "typing") {
      if (!this.hasTyped(signal.chatId, signal.user.id)) this.#deliverTyping(signal);
      return;
    }
    if (!this.#showsPresence) return;
    const now = this.#now();
    this.#removeSilentNodes(now);
    if (signal.type === "hello") {
      this.#askedAt = now;
    } else if (signal.type === "online") {
      const users = this.#elsewhere.get(from) ?? new Times<UserId>();
      this.#elsewhere.set(from, users);
      for (const userId of signal.userIds) {
        const wasOnline = this.#isOnline(userId);
        users.set(userId, now);
        if (!wasOnline) this.#onChange(userId, true);
      }
    } else {
      for (const userId of signal.userIds) {
        const wasHere = this.#elsewhere.get(from)?.delete(userId);
        if (wasHere && !this.#isOnline(userId)) this.#onChange(userId, false);
      }
    }
  }

  /** Drops the signal if many streams would receive it and the budget is used up. */
  #deliverTyping(typing: Typing): void {
    const { chatId, user } = typing;
    const now = this.#now();
    this.#typed.removeOldest((at) => Math.abs(now - at) >= TYPING_INTERVAL_MS);
    this.#typed.set(`${chatId} ${user.id}`, now, MAX_TYPING);
    const recipients = othersIn(this.#feed.subscribersIn(chatId), user.id);
    const { length } = recipients;
    if (!this.#typingBudget.take(length, now) && length > MAX_FEW_STREAMS) return;
    for (const subscriber of recipients) subscriber.signal(typing);
  }

  #markChanged(userId: UserId): void {
    if (this.#ports.signals !== undefined) this.#changed.add(userId);
  }

  #onChange(userId: UserId, online: boolean): void {
    const now = this.#now();
    if (online) this.#offline.delete(userId);
    else this.#offline.set(userId, now, MAX_OFFLINE);
    // Without a stream in this process, nobody here receives the change.
    if (this.#stopTicks === undefined || this.#pending.has(userId)) return;
    const delay = online ? 0 : OFFLINE_DELAY_MS;
    const deliveredAt = this.#delivered.get(userId) ?? -Infinity;
    const dueAt = Math.max(now + delay, deliveredAt + PRESENCE_INTERVAL_MS);
    this.#pending.set(userId, { wasOnline: !online, dueAt });
  }

  #tick(): void {
    const now = this.#now();
    this.#removeSilentNodes(now);
    this.#publishPresence(now);
    this.#delivered.removeOldest((at) => Math.abs(now - at) >= PRESENCE_INTERVAL_MS);
    if (this.#streams.size > 0) {
      void this.#deliverPresence(now);
      return;
    }
    this.#pending.clear();
    this.#stopTicks?.();
    this.#stopTicks = undefined;
  }

  #removeSilentNodes(now: number): void {
    for (const [node, users] of this.#elsewhere) {
      const silent = users.removeOldest((heardAt) => Math.abs(now - heardAt) >= NODE_TIMEOUT_MS);
      for (const userId of silent) if (!this.#isOnline(userId)) this.#onChange(userId, false);
      if (users.size === 0) this.#elsewhere.delete(node);
    }
  }

  /** Sends who came and left to other nodes, and repeats others who are here, in turn. */
  #publishPresence(now: number): void {
    const online: UserId[] = [];
    const offline: UserId[] = [];
    for (const userId of this.#changed) {
      if (this.#streams.has(userId)) {
        online.push(userId);
      } else {
        this.#repeated.delete(userId);
        offline.push(userId);
      }
    }
    this.#changed.clear();
    const isDue = (at: number) => at <= this.#askedAt || Math.abs(now - at) >= REPEAT_MS;
    online.push(...this.#repeated.removeOldest(isDue, MAX_REPEATED_PER_TICK));
    for (const userId of online) this.#repeated.set(userId, now);
    for (const [type, all] of [
      ["offline", offline],
      ["online", online],
    ] as const) {
      for (const userIds of chunksOf(all, MAX_USERS_PER_SIGNAL)) {
        this.#ports.signals?.publish({ type, userIds });
      }
    }
  }

  async #deliverPresence(now: number): Promise<void> {
    if (this.#isDelivering) return;
    /** The peers of each user who has changed. */
    const peers = new Map<UserId, Set<UserId>>();
    for (const [userId, { wasOnline, dueAt }] of this.#pending) {
      // A clock that went back does not delay a change.
      if (dueAt > now && dueAt - now <= PRESENCE_INTERVAL_MS) continue;
      if (peers.size === MAX_DELIVERED_PER_TICK) break;
      const hasChanged = this.#isOnline(userId) !== wasOnline;
      const recipients = hasChanged ? othersIn(this.#feed.subscribersAbout(userId), userId) : [];
      // The others wait for the next ticks.
      if (recipients.length > 0 && !this.#presenceBudget.take(recipients.length, now)) break;
      this.#pending.delete(userId);
      if (recipients.length > 0) peers.set(userId, new Set(recipients.map((each) => each.userId)));
    }
    if (peers.size === 0) return;
    this.#isDelivering = true;
    try {
      const { people, blocks } = await this.#ports.store.read((repositories) =>
        readPeople(repositories, peers),
      );
      for (const user of people) this.#deliverChange(user, peers.get(user.id)!, blocks);
    } catch {
      // The store cannot be read for the moment, or is closed. The next change, or `getPresence`, has the presence.
    } finally {
      this.#isDelivering = false;
    }
  }

  #deliverChange(user: Person, peers: ReadonlySet<UserId>, blocks: readonly Block[]): void {
    const { id } = user;
    this.#delivered.set(id, this.#now());
    const blocked = new Set(
      blocks.flatMap((block) => (block.by === id ? block.blocked : block.blocked === id ? block.by : [])),
    );
    const change: PresenceChange = { type: "presence", user, ...this.presenceOf(id) };
    for (const subscriber of othersIn(this.#feed.subscribersAbout(id), id)) {
      const { userId } = subscriber;
      if (peers.has(userId) && !blocked.has(userId)) subscriber.signal(change);
    }
  }
}

/** The subscribers that take signals, without those of the user. */
function othersIn(subscribers: readonly Subscriber[], user: UserId): readonly Subscriber[] {
  return subscribers.filter(({ takesSignals, userId }) => takesSignals && userId !== user);
}

/** The names of the users who are not deleted, and the blocks between each user and their peers. */
async function readPeople(
  { users, blocks }: ReadRepositories,
  peers: ReadonlyMap<UserId, ReadonlySet<UserId>>,
): Promise<{ readonly people: readonly Person[]; readonly blocks: readonly Block[] }> {
  const accounts = await users.accountsById([...peers.keys()]);
  const found: Block[] = [];
  for (const [userId, others] of peers) {
    for (const slice of chunksOf([...others], MAX_PEERS_PER_READ)) {
      found.push(...(await blocks.between(userId, slice)));
    }
  }
  const people = accounts.flatMap(({ user, deletedAt }) => (deletedAt === null ? user : []));
  return { people, blocks: found };
}

function* chunksOf<Item>(items: readonly Item[], length: number): Generator<readonly Item[]> {
  for (let start = 0; start < items.length; start += length) yield items.slice(start, start + length);
}

export interface SendTyping {
  readonly by: UserId;
  readonly chatId: ChatId;
}

/**
 * Shows the other participants of a chat that the caller types, for six seconds. Does nothing within two seconds of the last signal
 * of the caller in the chat, and in a p2p chat where one of the users has blocked the other.
 *
 * @throws MessagingError `not_a_participant`, `not_allowed`
 */
export async function sendTyping(
  { store, live }: PortsWithSignals,
  { by, chatId }: SendTyping,
): Promise<void> {
  // The caller was a participant two seconds ago.
  if (live.hasTyped(chatId, by)) return;
  const user = await store.read(async ({ chats, blocks }) => {
    const membership = assertParticipant(await chats.ofParticipant(chatId, by));
    assertMay(membership, "post");
    if (membership.chat.kind === "p2p") {
      const peer = await peerIn(chats, chatId, by);
      if (peer !== undefined && (await blocks.between(by, [peer])).length > 0) return undefined;
    }
    return membership.user;
  });
  if (user !== undefined) live.sendTyping({ type: "typing", chatId, user });
}

export interface GetPresence {
  readonly by: UserId;
  readonly chatId: ChatId;
}

/** A participant of a chat, and their presence. */
export interface PresentParticipant extends Presence {
  readonly user: Person;
}

/**
 * Returns the presence of each participant of a chat, in the order in which they joined. It is unknown of a
 * deleted user, and between two users of which one has blocked the other.
 *
 * @throws MessagingError `presence_off`, `not_a_participant`; `too_many_participants` in a chat of more than 1,000
 */
export async function getPresence(
  { store, live }: PortsWithSignals,
  { by, chatId }: GetPresence,
): Promise<readonly PresentParticipant[]> {
  live.assertShowsPresence();
  const { people, hidden } = await store.read(async ({ chats, blocks }) => {
    assertParticipant(await chats.ofParticipant(chatId, by));
    const participants = await readParticipants(chats, chatId);
    const ids = participants.map(({ id }) => id);
    const between = await blocks.between(by, ids);
    return {
      people: participants,
      hidden: new Set(between.flatMap((block) => [block.by, block.blocked]).filter((id) => id !== by)),
    };
  });
  return people.map(({ id, username }) => {
    const isHidden = hidden.has(id) || username === DELETED_USERNAME;
    const presence = isHidden ? { online: false, offlineSince: null } : live.presenceOf(id);
    return { user: { id, username }, ...presence };
  });
}

/** @throws MessagingError `too_many_participants` */
async function readParticipants(chats: ReadRepositories["chats"], chatId: ChatId) {
  const all: Awaited<ReturnType<typeof chats.participants>>[number][] = [];
  for (;;) {
    const slice = await chats.participants(chatId, { after: all.at(-1), limit: PARTICIPANTS_PER_READ });
    all.push(...slice);
    if (all.length > MAX_PRESENCE_PARTICIPANTS) {
      throw new MessagingError(
        "too_many_participants",
        `The chat has more than ${MAX_PRESENCE_PARTICIPANTS.toLocaleString("en")} participants, so presence is not shown in it.`,
      );
    }
    if (slice.length < PARTICIPANTS_PER_READ) return all;
  }
}
