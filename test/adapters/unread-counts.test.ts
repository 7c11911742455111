import { openMemoryStore } from "../../src/adapters/memory/store.js";
import { openStoreOn } from "../../src/adapters/sqlite/store.js";
import { inline } from "../../src/adapters/sqlite/wal/threads.js";
import { PostgresStores } from "../support/postgres-stores.js";
import { seeded, simulatedDisk } from "../support/simulated-disk.js";
import { expectCountsOfHistory } from "../support/unread-counts.js";

describe("the unread and mention counts of a chat", () => {
  const postgres = new PostgresStores();
  after(() => postgres.drop());

  const stores = {
    memory: { numRuns: 100, open: async () => openMemoryStore() },
    SQLite: {
      numRuns: 40,
      open: () => {
        const disk = simulatedDisk(seeded(0)).mount();
        return openStoreOn(disk, inline(disk), { segmentBytes: 16_384 });
      },
    },
    PostgreSQL: { numRuns: 4, open: () => postgres.openEmpty() },
  };
  for (const [name, { numRuns, open }] of Object.entries(stores)) {
    it(`are those of its whole history after any sequence of steps, in ${name}`, () =>
      expectCountsOfHistory(open, numRuns));
  }
});
