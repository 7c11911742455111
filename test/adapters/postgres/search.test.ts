import { expect } from "chai";
import type { PostgresStore } from "../../../src/adapters/postgres/store.js";
import { countIndexedTombstones, inspectDatabase } from "../../../src/adapters/postgres/inspection.js";
import { eraseUser } from "../../../src/application/erasure.js";
import { createMessaging } from "../../../src/application/messaging.js";
import { indexMessages } from "../../../src/application/search.js";
import { searchTerms } from "../../../src/domain/search.js";
import { indexAll } from "../../contract/search.js";
import { testPorts } from "../../support/ports.js";
import { PostgresStores } from "../../support/postgres-stores.js";

describe("the search index of PostgresStore", () => {
  const stores = new PostgresStores();
  let store: PostgresStore;

  beforeEach(async () => {
    store = await stores.openEmpty();
  });
  afterEach(() => store.close());
  after(() => stores.drop());

  /** Asserts that the index has the terms of each text up to where it has come, and nothing else. */
  async function expectTerms(): Promise<void> {
    const rows = await stores.execute(
      `SELECT text, tsvector_to_array(terms) AS terms FROM search_progress
         CROSS JOIN (messages FULL JOIN search_terms ON id = message_id)
       WHERE id <= indexed_up_to OR id IS NULL OR terms IS NOT NULL`,
    );
    for (const { text, terms } of rows) {
      const indexed = (terms as readonly string[] | null) ?? [];
      expect(indexed).to.have.members([...searchTerms(text as string)]);
    }
  }

  it("has no term of a text that was edited, erased, deleted by age or with its chat", async () => {
    const ports = { ...testPorts(), store };
    const messaging = createMessaging(ports);
    const ana = await messaging.registerUser({ username: "ana", password: "correct horse" });
    const bo = await messaging.registerUser({ username: "bo", password: "correct horse" });
    const sent: number[] = [];
    for (const { id: by } of [ana, ana, bo, bo, ana]) {
      const to = { username: by === ana.id ? "bo" : "ana" };
      const { message } = await messaging.sendMessage({ by, to, text: `secret ${sent.length}, 日本` });
      sent.push(message.id);
    }
    const group = await messaging.createGroupChat({ by: bo.id });
    await messaging.sendMessage({ by: bo.id, to: { chatId: group.id }, text: "secret of the chat" });
    await indexAll(store);
    const [chat] = (await messaging.listChats({ by: ana.id, limit: 1 })).chats;
    await store.transaction(({ messages }) => messages.forget(chat!.chat.id, sent[0]!, 10));
    await messaging.editMessage({ by: bo.id, id: sent[2] as never, text: "🙂" });
    await messaging.editMessage({ by: bo.id, id: sent[3] as never, text: "other, 語" });
    await messaging.removeParticipant({ by: bo.id, chatId: group.id, user: "bo" });
    await eraseUser(ports, { user: "ana" });
    expect(await countIndexedTombstones(stores.url, ana.id)).to.equal(0);
    const left = await stores.execute("SELECT message_id::int, terms::text FROM search_terms");
    expect(left).to.deep.equal([{ message_id: sent[3], terms: "'other' '語'" }]);
    expect(await inspectDatabase(stores.url)).to.deep.include({ faults: [] });
  });

  it("is reported if it has the terms of a deleted or a missing message", async () => {
    const messaging = createMessaging(testPorts(store));
    const ana = await messaging.registerUser({ username: "ana", password: "correct horse" });
    const { message } = await messaging.sendMessage({ by: ana.id, to: { username: "ana" }, text: "a" });
    await messaging.deleteMessage({ by: ana.id, id: message.id });
    await stores.execute(`INSERT INTO search_terms VALUES (${message.id}, '''a'''), (99, '''b''')`);
    expect((await inspectDatabase(stores.url)).faults).to.have.members([
      `Message ${message.id} is deleted, and the search index has its terms.`,
      "Message 99 is missing, and the search index has its terms.",
    ]);
    expect(await countIndexedTombstones(stores.url, ana.id)).to.equal(1);
  });

  it("has the terms of the last text while nodes index and others edit and delete at once", async () => {
    const ports = { ...testPorts(), store };
    const messaging = createMessaging(ports);
    const node = await stores.open();
    try {
      const users = [];
      for (const username of ["a1", "a2", "a3", "a4"]) {
        users.push(await messaging.registerUser({ username, password: "correct horse" }));
      }
      let isDone = false;
      const index = async (opened: PostgresStore) => {
        while (!isDone) {
          await indexMessages({ store: opened }, async () => {});
          await new Promise(setImmediate);
        }
      };
      const indexing = [index(store), index(node)];
      await Promise.all(
        users.map(async ({ id: by, username }) => {
          const ids: number[] = [];
          for (let round = 0; round < 60; round += 1) {
            const { message } = await messaging.sendMessage({ by, to: { username }, text: `first ${round}` });
            ids.push(message.id);
            const id = ids[(round * 7) % ids.length] as never;
            if (round % 5 === 0) await messaging.deleteMessage({ by, id });
            else await messaging.editMessage({ by, id, text: `edit ${round}` }).catch(() => {});
          }
        }),
      );
      isDone = true;
      await Promise.all(indexing);
      await indexAll(store);
      await expectTerms();
      const [row] = await stores.execute("SELECT count(*)::int AS count FROM search_terms");
      expect(row!["count"]).to.be.greaterThan(100);
    } finally {
      await node.close();
    }
  });
});
