import { setTimeout as sleep } from "node:timers/promises";
import { openPostgresStore } from "../../../src/adapters/postgres/store.js";
import {
  expectAllReceived,
  expectCompleteLists,
  expectForwardPages,
  expectGapFreeChats,
  expectSnapshotsToAgree,
  persistently,
  receive,
  startLoad,
} from "../../support/postgres-load.js";
import { openNodes, type TestNodes } from "../../support/postgres-nodes.js";
import { expectNodesToAgree } from "../../support/postgres-property.js";
import { RACES } from "../../support/postgres-races.js";
import { createDatabase, type TestDatabase } from "../../support/postgres.js";

/** Terminates a connection of a node, a relay where one is at work. */
const TERMINATE_ONE = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE datname = current_database() AND application_name = 'palaver'
  ORDER BY state <> 'idle' AND query ~ 'outbox|event_log' DESC, random() LIMIT 1`;

describe("A PostgreSQL store with two nodes", () => {
  let database: TestDatabase;
  let nodes: TestNodes;
  before(async () => {
    database = await createDatabase();
    nodes = await openNodes(openPostgresStore, database.url);
  });
  after(async () => {
    await nodes.close();
    await database.drop();
  });

  for (const [behaviour, race] of Object.entries(RACES)) it(behaviour, () => race(nodes));

  it("delivers each event once and in order to subscribers that resume on either node, while 50 writers write", async () => {
    const load = await startLoad(nodes, { writers: 50, actions: 5, seed: 1 });
    const people = [...load.residents, ...load.guests];
    const receivers = await Promise.all(people.map((user) => receive(load, user)));
    await load.writing;
    const received = await Promise.all(receivers.map((finish) => finish()));
    for (const each of received) await expectAllReceived(load, each);
    await expectGapFreeChats(load);
  });

  it("delivers each event once and in order while connections are terminated at random", async () => {
    const load = await startLoad(nodes, { writers: 20, actions: 8, seed: 4 });
    const receivers = await Promise.all(load.residents.map((user) => receive(load, user)));
    while (!load.hasFinished()) {
      await nodes.sql.query(TERMINATE_ONE);
      // Faster than connections are opened, no action would ever end.
      const before = load.endedActions();
      do await Promise.race([load.writing, sleep(20)]);
      while (!load.hasFinished() && load.endedActions() === before);
    }
    await load.writing;
    const received = await Promise.all(receivers.map((finish) => finish()));
    for (const each of received) await persistently(() => expectAllReceived(load, each));
    await expectGapFreeChats(load);
  });

  it("returns snapshots and events that add up at every moment, while 50 writers write", async () => {
    const load = await startLoad(nodes, { writers: 50, actions: 5, seed: 2 });
    await Promise.all([...load.residents.map((user) => expectSnapshotsToAgree(load, user)), load.writing]);
  });

  it("returns snapshots and events that add up, for random commands on either node", async function () {
    // TEST_ROUNDS=1000 runs many more.
    const rounds = Number(process.env["TEST_ROUNDS"] ?? 3);
    this.timeout(60_000 + rounds * 10_000);
    await expectNodesToAgree(nodes, rounds);
  });

  it("returns pages and lists with each message and chat once, while 50 writers write", async () => {
    const load = await startLoad(nodes, { writers: 50, actions: 5, seed: 3 });
    const [first, second, third] = load.residents;
    await Promise.all([
      expectForwardPages(load, first!),
      expectForwardPages(load, second!),
      expectCompleteLists(load, third!),
      load.writing,
    ]);
    await expectGapFreeChats(load);
  });
});
