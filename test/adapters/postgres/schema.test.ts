import { expect } from "chai";
import { Client } from "pg";
import { openPostgresSource, openPostgresTarget } from "../../../src/adapters/postgres/copy.js";
import { assertSchema, inspectDatabase, replaceEpoch } from "../../../src/adapters/postgres/inspection.js";
import { CHANNEL } from "../../../src/adapters/postgres/relay.js";
import { openPostgresStore } from "../../../src/adapters/postgres/store.js";
import { createMessaging, type Messaging } from "../../../src/application/messaging.js";
import { testPorts } from "../../support/ports.js";
import { createDatabase, type TestDatabase } from "../../support/postgres.js";
import { openWorld } from "../../support/world.js";

async function execute(url: string, ...statements: readonly string[]): Promise<readonly object[]> {
  const client = new Client(url);
  await client.connect();
  try {
    let rows: readonly object[] = [];
    for (const statement of statements) ({ rows } = await client.query<object>(statement));
    return rows;
  } finally {
    await client.end();
  }
}

async function createStore(url: string): Promise<void> {
  await (await openPostgresStore(url)).close();
}

/** A URL whose connections have a setting, and a password, which the server of the tests may ignore. */
function withSetting(url: string, setting = ""): string {
  const changed = new URL(url);
  changed.password ||= "canary";
  if (setting !== "") changed.searchParams.set("options", `-c${setting}`);
  return changed.href;
}

const TABLES =
  "SELECT relnamespace::regnamespace::text, relname FROM pg_class WHERE oid >= 16384 ORDER BY 1, 2";

/** Opens a database in each way that creates or uses a store. */
const openings: Readonly<Record<string, (url: string) => Promise<unknown>>> = {
  openPostgresStore: async (url) => (await openPostgresStore(url)).close(),
  openPostgresTarget: async (url) => (await openPostgresTarget(url)).close(),
  openPostgresSource: async (url) => (await openPostgresSource(url)).close(),
  assertSchema,
  inspectDatabase,
  replaceEpoch,
};

interface Unusable {
  readonly locale?: string;
  /** Whether the database has a store before `prepare`. */
  readonly hasStore?: boolean;
  readonly prepare?: readonly string[];
  readonly setting?: string;
  readonly reason: RegExp;
  /** The openings that are rejected, if not all. */
  readonly names?: readonly string[];
}

