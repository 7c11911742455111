import { openMemoryStore } from "../../src/adapters/memory/store.js";
import { openStoreOn } from "../../src/adapters/sqlite/store.js";
import { inline } from "../../src/adapters/sqlite/wal/threads.js";
import { describeHistories } from "../support/histories.js";
import { PostgresStores } from "../support/postgres-stores.js";
import { seeded, simulatedDisk } from "../support/simulated-disk.js";

describe("the history of a group chat", () => {
  const postgres = new PostgresStores();
  after(() => postgres.drop());

  describe("in memory", () => describeHistories(async () => openMemoryStore()));

  describe("in SQLite", () =>
    describeHistories(() => {
      const disk = simulatedDisk(seeded(0)).mount();
      return openStoreOn(disk, inline(disk), { segmentBytes: 16_384 });
    }));

  describe("in PostgreSQL", () => describeHistories(() => postgres.openEmpty()));
});
