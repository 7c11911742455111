import { expect } from "chai";
import pg from "pg";
import type { PostgresStore } from "../../../src/adapters/postgres/store.js";
import { listen } from "../../../src/main/http.js";
import { openMessaging } from "../../../src/main/index.js";
import { expectProblem } from "../../support/api/scene.js";
import { Client, PASSWORD, freshName } from "../../support/client.js";
import { counterContract } from "../../support/counter-contract.js";
import { errorCodeOf } from "../../support/error-code.js";
import { testPorts } from "../../support/ports.js";
import { PostgresStores } from "../../support/postgres-stores.js";
import { openTestServer, type TestServer } from "../../support/server.js";

/** Replaces `now()` by a clock that stands still, for connections that are opened later. */
const manualClock = (database: string) => `
  CREATE SCHEMA clock;
  CREATE TABLE clock.time AS SELECT 0::bigint AS ms;
  CREATE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT to_timestamp(ms / 1000.0) FROM clock.time';
  ALTER DATABASE ${database} SET search_path = public, clock, pg_catalog;`;

/** Cuts all connections to a database, which then accepts no new ones or accepts them again. */
const allowConnections = (database: string, allowed: boolean) => `
  ALTER DATABASE ${database} ALLOW_CONNECTIONS ${allowed};
  SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database}' AND pid <> pg_backend_pid();`;

describe("PostgresStore.openCounter", () => {
  const database = new PostgresStores();
  let nodes: readonly PostgresStore[];
  let name: string;

  before(async () => {
    const first = await database.openEmpty({ onTrouble() {} });
    name = new URL(database.url).pathname.slice(1);
    await database.execute(manualClock(name));
    nodes = [first, await database.open({ onTrouble() {} })];
  });

  beforeEach(() => database.execute("DELETE FROM request_counts; UPDATE clock.time SET ms = 0"));

  after(async () => {
    await Promise.all(nodes.map((node) => node.close()));
    await database.drop();
  });

  const setTime = async (ms: number) => void (await database.execute(`UPDATE clock.time SET ms = ${ms}`));

  counterContract({
    open: async (quota, windowMs) => nodes.map((node) => node.openCounter("policy", quota, windowMs)),
    setTime,
  });

  it("counts each policy by itself", async () => {
    const [one, other] = nodes.map((node, index) => node.openCounter(`policy ${index}`, 1, 1_000));
    expect((await one!.consume("a")).quota.exceeded).to.equal(false);
    expect((await other!.consume("a")).quota.exceeded).to.equal(false);
    expect((await one!.consume("a")).quota.exceeded).to.equal(true);
  });

  it("stores no key in plain text", async () => {
    await nodes[0]!.openCounter("policy", 1, 1_000).consume("192.0.2.1");
    const rows = await database.execute("SELECT * FROM request_counts");
    expect(rows).to.have.length(1);
    expect(JSON.stringify(rows)).to.not.match(/192|policy/);
  });

  it("rejects requests while the database accepts no connections, and counts again afterwards", async () => {
    const server = new PostgresStores();
    const other = await server.openEmpty();
    const counter = nodes[0]!.openCounter("policy", 2, 1_000);
    const { refund } = await counter.consume("a");
    await server.execute(allowConnections(name, false));
    expect(await errorCodeOf(counter.consume("a"))).to.equal("store_unavailable");
    await refund();
    await server.execute(allowConnections(name, true));
    expect((await counter.consume("a")).quota.remaining).to.equal(0);
    await other.close();
    await server.drop();
  });

  it("deletes ended windows, but none that another transaction has locked or that has not ended", async () => {
    const keys = async () => {
      const rows = await database.execute(
        "SELECT key FROM request_counts WHERE length(key) < 20 ORDER BY key",
      );
      return rows.map(({ key }) => key);
    };
    await database.execute(
      "INSERT INTO request_counts SELECT 'ended ' || n, 1, 10 FROM generate_series(1, 1500) AS n",
    );
    await database.execute("INSERT INTO request_counts VALUES ('locked', 1, 10), ('open', 1, 5000)");
    await setTime(10);
    const holder = new pg.Client(database.url);
    await holder.connect();
    try {
      await holder.query("BEGIN");
      await holder.query("SELECT FROM request_counts WHERE key = 'locked' FOR UPDATE");
      const counter = nodes[0]!.openCounter("policy", 10_000, 1_000);
      while ((await keys()).length > 2) {
        await Promise.all(Array.from({ length: 100 }, () => counter.consume("a")));
      }
      expect(await keys()).to.deep.equal(["locked", "open"]);
    } finally {
      await holder.end();
    }
  });
});

