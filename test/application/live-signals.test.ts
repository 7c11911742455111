import { expect } from "chai";
import fc from "fast-check";
import sinon from "sinon";
import { openMemoryStore } from "../../src/adapters/memory/store.js";
import { manualClock } from "../../src/adapters/predictable.js";
import type { EventBatch, Subscription } from "../../src/application/events.js";
import type { Messaging } from "../../src/application/messaging.js";
import type { SignalChannel } from "../../src/application/ports.js";
import type { ChatId } from "../../src/domain/chat.js";
import type { LiveSignal } from "../../src/domain/live-signal.js";
import type { User, UserId } from "../../src/domain/user.js";
import { openTestMessaging, type TestMessaging } from "../../src/main/testing.js";
import { register } from "../contract/fixtures.js";
import { errorCodeOf } from "../support/error-code.js";
import { signalHub } from "../support/signal-hub.js";
import { testPorts } from "../support/ports.js";
import { openWorld, type World } from "../support/world.js";

/** A subscription that has read its first batch. */
async function open(core: Pick<Messaging, "subscribe">, by: User): Promise<Subscription> {
  const subscription = core.subscribe({ by: by.id, signals: true });
  await subscription.next();
  return subscription;
}

/** The batches that wait. */
function drained(subscription: Subscription): EventBatch[] {
  const batches: EventBatch[] = [];
  for (let isWoken = true; isWoken;) {
    isWoken = false;
    const batch = subscription.drain(() => (isWoken = true));
    if (batch !== undefined && (batch.events.length > 0 || batch.signals)) batches.push(batch);
  }
  return batches;
}

const signalsIn = (subscription: Subscription): LiveSignal[] =>
  drained(subscription).flatMap(({ signals = [] }) => signals);

/** Lets the clock pass, and changes of presence arrive. */
async function pass(world: Pick<TestMessaging, "clock" | "settled">, milliseconds: number): Promise<void> {
  world.clock.advance(milliseconds);
  await world.settled();
}

const p2p = async ({ sendMessage }: Pick<Messaging, "sendMessage">, one: User, other: User) => {
  const { message } = await sendMessage({ by: one.id, to: { username: other.username }, text: "hi" });
  return message.chatId;
};

/** Adds users to the store and to the chat. */
async function addGuests({ ports }: World, chatId: ChatId, count: number): Promise<readonly User[]> {
  const guests = Array.from({ length: count }, (_, index): User => {
    return { id: `guest-${index}`.padEnd(36, "-") as UserId, username: `guest-${index}`, createdAt: 0 };
  });
  await register(ports.store, ...guests);
  await ports.store.transaction(async ({ chats }) => {
    for (const { id } of guests) await chats.addParticipant(chatId, id, 0);
  });
  return guests;
}