describe("a database that Palaver cannot use", () => {
  let database: TestDatabase | undefined;

  afterEach(async () => {
    await database?.drop();
    database = undefined;
  });

  const everybody = Object.keys(openings);
  const writers = ["openPostgresStore", "openPostgresTarget"];
  const foreign =
    /^Its schema "public" has tables of another program, such as "\w+"\. Use an empty database, or a schema/;

  for (const [
    what,
    { locale, prepare = [], hasStore = false, setting, reason, names = everybody },
  ] of Object.entries({
    "has the encoding LATIN1": {
      locale: "ENCODING 'LATIN1' LOCALE 'C'",
      reason: /^Its encoding is LATIN1, .* ENCODING 'UTF8' TEMPLATE template0\.$/,
    },
    "has no encoding": {
      locale: "ENCODING 'SQL_ASCII' LOCALE 'C'",
      reason: /^Its encoding is SQL_ASCII, .* ENCODING 'UTF8' TEMPLATE template0\.$/,
    },
    "has tables of another program with the names of ours": {
      prepare: ["CREATE TABLE users (id integer)", "CREATE TABLE incarnation (id integer)"],
      reason: foreign,
    },
    "has tables of another program with other names": {
      prepare: ["CREATE TABLE connections (id integer)"],
      reason: foreign,
    },
    "has a view of another program": { prepare: ["CREATE VIEW users AS SELECT 1"], reason: foreign },
    "has a schema_version of another program": {
      prepare: ["CREATE TABLE schema_version (version text)", "INSERT INTO schema_version VALUES ('1')"],
      reason: foreign,
    },
    "has a schema_version of another program with integers": {
      prepare: ["CREATE TABLE schema_version (version integer)", "INSERT INTO schema_version VALUES (1)"],
      reason: foreign,
    },
    "was migrated by a newer version": {
      hasStore: true,
      prepare: ["INSERT INTO schema_version VALUES (9999)"],
      reason:
        /^It has version 9999 of the schema, and this program supports versions up to \d+\. Use the newer version/,
    },
    "has no schema of the search path": {
      setting: "search_path=missing",
      reason: /^No schema of the search_path exists\. Create one/,
    },
    "lets the user create no tables": {
      prepare: ["REVOKE CREATE ON SCHEMA public FROM public"],
      setting: "role=pg_monitor",
      reason: /^permission denied for schema public\. Use the user that owns the database and its tables\.$/,
      names: writers,
    },
    "lets the user read no tables": {
      hasStore: true,
      setting: "role=pg_monitor",
      reason: /^permission denied for table \w+\. Use the user that owns the database and its tables\.$/,
    },
    "lets the user write no tables": {
      hasStore: true,
      prepare: ["GRANT SELECT ON ALL TABLES IN SCHEMA public TO pg_monitor"],
      setting: "role=pg_monitor",
      reason: /^permission denied for table \w+\. Use the user that owns the database and its tables\.$/,
      names: [...writers, "replaceEpoch"],
    },
    "lets the user only read": {
      hasStore: true,
      setting: "default_transaction_read_only=on",
      reason: /^The server \S+ lets this user only read\. Set default_transaction_read_only to off\.$/,
      names: writers,
    },
  } satisfies Readonly<Record<string, Unusable>> as Readonly<Record<string, Unusable>>)) {
    it(`is rejected with advice, and left as it is, if it ${what}`, async () => {
      database = await createDatabase(locale);
      if (hasStore) await createStore(database.url);
      await execute(database.url, ...prepare);
      const before = await execute(database.url, TABLES);
      const url = withSetting(database.url, setting);
      const { pathname, host, password } = new URL(url);
      const start = `Error: The database ${pathname.slice(1)} on ${host} cannot be opened: `;
      for (const name of names) {
        const error = String(await openings[name]!(url).catch((rejected: unknown) => rejected));
        expect(error.slice(0, start.length), `${name}: ${error}`).to.equal(start);
        expect(error.slice(start.length), name).to.match(reason).and.not.include(password);
        expect(await execute(database.url, TABLES), name).to.deep.equal(before);
      }
    });
  }
});

describe("a database of the version before mentions", () => {
  let database: TestDatabase;

  beforeEach(async () => {
    database = await createDatabase();
  });
  afterEach(() => database.drop());

  it("keeps its messages and events, and indexes later mentions", async () => {
    const store = await openPostgresStore(database.url);
    const { ana, bo, ...core } = await openWorld(store);
    const by = ana.id;
    const { cursor: after } = await core.sync({ by: bo.id });
    const { id: chatId } = await core.createGroupChat({ by, participants: ["bo"] });
    for (const text of ["a", "b"]) await core.sendMessage({ by, to: { chatId }, text });
    await core.markRead({ by: bo.id, chatId, seq: 1 });
    const read = async (messaging: Messaging) => ({
      chats: (await messaging.sync({ by: bo.id })).chats,
      page: await messaging.pageMessages({ by, of: "all", limit: 9 }),
      events: (await messaging.listEvents({ by: bo.id, after, limit: 9 })).events,
    });
    const before = await read(core);
    await store.close();
    await execute(
      database.url,
      "DROP TABLE mentions, reactions, deleted_reactions, search_terms, search_progress",
      "DROP FUNCTION index_mentions CASCADE",
      "ALTER TABLE messages DROP COLUMN reply_to, DROP COLUMN mentions, DROP COLUMN metadata, DROP COLUMN reactions",
      `UPDATE events SET what = replace(what, ',"mentionCount":0', '')`,
      "UPDATE schema_version SET version = 1",
    );
    const migrated = await openPostgresStore(database.url);
    try {
      const messaging = createMessaging(testPorts(migrated));
      expect(await read(messaging)).to.deep.equal(before);
      const [last] = before.page.messages.slice(-1);
      await messaging.editMessage({ by, id: last!.id, mentions: ["bo"], metadata: { a: 1 } });
      await messaging.sendMessage({ by, to: { chatId }, text: "c", replyTo: last!.id, mentions: ["bo"] });
      expect((await messaging.sync({ by: bo.id })).chats[0]).to.include({ mentionCount: 2 });
    } finally {
      await migrated.close();
    }
  });
});

