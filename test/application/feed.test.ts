import { expect } from "chai";
import { createMessaging, type Messaging } from "../../src/application/messaging.js";
import { EventFeed } from "../../src/application/feed.js";
import type { EventBatch, Subscription } from "../../src/application/events.js";
import type { Store } from "../../src/application/ports.js";
import { pairOf, type Chat, type ChatId } from "../../src/domain/chat.js";
import { MessagingError } from "../../src/domain/errors.js";
import { userChanged, type ChatEvent } from "../../src/domain/event.js";
import type { SessionId } from "../../src/domain/session.js";
import type { User, UserId } from "../../src/domain/user.js";
import { append, person, register, renamed } from "../contract/fixtures.js";
import { errorCodeOf } from "../support/error-code.js";
import { seeded } from "../support/simulated-disk.js";
import { settle, type WatchedStore } from "../support/watched-store.js";
import { openWatchedWorld, type World } from "../support/world.js";

describe("EventFeed", () => {
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

  const send = (text: string) => world.sendMessage({ by: ana.id, to: { chatId: chat.id }, text });

  /** A live subscription, and the cursor at which it started. */
  async function open(by: User, of?: SessionId) {
    const subscription = core.subscribe({ by: by.id, session: of });
    const { cursor } = await nextBatch(subscription);
    return { subscription, cursor };
  }

  async function nextBatch(subscription: Subscription): Promise<EventBatch> {
    const batch = await subscription.next();
    if (batch === undefined) throw new Error("The subscription has ended.");
    return batch;
  }

  const titles = ({ events }: EventBatch) =>
    events.map((event) => (event.type === "chat.renamed" ? event.title : event.type));

  it("delivers to each user their own events, once and in order, while 50 users write and subscribers come and go", async () => {
    const choose = seeded(7);
    const pause = async (maxTurns: number) => {
      for (let turn = choose(maxTurns); turn > 0; turn -= 1) await new Promise(setImmediate);
    };
    const people = [ana, bo, world.cy];
    const { cursor: start } = await core.sync({ by: ana.id });
    const isEnd = (event: ChatEvent) => "message" in event && event.message.text === "the end";

    async function subscribeRepeatedly(me: User): Promise<ChatEvent[]> {
      const received: ChatEvent[] = [];
      for (let after: string = start; !received.some(isEnd);) {
        let batchesLeft = choose(4);
        for await (const { events, cursor } of core.subscribe({ by: me.id, after })) {
          received.push(...events);
          after = cursor;
          if (batchesLeft === 0 || received.some(isEnd)) break;
          batchesLeft -= 1;
        }
        await pause(5);
      }
      return received;
    }
    async function write(index: number): Promise<unknown> {
      await pause(40);
      const { id: by } = people[index % 3]!;
      const { username } = people[choose(3)]!;
      if (index % 5 > 1) return core.sendMessage({ by: ana.id, to: { chatId: chat.id }, text: "group" });
      if (index % 5 > 0) return core.sendMessage({ by, to: { username }, text: "p2p" });
      const { id: chatId } = await core.createGroupChat({ by });
      return errorCodeOf(core.addParticipant({ by, chatId, username }));
    }

    const subscribing = Array.from({ length: 12 }, (_, index) => subscribeRepeatedly(people[index % 3]!));
    for (let round = 0; round < 4; round += 1) {
      await Promise.all(Array.from({ length: 50 }, (_, index) => write(index)));
    }
    for (const { id, username } of people) {
      await core.sendMessage({ by: id, to: { username }, text: "the end" });
    }
    for (const [index, received] of (await Promise.all(subscribing)).entries()) {
      const by = people[index % 3]!.id;
      const { events } = await core.listEvents({ by, after: start, limit: 10_000 });
      expect(received).to.deep.equal(events);
    }
    expect(store.subscribers).to.equal(0);
  });

  it("delivers the events of one transaction in one batch, as soon as they are stored", async () => {
    const { subscription } = await open(bo);
    const next = nextBatch(subscription);
    await store.transaction(async (repositories) => {
      for (const title of ["a", "b", "c"]) await repositories.events.append(renamed(chat, title));
    });
    expect(titles(await next)).to.deep.equal(["a", "b", "c"]);
    subscription.close();
  });

  it("delivers one shared object to all recipients of an event", async () => {
    const opened = await Promise.all([ana, bo, bo, ana].map((by) => open(by)));
    await send("a");
    const received = [];
    for (const { subscription } of opened) received.push(...(await nextBatch(subscription)).events);
    expect(received).to.have.lengthOf(4);
    expect(new Set(received)).to.have.property("size", 1);
    for (const { subscription } of opened) subscription.close();
  });

  it("reads nothing while nothing is stored, and reads each event once for all subscribers", async () => {
    const opened = await Promise.all(Array.from({ length: 20 }, () => open(bo)));
    const next = opened.map(({ subscription }) => nextBatch(subscription));
    await settle();
    const { reads } = store;
    await settle();
    expect(store.reads).to.equal(reads);
    await send("a");
    await Promise.all(next);
    await settle();
    expect(store.reads).to.equal(reads + 1);
    expect(store.subscribers).to.equal(1);
    for (const { subscription } of opened) subscription.close();
    await settle();
    expect(store.reads).to.equal(reads + 1);
  });

  it("does not read what was stored while it had no subscribers", async () => {
    const { subscription: first } = await open(bo);
    first.close();
    const closing = core.subscribe({ by: bo.id });
    void closing.next();
    closing.close();
    await append(store, ...Array.from({ length: 1200 }, () => renamed(chat, "before")));
    const { reads } = store;
    const { subscription } = await open(bo);
    await scene.rename("after");
    expect(titles(await nextBatch(subscription))).to.deep.equal(["after"]);
    await settle();
    expect(store.reads).to.equal(reads + 2);
    subscription.close();
  });

  it("buffers at most 1,000 events for a slow consumer, which reads the rest from the log and is live again", async () => {
    const { subscription } = await open(bo);
    const many = Array.from({ length: 2500 }, (_, index) => `${index}`);
    await append(store, ...many.map((title) => renamed(chat, title)));
    await settle();
    expect(subscription.drain(() => {})).to.equal(undefined);
    const { reads } = store;
    const received = titles(await nextBatch(subscription));
    expect(received).to.have.lengthOf(1000);
    expect(store.reads).to.equal(reads);
    expect(subscription.drain(() => {})).to.equal(undefined);
    while (received.length < 2500) received.push(...titles(await nextBatch(subscription)));
    expect(store.reads).to.equal(reads + 8);
    expect(received).to.deep.equal(many);
    await scene.rename("live");
    expect(titles(await nextBatch(subscription))).to.deep.equal(["live"]);
    subscription.close();
    expect(store.subscribers).to.equal(0);
  });

  it("delivers to a removed user their removal, and nothing after it until they are added again", async () => {
    const { subscription } = await open(bo);
    const types: string[] = [];
    const consuming = (async () => {
      for await (const batch of subscription) types.push(...batch.events.map(({ type }) => type));
    })();
    await scene.rename("a");
    await world.removeParticipant({ by: ana.id, chatId: chat.id, user: "bo" });
    await scene.rename("b");
    await send("hidden");
    await settle();
    expect(types).to.deep.equal(["chat.renamed", "participant.removed"]);
    await world.addParticipant({ by: ana.id, chatId: chat.id, username: "bo" });
    await scene.rename("c");
    await settle();
    expect(types.slice(2)).to.deep.equal(["participant.added", "chat.renamed"]);
    subscription.close();
    await consuming;
  });

  it("delivers a chat from its beginning if the user is removed between the read of the log and its result", async () => {
    const { cursor } = await core.sync({ by: bo.id });
    const late = await world.group(ana, bo);
    store.onRead = async () => {
      await world.sendMessage({ by: ana.id, to: { chatId: late.id }, text: "in between" });
      await world.removeParticipant({ by: ana.id, chatId: late.id, user: "bo" });
    };
    const subscription = core.subscribe({ by: bo.id, after: cursor });
    const types: string[] = [];
    while (!types.includes("participant.removed")) {
      types.push(...(await nextBatch(subscription)).events.map(({ type }) => type));
    }
    expect(types).to.deep.equal(["participant.added", "message.created", "participant.removed"]);
    subscription.close();
  });

  describe("with a subscriber in 1,000 chats", () => {
    const peers = Array.from({ length: 500 }, (_, index) => person(`peer${index}`));
    let chats: Chat[];
    beforeEach(async () => {
      await register(store, ...peers);
      await world.removeParticipant({ by: ana.id, chatId: chat.id, user: "bo" });
      chats = await store.transaction(async (repositories) => {
        const opened: Chat[] = [];
        for (const peer of peers) {
          const group = await repositories.chats.addGroup(null, 1);
          await repositories.chats.addParticipant(group.id, bo.id, 1);
          opened.push(group, await repositories.chats.addP2p(pairOf(bo.id, peer.id), 1));
        }
        return opened;
      });
    });

    /** The chats and users of the events of a batch. */
    const subjects = ({ events }: EventBatch) =>
      events.map((event) => ("chatId" in event ? event.chatId : event.user.id));

    it("delivers the events of each of its chats and peers, also after it has lagged", async () => {
      const { subscription } = await open(bo);
      for (let round = 0; round < 2; round += 1) {
        await append(store, ...chats.map((each) => renamed(each, "a")));
        await append(store, ...peers.map((peer) => userChanged(peer.id, "user.updated", 1)));
        // These are more events than the feed buffers.
        await settle();
        expect(subscription.drain(() => {})).to.equal(undefined);
        const received: (ChatId | UserId)[] = [];
        while (received.length < 1_500) received.push(...subjects(await nextBatch(subscription)));
        expect(received).to.deep.equal([...chats.map(({ id }) => id), ...peers.map(({ id }) => id)]);
      }
      subscription.close();
    });

    it("delivers to a subscriber that lags while others with the same chats end", async () => {
      const others = await Promise.all(Array.from({ length: 20 }, () => open(bo)));
      const { subscription } = await open(bo);
      await append(store, ...chats.map((each) => renamed(each, "a")), renamed(chats[0]!, "b"));
      await settle();
      for (const each of others) each.subscription.close();
      for (let count = 0; count <= 1_000;) count += (await nextBatch(subscription)).events.length;
      // With each event that it delivers, the feed removes more of what others have left.
      for (const each of chats.slice(0, 50)) {
        await append(store, renamed(each, "c"));
        expect(subjects(await nextBatch(subscription))).to.deep.equal([each.id]);
      }
      await append(store, ...chats.slice(0, 500).map((each) => renamed(each, "d")));
      expect(subjects(await nextBatch(subscription))).to.deep.equal(chats.slice(0, 500).map(({ id }) => id));
      subscription.close();
    });

    it("lets other events of the process have their turn while it reads them", async () => {
      let turns = 0;
      let isDone = false;
      const count = () => {
        turns += 1;
        if (!isDone) setImmediate(count);
      };
      count();
      const { subscription } = await open(bo);
      isDone = true;
      expect(turns).to.be.greaterThan(3);
      subscription.close();
    });

    it("reads no more of them once the subscription is closed", async () => {
      let slices = 0;
      const closing: Store = {
        ...store,
        read: (work) =>
          store.read((all) => {
            const memberships: typeof all.chats.memberships = async (...given) => {
              slices += 1;
              if (slices === 2) subscription.close();
              return all.chats.memberships(...given);
            };
            return work({ ...all, chats: { ...all.chats, memberships } });
          }),
      };
      const feed = new EventFeed({ ...world.ports, store: closing });
      const subscription = feed.subscribe({ by: bo.id });
      expect(await subscription.next()).to.equal(undefined);
      expect(slices).to.equal(2);
    });

    it("misses no event, and receives none of other chats, although the user joins and leaves chats while it reads them", async () => {
      const groups = chats.filter(({ kind }) => kind === "group").slice(0, 20);
      await store.transaction(async (repositories) => {
        for (const { id } of groups) await repositories.chats.addParticipant(id, ana.id, 1, "owner");
      });
      const choose = seeded(11);
      const joined = new Set(groups.map(({ id }) => id));
      async function joinAndLeave(): Promise<void> {
        for (let count = choose(4); count > 0; count -= 1) {
          const { id: chatId } = groups[choose(groups.length)]!;
          await append(store, renamed({ id: chatId }, "before"));
          if (joined.delete(chatId)) await world.removeParticipant({ by: ana.id, chatId, user: "bo" });
          else
            await world.addParticipant({ by: ana.id, chatId: joined.add(chatId) && chatId, username: "bo" });
          await append(store, renamed({ id: chatId }, "after"));
        }
        if (choose(2) === 0) await settle();
      }
      let isReading = true;
      let isChanging = false;
      const changing: Store = {
        ...store,
        async read(work) {
          if (!isReading || isChanging) return store.read(work);
          isChanging = true;
          await joinAndLeave();
          const result = await store.read(work);
          await joinAndLeave();
          isChanging = false;
          return result;
        },
      };
      for (let round = 0; round < 10; round += 1) {
        // The feed of `world` has read the chats before.
        const live = world.subscribe({ by: bo.id });
        const { cursor: after } = await nextBatch(live);
        const feed = new EventFeed({ ...world.ports, store: changing });
        const subscription = feed.subscribe({ by: bo.id, after });
        isReading = true;
        const received = [...(await nextBatch(subscription)).events];
        isReading = false;
        while (isChanging) await settle();
        await append(
          store,
          ...groups.map((each) => renamed(each, "the end")),
          renamed(chats.at(-2)!, "last"),
        );
        const isEnd = (event: ChatEvent | undefined) =>
          event?.type === "chat.renamed" && event.title === "last";
        while (!isEnd(received.at(-1))) received.push(...(await nextBatch(subscription)).events);
        const expected: ChatEvent[] = [];
        while (!isEnd(expected.at(-1))) expected.push(...(await nextBatch(live)).events);
        // Pages of the log lack events of chats that the user has left since.
        const hasLeftSince = (index: number, id: ChatId | undefined) =>
          expected
            .slice(index)
            .some(
              (event) =>
                event.type === "participant.removed" && event.chatId === id && event.user.id === bo.id,
            );
        const cursors = new Set(received.map(({ cursor }) => cursor));
        expect(received).to.deep.equal(
          expected.filter(
            (event, index) =>
              cursors.has(event.cursor) || !("chatId" in event) || !hasLeftSince(index + 1, event.chatId),
          ),
        );
        live.close();
        subscription.close();
      }
    });

    it("takes the chats of the last attempt when the store repeats the read", async () => {
      const repeating: Store = {
        ...store,
        async read(work) {
          await store.read(work);
          await store.transaction(({ chats: all }) => all.removeParticipant(chats[0]!.id, bo.id));
          return store.read(work);
        },
      };
      const subscription = new EventFeed({ ...world.ports, store: repeating }).subscribe({ by: bo.id });
      await nextBatch(subscription);
      await append(store, renamed(chats[0]!, "a"), renamed(chats[1]!, "a"));
      expect(subjects(await nextBatch(subscription))).to.deep.equal([chats[1]!.id]);
      subscription.close();
    });
  });

  it("misses no event that is stored while the first subscriber reads the log", async () => {
    store.onRead = () => scene.rename("in between");
    const { subscription } = await open(bo);
    expect(titles(await nextBatch(subscription))).to.deep.equal(["in between"]);
    subscription.close();
  });

  it("misses no event that is stored before a second subscriber starts the feed", async () => {
    let second!: Subscription;
    store.onRead = async () => {
      await scene.rename("in between");
      ({ subscription: second } = await open(ana));
    };
    const { subscription } = await open(bo);
    expect(titles(await nextBatch(subscription))).to.deep.equal(["in between"]);
    await scene.rename("later");
    for (const each of [subscription, second]) expect(titles(await nextBatch(each))).to.deep.equal(["later"]);
    subscription.close();
    second.close();
  });

  it("rejects a subscription whose session ends before a second subscriber starts the feed", async () => {
    store.onRead = async () => {
      await scene.endSession();
      await open(ana);
    };
    const { subscription } = await open(bo, session);
    expect(await errorCodeOf(subscription.next())).to.equal("not_signed_in");
  });

  it("misses no event that is delivered to others while a subscriber reads the log", async () => {
    const { subscription: others } = await open(ana);
    await settle();
    store.onRead = async () => {
      await scene.rename("in between");
      await settle();
      expect(titles(await nextBatch(others))).to.deep.equal(["in between"]);
    };
    const { subscription } = await open(bo);
    expect(titles(await nextBatch(subscription))).to.deep.equal(["in between"]);
    await scene.rename("later");
    expect(titles(await nextBatch(subscription))).to.deep.equal(["later"]);
    subscription.close();
    others.close();
  });

  it("delivers an event that is stored between pages of the log once, in order", async () => {
    const { cursor } = await core.sync({ by: bo.id });
    const past = Array.from({ length: 500 }, (_, index) => `${index}`);
    await append(store, ...past.map((title) => renamed(chat, title)));
    const subscription = core.subscribe({ by: bo.id, after: cursor });
    const received = titles(await nextBatch(subscription));
    await scene.rename("meanwhile");
    await settle();
    while (received.length < 501) received.push(...titles(await nextBatch(subscription)));
    await scene.rename("live");
    received.push(...titles(await nextBatch(subscription)));
    expect(received).to.deep.equal([...past, "meanwhile", "live"]);
    subscription.close();
  });

  it("ends a subscription whose session ends between the read of the log and its result", async () => {
    store.onRead = scene.endSession;
    const subscription = core.subscribe({ by: bo.id, session });
    for await (const batch of subscription) expect(batch.events).to.deep.equal([]);
    expect(store.subscribers).to.equal(0);
  });

  it("ends the subscription of a session that ends, with its buffer, and no other", async () => {
    const { subscription } = await open(bo, session);
    const { subscription: others } = await open(bo, (await scene.logIn()).session.id);
    await scene.rename("a");
    await scene.endSession();
    await settle();
    expect(await subscription.next()).to.equal(undefined);
    expect(titles(await nextBatch(others))).to.deep.equal(["a"]);
    others.close();
    expect(store.subscribers).to.equal(0);
  });

  it("rejects a subscription of a session that has expired", async () => {
    world.ports.clock.advance(100 * 24 * 60 * 60 * 1_000);
    const refused = core.subscribe({ by: bo.id, session }).next();
    expect(await errorCodeOf(refused)).to.equal("not_signed_in");
  });

  it("rejects a subscription of a session that has ended", async () => {
    await scene.endSession();
    expect(await errorCodeOf(core.subscribe({ by: bo.id, session }).next())).to.equal("not_signed_in");
    expect(store.subscribers).to.equal(0);
  });

  it("ends a pending `next` when the session ends", async () => {
    const { subscription } = await open(bo, session);
    const next = subscription.next();
    await scene.endSession();
    expect(await next).to.equal(undefined);
    expect(store.subscribers).to.equal(0);
  });

  it("ends a lagging subscription when the session ends", async () => {
    const { cursor } = await core.sync({ by: bo.id });
    await append(store, ...Array.from({ length: 500 }, (_, index) => renamed(chat, `${index}`)));
    const subscription = core.subscribe({ by: bo.id, after: cursor, session });
    expect((await nextBatch(subscription)).events).to.have.lengthOf(200);
    await scene.endSession();
    await settle();
    expect(await subscription.next()).to.equal(undefined);
  });

  it("ends a subscription that is closed while `next` is pending, before the first `next`, or during it", async () => {
    const { subscription } = await open(bo);
    const next = subscription.next();
    await settle();
    subscription.close();
    expect(await next).to.equal(undefined);
    expect(await subscription.next()).to.equal(undefined);
    const never = core.subscribe({ by: bo.id });
    never.close();
    expect(await never.next()).to.equal(undefined);
    const early = core.subscribe({ by: bo.id });
    const { reads } = store;
    const first = early.next();
    early.close();
    expect(await first).to.equal(undefined);
    await settle();
    expect(store.reads).to.equal(reads + 1);
    expect(store.subscribers).to.equal(0);
  });

  it("ends all subscriptions and waits when it is closed, also those that begin later", async () => {
    const feed = new EventFeed(world.ports);
    const messaging = createMessaging(world.ports, feed);
    const { cursor: after } = await messaging.sync({ by: bo.id });
    const subscriptions = [0, 1, 2].map(() => messaging.subscribe({ by: bo.id }));
    const [pending, live, unstarted] = subscriptions as [Subscription, Subscription, Subscription];
    await nextBatch(pending);
    const next = pending.next();
    await nextBatch(live);
    const woken = new Promise<void>((resolve) => live.drain(resolve));
    const page = messaging.listEvents({ by: bo.id, after, limit: 1, until: new Promise(() => {}) });
    await settle();
    feed.close();
    await woken;
    expect(live.drain(() => {})).to.equal(undefined);
    const later = messaging.subscribe({ by: bo.id });
    for (const each of [next, live.next(), unstarted.next(), later.next()]) {
      expect(await each).to.equal(undefined);
    }
    expect(await page).to.deep.equal({ events: [], cursor: after, hasMore: false });
  });

  it("fails all subscriptions once when the store cannot be read, and starts again when it can", async () => {
    const { subscription, cursor } = await open(bo);
    const waiting = subscription.next();
    const broken = new Error("The store is broken.");
    store.beforeRead = () => Promise.reject(broken);
    await scene.rename("a");
    expect(await waiting.catch((error: unknown) => error)).to.equal(broken);
    expect(await subscription.next()).to.equal(undefined);
    expect(store.subscribers).to.equal(0);
    const early = core.subscribe({ by: bo.id });
    expect(await early.next().catch((error: unknown) => error)).to.equal(broken);
    expect(store.subscribers).to.equal(0);
    store.beforeRead = undefined;
    const again = core.subscribe({ by: bo.id, after: cursor });
    expect(titles(await nextBatch(again))).to.deep.equal(["a"]);
    again.close();
  });

  describe("while the store cannot be read for the moment", () => {
    const unavailable = () => {
      throw new MessagingError("store_unavailable", "The database cannot be reached. Try again later.");
    };

    it("keeps a live subscription, which misses nothing", async () => {
      const { subscription } = await open(bo);
      const next = nextBatch(subscription);
      store.beforeRead = async () => unavailable();
      await scene.rename("a");
      await settle();
      store.beforeRead = undefined;
      await scene.rename("b");
      expect(titles(await next)).to.deep.equal(["a", "b"]);
      subscription.close();
    });

    it("keeps a lagging subscription, which reads on when the store can be read", async () => {
      const { cursor: after } = await core.sync({ by: bo.id });
      await append(store, ...Array.from({ length: 300 }, (_, index) => renamed(chat, `${index}`)));
      const subscription = core.subscribe({ by: bo.id, after });
      const received = titles(await nextBatch(subscription));
      store.beforeRead = async () => unavailable();
      const next = nextBatch(subscription);
      await settle();
      store.beforeRead = undefined;
      await scene.rename("last");
      received.push(...titles(await next));
      while (received.at(-1) !== "last") received.push(...titles(await nextBatch(subscription)));
      expect(received).to.deep.equal([...Array.from({ length: 300 }, (_, index) => `${index}`), "last"]);
      subscription.close();
    });

    it("rejects the first batch of a subscription, and ends one that is closed meanwhile", async () => {
      const { cursor: after } = await core.sync({ by: bo.id });
      await append(store, ...Array.from({ length: 300 }, () => renamed(chat, "a")));
      const subscription = core.subscribe({ by: bo.id, after });
      await nextBatch(subscription);
      store.beforeRead = async () => unavailable();
      expect(await errorCodeOf(core.subscribe({ by: bo.id }).next())).to.equal("store_unavailable");
      const next = subscription.next();
      await settle();
      subscription.close();
      expect(await next).to.equal(undefined);
      expect(store.subscribers).to.equal(0);
    });
  });

  describe("when the log begins another epoch", () => {
    /** A core over the store, whose log has the epoch and those before it. */
    function withEpochs() {
      const bounds: { epoch: string; earlier?: ReadonlyMap<string, number> } = { epoch: "aaaaaaaaaaaaaaaa" };
      const replaced: Store = {
        ...store,
        read: (work) =>
          store.read((repositories) =>
            work({
              ...repositories,
              events: {
                ...repositories.events,
                bounds: async (userId) => ({ ...(await repositories.events.bounds(userId)), ...bounds }),
              },
            }),
          ),
      };
      return { bounds, other: createMessaging({ ...world.ports, store: replaced }) };
    }

    it("expires live subscriptions, and starts again", async () => {
      const { bounds, other } = withEpochs();
      const opened = [other.subscribe({ by: bo.id }), other.subscribe({ by: ana.id })];
      for (const subscription of opened) await nextBatch(subscription);
      const next = opened.map((subscription) => errorCodeOf(subscription.next()));
      bounds.epoch = "bbbbbbbbbbbbbbbb";
      await scene.rename("a");
      expect(await Promise.all(next)).to.deep.equal(["cursor_expired", "cursor_expired"]);
      expect(store.subscribers).to.equal(0);
      const again = other.subscribe({ by: bo.id });
      expect((await nextBatch(again)).cursor).to.match(/^b{16}-/);
      await scene.rename("b");
      expect(titles(await nextBatch(again))).to.deep.equal(["b"]);
      again.close();
    });

    it("expires them, too, if another subscription is the first to read it", async () => {
      const { bounds, other } = withEpochs();
      const live = other.subscribe({ by: bo.id });
      await nextBatch(live);
      const next = errorCodeOf(live.next());
      bounds.epoch = "bbbbbbbbbbbbbbbb";
      const late = other.subscribe({ by: ana.id });
      expect(await errorCodeOf(late.next())).to.equal("cursor_expired");
      expect(await next).to.equal("cursor_expired");
      const again = other.subscribe({ by: ana.id });
      expect((await nextBatch(again)).cursor).to.match(/^b{16}-/);
      again.close();
    });

    it("keeps them if the log has what the earlier epoch had", async () => {
      const { bounds, other } = withEpochs();
      const live = other.subscribe({ by: bo.id });
      await nextBatch(live);
      bounds.earlier = new Map([[bounds.epoch, 0]]);
      bounds.epoch = "bbbbbbbbbbbbbbbb";
      await scene.rename("a");
      expect(titles(await nextBatch(live))).to.deep.equal(["a"]);
      live.close();
    });
  });
});