describe("limits of two servers on one database", () => {
  const database = new PostgresStores();
  let nodes: readonly PostgresStore[];
  let servers: readonly TestServer[];

  before(async () => {
    nodes = [await database.openEmpty(), await database.open()];
  });

  beforeEach(async () => {
    await database.execute("DELETE FROM request_counts");
    servers = await Promise.all(
      nodes.map(({ openCounter }) => openTestServer({ trustProxy: true, rateLimits: true, openCounter })),
    );
  });

  afterEach(() => Promise.all(servers.map((server) => server.close())));

  after(async () => {
    await Promise.all(nodes.map((node) => node.close()));
    await database.drop();
  });

  /** Sends the n-th request to one of the servers in turn. */
  const post = (n: number, path: string, body: object, address: string) =>
    new Client(servers[n % servers.length]!.url).post(path, body, {
      headers: { "X-Forwarded-For": address },
    });
  const logIn = (n: number, username: string, password: string, address = "192.0.2.1") =>
    post(n, "/v1/auth/login", { username, password }, address);
  const verified = () => servers.map(({ ports }) => ports.passwords.verified.length);
  const addUser = async (username: string) => {
    for (const { messaging } of servers) await messaging.registerUser({ username, password: PASSWORD });
  };

  it("reject guesses at an account beyond ten on both, before hashing, but not its owner", async () => {
    await addUser("victim");
    const responses = await Promise.all(
      Array.from({ length: 50 }, (_, n) => logIn(n, "victim", "wrong password")),
    );
    expect(responses.filter(({ status }) => status === 400)).to.have.length(10);
    for (const response of responses.filter(({ status }) => status !== 400)) {
      expectProblem(response, 429, "too_many_requests");
      expect(response.headers["retry-after"]).to.match(/^(?:900|8\d\d)$/);
      expect(response.headers["ratelimit"]).to.match(/"failed-logins-by-account";r=0;t=(?:900|8\d\d)/);
    }
    const [one, other] = verified();
    expect(one! + other!).to.equal(10);
    for (const n of [0, 1]) {
      expectProblem(await logIn(n, "victim", PASSWORD), 429, "too_many_requests");
      expect((await logIn(n, "victim", PASSWORD, "192.0.2.2")).status).to.equal(200);
    }
    expect(verified()).to.deep.equal([one! + 1, other! + 1]);
  });

  it("reject guesses at many accounts from one address on both", async () => {
    for (let n = 0; n < 100; n += 1) {
      expectProblem(await logIn(n, `nobody${n}`, "wrong password"), 400, "wrong_credentials");
    }
    for (const n of [0, 1]) {
      expectProblem(await logIn(n, "nobody", "wrong password"), 429, "too_many_requests");
    }
  });

  it("do not count successful logins on either as failed", async () => {
    await addUser("ana");
    for (let n = 0; n < 30; n += 1) expect((await logIn(n, "ana", PASSWORD)).status).to.equal(200);
    const { headers } = await logIn(0, "ana", "wrong password");
    expect(headers["ratelimit-policy"]).to.equal(
      '"logins";q=600;w=60, "failed-logins-by-account";q=10;w=900, "failed-logins-by-address";q=100;w=900',
    );
    expect(headers["ratelimit"]).to.match(
      /^"logins";r=\d+;t=\d+, "failed-logins-by-account";r=9;t=\d+, "failed-logins-by-address";r=99;t=\d+$/,
    );
  });

  it("count registrations on both by address", async () => {
    const register = (n: number, address = "192.0.2.1") =>
      post(n, "/v1/auth/register", { username: freshName(), password: PASSWORD }, address);
    for (let n = 0; n < 200; n += 1) expect((await register(n)).status).to.equal(200);
    for (const n of [0, 1]) {
      expectProblem(await register(n), 429, "too_many_requests");
      expect((await register(n, "192.0.2.2")).status).to.equal(200);
    }
  });

  it("apply to cores and servers that the library opens", async () => {
    const { passwords, secrets } = testPorts();
    const cores = await Promise.all(nodes.map((storage) => openMessaging({ storage, passwords, secrets })));
    const listening = await Promise.all(cores.map((core) => listen(core, { port: 0 })));
    await cores[0]!.registerUser({ username: "victim", password: PASSWORD });
    const guess = (n: number, password: string) =>
      new Client(listening[n % 2]!.url).post("/v1/auth/login", { username: "victim", password });
    for (let n = 0; n < 10; n += 1) {
      expectProblem(await guess(n, "wrong password"), 400, "wrong_credentials");
    }
    for (const n of [0, 1]) expectProblem(await guess(n, PASSWORD), 429, "too_many_requests");
    await Promise.all(listening.map((server) => server.close()));
    await Promise.all(cores.map((core) => core.close()));
  });

  it("reject logins and registrations before hashing while requests cannot be counted", async () => {
    const node = await database.open();
    await node.close();
    const server = await openTestServer({ rateLimits: true, openCounter: node.openCounter });
    for (const call of ["login", "register"]) {
      const body = { username: freshName(), password: PASSWORD };
      const response = await new Client(server.url).post(`/v1/auth/${call}`, body);
      expectProblem(response, 503, "store_unavailable");
    }
    expect(server.ports.passwords.hashed + server.ports.passwords.verified.length).to.equal(0);
    await server.close();
  });
});
