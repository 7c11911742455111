import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Store } from "../../src/application/ports.js";
import type { Chat } from "../../src/domain/chat.js";
import { GREATEST, ana, append, openGroup, register, renamed, type Runner } from "./scene.js";

export function subscriberContract(
  { describe, it, beforeEach, afterEach }: Runner,
  store: () => Store,
): void {
  let chat: Chat;
  let ends: (() => void)[];

  function subscribe(wake: () => void): () => void {
    const end = store().subscribe(wake);
    ends.push(end);
    return end;
  }

  /** What has been read of the log by one who reads it to its end whenever they are woken, and only then. */
  function tail(): readonly string[] {
    const titles: string[] = [];
    let place = 0;
    let reading = Promise.resolve();
    const readOn = async () => {
      const entries = await store().read(({ events }) =>
        events.all({ after: place, upTo: GREATEST, limit: GREATEST }),
      );
      place = entries.at(-1)?.id ?? place;
      for (const entry of entries) {
        if ("change" in entry && entry.change.type === "chat.renamed") titles.push(`${entry.change.title}`);
      }
    };
    subscribe(() => {
      reading = reading.then(readOn);
    });
    return titles;
  }

  const write = (...titles: readonly string[]) =>
    append(store(), ...titles.map((title) => renamed(chat, title)));

  describe("those who follow it", () => {
    beforeEach(async () => {
      ends = [];
      await register(store(), ana);
      chat = await openGroup(store(), ana);
    });
    afterEach(async () => {
      for (const end of ends) end();
    });

    it("are all woken whenever something was stored, and can read it then", async () => {
      const tails = [tail(), tail()];
      for (const [index, title] of ["a", "b", "c"].entries()) {
        await write(title);
        for (const titles of tails) await soon(() => titles.length > index);
      }
      for (const titles of tails) assert.deepEqual(titles, ["a", "b", "c"]);
    });

    it("miss nothing and meet nothing twice when 50 write at once and some of them fail", async () => {
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

    it("are woken for what one of them stores when it is woken", async () => {
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

    it("are not woken where nothing was written, or nothing of it was stored", async () => {
      await write("before");
      await sleep(10);
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

    it("are not woken when they have ended it, each by itself", async () => {
      let wakes = 0;
      const wake = () => void (wakes += 1);
      const end = subscribe(wake);
      const endAlso = subscribe(wake);
      end();
      end();
      const titles = tail();
      await write("a");
      await soon(() => titles.includes("a"));
      const once = wakes;
      endAlso();
      await write("b");
      await soon(() => titles.includes("b"));
      assert.deepEqual([once, wakes], [1, 1]);
    });

    it("are not woken when one who is woken before them has ended it for them", async () => {
      let late = 0;
      const ending: (() => void)[] = [];
      subscribe(() => {
        for (const end of ending) end();
      });
      ending.push(subscribe(() => void (late += 1)));
      const titles = tail();
      await write("a");
      await soon(() => titles.includes("a"));
      assert.equal(late, 0);
    });
  });
}

/** Waits until it is so, for a while. */
async function soon(isSo: () => boolean): Promise<void> {
  for (let waits = 0; !isSo(); waits += 1) {
    if (waits > 30) assert.fail("Nobody has woken it.");
    await sleep(10);
  }
}
