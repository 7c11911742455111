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

/** Large enough for every record of these tests, and soon full. */
const SEGMENT_BYTES = 32 * 1024;

const open = storeOf({ openStoreOn, inline }, SEGMENT_BYTES);

function rethrow(error: unknown): never {
  throw error;
}

describe("subscribe and listEvents over SQLite", function () {
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

  /** Passes the cursors of the events of a user to `deliver`, until the returned function is called. */
  function subscribe(
    core: Messaging,
    { id: by }: User,
    after: string | undefined,
    deliver: (cursor: string) => void,
  ) {
    const events = core.subscribe({ by, after });
    const delivering = (async () => {
      for await (const batch of events) for (const { cursor } of batch.events) deliver(cursor);
    })();
    return async () => {
      events.close();
      await delivering;
    };
  }

  const sendToOneself = (core: Messaging, { id: by, username }: User, text: string) =>
    core.sendMessage({ by, to: { username }, text });

  it("turn one snapshot into a later one, exactly", async () => {
    await expectEventsToAddUp(inSqlite, 15);
  });

  it("deliver the same events live, from any position", async () => {
    await expectSubscribersToAgree(inSqlite, 15);
  });

  it("continue from the same cursor after the store is reopened", async () => {
    const store = await open(disk.mount(), rethrow);
    const { ana, ports, ...core } = await openWorld(store);
    const { cursor } = await core.sync({ by: ana.id });
    await sendToOneself(core, ana, "before");
    await store.close();
    const again = await open(disk.mount(), rethrow);
    const coreAgain = createMessaging({ ...ports, store: again });
    const delivered: string[] = [];
    const unsubscribe = subscribe(coreAgain, ana, cursor, (each) => delivered.push(each));
    await sendToOneself(coreAgain, ana, "after");
    const { events } = await coreAgain.listEvents({ by: ana.id, after: cursor, limit: 10 });
    expect(events.map(({ type }) => type)).to.deep.equal([
      "chat.created",
      "message.created",
      "message.created",
    ]);
    await settle();
    // The epoch of a cursor is that of its reading.
    const positions = (cursors: readonly string[]) => cursors.map((each) => each.split("-")[1]);
    expect(positions(delivered)).to.deep.equal(positions(events.map((event) => event.cursor)));
    await unsubscribe();
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

    it("deliver no event before it is durable", async () => {
      const { ana, ...core } = await openWorld(store);
      const { cursor } = await core.sync({ by: ana.id });
      const delivered: string[] = [];
      const deliver = (each: string) => delivered.push(each);
      const unsubscribes = [subscribe(core, ana, undefined, deliver)];
      await settle();
      gate = new Promise((resolve) => (openGate = resolve));
      const sending = sendToOneself(core, ana, "a");
      await settle();
      unsubscribes.push(subscribe(core, ana, cursor, deliver));
      const listing = core.listEvents({ by: ana.id, after: cursor, limit: 10 });
      void listing.then(({ events }) => delivered.push(...events.map((event) => event.cursor)));
      await settle();
      expect(delivered).to.deep.equal([]);
      openGate();
      await sending;
      await listing;
      await settle();
      // The event of the chat and that of the message, three times.
      expect(delivered).to.have.lengthOf(6);
      expect(new Set(delivered)).to.have.property("size", 2);
      for (const unsubscribe of unsubscribes) await unsubscribe();
    });
  });

  it("find every delivered event again after a power cut at any moment", async () => {
    const ready = await open(disk.mount(), rethrow);
    const { ana, bo, ports } = await openWorld(ready);
    await ready.close();
    let total = 0;
    for (let at = 1; at <= 16; at += 1) {
      const copy = disk.copy(seeded(at));
      const store = await open(copy.mount(), () => {});
      const core = createMessaging({ ...ports, store });
      const { cursor } = await core.sync({ by: ana.id });
      const delivered: string[] = [];
      void subscribe(core, ana, cursor, (each) => delivered.push(each));
      const { operations } = copy;
      copy.fault = ({ number }) => (number === operations + at ? "power cut" : undefined);
      await exchangeMessages(core, ana, bo);
      copy.powerCut();
      copy.fault = undefined;
      const survivor: Store = await open(copy.mount(), rethrow);
      const after = createMessaging({ ...ports, store: survivor });
      const { events } = await after.listEvents({ by: ana.id, after: cursor, limit: 1000 });
      expect(events.slice(0, delivered.length).map((event) => event.cursor)).to.deep.equal(delivered);
      total += delivered.length;
      await survivor.close();
    }
    expect(total).to.be.above(0);
  });

  /** Sends messages in both directions. Errors are ignored, since the power is cut meanwhile. */
  async function exchangeMessages(core: Messaging, ana: User, bo: User): Promise<void> {
    for (let turn = 0; turn < 12; turn += 1) {
      core.sendMessage({ by: ana.id, to: { username: bo.username }, text: "to bo" }).catch(() => {});
      core.sendMessage({ by: bo.id, to: { username: ana.username }, text: "to ana" }).catch(() => {});
      await settle();
    }
  }
});
