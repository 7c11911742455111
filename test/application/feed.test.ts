import { expect } from "chai";
import type { Messaging } from "../../src/application/messaging.js";
import { eventFeed } from "../../src/application/feed.js";
import type { EventBatch } from "../../src/application/events.js";
import type { Chat } from "../../src/domain/chat.js";
import type { ChatEvent } from "../../src/domain/event.js";
import type { SessionId } from "../../src/domain/session.js";
import type { User } from "../../src/domain/user.js";
import { append, renamed } from "../contract/scene.js";
import { refusalOf } from "../support/refusal.js";
import { seeded } from "../support/simulated-disk.js";
import { settle, type WatchedStore } from "../support/watched-store.js";
import { openWatchedWorld, type World } from "../support/world.js";

describe("the feed of events", () => {
  let world: World;
  let ana: User;
  let bo: User;
  let chat: Chat;
  let store: WatchedStore;
  let core: Messaging;
  let session: SessionId;
  let scene: Awaited<ReturnType<typeof openWatchedWorld>>;
  beforeEach(async () => {
    scene = await openWatchedWorld();
    ({ world, ana, bo, chat, store, core, session } = scene);
  });

  const say = (text: string) => world.sendMessage({ by: ana.id, to: { chatId: chat.id }, text });

  /** One who follows, and has been told the cursor of now. */
  async function join(by: User, of?: SessionId) {
    const events = core.subscribe({ by: by.id, session: of });
    const { cursor } = await take(events);
    return { events, cursor };
  }

  async function take(events: AsyncIterableIterator<EventBatch>): Promise<EventBatch> {
    const { done, value } = await events.next();
    expect(done).to.equal(false);
    return value;
  }

  const titles = ({ events }: EventBatch) =>
    events.map((event) => (event.type === "chat.renamed" ? event.title : event.type));

  it("gives each their own, once and in order, while 50 write and subscribers come and go", async () => {
    const choose = seeded(7);
    const pause = async (most: number) => {
      for (let turn = choose(most); turn > 0; turn -= 1) await new Promise(setImmediate);
    };
    const people = [ana, bo, world.cy];
    const { cursor: start } = await core.sync({ by: ana.id });
    const isEnd = (event: ChatEvent) => "message" in event && event.message.text === "the end";

    async function followOnAndOff(me: User): Promise<ChatEvent[]> {
      const told: ChatEvent[] = [];
      for (let after: string = start; !told.some(isEnd);) {
        let left = choose(4);
        for await (const { events, cursor } of core.subscribe({ by: me.id, after })) {
          told.push(...events);
          after = cursor;
          if (left === 0 || told.some(isEnd)) break;
          left -= 1;
        }
        await pause(5);
      }
      return told;
    }
    async function write(index: number): Promise<unknown> {
      await pause(40);
      const { id: by } = people[index % 3]!;
      const { username } = people[choose(3)]!;
      if (index % 5 > 1) return core.sendMessage({ by: ana.id, to: { chatId: chat.id }, text: "group" });
      if (index % 5 > 0) return core.sendMessage({ by, to: { username }, text: "p2p" });
      const { id: chatId } = await core.createGroupChat({ by });
      return refusalOf(core.addParticipant({ by, chatId, username }));
    }

    const following = Array.from({ length: 12 }, (_, index) => followOnAndOff(people[index % 3]!));
    for (let round = 0; round < 4; round += 1) {
      await Promise.all(Array.from({ length: 50 }, (_, index) => write(index)));
    }
    for (const { id, username } of people) {
      await core.sendMessage({ by: id, to: { username }, text: "the end" });
    }
    for (const [index, told] of (await Promise.all(following)).entries()) {
      const by = people[index % 3]!.id;
      const { events } = await core.listEvents({ by, after: start, limit: 10_000 });
      expect(told).to.deep.equal(events);
    }
    expect(store.subscribers).to.equal(0);
  });

  it("tells together what was stored together, as soon as it is stored", async () => {
    const { events } = await join(bo);
    const next = take(events);
    await store.transaction(async (repositories) => {
      for (const title of ["a", "b", "c"]) await repositories.events.append(renamed(chat, title));
    });
    expect(titles(await next)).to.deep.equal(["a", "b", "c"]);
    await events.return?.();
  });

  it("makes an event ready once, however many are told", async () => {
    const joined = await Promise.all([ana, bo, bo, ana].map((by) => join(by)));
    await say("a");
    const told = [];
    for (const { events } of joined) told.push(...(await take(events)).events);
    expect(told).to.have.lengthOf(4);
    expect(new Set(told)).to.have.property("size", 1);
    for (const { events } of joined) await events.return?.();
  });

  it("reads nothing while nothing happens, and once for all whatever happens", async () => {
    const joined = await Promise.all(Array.from({ length: 20 }, () => join(bo)));
    const next = joined.map(({ events }) => take(events));
    await settle();
    const { reads } = store;
    await settle();
    expect(store.reads).to.equal(reads);
    await say("a");
    await Promise.all(next);
    await settle();
    expect(store.reads).to.equal(reads + 1);
    expect(store.subscribers).to.equal(1);
    for (const { events } of joined) await events.return?.();
    await settle();
    expect(store.reads).to.equal(reads + 1);
  });

  it("reads nothing of the time in which nobody followed", async () => {
    const { events: first } = await join(bo);
    await first.return?.();
    const leaving = core.subscribe({ by: bo.id });
    void leaving.next();
    await leaving.return?.();
    await append(store, ...Array.from({ length: 1200 }, () => renamed(chat, "unheard")));
    const { reads } = store;
    const { events } = await join(bo);
    await scene.rename("heard");
    expect(titles(await take(events))).to.deep.equal(["heard"]);
    await settle();
    expect(store.reads).to.equal(reads + 2);
    await events.return?.();
  });

  it("holds no more than 1,000 events for one who does not take them, and sends them to the log", async () => {
    const following = eventFeed(store).join(bo.id, undefined);
    await following.catchUp(async () => {});
    const many = Array.from({ length: 2500 }, (_, index) => renamed(chat, `${index}`));
    await append(store, ...many);
    await settle();
    const first = await following.next();
    expect(first).to.have.lengthOf(1000);
    expect(await following.next()).to.equal("fell behind");
    expect(await following.next()).to.equal("fell behind");
    await following.catchUp(async () => {});
    await append(store, renamed(chat, "new"));
    expect(await following.next()).to.have.lengthOf(1);
    following.leave();
    expect(store.subscribers).to.equal(0);
  });

  it("tells one who takes them too slowly all of it from the log, and then goes on", async () => {
    const { events } = await join(bo);
    const many = Array.from({ length: 2500 }, (_, index) => `${index}`);
    await append(store, ...many.map((title) => renamed(chat, title)));
    await settle();
    const told: (string | null)[] = [];
    while (told.length < 2500) told.push(...titles(await take(events)));
    expect(told).to.deep.equal(many);
    await scene.rename("live");
    expect(titles(await take(events))).to.deep.equal(["live"]);
    await events.return?.();
  });

  it("tells who is removed that they are, and nothing after it, until they are back", async () => {
    const { events } = await join(bo);
    const types: string[] = [];
    const following = (async () => {
      for await (const batch of events) types.push(...batch.events.map(({ type }) => type));
    })();
    await scene.rename("a");
    await world.removeParticipant({ by: ana.id, chatId: chat.id, user: "bo" });
    await scene.rename("b");
    await say("hidden");
    await settle();
    expect(types).to.deep.equal(["chat.renamed", "participant.removed"]);
    await world.addParticipant({ by: ana.id, chatId: chat.id, username: "bo" });
    await scene.rename("c");
    await settle();
    expect(types.slice(2)).to.deep.equal(["participant.added", "chat.renamed"]);
    await events.return?.();
    await following;
  });

  it("tells of a chat from its beginning or not at all, when one is removed while the past is read", async () => {
    const { cursor } = await core.sync({ by: bo.id });
    const late = await world.group(ana, bo);
    store.onRead = async () => {
      await world.sendMessage({ by: ana.id, to: { chatId: late.id }, text: "in between" });
      await world.removeParticipant({ by: ana.id, chatId: late.id, user: "bo" });
    };
    const events = core.subscribe({ by: bo.id, after: cursor });
    const types: string[] = [];
    while (!types.includes("participant.removed")) {
      types.push(...(await take(events)).events.map(({ type }) => type));
    }
    expect(types).to.deep.equal(["participant.added", "message.created", "participant.removed"]);
    await events.return?.();
  });

  it("misses nothing that happens while the first of all is on the way in", async () => {
    store.onRead = () => scene.rename("in between");
    const { events } = await join(bo);
    expect(titles(await take(events))).to.deep.equal(["in between"]);
    await events.return?.();
  });

  it("misses nothing that others are told while one is on the way in", async () => {
    const { events: others } = await join(ana);
    await settle();
    store.onRead = async () => {
      await scene.rename("in between");
      await settle();
      expect(titles(await take(others))).to.deep.equal(["in between"]);
    };
    const { events } = await join(bo);
    expect(titles(await take(events))).to.deep.equal(["in between"]);
    await scene.rename("later");
    expect(titles(await take(events))).to.deep.equal(["later"]);
    await events.return?.();
    await others.return?.();
  });

  it("tells what happens while the past is taken once, in its place", async () => {
    const { cursor } = await core.sync({ by: bo.id });
    const past = Array.from({ length: 500 }, (_, index) => `${index}`);
    await append(store, ...past.map((title) => renamed(chat, title)));
    const events = core.subscribe({ by: bo.id, after: cursor });
    const told = titles(await take(events));
    await scene.rename("meanwhile");
    await settle();
    while (told.length < 501) told.push(...titles(await take(events)));
    await scene.rename("live");
    told.push(...titles(await take(events)));
    expect(told).to.deep.equal([...past, "meanwhile", "live"]);
    await events.return?.();
  });

  it("ends for a session that ends between the read of the past and its answer", async () => {
    store.onRead = scene.endSession;
    const events = core.subscribe({ by: bo.id, session });
    for await (const batch of events) expect(batch.events).to.deep.equal([]);
    expect(store.subscribers).to.equal(0);
  });

  it("ends for a session that ends, whatever waits, and for no other", async () => {
    const { events } = await join(bo, session);
    const { events: others } = await join(bo, (await scene.logIn()).session.id);
    await scene.rename("a");
    await scene.endSession();
    await settle();
    expect(await events.next()).to.deep.equal({ done: true, value: undefined });
    expect(titles(await take(others))).to.deep.equal(["a"]);
    await others.return?.();
    expect(store.subscribers).to.equal(0);
  });

  it("does not begin for a session that has expired", async () => {
    world.ports.clock.advance(100 * 24 * 60 * 60 * 1_000);
    const refused = core.subscribe({ by: bo.id, session }).next();
    expect(await refusalOf(refused)).to.equal("not_signed_in");
  });

  it("does not begin for a session that has ended", async () => {
    await scene.endSession();
    expect(await refusalOf(core.subscribe({ by: bo.id, session }).next())).to.equal("not_signed_in");
    expect(store.subscribers).to.equal(0);
  });

  it("ends for a session that ends while the subscriber waits", async () => {
    const { events } = await join(bo, session);
    const next = events.next();
    await scene.endSession();
    expect(await next).to.deep.equal({ done: true, value: undefined });
    expect(store.subscribers).to.equal(0);
  });

  it("ends for a session that ends while the past is taken slowly", async () => {
    const { cursor } = await core.sync({ by: bo.id });
    await append(store, ...Array.from({ length: 500 }, (_, index) => renamed(chat, `${index}`)));
    const events = core.subscribe({ by: bo.id, after: cursor, session });
    expect((await take(events)).events).to.have.lengthOf(200);
    await scene.endSession();
    await settle();
    expect(await events.next()).to.deep.equal({ done: true, value: undefined });
  });

  it("ends when it is left, also for a call that waits, and can be left before it began", async () => {
    const { events } = await join(bo);
    const next = events.next();
    await settle();
    expect(await events.return?.()).to.deep.equal({ done: true, value: undefined });
    expect(await next).to.deep.equal({ done: true, value: undefined });
    expect(await events.next()).to.deep.equal({ done: true, value: undefined });
    const never = core.subscribe({ by: bo.id });
    await never.return?.();
    expect(await never.next()).to.deep.equal({ done: true, value: undefined });
    const early = core.subscribe({ by: bo.id });
    const { reads } = store;
    const first = early.next();
    await early.return?.();
    expect(await first).to.deep.equal({ done: true, value: undefined });
    await settle();
    expect(store.reads).to.equal(reads + 1);
    expect(store.subscribers).to.equal(0);
  });

  it("fails for all when the store does, and begins again when it can be read", async () => {
    const { events, cursor } = await join(bo);
    const waiting = events.next();
    const broken = new Error("The store is broken.");
    store.beforeRead = () => Promise.reject(broken);
    await scene.rename("a");
    expect(await waiting.catch((error: unknown) => error)).to.equal(broken);
    expect(store.subscribers).to.equal(0);
    const early = core.subscribe({ by: bo.id });
    expect(await early.next().catch((error: unknown) => error)).to.equal(broken);
    expect(store.subscribers).to.equal(0);
    store.beforeRead = undefined;
    const again = core.subscribe({ by: bo.id, after: cursor });
    expect(titles(await take(again))).to.deep.equal(["a"]);
    await again.return?.();
  });
});
