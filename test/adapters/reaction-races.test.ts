import { openMemoryStore } from "../../src/adapters/memory/store.js";
import { openStoreOn } from "../../src/adapters/sqlite/store.js";
import { inline } from "../../src/adapters/sqlite/wal/threads.js";
import { describeReactionRaces } from "../support/reaction-races.js";
import { PostgresStores } from "../support/postgres-stores.js";
import { seeded, simulatedDisk } from "../support/simulated-disk.js";

describe("concurrent reactions to a message", () => {
  const postgres = new PostgresStores();
  after(() => postgres.drop());

  describe("in memory", () => describeReactionRaces(async () => openMemoryStore(), 20));

  describe("in SQLite", () =>
    describeReactionRaces(() => {
      const disk = simulatedDisk(seeded(0)).mount();
      return openStoreOn(disk, inline(disk), { segmentBytes: 262_144 });
    }, 8));

  describe("in PostgreSQL", () => describeReactionRaces(() => postgres.openEmpty(), 3));
});
