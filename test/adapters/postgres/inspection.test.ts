import { expect } from "chai";
import { Client } from "pg";
import { inspectDatabase, replaceEpoch, vacuum } from "../../../src/adapters/postgres/inspection.js";
import { openPostgresStore } from "../../../src/adapters/postgres/store.js";
import { createAdministration } from "../../../src/application/administration.js";
import { createMessaging } from "../../../src/application/messaging.js";
import type { ChatId } from "../../../src/domain/chat.js";
import { testPorts } from "../../support/ports.js";
import { tombstone } from "../../../src/domain/message.js";
import type { User } from "../../../src/domain/user.js";
import { openTestMessaging } from "../../../src/main/testing.js";
import { createDatabase, type TestDatabase } from "../../support/postgres.js";

/** Ana and Bo, with messages in their chat 1 and in the group chat 2. */
async function fill(url: string): Promise<void> {
  const store = await openPostgresStore(url);
  const messaging = createMessaging({ ...testPorts(), store });
  const ana = await messaging.registerUser({ username: "ana", password: "correct horse" });
  const bo = await messaging.registerUser({ username: "bo", password: "correct horse" });
  for (const text of ["one", "two", "three"]) {
    await messaging.sendMessage({ by: ana.id, to: { username: "bo" }, text });
  }
  const { id: chatId } = await messaging.createGroupChat({ by: ana.id, participants: ["bo"] });
  for (const by of [ana.id, bo.id]) await messaging.sendMessage({ by, to: { chatId }, text: "hello" });
  await store.close();
}

