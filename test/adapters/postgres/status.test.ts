import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";
import { Client } from "pg";
import { openPostgresStore, type PostgresStore } from "../../../src/adapters/postgres/store.js";
import type { DatabaseStatus } from "../../../src/application/ports.js";
import { usernameKey, type User } from "../../../src/domain/user.js";
import { ana, bo } from "../../contract/fixtures.js";
import { createDatabase, type TestDatabase } from "../../support/postgres.js";

describe("PostgresStore.status", () => {
  let database: TestDatabase;
  let store: PostgresStore;
  let other: Client;

  /** Waits until the status has this property. */
  const until = async (isReached: (status: DatabaseStatus) => boolean): Promise<DatabaseStatus> => {
    for (;;) {
      const status = store.status().database!;
      if (isReached(status)) return status;
      await delay(10);
    }
  };

  beforeEach(async () => {
    database = await createDatabase();
    store = await openPostgresStore(database.url, { poolSize: 2 });
    other = new Client(database.url);
    await other.connect();
  });

  afterEach(async () => {
    await other.end();
    await store.close();
    await database.drop();
  });

  it("has the connections in use and idle, and the calls that wait for one", async () => {
    let release = () => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    const reads = [1, 2, 3].map(() =>
      store.read(async ({ messages }) => {
        await messages.lastId();
        await released;
      }),
    );
    // The relay may wait, too.
    await until(({ connections: { used, waiting } }) => used === 2 && waiting > 0);
    release();
    await Promise.all(reads);
    const { connections } = await until(({ connections: { idle, waiting } }) => idle === 2 && waiting === 0);
    expect(connections).to.deep.equal({ used: 0, idle: 2, waiting: 0 });
  });

  it("has the rows of the outbox and the age of the oldest one, until the relay has moved them", async () => {
    await other.query("BEGIN");
    await other.query("SELECT FROM event_log FOR UPDATE");
    const writer = new Client(database.url);
    await writer.connect();
    for (const at of [Date.now() - 60_000, Date.now()]) {
      await writer.query("INSERT INTO outbox (outside, at, what) VALUES (0, $1, '{}')", [at]);
    }
    await writer.end();
    const behind = await until(({ outboxRows }) => outboxRows === 2);
    await other.query("COMMIT");
    expect(behind.relayLagSeconds).to.be.within(59, 3_600);
    const caughtUp = await until(({ outboxRows }) => outboxRows === 0);
    expect(caughtUp).to.include({ relayLagSeconds: 0, retries: 0 });
  });

  it("counts the attempts of a transaction after a deadlock with another one", async () => {
    await store.transaction(async ({ users }) => {
      for (const user of [ana, bo]) await users.add(user, usernameKey(user.username), "digest");
    });
    let attempts = 0;
    let meet = () => {};
    const met = new Promise<void>((resolve) => (meet = resolve));
    const lockBoth = (first: User, second: User) =>
      store.transaction(async ({ sessions }) => {
        await sessions.ofUser(first.id);
        attempts += 1;
        if (attempts === 2) meet();
        await met;
        await sessions.ofUser(second.id);
      });
    await Promise.all([lockBoth(ana, bo), lockBoth(bo, ana)]);
    // The one that is run again can be faster than the other one is woken, and meet it once more.
    expect(attempts).to.be.greaterThan(2);
    expect(store.status().database).to.include({ retries: attempts - 2 });
  });
});
