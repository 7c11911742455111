import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import type { ErrorCode } from "../../src/domain/errors.js";
import { MessagingError } from "../../src/domain/errors.js";
import type { Chat, ChatId } from "../../src/domain/chat.js";
import type { ChatEvent } from "../../src/domain/event.js";
import { readPeople } from "../../src/application/feed.js";
import { toChatEvent } from "../../src/domain/event.js";
import type { Message, MessageId } from "../../src/domain/message.js";
import type { User } from "../../src/domain/user.js";
import { collected } from "./operator.js";
import type { TestNode, TestNodes } from "./postgres-nodes.js";
import { after, viewsOf, type Views } from "./reader.js";
import { seeded } from "./simulated-disk.js";
import { everyMessage } from "./world.js";

/** Two nodes under load, and what their writers know. */
export interface NodesUnderLoad {
  readonly nodes: TestNodes;
  /** Never leave a chat. */
  readonly residents: readonly User[];
  /** Join and leave. */
  readonly guests: readonly User[];
  readonly chats: readonly Chat[];
  /** Resolves when the writers have finished. */
  readonly writing: Promise<void>;
  readonly hasFinished: () => boolean;
  /** How many actions of the writers have ended so far. */
  readonly endedActions: () => number;
  /** The messages that were acknowledged so far. */
  readonly acknowledged: readonly Message[];
  readonly random: Random;
}

/** Returns an integer from 0 to below a bound. */
type Random = (bound: number) => number;

/** The rejections that races of writers may cause. */
const EXPECTED: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "already_participant",
  "user_not_in_chat",
  "not_a_participant",
  "message_deleted",
]);

/** The errors after which a client repeats a request, since its node could not reach the database for a moment. */
const REPEATED: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["busy", "store_unavailable", "outcome_unknown"]);

/** Repeats the call until the database can be reached. */
export async function persistently<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof MessagingError) || !REPEATED.has(error.code)) throw error;
    }
    await sleep(10);
  }
}

export interface Load {
  readonly writers: number;
  /** Of each writer. */
  readonly actions: number;
  readonly seed: number;
}

export async function startLoad(nodes: TestNodes, { writers, actions, seed }: Load): Promise<NodesUnderLoad> {
  const random: Random = seeded(seed);
  const pick = <Item>(items: readonly Item[]): Item => items[random(items.length)]!;
  const residents = await nodes.users("ana", "bo", "cy", "dora");
  const guests = await nodes.users("eve", "fay");
  const chats: Chat[] = [];
  for (let n = 0; n < 3; n += 1) chats.push(await nodes.group(residents[0]!, ...residents.slice(1)));
  const acknowledged: Message[] = [];

  async function act({ core }: TestNode): Promise<unknown> {
    const { id: by } = pick(residents);
    const { id: chatId } = pick(chats);
    const guest = pick(guests);
    const send = async (to: { readonly chatId: ChatId } | { readonly username: string }) => {
      const command = { by, to, text: `message ${random(1e9)}`, idempotencyKey: randomUUID() };
      const { message } = await persistently(() => core.sendMessage(command));
      acknowledged.push(message);
    };
    const own = acknowledged.filter(({ sender }) => sender.id === by);
    const id = own.length > 0 ? pick(own).id : (0 as MessageId);
    switch (random(12)) {
      case 0:
        return core.addParticipant({ by, chatId, username: guest.username });
      case 1:
        return core.removeParticipant({ by, chatId, user: guest.id });
      case 2:
        return core.renameChat({ by, chatId, title: `title ${random(1e9)}` });
      case 3:
        return core.markRead({ by, chatId, seq: random(acknowledged.length + 1) });
      case 4:
        return id && core.editMessage({ by, id, text: `edited ${random(1e9)}` });
      case 5:
        return id && core.deleteMessage({ by, id });
      case 6:
      case 7:
      case 8:
        return send({ username: pick([...residents, ...guests]).username });
      default:
        return send({ chatId });
    }
  }

  let hasFinished = false;
  let endedActions = 0;
  async function write(node: TestNode): Promise<void> {
    for (let n = 0; n < actions; n += 1) {
      try {
        await act(node);
      } catch (error) {
        if (!(error instanceof MessagingError)) throw error;
        if (!EXPECTED.has(error.code) && !REPEATED.has(error.code)) throw error;
      }
      endedActions += 1;
    }
  }
  const writing = Promise.all(
    Array.from({ length: writers }, (_, n) => write(n % 2 === 0 ? nodes.one : nodes.other)),
  ).then(() => void (hasFinished = true));
  // A checker that fails first ends the test.
  writing.catch(() => {});
  return {
    nodes,
    residents,
    guests,
    chats,
    writing,
    hasFinished: () => hasFinished,
    endedActions: () => endedActions,
    acknowledged,
    random,
  };
}

