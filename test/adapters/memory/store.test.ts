import { expect } from "chai";
import { openMemoryStore } from "../../../src/adapters/memory/store.js";
import { storeContract } from "../../contract/index.js";

describe("the memory store", () => {
  it("takes nothing more once it is closed", async () => {
    const store = openMemoryStore();
    await store.close();
    const refused = await store.read(({ messages }) => messages.lastId()).catch(String);
    expect(refused).to.equal("Error: The store is closed.");
  });

  it("lets other things have their turn, however much is asked of it", async () => {
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