describe("inspectDatabase", () => {
  let database: TestDatabase;

  const execute = async (...statements: readonly string[]) => {
    const client = new Client(database.url);
    await client.connect();
    try {
      for (const statement of statements) await client.query(statement);
    } finally {
      await client.end();
    }
  };

  before(async () => {
    database = await createDatabase();
    await fill(database.url);
  });

  after(() => database.drop());

  it("finds no fault in the data of a store", async () => {
    expect(await inspectDatabase(database.url)).to.deep.equal({
      version: 4,
      outboxRows: 0,
      missingPositions: 0,
      faults: [],
    });
  });

  it("finds no fault in a chat whose oldest messages were deleted by age, and a gap behind them", async () => {
    const store = await openPostgresStore(database.url);
    await store.transaction(({ messages }) => messages.forget(1 as ChatId, 2, 9));
    await store.close();
    expect(await inspectDatabase(database.url)).to.deep.include({ faults: [] });
    await execute("UPDATE chats SET forgotten_seq = 1 WHERE id = 1");
    expect((await inspectDatabase(database.url)).faults).to.deep.equal([
      "Chat 1 has 1 messages, with seq from 3 to 3.",
    ]);
    await database.drop();
    database = await createDatabase();
    await fill(database.url);
  });

  it("finds no fault in an erased user, whom the directory does not list", async () => {
    const store = await openPostgresStore(database.url);
    const { isErased } = await createAdministration({ ...testPorts(), store }).eraseUser({ user: "ana" });
    await store.close();
    expect(isErased).to.equal(true);
    expect(await inspectDatabase(database.url)).to.deep.include({ faults: [] });
    await execute("INSERT INTO user_words SELECT 'ana', id FROM users WHERE deleted_at IS NOT NULL");
    expect((await inspectDatabase(database.url)).faults.join()).to.include(
      "is in the directory, and is deleted.",
    );
    await database.drop();
    database = await createDatabase();
    await fill(database.url);
  });

  it("finds no fault in reactions of more users than a message names, and in those to a deleted message", async () => {
    await database.drop();
    database = await createDatabase();
    const store = await openPostgresStore(database.url);
    const messaging = openTestMessaging({ ...testPorts(), store });
    const names = Array.from({ length: 23 }, (_, index) => `reader-${String(index).padStart(2, "0")}`);
    const readers = Object.values(await messaging.users(...names));
    const [first, second] = readers as [User, User];
    const { id: chatId } = await messaging.createGroupChat({ by: first.id, participants: names.slice(1) });
    const send = async () =>
      (await messaging.sendMessage({ by: first.id, to: { chatId }, text: "react" })).message.id;
    const [kept, deleted] = [await send(), await send()];
    for (const { id: by } of readers) {
      for (const id of [kept, deleted]) await messaging.addReaction({ by, id, emoji: "👍" });
    }
    await messaging.addReaction({ by: second.id, id: kept, emoji: "🙂" });
    await messaging.removeReaction({ by: first.id, id: kept, emoji: "👍" });
    const [message] = await store.read(({ messages }) => messages.byIds([deleted], {}));
    await store.transaction(({ messages }) => messages.update(tombstone(message!, 1)));
    await store.close();
    expect(await inspectDatabase(database.url)).to.deep.include({ faults: [] });
    await database.drop();
    database = await createDatabase();
    await fill(database.url);
  });

  for (const [violation, damage, repair, fault] of [
    [
      "a gap in the seq of a chat",
      "UPDATE messages SET seq = 4 WHERE chat_id = 1 AND seq = 3",
      "UPDATE messages SET seq = 3 WHERE chat_id = 1 AND seq = 4",
      "Chat 1 has 3 messages, with seq from 1 to 4.",
    ],
    [
      "messages whose ids are not in the order of their seq",
      "UPDATE messages SET id = 100 WHERE chat_id = 2 AND seq = 1",
      "UPDATE messages SET id = 4 WHERE id = 100",
      "The messages with seq 1 and 2 of chat 2 have the ids 100 and 5.",
    ],
    [
      "a mention that is not in the index",
      "UPDATE messages SET mentions = '[\"user\"]' WHERE id = 1; DELETE FROM mentions",
      "UPDATE messages SET mentions = NULL WHERE id = 1",
      "User user is mentioned by the message with seq 1 of chat 1, and is not in the index of mentions.",
    ],
    [
      "an entry of the index without a mention",
      "INSERT INTO mentions VALUES ('user', 1, 2)",
      "DELETE FROM mentions",
      "User user is not mentioned by the message with seq 2 of chat 1, and is in the index of mentions.",
    ],
    [
      "a wrong number of participants",
      "UPDATE chats SET participant_count = 3 WHERE id = 2",
      "UPDATE chats SET participant_count = 2 WHERE id = 2",
      "Chat 2 counts 3 participants, and has 2.",
    ],
    [
      "a group chat without an owner",
      "UPDATE participants SET role = 'admin' WHERE role = 'owner'",
      "UPDATE participants SET role = 'owner' WHERE role = 'admin'",
      "Chat 2 has 2 participants, and none of them owns it.",
    ],
    [
      "an event behind the event log",
      "UPDATE events SET id = 100 WHERE id = (SELECT last FROM event_log)",
      "UPDATE events SET id = (SELECT last FROM event_log) WHERE id = 100",
      "Event 100 is outside of the event log, which has events from 1 to 7.",
    ],
    [
      "events of a chat out of order",
      "UPDATE events SET number = 1000 + number WHERE id = 1",
      "UPDATE events SET number = number - 1000 WHERE id = 1",
      "Event 2 of chat 1 comes after an event that was stored later.",
    ],
    [
      "an event whose message is missing",
      "UPDATE events SET message_id = 100 + message_id WHERE id = 2",
      "UPDATE events SET message_id = message_id - 100 WHERE id = 2",
      "Event 2 refers to message 101, which is missing.",
    ],
    [
      "an active user who is not in the directory",
      "UPDATE user_words SET word = 'x' || word",
      "UPDATE user_words SET word = substr(word, 2)",
      "is not in the directory, and is active.",
    ],
    [
      "a disabled user who is in the directory",
      "UPDATE users SET disabled_at = 1",
      "UPDATE users SET disabled_at = NULL",
      "is in the directory, and is disabled.",
    ],
    [
      "a read marker behind the last message",
      "UPDATE read_markers SET seq = 9 WHERE chat_id = 2 AND seq = 2",
      "UPDATE read_markers SET seq = 2 WHERE chat_id = 2 AND seq = 9",
      "has read chat 2 up to seq 9, and its last message has seq 2.",
    ],
    [
      "a message that does not count a reaction",
      "INSERT INTO reactions SELECT 1, 1, '👍', id, 1 FROM users WHERE username = 'ana'",
      "DELETE FROM reactions",
      "Message 1 does not count the reactions to it as they are.",
    ],
    [
      "a message that counts a missing reaction",
      `UPDATE messages SET reactions = '[{"emoji":"👍","count":1,"userIds":["one"]}]' WHERE id = 1`,
      "UPDATE messages SET reactions = NULL",
      "Message 1 does not count the reactions to it as they are.",
    ],
  ] as const) {
    it(`reports ${violation}`, async () => {
      await execute(damage);
      const { faults } = await inspectDatabase(database.url);
      await execute(repair);
      expect(faults.join("\n")).to.include(fault);
      expect((await inspectDatabase(database.url)).faults).to.deep.equal([]);
    });
  }

  it("counts the events in the outbox, and positions of the event log without an event", async () => {
    await execute(
      "INSERT INTO outbox SELECT number, chat_id, user_id, outside, at, what, message_id FROM events",
    );
    await execute(
      "CREATE TABLE kept AS SELECT * FROM events WHERE id = 2",
      "DELETE FROM events WHERE id = 2",
    );
    const found = await inspectDatabase(database.url);
    await execute("DELETE FROM outbox", "INSERT INTO events SELECT * FROM kept", "DROP TABLE kept");
    expect(found).to.include({ outboxRows: 7, missingPositions: 1 });
    expect(found.faults).to.deep.equal([]);
  });

  it("reports at most 20 violations of each kind", async () => {
    await execute("UPDATE event_log SET last = 0");
    await execute(
      "INSERT INTO events (id, number, outside, at, what) SELECT id, id, 0, 1, '{}' FROM generate_series(101, 130) AS id",
    );
    const { faults } = await inspectDatabase(database.url);
    await execute(
      "DELETE FROM events WHERE id > 100",
      "UPDATE event_log SET last = (SELECT max(id) FROM events)",
    );
    expect(faults).to.have.length(20);
  });

  it("takes the host of several that can be reached, and names them all if none can", async () => {
    const { host } = new URL(database.url);
    const withHosts = (hosts: string) => database.url.replace(`${host}/`, `${hosts}/`);
    expect((await inspectDatabase(withHosts(`127.0.0.1:1,${host}`))).faults).to.deep.equal([]);
    const failure = await inspectDatabase(withHosts("127.0.0.1:1,127.0.0.1:2")).then(String, String);
    expect(failure)
      .to.match(/^Error: The database palaver_\w+ on 127\.0\.0\.1:1,127\.0\.0\.1:2 cannot be opened: /)
      .and.include("ECONNREFUSED 127.0.0.1:2.");
  });

  it("rejects a database without the schema, and creates nothing in it", async () => {
    const empty = await createDatabase();
    for (const attempt of [inspectDatabase, replaceEpoch]) {
      expect(await attempt(empty.url).then(String, String)).to.match(
        /^Error: There is no store in the database palaver_/,
      );
    }
    const client = new Client(empty.url);
    await client.connect();
    const { rows } = await client.query(
      "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace",
    );
    await client.end();
    await empty.drop();
    expect(rows).to.deep.equal([]);
  });
});