/** Nodes with readers that choose between them at random. */
type NodesWithReaders = Pick<NodesUnderLoad, "nodes" | "random" | "guests">;

function anyNode({ nodes, random }: NodesWithReaders): TestNode {
  return random(2) === 0 ? nodes.one : nodes.other;
}

/**
 * Subscribes as the user, and drops and resumes the subscription on either node at random. Resolves to a function that returns what
 * was received once the writers have finished.
 */
export async function receive(load: NodesWithReaders, user: User): Promise<() => Promise<Received>> {
  const { random } = load;
  const snapshot = await persistently(() => anyNode(load).core.sync({ by: user.id }));
  const end = `the end of ${user.username}`;
  const events: ChatEvent[] = [];
  let { cursor }: { cursor: string } = snapshot;
  /** @returns whether the last event has come. */
  async function receiveSome(): Promise<boolean> {
    const subscription = anyNode(load).core.subscribe({ by: user.id, after: cursor });
    try {
      for (let left = 1 + random(20); left > 0; left -= 1) {
        const batch = await subscription.next();
        if (batch === undefined) throw new Error("The subscription ended too early.");
        events.push(...batch.events);
        ({ cursor } = batch);
        if (events.some((event) => "message" in event && event.message.text === end)) return true;
      }
      return false;
    } finally {
      subscription.close();
    }
  }
  const receiving = (async () => {
    while (!(await persistently(receiveSome)));
  })();
  receiving.catch(() => {});
  return async () => {
    const { id: by, username } = user;
    const command = { by, to: { username }, text: end, idempotencyKey: randomUUID() };
    await persistently(() => anyNode(load).core.sendMessage(command));
    await receiving;
    return { user, views: viewsOf(snapshot.chats), cursor: snapshot.cursor, events };
  };
}

/** The events that a user received since a snapshot. */
export interface Received {
  readonly user: User;
  readonly views: Views;
  readonly cursor: string;
  readonly events: readonly ChatEvent[];
}

/** Checks that the events are those of the log, each once and in its order, and add up to the present. */
export async function expectAllReceived(load: NodesWithReaders, received: Received): Promise<void> {
  const { user, cursor, events } = received;
  const { store } = anyNode(load).ports;
  const log = await store.read(async (repositories) => {
    const { epoch, last } = await repositories.events.bounds(user.id);
    const slice = { after: positionIn(cursor), upTo: last, limit: Number.MAX_SAFE_INTEGER };
    const found = await repositories.events.ofUser(user.id, slice);
    const people = await readPeople(repositories.users, found);
    return found.flatMap((event) => toChatEvent(event, epoch, people) ?? []);
  });
  const orders = events.map(({ cursor: each }) => positionIn(each));
  expect(orders).to.deep.equal([...new Set(orders)].toSorted((one, two) => one - two));
  // Guests receive events of chats that they have left since, too.
  const isGuest = load.guests.includes(user);
  const positions = new Set(orders);
  const missing = log.filter((event) => !positions.has(positionIn(event.cursor)));
  if (!isGuest) {
    expect(missing).to.deep.equal([]);
    expect(orders).to.deep.equal(log.map((event) => positionIn(event.cursor)));
  }
  const views = events.reduce((before, event) => after(before, event, user), received.views);
  expect(views).to.deep.equal(viewsOf((await anyNode(load).core.sync({ by: user.id })).chats, views));
}