describe("sendTyping", () => {
  let world: World;
  let ana: User;
  let bo: User;
  let cy: User;
  beforeEach(async () => {
    world = await openWorld();
    ({ ana, bo, cy } = world);
  });
  afterEach(() => world.close());

  const type = (by: User, chatId: ChatId) => world.sendTyping({ by: by.id, chatId });

  it("delivers a signal to the other participants, and to nobody else", async () => {
    const { id } = await world.group(ana, bo);
    const [ofAna, ofBo, ofCy] = [await open(world, ana), await open(world, bo), await open(world, cy)];
    await type(ana, id);
    expect(signalsIn(ofBo)).to.deep.equal([
      { type: "typing", chatId: id, user: await world.getUser({ user: "ana" }) },
    ]);
    expect(signalsIn(ofAna)).to.deep.equal([]);
    expect(signalsIn(ofCy)).to.deep.equal([]);
  });

  it("stores nothing, and adds nothing to the event log", async () => {
    const { id } = await world.group(ana, bo);
    await open(world, bo);
    const { transactions } = world.status();
    const { cursor } = await world.sync({ by: bo.id });
    await type(ana, id);
    expect(world.status().transactions).to.equal(transactions);
    expect((await world.listEvents({ by: bo.id, after: cursor, limit: 10 })).events).to.deep.equal([]);
  });

  it("delivers one signal in two seconds, of each user in each chat", async () => {
    const { id } = await world.group(ana, bo, cy);
    const { id: otherId } = await world.group(ana, bo);
    const ofBo = await open(world, bo);
    const count = () => signalsIn(ofBo).length;
    await type(ana, id);
    expect(count()).to.equal(1);
    world.clock.advance(1_999);
    await type(ana, id);
    expect(count()).to.equal(0);
    await type(ana, otherId);
    await type(cy, id);
    expect(count()).to.equal(2);
    world.clock.advance(1);
    await type(ana, id);
    expect(count()).to.equal(1);
    world.clock.advance(-3_600_000);
    await type(ana, id);
    expect(count()).to.equal(1);
  });

  it("delivers a bounded number of signals a second in large groups, and all in small ones", async () => {
    const large = await world.group(ana, bo, cy);
    const guests = await addGuests(world, large.id, 50);
    const small = await world.group(ana, bo, cy);
    const streams = await Promise.all([cy, ...guests].map((guest) => open(world, guest)));
    const typed = async (chatId: ChatId, ...users: readonly User[]) => {
      for (const user of users) await type(user, chatId);
      return streams.flatMap(signalsIn).length;
    };
    // The first one takes more than a second has.
    expect(await typed(large.id, ana, bo)).to.equal(51);
    expect(await typed(small.id, ana, bo)).to.equal(2);
    world.clock.advance(10);
    expect(await typed(large.id, guests[2]!)).to.equal(0);
    world.clock.advance(1_000);
    expect(await typed(large.id, guests[3]!, guests[4]!)).to.equal(50);
    world.clock.advance(60_000);
    expect(await typed(large.id, ana, bo)).to.equal(51);
  });

  it("rejects a user who is not a participant", async () => {
    const { id } = await world.group(ana, bo);
    const ofBo = await open(world, bo);
    expect(await errorCodeOf(type(cy, id))).to.equal("not_a_participant");
    expect(await errorCodeOf(type(cy, 99 as ChatId))).to.equal("not_a_participant");
    await world.removeParticipant({ by: ana.id, chatId: id, user: "ana" });
    expect(await errorCodeOf(type(ana, id))).to.equal("not_a_participant");
    expect(signalsIn(ofBo)).to.deep.equal([]);
  });

  it("rejects a user who may not post", async () => {
    const { id: chatId } = await world.group(ana, bo);
    await world.changeChat({ by: ana.id, chatId, policy: { post: "admins" } });
    expect(await errorCodeOf(type(bo, chatId))).to.equal("not_allowed");
    const ofBo = await open(world, bo);
    await type(ana, chatId);
    expect(signalsIn(ofBo)).to.have.length(1);
  });

  for (const [blocker, blocked] of [
    ["ana", "bo"],
    ["bo", "ana"],
  ] as const) {
    it(`delivers nothing in a p2p chat to bo or ana after ${blocker} has blocked ${blocked}, and does in groups`, async () => {
      const chatId = await p2p(world, ana, bo);
      await world.blockUser({ by: world[blocker].id, user: blocked });
      const streams = [await open(world, ana), await open(world, bo)];
      await type(ana, chatId);
      await type(bo, chatId);
      expect(streams.flatMap(signalsIn)).to.deep.equal([]);
      await world.unblockUser({ by: world[blocker].id, user: blocked });
      await type(ana, chatId);
      const { id } = await world.group(cy, ana, bo);
      await type(ana, id);
      expect(signalsIn(streams[1]!)).to.have.length(2);
    });
  }

  it("delivers nothing to a user who was removed from the chat", async () => {
    const { id: chatId } = await world.group(ana, bo, cy);
    const ofCy = await open(world, cy);
    await world.removeParticipant({ by: ana.id, chatId, user: "cy" });
    await world.settled();
    await type(ana, chatId);
    expect(signalsIn(ofCy)).to.deep.equal([]);
  });

  it("does not wake a subscription without signals, or a waiting listEvents", async () => {
    const { id } = await world.group(ana, bo);
    const { cursor } = await world.sync({ by: bo.id });
    const plain = world.subscribe({ by: bo.id });
    await plain.next();
    let isOver = () => {};
    const until = new Promise<void>((resolve) => (isOver = resolve));
    const woken: string[] = [];
    const waiting = world
      .listEvents({ by: bo.id, after: cursor, limit: 1, until })
      .then((page) => woken.push(`list ${page.events.length}`));
    const next = plain.next().then((batch) => woken.push(`next ${batch?.events[0]?.type}`));
    await world.settled();
    await type(ana, id);
    await world.settled();
    expect(woken).to.deep.equal([]);
    isOver();
    await world.renameChat({ by: ana.id, chatId: id, title: "Plans" });
    await Promise.all([waiting, next]);
    expect(woken).to.have.length(2);
  });

  it("reads the store once, and not while it ignores signals", async () => {
    const { id: chatId } = await world.group(ana, bo);
    let reads = 0;
    const { store } = world.ports;
    const counting = { ...store, read: ((work) => ((reads += 1), store.read(work))) as typeof store.read };
    const core = openTestMessaging({ ...world.ports, store: counting });
    await core.sendTyping({ by: ana.id, chatId });
    await core.sendTyping({ by: ana.id, chatId });
    expect(reads).to.equal(1);
  });
});

