import { expect } from "chai";
import { openMemoryStore } from "../../../src/adapters/memory/store.js";
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

  storeContract({ describe, it, beforeEach, afterEach }, { open: async () => openMemoryStore() });
});
