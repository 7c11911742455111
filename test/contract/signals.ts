import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { SignalChannel } from "../../src/application/ports.js";
import type { ChatId } from "../../src/domain/chat.js";
import type { NodeSignal } from "../../src/domain/live-signal.js";
import type { UserId } from "../../src/domain/user.js";
import { ana, type Runner } from "./fixtures.js";

/** Opens the channels of three processes that share a store. */
export interface SignalChannelOpening {
  /** Called once per test. */
  readonly open: () => Promise<readonly [SignalChannel, SignalChannel, SignalChannel]>;
  /** Called at the end of each test. */
  readonly close?: () => Promise<void>;
}

interface Received {
  readonly signal: NodeSignal;
  readonly from: string;
}

/** Defines the tests of the `SignalChannel` port. A channel that loses no signal in a quiet test keeps its contract. */
export function signalChannelContract(
  { describe, it, beforeEach, afterEach }: Runner,
  { open, close = async () => {} }: SignalChannelOpening,
): void {
  let channels: Awaited<ReturnType<typeof open>>;

  function received(channel: SignalChannel): readonly Received[] {
    const all: Received[] = [];
    channel.subscribe((signal, from) => void all.push({ signal, from }));
    return all;
  }

  describe("SignalChannel.publish", () => {
    beforeEach(async () => {
      channels = await open();
    });
    afterEach(close);

    it("delivers signals to each other process, unchanged and in their order", async () => {
      const others = [received(channels[1]), received(channels[2])];
      const signals = manySignals();
      for (const signal of signals) channels[0].publish(signal);
      for (const all of others) {
        await soon(() => all.length >= signals.length);
        assert.deepEqual(
          all.map(({ signal }) => signal),
          signals,
        );
      }
    });

    it("delivers no signal to its own process", async () => {
      const own = received(channels[0]);
      const others = received(channels[1]);
      channels[0].publish(typingIn(1));
      await soon(() => others.length > 0);
      await sleep(10);
      assert.deepEqual(own, []);
    });

    it("names each process by a text that no other process has", async () => {
      const all = received(channels[2]);
      for (const chatId of [1, 2]) for (const channel of channels) channel.publish(typingIn(chatId));
      await soon(() => all.length >= 4);
      const names = all.map(({ from }) => from);
      assert.equal(new Set(names).size, 2);
      for (const name of names) assert.equal(names.filter((each) => each === name).length, 2);
    });
  });

  describe("SignalChannel.subscribe", () => {
    beforeEach(async () => {
      channels = await open();
    });
    afterEach(close);

    it("delivers each signal to each subscription, until it ends", async () => {
      const all: string[] = [];
      const [unsubscribe] = ["one", "other"].map((name) =>
        channels[1].subscribe((signal) => void all.push(`${name} ${chatOf(signal)}`)),
      );
      channels[0].publish(typingIn(1));
      await soon(() => all.length >= 2);
      unsubscribe!();
      unsubscribe!();
      channels[0].publish(typingIn(2));
      await soon(() => all.length >= 3);
      await sleep(10);
      assert.deepEqual(all, ["one 1", "other 1", "other 2"]);
    });
  });
}

const typingIn = (chatId: number, username = ana.username): NodeSignal => ({
  type: "typing",
  chatId: chatId as ChatId,
  user: { id: ana.id, username },
});

const chatOf = (signal: NodeSignal) => (signal.type === "typing" ? signal.chatId : undefined);

/** More bytes than fit into some carriers at once, with names of all scripts. */
function manySignals(): readonly NodeSignal[] {
  const userIds = Array.from({ length: 100 }, (_, index) => `user-${index}`.padEnd(36, "-") as UserId);
  const names = ["bo", "Zoë", "Анна", "陳大文", "𠮷野", "a'b\\"];
  return Array.from({ length: 40 }, (_, index): readonly NodeSignal[] => [
    { type: "online", userIds },
    typingIn(index + 1, names[index % names.length]),
    { type: "offline", userIds: userIds.slice(index) },
    { type: "hello" },
  ]).flat();
}

/** Resolves when the condition holds. Fails after three seconds. */
async function soon(holds: () => boolean): Promise<void> {
  for (let waits = 0; !holds(); waits += 1) {
    if (waits > 300) assert.fail("The signal was not delivered.");
    await sleep(10);
  }
}
