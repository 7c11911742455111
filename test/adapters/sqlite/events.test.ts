import { expect } from "chai";
import { openStoreOn, type SqliteStore } from "../../../src/adapters/sqlite/store.js";
import { inline } from "../../../src/adapters/sqlite/wal/threads.js";
import { createMessaging, type Messaging } from "../../../src/application/messaging.js";
import type { Store } from "../../../src/application/ports.js";
import type { User } from "../../../src/domain/user.js";
import { storeOf } from "../../support/engine.js";
import {
  expectEventsToAddUp,
  expectSubscribersToAgree,
  type InWorld,
} from "../../support/event-properties.js";
import { seeded, simulatedDisk, type SimulatedDisk } from "../../support/simulated-disk.js";
import { settle } from "../../support/watched-store.js";
import { openWorld } from "../../support/world.js";

/** Takes the largest record of these tests, and is soon full. */
const SEGMENT_BYTES = 32 * 1024;

const open = storeOf({ openStoreOn, inline }, SEGMENT_BYTES);

function rethrow(error: unknown): never {
  throw error;
}

describe("events in an SQLite store", function () {
  this.timeout(20_000);

  let disk: SimulatedDisk;
  beforeEach(() => {
    disk = simulatedDisk(seeded(1));
  });

  const inSqlite: InWorld = async (use) => {
    const store = await open(simulatedDisk(seeded(1)).mount(), rethrow);
    await use(await openWorld(store));
    await store.close();
  };

  /** Tells ana by `tell` what she writes to herself, until she or the store is gone. */
  function follow(
    core: Messaging,
    { id: by }: User,
    after: string | undefined,
    tell: (cursor: string) => void,
  ) {
    const events = core.subscribe({ by, after });
    const following = (async () => {
      for await (const batch of events) for (const { cursor } of batch.events) tell(cursor);
    })();
    return async () => {
      events.close();
      await following;
    };
  }

  const sayToOneself = (core: Messaging, { id: by, username }: User, text: string) =>
    core.sendMessage({ by, to: { username }, text });

  it("turn a snapshot into a later one, exactly, whatever happens between", async () => {
    await expectEventsToAddUp(inSqlite, 15);
  });

  it("lead to the same when they are followed live, from whatever moment on", async () => {
    await expectSubscribersToAgree(inSqlite, 15);
  });

  it("go on from the same cursor when the store is closed and opened again", async () => {
    const store = await open(disk.mount(), rethrow);
    const { ana, ports, ...core } = await openWorld(store);
    const { cursor } = await core.sync({ by: ana.id });
    await sayToOneself(core, ana, "before");
    await store.close();
    const again = await open(disk.mount(), rethrow);
    const coreAgain = createMessaging({ ...ports, store: again });
    const told: string[] = [];
    const leave = follow(coreAgain, ana, cursor, (each) => told.push(each));
    await sayToOneself(coreAgain, ana, "after");
    const { events } = await coreAgain.listEvents({ by: ana.id, after: cursor, limit: 10 });
    expect(events.map(({ type }) => type)).to.deep.equal([
      "chat.created",
      "message.created",
      "message.created",
    ]);
    await settle();
    expect(told).to.deep.equal(events.map((event) => event.cursor));
    await leave();
    await again.close();
  });

  describe("while the disk is slow", () => {
    let store: SqliteStore;
    let gate: Promise<void> = Promise.resolve();
    let openGate = () => {};

    beforeEach(async () => {
      const threads = inline(disk.mount());
      const write: typeof threads.log.write = async (frame) => {
        await gate;
        await threads.log.write(frame);
      };
      store = await openStoreOn(
        disk.mount(),
        { ...threads, log: { ...threads.log, write } },
        { segmentBytes: SEGMENT_BYTES },
      );
    });
    afterEach(async () => {
      openGate();
      await store.close();
    });

    it("are told nobody before they are durable, neither live, nor late, nor in a list", async () => {
      const { ana, ...core } = await openWorld(store);
      const { cursor } = await core.sync({ by: ana.id });
      const told: string[] = [];
      const tell = (each: string) => told.push(each);
      const leaving = [follow(core, ana, undefined, tell)];
      await settle();
      gate = new Promise((resolve) => (openGate = resolve));
      const sending = sayToOneself(core, ana, "a");
      await settle();
      leaving.push(follow(core, ana, cursor, tell));
      const listing = core.listEvents({ by: ana.id, after: cursor, limit: 10 });
      void listing.then(({ events }) => told.push(...events.map((event) => event.cursor)));
      await settle();
      expect(told).to.deep.equal([]);
      openGate();
      await sending;
      await listing;
      await settle();
      // The chat and the message, three times.
      expect(told).to.have.lengthOf(6);
      expect(new Set(told)).to.have.property("size", 2);
      for (const leave of leaving) await leave();
    });
  });

  it("that were told are there after the power went, at whatever moment", async () => {
    const ready = await open(disk.mount(), rethrow);
    const { ana, bo, ports } = await openWorld(ready);
    await ready.close();
    let some = 0;
    for (let at = 1; at <= 16; at += 1) {
      const copy = disk.copy(seeded(at));
      const store = await open(copy.mount(), () => {});
      const core = createMessaging({ ...ports, store });
      const { cursor } = await core.sync({ by: ana.id });
      const told: string[] = [];
      void follow(core, ana, cursor, (each) => told.push(each));
      const { operations } = copy;
      copy.fault = ({ number }) => (number === operations + at ? "power cut" : undefined);
      await talk(core, ana, bo);
      copy.powerCut();
      copy.fault = undefined;
      const survivor: Store = await open(copy.mount(), rethrow);
      const after = createMessaging({ ...ports, store: survivor });
      const { events } = await after.listEvents({ by: ana.id, after: cursor, limit: 1000 });
      expect(events.slice(0, told.length).map((event) => event.cursor)).to.deep.equal(told);
      some += told.length;
      await survivor.close();
    }
    expect(some).to.be.above(0);
  });

  /** Writes from both sides, until the power is gone. */
  async function talk(core: Messaging, ana: User, bo: User): Promise<void> {
    for (let turn = 0; turn < 12; turn += 1) {
      core.sendMessage({ by: ana.id, to: { username: bo.username }, text: "to bo" }).catch(() => {});
      core.sendMessage({ by: bo.id, to: { username: ana.username }, text: "to ana" }).catch(() => {});
      await settle();
    }
  }
});
