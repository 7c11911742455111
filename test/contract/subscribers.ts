import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Store } from "../../src/application/ports.js";
import type { Chat } from "../../src/domain/chat.js";
import { MAX_ID, ana, append, createGroup, register, renamed, type Runner } from "./fixtures.js";

export function subscriberContract(
  { describe, it, beforeEach, afterEach }: Runner,
  store: () => Store,
): void {
  let chat: Chat;
  let unsubscribers: (() => void)[];
  /** Each resolves once the reads of a subscriber have ended. */
  let readings: (() => Promise<void>)[];

  function subscribe(wake: () => void): () => void {
    const unsubscribe = store().subscribe(wake);
    unsubscribers.push(unsubscribe);
    return unsubscribe;
  }

  /** The titles in the log, read by a subscriber that reads to the end of the log whenever it is woken, and only then. */
  function tail(): readonly string[] {
    const titles: string[] = [];
    let position = 0;
    let reading = Promise.resolve();
    const readOn = async () => {
      const entries = await store().read(({ events }) =>
        events.all({ after: position, upTo: MAX_ID, limit: MAX_ID }),
      );
      position = entries.at(-1)?.id ?? position;
      for (const entry of entries) {
        if ("change" in entry && entry.change.type === "chat.renamed") titles.push(`${entry.change.title}`);
      }
    };
    subscribe(() => {
      reading = reading.then(readOn);
    });
    readings.push(() => reading);
    return titles;
  }

  const write = (...titles: readonly string[]) =>
    append(store(), ...titles.map((title) => renamed(chat, title)));

  describe("Store.subscribe", () => {
    beforeEach(async () => {
      unsubscribers = [];
      readings = [];
      await register(store(), ana);
      chat = await createGroup(store(), ana);
    });
    afterEach(async () => {
      for (const unsubscribe of unsubscribers) unsubscribe();
      for (const reading of readings) await reading();
    });

    it("wakes all subscribers after each commit, when they can read it", async () => {
      const tails = [tail(), tail()];
      for (const [index, title] of ["a", "b", "c"].entries()) {
        await write(title);
        for (const titles of tails) await soon(() => titles.length > index);
      }
      for (const titles of tails) assert.deepEqual(titles, ["a", "b", "c"]);
    });

    it("lets a subscriber read each event once while 50 concurrent transactions write and some of them fail", async () => {
      const titles = tail();
      const writing = Array.from({ length: 50 }, (_, index) =>
        store().transaction(async ({ events }) => {
          await events.append(renamed(chat, `${index}`));
          if (index % 5 === 0) throw new Error("no");
        }),
      );
      await Promise.allSettled(writing);
      await soon(() => titles.length >= 40);
      const expected = Array.from({ length: 50 }, (_, index) => `${index}`).filter((_, index) => index % 5);
      assert.deepEqual(new Set(titles), new Set(expected));
      assert.equal(titles.length, 40);
    });

    it("wakes subscribers for a commit that one of them makes when it is woken", async () => {
      let answer = (): Promise<void> | undefined => write("answer");
      subscribe(() => {
        void answer();
        answer = () => undefined;
      });
      const titles = tail();
      await write("a");
      await soon(() => titles.length > 1);
      assert.deepEqual(titles, ["a", "answer"]);
    });

    it("does not wake subscribers for a read, or for a transaction that writes nothing or fails", async () => {
      const titles = tail();
      await write("before");
      await soon(() => titles.length > 0);
      let wakes = 0;
      subscribe(() => void (wakes += 1));
      await store().transaction(({ events }) => events.forget(0, 1));
      const failing = store().transaction(async ({ events }) => {
        await events.append(renamed(chat, "lost"));
        throw new Error("no");
      });
      await assert.rejects(failing);
      await store().read(({ events }) => events.bounds());
      await sleep(10);
      assert.equal(wakes, 0);
    });

    it("ends each subscription separately, also two of the same function", async () => {
      let wakes = 0;
      const wake = () => void (wakes += 1);
      const unsubscribe = subscribe(wake);
      const unsubscribeOther = subscribe(wake);
      unsubscribe();
      unsubscribe();
      const titles = tail();
      await write("a");
      await soon(() => titles.includes("a"));
      const once = wakes;
      unsubscribeOther();
      await write("b");
      await soon(() => titles.includes("b"));
      assert.deepEqual([once, wakes], [1, 1]);
    });

    it("does not wake a subscriber whose subscription ended during the same round", async () => {
      let late = 0;
      let unsubscribeLate = () => {};
      subscribe(() => unsubscribeLate());
      unsubscribeLate = subscribe(() => void (late += 1));
      const titles = tail();
      await write("a");
      await soon(() => titles.includes("a"));
      assert.equal(late, 0);
    });
  });
}

/** Resolves when the condition holds. Fails after 600 milliseconds. */
async function soon(holds: () => boolean): Promise<void> {
  for (let waits = 0; !holds(); waits += 1) {
    if (waits > 60) assert.fail("The subscriber was not woken.");
    await sleep(10);
  }
}