describe("Subscription with signals", () => {
  it("has the same events and cursors as one without, and signals between them in their order", async () => {
    const step = fc.record({
      by: fc.constantFrom("ana", "cy"),
      does: fc.constantFrom("type", "send", "drain", "pause"),
    });
    const property = fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const world = await openWorld();
      const { id: chatId } = await world.group(world.ana, world.bo, world.cy);
      const withSignals = world.subscribe({ by: world.bo.id, signals: true });
      const without = world.subscribe({ by: world.bo.id });
      const first = await withSignals.next();
      await without.next();
      const received: EventBatch[] = [];
      const plain: EventBatch[] = [];
      /** What must arrive between two reads: of several signals of a user, the last one. */
      const expected: string[] = [];
      let unread: string[] = [];
      const read = () => {
        received.push(...drained(withSignals));
        plain.push(...drained(without));
        expected.push(...unread);
        unread = [];
      };
      for (const { by, does } of steps) {
        if (does === "type") {
          world.clock.advance(2_000);
          await world.sendTyping({ by: world[by].id, chatId });
          unread = [...unread.filter((each) => each !== `${by} types`), `${by} types`];
        } else if (does === "send") {
          await world.sendMessage({ by: world[by].id, to: { chatId }, text: "hi" });
          await world.settled();
          unread.push(`${by} sends`);
        } else if (does === "drain") {
          read();
        } else {
          world.clock.advance(500);
        }
      }
      read();
      const events = received.flatMap((batch) => batch.events);
      expect(events).to.deep.equal(plain.flatMap((batch) => batch.events));
      const labels = received.flatMap(({ events: some, signals = [] }) => [
        ...some.map((event) => ("message" in event ? `${event.message.sender.username} sends` : event.type)),
        ...signals.map(({ user }) => `${user.username} types`),
      ]);
      expect(labels).to.deep.equal(expected);
      let cursor = first!.cursor;
      for (const batch of received) {
        if (batch.signals) expect(batch.events).to.deep.equal([]);
        cursor = batch.events.at(-1)?.cursor ?? cursor;
        expect(batch.cursor).to.equal(cursor);
      }
      await world.close();
    });
    await fc.assert(property, { numRuns: 150 });
  });

  it("keeps at most 100 signals for a slow consumer, the newest", async () => {
    const world = await openWorld();
    const { ana, bo } = world;
    const ofBo = await open(world, bo);
    const chats: ChatId[] = [];
    for (let count = 0; count < 105; count += 1) chats.push((await world.group(ana, bo)).id);
    await world.settled();
    drained(ofBo);
    for (const chatId of chats) await world.sendTyping({ by: ana.id, chatId });
    const kept = signalsIn(ofBo).map((signal) => signal.type === "typing" && signal.chatId);
    expect(kept).to.deep.equal(chats.slice(5));
    await world.close();
  });

  it("drops signals when it lags, and when the buffer can have the name of a deleted user", async () => {
    const world = await openWorld();
    const { ana, bo } = world;
    const { id: chatId } = await world.group(ana, bo);
    const ofBo = await open(world, bo);
    await world.sendTyping({ by: ana.id, chatId });
    const { session } = await world.logIn({ username: "cy", password: "password of cy" });
    await world.eraseAccount({ by: session, password: "password of cy" });
    await world.settled();
    expect(signalsIn(ofBo)).to.deep.equal([]);
    world.clock.advance(2_000);
    await world.sendTyping({ by: ana.id, chatId });
    for (let count = 0; count <= 1_000; count += 1) {
      await world.renameChat({ by: ana.id, chatId, title: `${count}` });
    }
    await world.settled();
    await world.sendTyping({ by: ana.id, chatId });
    for (let events = 0; events < 1_001;) events += (await ofBo.next())!.events.length;
    expect(signalsIn(ofBo)).to.deep.equal([]);
    // It was live twice, and is one stream.
    ofBo.close();
    const presence = await world.getPresence({ by: ana.id, chatId });
    expect(presence.some(({ online }) => online)).to.equal(false);
    await world.close();
  });
});

