import { expect } from "chai";
import type { EventBatch, Subscription } from "../../src/application/events.js";
import type { Messaging } from "../../src/application/messaging.js";
import type { Chat } from "../../src/domain/chat.js";
import type { SessionId } from "../../src/domain/session.js";
import type { User } from "../../src/domain/user.js";
import { append, renamed } from "../contract/fixtures.js";
import { expectEventsToAddUp, expectSubscribersToAgree, type InWorld } from "../support/event-properties.js";
import { errorCodeOf } from "../support/error-code.js";
import { settle, type WatchedStore } from "../support/watched-store.js";
import { openWatchedWorld, openWorld, type World } from "../support/world.js";

describe("events", () => {
  let world: World;
  let bo: User;
  let chat: Chat;
  let store: WatchedStore;
  let core: Messaging;
  let session: SessionId;
  let scene: Awaited<ReturnType<typeof openWatchedWorld>>;
  beforeEach(async () => {
    scene = await openWatchedWorld();
    ({ world, bo, chat, store, core, session } = scene);
  });

  const titles = ({ events }: EventBatch) =>
    events.map((event) => (event.type === "chat.renamed" ? event.title : event.type));

  async function nextBatch(subscription: Subscription): Promise<EventBatch> {
    const batch = await subscription.next();
    if (batch === undefined) throw new Error("The subscription has ended.");
    return batch;
  }

  const inMemory: InWorld = async (use) => use(await openWorld());

  it("add a snapshot up to any later snapshot, exactly", async () => {
    await expectEventsToAddUp(inMemory, 200);
  });

  it("add up to the same when a subscription delivers them, wherever it starts", async () => {
    await expectSubscribersToAgree(inMemory, 200);
  });

  it("are rejected after a malformed cursor, and a cursor of another database or of the future", async () => {
    const by = world.ana.id;
    const { cursor } = await world.sync({ by });
    expect(await errorCodeOf(world.listEvents({ by, after: "x", limit: 1 }))).to.equal("invalid_cursor");
    const other = await (await openWorld()).sync({ by });
    expect(await errorCodeOf(world.listEvents({ by, after: other.cursor, limit: 1 }))).to.equal(
      "cursor_expired",
    );
    expect(await errorCodeOf(world.listEvents({ by, after: `${cursor}9`, limit: 1 }))).to.equal(
      "cursor_expired",
    );
  });

  describe("Subscription.drain", () => {
    it("returns all buffered events, and wakes the consumer once for them", async () => {
      const subscription = core.subscribe({ by: bo.id });
      let woken = 0;
      const drain = () => subscription.drain(() => void (woken += 1));
      expect(drain()).to.equal(undefined);
      const { cursor } = await nextBatch(subscription);
      expect(drain()).to.deep.equal({ events: [], cursor });
      for (const title of ["a", "b", "c"]) await scene.rename(title);
      await settle();
      expect(woken).to.equal(1);
      const batch = drain()!;
      expect(titles(batch)).to.deep.equal(["a", "b", "c"]);
      expect(batch.cursor).to.equal(batch.events.at(-1)?.cursor);
      expect(drain()).to.deep.equal({ events: [], cursor: batch.cursor });
      await scene.rename("d");
      await settle();
      expect(woken).to.equal(2);
      expect(titles(await nextBatch(subscription))).to.deep.equal(["d"]);
      drain();
      subscription.close();
      expect(woken).to.equal(3);
      expect(drain()).to.equal(undefined);
    });

    it("returns nothing to a lagging consumer, which gets all events from `next`", async () => {
      const subscription = core.subscribe({ by: bo.id });
      await nextBatch(subscription);
      const many = Array.from({ length: 1_500 }, (_, index) => `${index}`);
      await append(store, ...many.map((title) => renamed(chat, title)));
      await settle();
      expect(subscription.drain(() => {})).to.equal(undefined);
      const received: unknown[] = [];
      while (received.length < many.length) received.push(...titles(await nextBatch(subscription)));
      expect(received).to.deep.equal(many);
      subscription.close();
    });

    it("wakes the consumer when the session ends", async () => {
      const { session: own } = await scene.logIn();
      const subscription = core.subscribe({ by: bo.id, session: own.id });
      await nextBatch(subscription);
      const woken = new Promise<void>((resolve) => subscription.drain(resolve));
      await world.endSession({ by: own, sessionId: own.id });
      await woken;
      expect(subscription.drain(() => {})).to.equal(undefined);
      expect(await subscription.next()).to.equal(undefined);
    });
  });

  describe("listEvents with `until`", () => {
    const never = new Promise<void>(() => {});
    let cursor: string;
    beforeEach(async () => {
      ({ cursor } = await core.sync({ by: bo.id }));
    });
    const list = (more: { readonly until?: Promise<unknown>; readonly session?: SessionId } = {}) =>
      core.listEvents({ by: bo.id, after: cursor, limit: 2, ...more });

    it("returns existing events at once", async () => {
      for (const title of ["a", "b", "c", "d"]) await scene.rename(title);
      const page = await list({ until: never });
      expect(titles(page)).to.deep.equal(["a", "b"]);
      expect(page.hasMore).to.equal(true);
      ({ cursor } = page);
      const { events, hasMore } = await list({ until: never });
      expect(events).to.have.lengthOf(2);
      expect(hasMore).to.equal(false);
      expect(store.subscribers).to.equal(0);
    });

    it("waits for an event that the caller receives", async () => {
      const waiting = list({ until: never });
      await settle();
      await world.createGroupChat({ by: world.cy.id });
      await settle();
      expect(store.subscribers).to.equal(1);
      await scene.rename("a");
      const page = await waiting;
      expect(titles(page)).to.deep.equal(["a"]);
      ({ cursor } = page);
      expect(await list()).to.deep.equal({ events: [], cursor, hasMore: false });
      expect(store.subscribers).to.equal(0);
    });

    it("waits although another subscriber starts the feed between its read of the log and the result", async () => {
      store.onRead = async () => {
        await world.createGroupChat({ by: world.cy.id });
        await nextBatch(core.subscribe({ by: world.ana.id }));
      };
      const waiting = list({ until: never });
      await settle();
      await scene.rename("a");
      expect(titles(await waiting)).to.deep.equal(["a"]);
    });

    it("waits no longer than `until`, and returns the cursor of that moment", async () => {
      let stop!: () => void;
      const waiting = list({ until: new Promise<void>((resolve) => (stop = resolve)) });
      await settle();
      await world.createGroupChat({ by: world.cy.id });
      await settle();
      stop();
      const page = await waiting;
      const { cursor: now } = await core.sync({ by: bo.id });
      expect(page).to.deep.equal({ events: [], cursor: now, hasMore: false });
      expect(now).not.to.equal(cursor);
      expect(store.subscribers).to.equal(0);
    });

    it("rejects when the session ends meanwhile", async () => {
      const waiting = errorCodeOf(list({ until: never, session }));
      await settle();
      await scene.endSession();
      expect(await waiting).to.equal("not_signed_in");
      expect(store.subscribers).to.equal(0);
    });

    it("fails when the store cannot be read", async () => {
      const waiting = list({ until: never }).catch((error: unknown) => error);
      await settle();
      const broken = new Error("The store is broken.");
      store.beforeRead = () => Promise.reject(broken);
      await scene.rename("a");
      expect(await waiting).to.equal(broken);
      expect(store.subscribers).to.equal(0);
    });

    it("returns only the cursor of now without `after`, and does not wait", async () => {
      await scene.rename("a");
      const page = await core.listEvents({ by: bo.id, limit: 1, until: never });
      expect(page).to.deep.equal({
        events: [],
        cursor: (await core.sync({ by: bo.id })).cursor,
        hasMore: false,
      });
    });
  });

  describe("forgetEvents", () => {
    /** All but the last. */
    const forget = () => core.forgetEvents({ before: Number.MAX_SAFE_INTEGER });
    const count = async () => {
      const { first, last } = await store.read(({ events }) => events.bounds());
      return last - first + 1;
    };

    it("does not disturb a live subscription", async () => {
      const subscription = core.subscribe({ by: bo.id });
      await nextBatch(subscription);
      await scene.rename("a");
      expect(titles(await nextBatch(subscription))).to.deep.equal(["a"]);
      expect(await forget()).to.be.above(1);
      expect(await count()).to.equal(1);
      await scene.rename("b");
      await forget();
      expect(titles(await nextBatch(subscription))).to.deep.equal(["b"]);
      subscription.close();
    });

    it("does not disturb a subscription that lags after all events since its cursor are deleted", async () => {
      const subscription = core.subscribe({ by: bo.id });
      await nextBatch(subscription);
      for (let n = 0; n < 5; n += 1) await world.createGroupChat({ by: world.cy.id });
      await forget();
      await append(store, ...Array.from({ length: 1500 }, (_, index) => renamed(chat, `${index}`)));
      await settle();
      const received: (string | null)[] = [];
      while (received.length < 1500) received.push(...titles(await nextBatch(subscription)));
      expect(received.at(-1)).to.equal("1499");
      subscription.close();
    });

    it("rejects the next page of a subscription that reads the log too slowly to receive every event", async () => {
      const { cursor } = await core.sync({ by: bo.id });
      await append(store, ...Array.from({ length: 500 }, (_, index) => renamed(chat, `${index}`)));
      const subscription = core.subscribe({ by: bo.id, after: cursor });
      expect((await nextBatch(subscription)).events).to.have.lengthOf(200);
      await forget();
      expect(await errorCodeOf(subscription.next())).to.equal("cursor_expired");
      expect(store.subscribers).to.equal(0);
    });

    it("is not held up by an event of a clock that was ahead", async () => {
      const { clock } = world.ports;
      clock.advance(1_000);
      const before = clock.now();
      const ahead = 365 * 24 * 60 * 60 * 1_000;
      clock.advance(ahead);
      await scene.rename("from the future");
      clock.advance(-ahead - 10);
      await scene.rename("old");
      clock.advance(20);
      const { last } = await store.read(({ events }) => events.bounds());
      await scene.rename("new");
      expect(await core.forgetEvents({ before })).to.equal(last);
      expect(await count()).to.equal(1);
    });

    it("deletes all events before the given time, in transactions of 2,000, and no later ones", async () => {
      await append(store, ...Array.from({ length: 4500 }, () => renamed(chat, "x", "participants", 5)));
      const { last } = await store.read(({ events }) => events.bounds());
      await append(store, renamed(chat, "y", "participants", Number.MAX_SAFE_INTEGER));
      const before = store.status().transactions;
      const forgotten = await core.forgetEvents({ before: Number.MAX_SAFE_INTEGER });
      expect(forgotten).to.equal(last);
      expect(store.status().transactions - before).to.equal(3);
      expect(await core.forgetEvents({ before: Number.MAX_SAFE_INTEGER })).to.equal(0);
    });
  });
});