describe("replaceEpoch", () => {
  it("gives the event log another epoch of 16 hexadecimal digits, which a running store reads", async () => {
    const database = await createDatabase();
    const store = await openPostgresStore(database.url);
    const messaging = createMessaging({ ...testPorts(), store });
    const { id: by } = await messaging.registerUser({ username: "ana", password: "correct horse" });
    const { cursor: after } = await messaging.sync({ by });
    const epoch = await replaceEpoch(database.url);
    expect(epoch).to.match(/^[0-9a-f]{16}$/);
    const expired: unknown = await messaging
      .listEvents({ by, after, limit: 9 })
      .catch((error: unknown) => error);
    expect(expired).to.include({ code: "cursor_expired" });
    expect((await messaging.sync({ by })).cursor.split("-")[0]).to.equal(epoch);
    await store.close();
    await database.drop();
  });
});

describe("vacuum", () => {
  it("vacuums all tables with data of users", async () => {
    const database = await createDatabase();
    await fill(database.url);
    await vacuum(database.url);
    const client = new Client(database.url);
    await client.connect();
    const { rows } = await client.query<{ readonly relname: string }>(
      "SELECT relname FROM pg_stat_user_tables WHERE vacuum_count = 0 ORDER BY relname",
    );
    await client.end();
    await database.drop();
    expect(rows.map(({ relname }) => relname)).to.deep.equal([
      "incarnation",
      "schema_version",
      "search_progress",
      "settings",
    ]);
  });
});
