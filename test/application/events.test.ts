import { expect } from "chai";
import type { EventBatch } from "../../src/application/events.js";
import type { Messaging } from "../../src/application/messaging.js";
import type { Chat } from "../../src/domain/chat.js";
import type { SessionId } from "../../src/domain/session.js";
import type { User } from "../../src/domain/user.js";
import { append, renamed } from "../contract/scene.js";
import { expectEventsToAddUp, expectFollowersToAgree, type InWorld } from "../support/event-properties.js";
import { refusalOf } from "../support/refusal.js";
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

  async function take(events: AsyncIterableIterator<EventBatch>): Promise<EventBatch> {
    const { done, value } = await events.next();
    expect(done).to.equal(false);
    return value;
  }

  const inMemory: InWorld = async (use) => use(await openWorld());

  it("turn a snapshot into a later one, exactly, whatever happens between", async () => {
    await expectEventsToAddUp(inMemory, 200);
  });

  it("lead to the same when they are followed live, from whatever moment on", async () => {
    await expectFollowersToAgree(inMemory, 200);
  });

  it("of a cursor that is none, of another database or of the future are refused", async () => {
    const by = world.ana.id;
    const { cursor } = await world.sync({ by });
    expect(await refusalOf(world.listEvents({ by, after: "x", limit: 1 }))).to.equal("invalid_cursor");
    const other = await (await openWorld()).sync({ by });
    expect(await refusalOf(world.listEvents({ by, after: other.cursor, limit: 1 }))).to.equal(
      "cursor_expired",
    );
    expect(await refusalOf(world.listEvents({ by, after: `${cursor}9`, limit: 1 }))).to.equal(
      "cursor_expired",
    );
  });

  it("are there all together for whoever takes them without waiting, and is woken once for them", async () => {
    const events = core.subscribe({ by: bo.id });
    let woken = 0;
    const now = () => events.now(() => void (woken += 1));
    expect(now()).to.equal(undefined);
    const { cursor } = await take(events);
    expect(now()).to.deep.equal({ events: [], cursor });
    for (const title of ["a", "b", "c"]) await scene.rename(title);
    await settle();
    expect(woken).to.equal(1);
    const batch = now()!;
    expect(titles(batch)).to.deep.equal(["a", "b", "c"]);
    expect(batch.cursor).to.equal(batch.events.at(-1)?.cursor);
    expect(now()).to.deep.equal({ events: [], cursor: batch.cursor });
    await scene.rename("d");
    await settle();
    expect(woken).to.equal(2);
    expect(titles(await take(events))).to.deep.equal(["d"]);
    now();
    await events.return!();
    expect(woken).to.equal(3);
    expect(now()).to.equal(undefined);
  });

  it("are to be waited for by whoever has let too many gather, and then all there", async () => {
    const events = core.subscribe({ by: bo.id });
    await take(events);
    const many = Array.from({ length: 1_500 }, (_, index) => `${index}`);
    await append(store, ...many.map((title) => renamed(chat, title)));
    await settle();
    expect(events.now(() => {})).to.equal(undefined);
    const told: unknown[] = [];
    while (told.length < many.length) told.push(...titles(await take(events)));
    expect(told).to.deep.equal(many);
    await events.return!();
  });

  it("wake whoever takes them without waiting when the session ends", async () => {
    const { session: own } = await scene.logIn();
    const events = core.subscribe({ by: bo.id, session: own.id });
    await take(events);
    const woken = new Promise<void>((resolve) => events.now(resolve));
    await world.endSession({ by: own, sessionId: own.id });
    await woken;
    expect(events.now(() => {})).to.equal(undefined);
    expect((await events.next()).done).to.equal(true);
  });

  describe("in a list that waits", () => {
    const never = new Promise<void>(() => {});
    let cursor: string;
    beforeEach(async () => {
      ({ cursor } = await core.sync({ by: bo.id }));
    });
    const list = (more: { readonly until?: Promise<unknown>; readonly session?: SessionId } = {}) =>
      core.listEvents({ by: bo.id, after: cursor, limit: 2, ...more });

    it("gives what there is at once", async () => {
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

    it("waits for something to happen that is for the caller", async () => {
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

    it("waits no longer than it is told to, and tells how far that was", async () => {
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

    it("is refused when the session ends meanwhile", async () => {
      const waiting = refusalOf(list({ until: never, session }));
      await settle();
      await scene.endSession();
      expect(await waiting).to.equal("not_signed_in");
      expect(store.subscribers).to.equal(0);
    });

    it("fails when the store does", async () => {
      const waiting = list({ until: never }).catch((error: unknown) => error);
      await settle();
      const broken = new Error("The store is broken.");
      store.beforeRead = () => Promise.reject(broken);
      await scene.rename("a");
      expect(await waiting).to.equal(broken);
      expect(store.subscribers).to.equal(0);
    });

    it("gives nothing but the cursor of now without one, and does not wait", async () => {
      await scene.rename("a");
      const page = await core.listEvents({ by: bo.id, limit: 1, until: never });
      expect(page).to.deep.equal({
        events: [],
        cursor: (await core.sync({ by: bo.id })).cursor,
        hasMore: false,
      });
    });
  });

  describe("while old events are forgotten", () => {
    /** All but the last. */
    const forget = () => core.forgetEvents({ before: Number.MAX_SAFE_INTEGER });
    const count = async () => {
      const { first, last } = await store.read(({ events }) => events.bounds());
      return last - first + 1;
    };

    it("goes on as if they were not", async () => {
      const events = core.subscribe({ by: bo.id });
      await take(events);
      await scene.rename("a");
      expect(titles(await take(events))).to.deep.equal(["a"]);
      expect(await forget()).to.be.above(1);
      expect(await count()).to.equal(1);
      await scene.rename("b");
      await forget();
      expect(titles(await take(events))).to.deep.equal(["b"]);
      await events.return?.();
    });

    it("goes on for one who was told nothing for so long that nothing of the time is kept, and falls behind", async () => {
      const events = core.subscribe({ by: bo.id });
      await take(events);
      await append(
        store,
        ...Array.from({ length: 50 }, () => renamed({ ...chat, id: 99 as Chat["id"] }, "x")).slice(0, 0),
      );
      for (let n = 0; n < 5; n += 1) await world.createGroupChat({ by: world.cy.id });
      await forget();
      await append(store, ...Array.from({ length: 1500 }, (_, index) => renamed(chat, `${index}`)));
      await settle();
      const told: (string | null)[] = [];
      while (told.length < 1500) told.push(...titles(await take(events)));
      expect(told.at(-1)).to.equal("1499");
      await events.return?.();
    });

    it("is refused to one who reads the past too slowly, where it begins to miss something", async () => {
      const { cursor } = await core.sync({ by: bo.id });
      await append(store, ...Array.from({ length: 500 }, (_, index) => renamed(chat, `${index}`)));
      const events = core.subscribe({ by: bo.id, after: cursor });
      expect((await take(events)).events).to.have.lengthOf(200);
      await forget();
      expect(await refusalOf(events.next())).to.equal("cursor_expired");
      expect(store.subscribers).to.equal(0);
    });

    it("forgets as many as there are, some at a time, and not those of the time that is kept", async () => {
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
