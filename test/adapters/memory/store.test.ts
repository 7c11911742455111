import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect } from "chai";
import { openMemoryStore } from "../../../src/adapters/memory/store.js";
import type { Repositories } from "../../../src/application/ports.js";
import type { Chat } from "../../../src/domain/chat.js";
import type { IdempotencyKey } from "../../../src/domain/message.js";
import { createGroup, draft, MAX_ID, person, register } from "../../contract/fixtures.js";
import { storeContract } from "../../contract/index.js";

describe("openMemoryStore", () => {
  it("rejects calls after close", async () => {
    const store = openMemoryStore();
    await store.close();
    const error = await store.read(({ messages }) => messages.lastId()).catch(String);
    expect(error).to.equal("Error: The store is closed.");
  });

  it("yields to the event loop under continuous calls", async () => {
    const store = openMemoryStore();
    let other = false;
    setTimeout(() => (other = true), 1);
    for (let calls = 0; !other; calls += 1) {
      expect(calls).to.be.lessThan(1_000_000);
      await store.read(({ messages }) => messages.lastId());
    }
  });

  describe("the idempotency keys of deleted messages", () => {
    const KEYS = 40;
    const KEY_BYTES = 1_000_000;
    const ana = person("ana");
    const keyOf = (n: number) => String(n).padEnd(KEY_BYTES, "k") as IdempotencyKey;
    const heapUsed = () => {
      setFlagsFromString("--expose-gc");
      (runInNewContext("gc") as () => void)();
      return process.memoryUsage().heapUsed;
    };

    for (const [method, deleteAll] of [
      ["forget", ({ messages }: Repositories, { id }: Chat) => messages.forget(id, MAX_ID, MAX_ID)],
      ["deleteOfChat", ({ messages }: Repositories, { id }: Chat) => messages.deleteOfChat(id, MAX_ID)],
    ] as const) {
      it(`take no memory after \`${method}\`, and are found again after its rollback`, async () => {
        const store = openMemoryStore();
        await register(store, ana);
        const chat = await createGroup(store, ana);
        const before = heapUsed();
        for (let n = 0; n < KEYS; n += 1) {
          const once = { key: keyOf(n), textDigest: "digest" };
          await store.transaction(({ messages }) => messages.append(draft(chat, ana, "a"), once));
        }
        expect(heapUsed() - before).to.be.greaterThan((KEYS * KEY_BYTES) / 2);
        const found = () => store.read(({ messages }) => messages.sentAs(ana.id, keyOf(1)));
        const rolledBack = store.transaction(async (all) => {
          await deleteAll(all, chat);
          expect(await all.messages.sentAs(ana.id, keyOf(1))).to.equal(undefined);
          throw new Error("no");
        });
        expect(await rolledBack.catch(String)).to.equal("Error: no");
        expect((await found())?.message.seq).to.equal(2);
        await store.transaction<unknown>((all) => deleteAll(all, chat));
        expect(heapUsed() - before).to.be.lessThan((KEYS * KEY_BYTES) / 4);
        expect(await found()).to.equal(undefined);
      });
    }
  });

  storeContract({ describe, it, beforeEach, afterEach }, { open: async () => openMemoryStore() });
});
