import { expect } from "chai";
import type { PostgresStore } from "../../../src/adapters/postgres/store.js";
import { EventFeed } from "../../../src/application/feed.js";
import { createMessaging, type Messaging } from "../../../src/application/messaging.js";
import type { Subscription } from "../../../src/application/events.js";
import type { LiveSignal } from "../../../src/domain/live-signal.js";
import type { User, UserId } from "../../../src/domain/user.js";
import { signalChannelContract } from "../../contract/index.js";
import { until } from "../../support/event-stream.js";
import { PostgresStores } from "../../support/postgres-stores.js";
import { testPorts } from "../../support/ports.js";

describe("PostgresStore.signals", () => {
  const stores = new PostgresStores();
  let opened: PostgresStore[] = [];
  after(() => stores.drop());

  async function closeAll(): Promise<void> {
    await Promise.all(opened.map((store) => store.close()));
    opened = [];
  }

  signalChannelContract(
    { describe, it, beforeEach, afterEach },
    {
      async open() {
        const [one, other, third] = [await stores.openEmpty(), await stores.open(), await stores.open()];
        opened = [one, other, third];
        return [one.signals, other.signals, third.signals];
      },
      close: closeAll,
    },
  );

  describe("on two nodes", () => {
    let one: TestNode;
    let other: TestNode;
    let ana: User;
    let bo: User;
    beforeEach(async () => {
      const options = { onTrouble: () => {} };
      opened = [await stores.openEmpty(options), await stores.open(options)];
      [one, other] = opened.map(nodeOver) as [TestNode, TestNode];
      [ana, bo] = (await Promise.all(
        ["ana", "bo"].map((username) => one.core.registerUser({ username, password: "a long password" })),
      )) as [User, User];
    });
    afterEach(async () => {
      for (const { feed } of [one, other]) feed.close();
      await closeAll();
    });

    it("delivers typing and presence to streams at the other node", async () => {
      const { message } = await one.core.sendMessage({ by: ana.id, to: { username: "bo" }, text: "hi" });
      const signals = await receive(other, bo.id);
      const own = await open(one, ana.id);
      await one.core.sendTyping({ by: ana.id, chatId: message.chatId });
      await until(() => signals.some(({ type }) => type === "typing"));
      one.clock.advance(1_000);
      await until(() => isOnline(signals));
      const presence = await other.core.getPresence({ by: bo.id, chatId: message.chatId });
      expect(presence.map(({ online }) => online)).to.deep.equal([true, true]);
      own.close();
      one.clock.advance(1_000);
      await until(() => wasAnnounced(signals, false));
      expect(new Set(signals.map(({ user }) => user.username))).to.deep.equal(new Set(["ana"]));
    });

    it("survives payloads of other programs and the loss of its connection", async () => {
      const { id: chatId } = await one.core.createGroupChat({ by: ana.id, participants: ["bo"] });
      const signals = await receive(other, bo.id);
      for (const payload of ["", "null", "{", '{"from":"x","signals":5}']) {
        await stores.execute(`SELECT pg_notify('palaver_signals_' || ${SCHEMA}, '${payload}')`);
      }
      await stores.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
      );
      // Signals are lost until both nodes listen again.
      await untilAsync(async () => {
        one.clock.advance(2_000);
        await one.core.sendTyping({ by: ana.id, chatId }).catch(() => {});
        return signals.length > 0;
      });
      expect(signals[0]).to.include({ type: "typing", chatId });
    });

    const isOnline = (signals: readonly LiveSignal[]) => {
      other.clock.advance(1_000);
      return wasAnnounced(signals, true);
    };
    const wasAnnounced = (signals: readonly LiveSignal[], online: boolean) => {
      other.clock.advance(1_000);
      return signals.some((signal) => signal.type === "presence" && signal.online === online);
    };
  });
});

const SCHEMA = "to_regnamespace(quote_ident(current_schema()))::oid";

interface TestNode {
  readonly core: Messaging;
  readonly feed: EventFeed;
  readonly clock: ReturnType<typeof testPorts>["clock"];
}

function nodeOver(store: PostgresStore): TestNode {
  const ports = { ...testPorts(store), ids: { next: () => crypto.randomUUID() }, signals: store.signals };
  const feed = new EventFeed(ports);
  return { core: createMessaging(ports, feed), feed, clock: ports.clock };
}

/** Resolves once the subscription is live. */
async function open({ core }: TestNode, by: UserId): Promise<Subscription> {
  const subscription = core.subscribe({ by, signals: true });
  await subscription.next();
  return subscription;
}

/** The signals that the user receives from now on. */
async function receive(node: TestNode, by: UserId): Promise<readonly LiveSignal[]> {
  const signals: LiveSignal[] = [];
  const subscription = await open(node, by);
  void (async () => {
    for await (const batch of subscription) signals.push(...(batch.signals ?? []));
  })();
  return signals;
}

async function untilAsync(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries += 1) {
    if (tries > 200) throw new Error("It never held.");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