describe("a database of the version before reactions", () => {
  it("keeps the messages, which have no reactions, and users can react to them", async () => {
    const database = await createDatabase();
    try {
      const store = await openPostgresStore(database.url);
      const { ana, bo, ...core } = await openWorld(store);
      const { id: chatId } = await core.createGroupChat({ by: ana.id, participants: ["bo"] });
      const { message } = await core.sendMessage({ by: ana.id, to: { chatId }, text: "a" });
      await store.close();
      await execute(
        database.url,
        "DROP TABLE reactions, deleted_reactions, search_terms, search_progress",
        "ALTER TABLE messages DROP COLUMN reactions",
        "UPDATE schema_version SET version = 2",
      );
      const migrated = await openPostgresStore(database.url);
      const messaging = createMessaging({ ...testPorts(), store: migrated });
      const page = { by: bo.id, of: { chatId }, limit: 9 };
      expect((await messaging.pageMessages(page)).messages).to.deep.equal([message]);
      const reactions = await messaging.addReaction({ by: bo.id, id: message.id, emoji: "👍" });
      expect((await messaging.pageMessages(page)).messages).to.deep.equal([{ ...message, reactions }]);
      await migrated.close();
      expect(await inspectDatabase(database.url)).to.deep.include({ version: 4, faults: [] });
    } finally {
      await database.drop();
    }
  });
});

describe("a database of the version before the search", () => {
  it("finds its messages, before and after they are indexed", async () => {
    const database = await createDatabase();
    try {
      const store = await openPostgresStore(database.url);
      const { ana, bo, ...core } = await openWorld(store);
      const { message } = await core.sendMessage({
        by: ana.id,
        to: { username: "bo" },
        text: "Lunch at noon?",
      });
      await store.close();
      await execute(
        database.url,
        "DROP TABLE search_terms, search_progress",
        "UPDATE schema_version SET version = 3",
      );
      const migrated = await openPostgresStore(database.url);
      const messaging = createMessaging(testPorts(migrated));
      const find = async () =>
        (await messaging.searchMessages({ by: bo.id, query: "noo", limit: 9 })).messages;
      expect(await find()).to.deep.equal([message]);
      const hasMore = () => migrated.transaction(({ search }) => search.indexNext());
      while (await hasMore());
      expect(await migrated.read(({ search }) => search.indexedUpTo())).to.equal(message.id);
      expect(await find()).to.deep.equal([message]);
      await migrated.close();
    } finally {
      await database.drop();
    }
  });
});

describe("a database that Palaver shares", () => {
  let database: TestDatabase;

  beforeEach(async () => {
    database = await createDatabase();
  });
  afterEach(() => database.drop());

  it("may have extensions in the schema of the store", async () => {
    // Views, and composite types.
    await execute(database.url, "CREATE EXTENSION pg_stat_statements", "CREATE EXTENSION tablefunc");
    await createStore(database.url);
    expect((await inspectDatabase(database.url)).faults).to.deep.equal([]);
  });

  it("may have tables of another program in another schema", async () => {
    await execute(database.url, "CREATE TABLE users (id integer)", "CREATE SCHEMA palaver");
    const before = await execute(database.url, TABLES);
    const url = withSetting(database.url, "search_path=palaver,public");
    await createStore(url);
    expect((await inspectDatabase(url)).faults).to.deep.equal([]);
    const after = await execute(database.url, TABLES);
    expect(after.filter((row) => Object.values(row)[0] === "public")).to.deep.equal(before);
  });

  it("may have one store a schema, each with its own notifications, and a copy fills one while servers run on another", async () => {
    await execute(database.url, "CREATE SCHEMA other");
    const other = withSetting(database.url, "search_path=other,public");
    await createStore(database.url);
    const store = await openPostgresStore(other);
    try {
      const notify = (url: string, id: number) => execute(url, `SELECT pg_notify(${CHANNEL}, '${id}')`);
      // A greater id, in place of which those of the store would be ignored.
      await notify(database.url, 1_000);
      for (const id of [1, 2]) {
        const woken = new Promise<void>((resolve) => void store.subscribe(resolve));
        await notify(other, id);
        await woken;
      }
      await (await openPostgresTarget(database.url)).close();
    } finally {
      await store.close();
    }
  });
});
