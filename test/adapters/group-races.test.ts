import { openMemoryStore } from "../../src/adapters/memory/store.js";
import { openStoreOn } from "../../src/adapters/sqlite/store.js";
import { inline } from "../../src/adapters/sqlite/wal/threads.js";
import { describeGroupRaces } from "../support/group-races.js";
import { PostgresStores } from "../support/postgres-stores.js";
import { seeded, simulatedDisk } from "../support/simulated-disk.js";

describe("concurrent changes of a group chat", () => {
  const postgres = new PostgresStores();
  after(() => postgres.drop());

  describe("in memory", () => describeGroupRaces(async () => openMemoryStore(), 50));

  describe("in SQLite", () =>
    describeGroupRaces(() => {
      const disk = simulatedDisk(seeded(0)).mount();
      return openStoreOn(disk, inline(disk), { segmentBytes: 262_144 });
    }, 20));

  describe("in PostgreSQL", () => describeGroupRaces(() => postgres.openEmpty(), 8));
});