describe("presence", () => {
  let world: World;
  let ana: User;
  let bo: User;
  let cy: User;
  let chatId: ChatId;
  beforeEach(async () => {
    world = await openWorld();
    ({ ana, bo, cy } = world);
    chatId = await p2p(world, ana, bo);
  });
  afterEach(() => world.close());

  const presence = async (by: User, of = chatId) =>
    (await world.getPresence({ by: by.id, chatId: of })).map(
      ({ user, online, offlineSince }) => [user.username, online, offlineSince] as const,
    );

  it("shows who has a stream open, and since when others have not", async () => {
    expect(await presence(ana)).to.have.deep.members([
      ["ana", false, null],
      ["bo", false, null],
    ]);
    const streams = [await open(world, bo), await open(world, bo)];
    streams[0]!.close();
    streams[0]!.close();
    expect(await presence(ana)).to.have.deep.members([
      ["ana", false, null],
      ["bo", true, null],
    ]);
    const closedAt = world.clock.now();
    streams[1]!.close();
    world.clock.advance(5_000);
    expect(await presence(ana)).to.have.deep.members([
      ["ana", false, null],
      ["bo", false, closedAt],
    ]);
  });

  it("counts no subscription that was rejected, and no waiting listEvents", async () => {
    const rejected = world.subscribe({ by: bo.id, after: "no cursor" });
    expect(await errorCodeOf(rejected.next())).to.equal("invalid_cursor");
    const { cursor } = await world.sync({ by: bo.id });
    let isOver = () => {};
    const until = new Promise<void>((resolve) => (isOver = resolve));
    const waiting = world.listEvents({ by: bo.id, after: cursor, limit: 1, until });
    await world.settled();
    expect((await presence(ana)).some(([, online]) => online)).to.equal(false);
    isOver();
    await waiting;
  });

  it("is shown to participants only, in chats of at most 1,000", async () => {
    expect(await errorCodeOf(presence(cy))).to.equal("not_a_participant");
    const { id } = await world.group(ana);
    await addGuests(world, id, 999);
    await open(world, ana);
    const all = await presence(ana, id);
    expect(all).to.have.length(1_000);
    expect(all.filter(([, online]) => online).map(([name]) => name)).to.deep.equal(["ana"]);
    await world.addParticipant({ by: ana.id, chatId: id, username: "bo" });
    expect(await errorCodeOf(presence(ana, id))).to.equal("too_many_participants");
  });

  it("is delivered to p2p peers only, with no cursor", async () => {
    await world.group(ana, bo, cy);
    const [ofAna, ofCy] = [await open(world, ana), await open(world, cy)];
    const ofBo = await open(world, bo);
    await pass(world, 1_000);
    expect(signalsIn(ofAna)).to.deep.equal([
      {
        type: "presence",
        user: await world.getUser({ user: "bo" }),
        online: true,
        offlineSince: null,
      },
    ]);
    const closedAt = world.clock.now();
    ofBo.close();
    await pass(world, 4_000);
    expect(signalsIn(ofAna)).to.deep.equal([]);
    await pass(world, 6_000);
    expect(signalsIn(ofAna)).to.deep.include.members([
      {
        type: "presence",
        user: await world.getUser({ user: "bo" }),
        online: false,
        offlineSince: closedAt,
      },
    ]);
    expect(signalsIn(ofCy)).to.deep.equal([]);
  });

  it("is delivered in bounded numbers a second, and late to the streams beyond", async () => {
    const friends = await addGuests(world, (await world.group(ana)).id, 40);
    for (const user of [ana, bo, cy]) for (const friend of friends) await p2p(world, user, friend);
    const streams = await Promise.all(friends.map((friend) => open(world, friend)));
    await pass(world, 60_000);
    streams.forEach(drained);
    for (const user of [ana, bo, cy]) await open(world, user);
    const deliveredNext = async () => {
      await pass(world, 1_000);
      return streams.flatMap(signalsIn).map((signal) => signal.type === "presence" && signal.user.username);
    };
    const toAll = (...names: readonly string[]) => friends.flatMap(() => names);
    expect(await deliveredNext()).to.deep.equal(toAll("ana", "bo"));
    expect(await deliveredNext()).to.deep.equal(toAll("cy"));
    expect(await deliveredNext()).to.deep.equal([]);
  });

  it("is delivered at most once in ten seconds, and ends with the state that lasts", async () => {
    const ofAna = await open(world, ana);
    const seen: [number, boolean][] = [];
    const start = world.clock.now();
    const watch = async (seconds: number) => {
      for (let second = 0; second < seconds; second += 1) {
        await pass(world, 1_000);
        for (const signal of signalsIn(ofAna)) {
          if (signal.type === "presence") seen.push([(world.clock.now() - start) / 1_000, signal.online]);
        }
      }
    };
    for (let count = 0; count < 12; count += 1) {
      const ofBo = await open(world, bo);
      await watch(3);
      ofBo.close();
      await watch(6);
    }
    await watch(15);
    for (const [index, [at]] of seen.slice(1).entries()) expect(at - seen[index]![0]).to.be.at.least(10);
    expect(seen[0]).to.deep.equal([1, true]);
    expect(seen.length).to.be.within(2, 13);
    expect(seen.at(-1)?.[1]).to.equal(false);
  });

  it("does not change for a stream that opens again within five seconds", async () => {
    const ofBo = await open(world, bo);
    await pass(world, 1_000);
    const ofAna = await open(world, ana);
    await pass(world, 20_000);
    drained(ofAna);
    ofBo.close();
    await pass(world, 2_000);
    await open(world, bo);
    for (let second = 0; second < 15; second += 1) await pass(world, 1_000);
    expect(signalsIn(ofAna)).to.deep.equal([]);
  });

  for (const [blocker, blocked] of [
    ["ana", "bo"],
    ["bo", "ana"],
  ] as const) {
    it(`is hidden from both once ${blocker} has blocked ${blocked}`, async () => {
      await world.blockUser({ by: world[blocker].id, user: blocked });
      const [ofAna, ofBo] = [await open(world, ana), await open(world, bo)];
      await pass(world, 1_000);
      expect([...signalsIn(ofAna), ...signalsIn(ofBo)]).to.deep.equal([]);
      expect(await presence(ana)).to.have.deep.members([
        ["ana", true, null],
        ["bo", false, null],
      ]);
      expect(await presence(bo)).to.have.deep.members([
        ["ana", false, null],
        ["bo", true, null],
      ]);
    });
  }

  it("is unknown of a deleted user", async () => {
    (await open(world, bo)).close();
    const { session } = await world.logIn({ username: "bo", password: "password of bo" });
    await world.eraseAccount({ by: session, password: "password of bo" });
    expect(await presence(ana)).to.deep.include(["deleted", false, null]);
  });

  it("is not shown, delivered or counted where it is off", async () => {
    const off = openTestMessaging({ ...world.ports, presence: false });
    expect(await errorCodeOf(off.getPresence({ by: ana.id, chatId }))).to.equal("presence_off");
    const ofAna = await open(off, ana);
    await open(off, bo);
    await pass(off, 20_000);
    expect(signalsIn(ofAna)).to.deep.equal([]);
    await off.sendTyping({ by: bo.id, chatId });
    expect(signalsIn(ofAna)).to.have.length(1);
  });

  it("is checked each second while a stream is open", async () => {
    const clock = manualClock();
    let checks = 0;
    const every = (milliseconds: number, work: () => void) =>
      clock.every!(milliseconds, () => {
        checks += 1;
        work();
      });
    const core = openTestMessaging({ ...world.ports, clock: { ...clock, every } });
    const passed = (seconds: number) => {
      checks = 0;
      for (let second = 0; second < seconds; second += 1) clock.advance(1_000);
      return checks;
    };
    expect(passed(5)).to.equal(0);
    const stream = await open(core, ana);
    expect(passed(5)).to.equal(5);
    stream.close();
    passed(1);
    expect(passed(5)).to.equal(0);
    await open(core, ana);
    expect(passed(5)).to.equal(5);
  });

  it("survives a store that cannot be read", async () => {
    const ofAna = await open(world, ana);
    const ofBo = await open(world, bo);
    const unhandled = sinon.stub();
    process.on("unhandledRejection", unhandled);
    const read = sinon.stub(world.ports.store, "read").rejects(new Error("no"));
    await pass(world, 1_000);
    read.restore();
    await new Promise((resolve) => setTimeout(resolve, 1));
    process.off("unhandledRejection", unhandled);
    expect(read.callCount).to.equal(1);
    expect(unhandled.callCount).to.equal(0);
    ofBo.close();
    await pass(world, 10_000);
    expect(signalsIn(ofAna)).to.have.length(1);
  });
});

