import { expect } from "chai";
import { openMemoryStore } from "../../src/adapters/memory/store.js";
import { openStoreOn } from "../../src/adapters/sqlite/store.js";
import { inline } from "../../src/adapters/sqlite/wal/threads.js";
import type { Store } from "../../src/application/ports.js";
import { createManyChats, readManyChats } from "../support/many-chats.js";
import { PostgresStores } from "../support/postgres-stores.js";
import { openTestServer } from "../support/server.js";
import { seeded, simulatedDisk } from "../support/simulated-disk.js";

const CHATS = 1_200;

describe("a user with many chats", function () {
  this.timeout(120_000);

  const postgres = new PostgresStores();
  after(() => postgres.drop());

  const stores: Readonly<Record<string, () => Promise<Store>>> = {
    memory: async () => openMemoryStore(),
    SQLite: () => {
      const disk = simulatedDisk(seeded(0)).mount();
      return openStoreOn(disk, inline(disk), { segmentBytes: 2 ** 22 });
    },
    PostgreSQL: () => postgres.openEmpty(),
  };

  // script/measure-many-chats measures what it costs others.
  for (const [name, open] of Object.entries(stores)) {
    it(`syncs 1,000 of them, pages each once, and streams, while others send, over ${name}`, async () => {
      const server = await openTestServer({ store: await open() });
      try {
        const ana = await server.signIn("ana");
        const bo = await server.signIn("bo");
        await createManyChats(server.store, [ana.user, bo.user], CHATS);
        let sent = 0;
        let isDone = false;
        const sending = (async () => {
          while (!isDone) {
            await bo.client.post("/v1/messages", { dest_username: "bo", message: "meanwhile" });
            sent += 1;
          }
        })();
        const post = () => bo.client.post("/v1/messages", { group_chat_id: 1, message: "news" });
        const read = await readManyChats(ana.client, post);
        isDone = true;
        await sending;
        expect(read.synced).to.have.length(1_000);
        expect(read.more).to.equal(true);
        expect(read.listed.slice(0, 1_000)).to.deep.equal(read.synced);
        expect(read.listed).to.have.length(CHATS);
        expect(new Set(read.listed).size).to.equal(CHATS);
        expect(read.streamed).to.equal(1);
        expect(sent).to.be.greaterThan(2);
      } finally {
        await server.close();
      }
    });
  }
});
