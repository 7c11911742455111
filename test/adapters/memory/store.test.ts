import { execFile } from "node:child_process";
import { promisify } from "node:util";
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
    const ana = person("ana");

    for (const [method, deleteAll] of [
      ["forget", ({ messages }: Repositories, { id }: Chat) => messages.forget(id, MAX_ID, MAX_ID)],
      ["deleteOfChat", ({ messages }: Repositories, { id }: Chat) => messages.deleteOfChat(id, MAX_ID)],
    ] as const) {
      it(`are found again after the rollback of \`${method}\``, async () => {
        const store = openMemoryStore();
        await register(store, ana);
        const chat = await createGroup(store, ana);
        const key = "key" as IdempotencyKey;
        const once = { key, textDigest: "digest" };
        await store.transaction(({ messages }) => messages.append(draft(chat, ana, "a"), once));
        const found = () => store.read(({ messages }) => messages.sentAs(ana.id, key));
        const rolledBack = store.transaction(async (all) => {
          await deleteAll(all, chat);
          expect(await all.messages.sentAs(ana.id, key)).to.equal(undefined);
          throw new Error("no");
        });
        expect(await rolledBack.catch(String)).to.equal("Error: no");
        expect((await found())?.message.seq).to.equal(1);
        await store.transaction<unknown>((all) => deleteAll(all, chat));
        expect(await found()).to.equal(undefined);
      });

      // In a process that runs nothing else: what other tests leave behind is collected at any time.
      it(`take no memory after \`${method}\``, async () => {
        const COUNT = 40;
        const KEY_BYTES = 1_000_000;
        const urlOf = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
        const program = `
          import { openMemoryStore } from ${urlOf("../../../src/adapters/memory/store.js")};
          import { createGroup, draft, MAX_ID, person, register } from ${urlOf("../../contract/fixtures.js")};
          const heapUsed = () => (gc(), process.memoryUsage().heapUsed);
          const ana = person("ana");
          const store = openMemoryStore();
          await register(store, ana);
          const chat = await createGroup(store, ana);
          const before = heapUsed();
          for (let n = 0; n < ${COUNT}; n += 1) {
            const once = { key: String(n).padEnd(${KEY_BYTES}, "k"), textDigest: "digest" };
            await store.transaction(({ messages }) => messages.append(draft(chat, ana, "a"), once));
          }
          const stored = heapUsed() - before;
          await store.transaction(({ messages }) => messages.${method}(chat.id, MAX_ID, MAX_ID));
          console.log(JSON.stringify({ stored, remaining: heapUsed() - before }));`;
        const args = ["--expose-gc", "--input-type=module", "--eval", program];
        const { stdout } = await promisify(execFile)(process.execPath, args);
        const { stored, remaining } = JSON.parse(stdout) as { stored: number; remaining: number };
        expect(stored).to.be.greaterThan((COUNT * KEY_BYTES) / 2);
        expect(remaining).to.be.lessThan((COUNT * KEY_BYTES) / 4);
      });
    }
  });

  storeContract({ describe, it, beforeEach, afterEach }, { open: async () => openMemoryStore() });
});