/** Checks that a snapshot and the events up to the cursor of a later one add up to it, on any nodes, while writers write. */
export async function expectSnapshotsToAgree(load: NodesUnderLoad, user: User): Promise<number> {
  const { id: by } = user;
  let checked = 0;
  for (let last = await anyNode(load).core.sync({ by }); !load.hasFinished(); checked += 1) {
    const now = await anyNode(load).core.sync({ by });
    const upTo = positionIn(now.cursor);
    let views = viewsOf(last.chats);
    for (let cursor: string = last.cursor, hasMore = true; hasMore;) {
      const page = await anyNode(load).core.listEvents({ by, after: cursor, limit: 50 });
      const until = page.events.filter((event) => positionIn(event.cursor) <= upTo);
      for (const event of until) views = after(views, event, user);
      ({ cursor } = page);
      hasMore = page.hasMore && until.length === page.events.length;
    }
    expect(withoutTexts(views)).to.deep.equal(withoutTexts(viewsOf(now.chats, views)));
    last = now;
  }
  return checked;
}

/** The last messages are in their current state in both, and change between the two. */
function withoutTexts(views: Views): unknown {
  return Object.fromEntries(
    Object.entries(views).map(([id, view]) => [id, { ...view, lastMessage: view.lastMessage?.id ?? null }]),
  );
}

/** Pages forward through all messages of a user, until the writers have finished. Each must appear once. */
export async function expectForwardPages(load: NodesUnderLoad, { id: by }: User): Promise<void> {
  const ids: number[] = [];
  for (let isLast = false; !isLast;) {
    isLast = load.hasFinished();
    for (let hasMore = true; hasMore;) {
      const { core } = anyNode(load);
      const page = await core.pageMessages({ by, of: "all", limit: 20, after: ids.at(-1) ?? 0 });
      ids.push(...page.messages.map(({ id }) => id));
      hasMore = page.messages.length === 20;
    }
  }
  const all = await everyMessage(await load.nodes.one.core.listMessages({ by, of: "all" }));
  expect(ids).to.deep.equal(all.map(({ id }) => id));
}

/** Lists all chats in pages, and all messages, while writers write. */
export async function expectCompleteLists(load: NodesUnderLoad, user: User): Promise<void> {
  const { id: by } = user;
  while (!load.hasFinished()) {
    const known = load.acknowledged.filter(({ chatId }) => load.chats.some(({ id }) => id === chatId));
    const found = new Set<number>();
    for (const message of await everyMessage(await anyNode(load).core.listMessages({ by, of: "all" }))) {
      found.add(message.id);
    }
    expect(known.filter(({ id }) => !found.has(id))).to.deep.equal([]);
    const chatIds: number[] = [];
    let cursor: string | undefined;
    do {
      const page = await anyNode(load).core.listChats({ by, limit: 2, cursor });
      chatIds.push(...page.chats.map(({ chat }) => chat.id));
      cursor = page.next;
    } while (cursor !== undefined);
    expect(chatIds).to.have.lengthOf(new Set(chatIds).size);
    expect(chatIds).to.include.members(load.chats.map(({ id }) => id));
  }
}

/** Checks that each chat has each acknowledged message once, with gap-free `seq` in the order of ids, and no other. */
export async function expectGapFreeChats({ nodes, residents, acknowledged }: NodesUnderLoad): Promise<void> {
  const { core } = nodes.other;
  const found = new Map<number, Message>();
  for (const { id: by } of residents) {
    const { chats } = await core.sync({ by });
    for (const { chat } of chats) {
      const messages = (await collected(await core.listMessages({ by, of: { chatId: chat.id } }))).flat();
      expect(messages.map(({ seq }) => seq)).to.deep.equal(messages.map((_, index) => index + 1));
      for (const message of messages) found.set(message.id, message);
    }
  }
  for (const { id, chatId, seq } of acknowledged) expect(found.get(id)).to.deep.include({ chatId, seq });
  const isOfLoad = ({ text }: Message) => !text.startsWith("the end of ");
  expect([...found.values()].filter(isOfLoad)).to.have.lengthOf(acknowledged.length);
}

function positionIn(cursor: string): number {
  return Number(cursor.slice(cursor.indexOf("-") + 1));
}
