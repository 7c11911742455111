import { openMemoryStore } from "../../src/adapters/memory/store.js";
import { openStoreOn } from "../../src/adapters/sqlite/store.js";
import { inline } from "../../src/adapters/sqlite/wal/threads.js";
import { describeInvitationRaces } from "../support/invitation-races.js";
import { PostgresStores } from "../support/postgres-stores.js";
import { seeded, simulatedDisk } from "../support/simulated-disk.js";

describe("concurrent uses of invitations", () => {
  const postgres = new PostgresStores();
  after(() => postgres.drop());

  describe("in memory", () => describeInvitationRaces(async () => openMemoryStore()));

  describe("in SQLite", () =>
    describeInvitationRaces(() => {
      const disk = simulatedDisk(seeded(0)).mount();
      return openStoreOn(disk, inline(disk), { segmentBytes: 2 ** 20 });
    }));

  describe("in PostgreSQL", () => describeInvitationRaces(() => postgres.openEmpty()));
});
