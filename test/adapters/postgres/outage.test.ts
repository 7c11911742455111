import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { Client } from "pg";
import { openPostgresStore, type PostgresOptions } from "../../../src/adapters/postgres/store.js";
import { Pool, Servers } from "../../../src/adapters/postgres/connection.js";
import { replaceEpoch } from "../../../src/adapters/postgres/inspection.js";
import { EventFeed } from "../../../src/application/feed.js";
import { createMessaging } from "../../../src/application/messaging.js";
import { ana } from "../../contract/fixtures.js";
import { errorCodeOf } from "../../support/error-code.js";
import { OutageProxy } from "../../support/outage-proxy.js";
import { testPorts } from "../../support/ports.js";
import { createDatabase, type TestDatabase } from "../../support/postgres.js";

const FAULT = "The database cannot be written. The next attempt follows within a second.";

describe("A PostgreSQL store in an outage", () => {
  let database: TestDatabase;
  let proxy: OutageProxy;
  const closers: (() => Promise<void>)[] = [];

  before(async () => {
    database = await createDatabase();
  });
  beforeEach(async () => {
    proxy = await OutageProxy.start(database.url);
  });
  afterEach(async () => {
    await proxy.resume();
    for (const close of closers.splice(0)) await close();
    proxy.close();
  });
  after(() => database.drop());

  /** A store whose reports are in one list, the ends of troubles marked with a plus. */
  async function open(url: string, options: PostgresOptions = {}) {
    const reports: string[] = [];
    const store = await openPostgresStore(url, {
      poolSize: 2,
      onTrouble: ({ message }) => reports.push(message),
      onRecovery: (notice) => reports.push(`+ ${notice}`),
      ...options,
    });
    closers.push(() => store.close());
    return { store, reports };
  }

  async function until(isReached: () => boolean): Promise<void> {
    while (!isReached()) await sleep(5);
  }

  /** The database and the host of a URL. */
  const named = (url: string) => `${new URL(url).pathname.slice(1)} on ${new URL(url).host}`;

  it("reports its start and its end once each, with the database and the host, and has one fault", async () => {
    const url = `${proxy.url}?application_name=canary`;
    const { store, reports } = await open(url);
    for (const round of [1, 2]) {
      proxy.stop();
      await until(() => store.status().fault !== undefined);
      const faults = new Set<string | undefined>();
      // Several polls, and several attempts to listen.
      for (const end = performance.now() + 2_500; performance.now() < end; await sleep(5)) {
        faults.add(store.status().fault);
      }
      expect([...faults]).to.deep.equal([FAULT]);
      expect(reports).to.have.length(2 * round - 1);
      await proxy.resume();
      await until(() => store.status().fault === undefined);
      expect(reports).to.have.length(2 * round);
    }
    await sleep(1_500);
    const [start, end, ...others] = reports;
    expect(start).to.match(/written: [A-Za-z].*\. Palaver tries again each second\.$/);
    expect(start).to.include(`The database ${named(url)} cannot be written: `);
    expect(end).to.match(/^\+ The database .* can be written again, after \d+\.\d s\.$/);
    expect(others).to.have.length(2);
    expect(reports.join()).to.not.include("canary").and.not.include("palaver:");
  });

  it("reports a connection for events that cannot be opened, and stays writable", async () => {
    const { store, reports } = await open(database.url, { directUrl: proxy.url });
    proxy.stop();
    await until(() => reports.length > 0);
    await sleep(2_500);
    expect(reports).to.have.length(1);
    expect(reports[0])
      .to.include(`The connection that waits for events (LISTEN) to ${named(proxy.url)} cannot be opened: `)
      .and.include("ECONNREFUSED")
      .and.include("Check DATABASE_DIRECT_URL (`directUrl`).");
    expect(store.status().fault).to.equal(undefined);
    await proxy.resume();
    await until(() => reports.length > 1);
    expect(reports[1]).to.match(/^\+ The connection that waits for events is open again, after \d+\.\d s\.$/);
  });

  it("opens with a connection for events that cannot be opened, and reports it", async () => {
    proxy.stop();
    const { reports } = await open(database.url, { directUrl: proxy.url });
    await until(() => reports.length > 0);
    expect(reports[0]).to.include("Check DATABASE_DIRECT_URL");
  });

  it("rejects at its start a connection for events that leads to another database", async () => {
    const other = await createDatabase();
    const error = await openPostgresStore(database.url, { directUrl: other.url }).then(
      async (store) => store.close(),
      (reason: unknown) => reason,
    );
    // No connection of the rejected store is left.
    const client = new Client(database.url);
    await client.connect();
    const count = `SELECT count(*)::int AS open FROM pg_stat_activity
      WHERE application_name = 'palaver' AND datname IN ($1, $2)`;
    const names = [database.url, other.url].map((url) => new URL(url).pathname.slice(1));
    const countOpen = async () => (await client.query<{ readonly open: number }>(count, names)).rows[0]!.open;
    while ((await countOpen()) > 0) await sleep(5);
    await client.end();
    await other.drop();
    expect(String(error)).to.include(
      "DATABASE_DIRECT_URL (`directUrl`) leads to another database than DATABASE_URL. Use the same server and database.",
    );
  });

  it("reports a connection for events that leads to another database after it was lost", async () => {
    const other = await createDatabase();
    const { reports } = await open(database.url, { directUrl: proxy.url });
    await proxy.leadTo(other.url);
    await until(() => reports.length > 0);
    expect(reports[0]).to.include("leads to another database than DATABASE_URL");
    await proxy.leadTo(database.url);
    await until(() => reports.length > 1);
    expect(reports[1]).to.include("is open again");
    await other.drop();
  });

  it("keeps its subscriptions, which miss nothing", async () => {
    const { store } = await open(proxy.url);
    const { store: direct } = await open(database.url);
    const ports = testPorts();
    const core = createMessaging({ ...ports, store });
    const writer = createMessaging({ ...ports, store: direct });
    const { id: by } = await writer.registerUser({ username: "bo", password: "correct horse" });
    const subscription = core.subscribe({ by });
    await subscription.next();
    const received: string[] = [];
    const receiving = (async () => {
      for await (const { events } of subscription) {
        for (const event of events) if (event.type === "message.created") received.push(event.message.text);
      }
    })();
    const sent: string[] = [];
    for (let n = 0; n < 6; n += 1) {
      const text = `message ${n}`;
      await writer.sendMessage({ by, to: { username: "bo" }, text });
      sent.push(text);
      // Some outages begin while the feed reads the event.
      await sleep(n);
      proxy.stop();
      const late = `in outage ${n}`;
      await writer.sendMessage({ by, to: { username: "bo" }, text: late });
      sent.push(late);
      await until(() => store.status().fault !== undefined);
      await errorCodeOf(core.sync({ by }));
      await proxy.resume();
      await until(() => received.length === sent.length);
    }
    expect(received).to.deep.equal(sent);
    subscription.close();
    await receiving;
  });

  it("wakes its subscribers when it can be read after a read has failed, although nothing was stored", async () => {
    const { store } = await open(proxy.url);
    proxy.stop();
    await until(() => store.status().fault !== undefined);
    const code = await errorCodeOf(store.read(async ({ users }) => users.byId(ana.id)));
    const woken = new Promise<void>((resolve) => store.subscribe(resolve));
    await proxy.resume();
    await woken;
    expect(code).to.equal("store_unavailable");
  });

  it("ends its connections although the server is silent", async () => {
    const client = new Servers(proxy.url).client();
    await client.connect();
    const pool = new Pool(proxy.url, 1, () => {});
    const connection = await pool.acquire();
    connection.release(false);
    proxy.silence();
    await Promise.all([client.end(), pool.end()]);
    expect(proxy.connections).to.equal(2);
  });
});