describe("live signals of several nodes", () => {
  let nodes: TestMessaging[];
  let published: string[];
  const clock = manualClock();
  const users: Record<string, User> = {};

  beforeEach(async () => {
    const store = openMemoryStore();
    const hub = signalHub();
    published = [];
    const channel = (): SignalChannel => {
      const sound = hub.open();
      return {
        ...sound,
        publish(signal) {
          published.push(signal.type);
          sound.publish(signal);
        },
      };
    };
    const base = { ...testPorts(store), clock };
    nodes = [1, 2].map(() => openTestMessaging({ ...base, signals: channel() }));
    Object.assign(users, await nodes[0]!.users("ana", "bo", "cy"));
  });
  afterEach(() => Promise.all(nodes.map((node) => node.close())));

  const tick = async (seconds = 1) => {
    for (let second = 0; second < seconds; second += 1) {
      clock.advance(1_000);
      for (const node of nodes) await node.settled();
    }
  };

  it("deliver typing to the streams of each, once in two seconds", async () => {
    const { id: chatId } = await nodes[0]!.group(users["ana"]!, users["bo"]!);
    const ofBo = [await open(nodes[0]!, users["bo"]!), await open(nodes[1]!, users["bo"]!)];
    for (const node of nodes) await node.sendTyping({ by: users["ana"]!.id, chatId });
    expect(ofBo.map((stream) => signalsIn(stream).length)).to.deep.equal([1, 1]);
    expect(published.filter((type) => type === "typing")).to.have.length(1);
  });

  it("show at each node who is online at another one, until the last stream ends", async () => {
    const chatId = await p2p(nodes[0]!, users["ana"]!, users["bo"]!);
    const ofAna = await open(nodes[0]!, users["ana"]!);
    const streams = await Promise.all(nodes.map((node) => open(node, users["bo"]!)));
    await tick();
    expect(signalsIn(ofAna)).to.have.length(1);
    const online = async () =>
      (await nodes[0]!.getPresence({ by: users["ana"]!.id, chatId })).find(
        ({ user }) => user.username === "bo",
      )?.online;
    streams[0]!.close();
    await tick(20);
    expect(await online()).to.equal(true);
    expect(signalsIn(ofAna)).to.deep.equal([]);
    streams[1]!.close();
    await tick(20);
    expect(await online()).to.equal(false);
    expect(signalsIn(ofAna).map((signal) => signal.type === "presence" && signal.online)).to.deep.equal([
      false,
    ]);
  });

  it("show the users of a node that has just started, and forget those of a node that has died", async () => {
    const store = openMemoryStore();
    const hub = signalHub();
    const base = { ...testPorts(store), clock };
    const dying = hub.open();
    let isDead = false;
    const one = openTestMessaging({
      ...base,
      signals: { ...dying, publish: (signal) => void (isDead || dying.publish(signal)) },
    });
    const { ana, bo } = await one.users("ana", "bo");
    const chatId = await p2p(one, ana, bo);
    await open(one, bo);
    nodes.push(one);
    await tick(5);
    const other = openTestMessaging({ ...base, signals: hub.open() });
    nodes.push(other);
    const ofAna = await open(other, ana);
    const online = async () =>
      (await other.getPresence({ by: ana.id, chatId })).some(
        (each) => each.user.username === "bo" && each.online,
      );
    expect(await online()).to.equal(false);
    await tick(2);
    expect(await online()).to.equal(true);
    await tick(200);
    expect(await online()).to.equal(true);
    expect(signalsIn(ofAna)).to.have.length(1);
    isDead = true;
    await tick(80);
    expect(await online()).to.equal(false);
    expect(signalsIn(ofAna).map((signal) => signal.type === "presence" && signal.online)).to.deep.equal([
      false,
    ]);
  });

  it("publish in a tick one signal for 100 users, and nothing without streams", async () => {
    const many: User[] = [];
    for (let count = 0; count < 150; count += 1) {
      const user = {
        id: `user-${count}`.padEnd(36, "-") as UserId,
        username: `u.${count}`,
        createdAt: 0,
      };
      await register(nodes[0]!.ports.store, user);
      many.push(user);
    }
    const streams = await Promise.all(many.map((user) => open(nodes[0]!, user)));
    published.length = 0;
    await tick();
    expect(published).to.deep.equal(["online", "online"]);
    await tick(20);
    expect(published).to.have.length(4);
    for (const stream of streams) stream.close();
    published.length = 0;
    await tick(100);
    expect(published).to.deep.equal(["offline", "offline"]);
  });
});
