import { openMemoryStore } from "../../../src/adapters/memory/store.js";
import { storeContract } from "../../contract/index.js";

describe("the memory store", () => {
  storeContract({ describe, it, beforeEach, afterEach }, { open: async () => openMemoryStore() });
});