describe("replaceEpoch", () => {
  it("ends the subscriptions of running nodes, whose users read their chats again", async () => {
    const database = await createDatabase();
    const store = await openPostgresStore(database.url);
    try {
      const ports = { ...testPorts(), store };
      const feed = new EventFeed(ports);
      const core = createMessaging(ports, feed);
      const { id: by } = await core.registerUser({ username: "bo", password: "correct horse" });
      const subscription = core.subscribe({ by });
      await subscription.next();
      const next = errorCodeOf(subscription.next());
      const epoch = await replaceEpoch(database.url);
      expect(await next).to.equal("cursor_expired");
      const { cursor: after } = await core.sync({ by });
      expect(after.split("-")[0]).to.equal(epoch);
      const again = core.subscribe({ by, after });
      await again.next();
      await core.sendMessage({ by, to: { username: "bo" }, text: "hello" });
      expect((await again.next())?.events.map(({ type }) => type)).to.include("chat.created");
      again.close();
    } finally {
      await store.close();
      await database.drop();
    }
  });

  it("lets nodes deliver the events of a log that was set back", async () => {
    const database = await createDatabase();
    const store = await openPostgresStore(database.url);
    const client = new Client(database.url);
    await client.connect();
    try {
      const core = createMessaging({ ...testPorts(), store });
      const { id: by } = await core.registerUser({ username: "bo", password: "correct horse" });
      await core.registerUser({ username: "cy", password: "correct horse" });
      for (let n = 0; n < 5; n += 1) await core.sendMessage({ by, to: { username: "bo" }, text: "lost" });
      await core.sync({ by });
      // As a failover that loses the last commits.
      await client.query(
        "DELETE FROM events; UPDATE event_log SET last = 0, epoch = 'bbbbbbbbbbbbbbbb'; DELETE FROM user_words WHERE word = 'cy'; DELETE FROM users WHERE username = 'cy'",
      );
      const subscription = core.subscribe({ by });
      while ((await core.sync({ by })).cursor !== "bbbbbbbbbbbbbbbb-0") await sleep(5);
      await subscription.next();
      await core.sendMessage({ by, to: { username: "bo" }, text: "found" });
      expect((await subscription.next())?.events).to.have.length(1);
      subscription.close();
    } finally {
      await client.end();
      await store.close();
      await database.drop();
    }
  });
});
