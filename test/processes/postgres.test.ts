import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";
import { Client as Connection } from "pg";
import { sendRequest } from "../../src/main/cli/operator-client.js";
import { operatorCommands } from "../../src/main/cli/operator-commands.js";
import type { OutputRow } from "../../src/main/cli/terminal.js";
import { readConfig } from "../../src/main/config.js";
import { Client, PASSWORD, signedIn } from "../support/client.js";
import { openStream } from "../support/event-stream.js";
import { collected } from "../support/operator.js";
import { createDatabase, type TestDatabase } from "../support/postgres.js";
import { run, runServer } from "../support/process.js";

describe("palaver on PostgreSQL", () => {
  let scratch: string;
  let database: TestDatabase;
  /** With a password, which a server without passwords ignores. */
  let url: string;
  let password: string;
  let one: Awaited<ReturnType<typeof runServer>>;
  let two: Awaited<ReturnType<typeof runServer>>;

  const serve = (env: Readonly<Record<string, string>> = {}) =>
    runServer(join(scratch, "data"), { DATABASE_URL: url, DATABASE_POOL: "4", ...env });

  const palaver = async (line: string, input = "", env: Readonly<Record<string, string>> = {}) => {
    const ran = run(line.split(" "), { DATABASE_URL: url, ...env }, input);
    return { status: await ran.ended, output: ran.output() };
  };

  /** The rows of a command when this process opens the database, as the command does. */
  const rows = (command: string, ...args: string[]) =>
    collected(
      sendRequest(readConfig({ DATABASE_URL: url }), operatorCommands[command]!.request(...args), (error) => {
        throw error;
      }),
    );

  const execute = async (statement: string) => {
    const connection = new Connection(url);
    await connection.connect();
    await connection.query(statement);
    await connection.end();
  };

  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), "palaver-"));
    database = await createDatabase();
    const withPassword = new URL(database.url);
    withPassword.password ||= "canary";
    ({ href: url, password } = withPassword);
    one = await serve();
    two = await serve();
  });

  after(async () => {
    for (const server of [one, two]) {
      server.child.kill("SIGTERM");
      expect(await server.ended, server.output()).to.equal(0);
    }
    await database.drop();
    await rm(scratch, { recursive: true });
  });

  it("serves two nodes that share users, sessions and events", async () => {
    const ana = await signedIn(one.url, "ana");
    const bo = await signedIn(two.url, "bo");
    const stream = await openStream(bo);
    ana.cookie = await cookieOn(two.url, ana);
    const { json } = await ana.post("/v1/messages", { dest_username: bo.username, message: "hello" });
    await stream.received(2);
    stream.leave();
    expect(stream.events.map(({ message }) => message?.id)).to.deep.equal([undefined, json["id"]]);
    const elsewhere = new Client(two.url);
    elsewhere.cookie = ana.cookie;
    expect((await elsewhere.get("/v1/messages")).json).to.deep.equal((await ana.get("/v1/messages")).json);
  });

  /** The cookie of a session that begins on another node. */
  async function cookieOn(node: string, { username }: Client): Promise<string> {
    const client = new Client(node);
    await client.post("/v1/auth/login", { username, password: PASSWORD });
    return client.cookie;
  }

  it("names the database and its host in the log, and neither the user nor the password", () => {
    const { pathname, host, username } = new URL(url);
    for (const server of [one, two]) {
      const output = server.output();
      expect(output).to.include(`with its data in the database ${pathname.slice(1)} on ${host}.`);
      expect(output).to.not.include(password).and.not.include(`${username}@`).and.not.include("session_key");
    }
  });

  it("creates no data directory", () => {
    expect(existsSync(join(scratch, "data"))).to.equal(false);
  });

  it("reports connections, retries, outbox and lag at /metrics, and is ready", async () => {
    const client = new Client(one.url);
    expect((await client.get("/readyz")).status).to.equal(200);
    const { text } = await client.get("/metrics");
    expect(text).to.match(/^palaver_database_connections\{state="idle"\} [1-4]$/m);
    for (const name of [
      "palaver_database_retries_total",
      "palaver_outbox_rows",
      "palaver_relay_lag_seconds",
    ]) {
      expect(text).to.match(new RegExp(`^${name} \\d`, "m"));
    }
  });

  it("carries out all commands of the operator while servers run", async () => {
    expect((await palaver("user add cleo", PASSWORD)).output).to.match(/^Created the account cleo, /);
    const [cleo] = await rows("user enable", "cleo");
    expect(await rows("user list")).to.deep.include(cleo);
    const client = new Client(one.url);
    await client.post("/v1/auth/login", { username: "cleo", password: PASSWORD });
    await client.post("/v1/messages", { dest_username: "cleo", message: "to myself" });
    expect(await rows("session list", "cleo")).to.have.length(1);
    const [created] = await rows("token create", "cleo", "reports");
    const headers = { Authorization: `Bearer ${String(created!["token"])}` };
    expect((await new Client(two.url).get("/v1/chats", { headers })).status).to.equal(200);
    expect((await rows("token revoke", "cleo")).map(({ name }) => name)).to.deep.equal(["reports"]);
    expect((await new Client(two.url).get("/v1/chats", { headers })).status).to.equal(401);
    expect((await rows("chat list")).at(-1)).to.include({ kind: "p2p", last_seq: 1 });
    expect((await rows("export", "cleo")).map(({ record }) => record)).to.include.members([
      "account",
      "message",
    ]);
    const [stats] = await rows("stats");
    expect(stats).to.include({ users: 3, tokens: 0 }).and.not.have.property("transactions");
    expect(stats!["bytes_on_disk"]).to.be.above(2 ** 20);
    const stream = await openStream(client);
    expect(await palaver("user disable cleo")).to.include({ status: 0 });
    expect(await stream.ended).to.equal(true);
  });

  it("creates a token only under the session key of its servers", async () => {
    await rows("user add", "dan", PASSWORD);
    await execute("UPDATE settings SET name = 'kept' WHERE name = 'session_key'");
    const unknown = await palaver("token create dan reports");
    const given = await palaver("token create dan reports", "", { SESSION_SECRET: "the key of all servers" });
    await execute("UPDATE settings SET name = 'session_key' WHERE name = 'kept'");
    expect(unknown).to.include({ status: 1 });
    expect(unknown.output).to.include("Set SESSION_SECRET");
    expect(given).to.include({ status: 0 });
  });

  it("checks the database, and reports damage by exit status 1", async () => {
    const { pathname, host } = new URL(url);
    const name = `${pathname.slice(1)} on ${host}`;
    expect(await palaver("check")).to.deep.equal({
      status: 0,
      output: `The database ${name} is sound, with version 4 of the schema.\n`,
    });
    await execute("UPDATE chats SET participant_count = 5 + participant_count WHERE id = 1");
    const { status, output } = await palaver("check --json");
    await execute("UPDATE chats SET participant_count = participant_count - 5 WHERE id = 1");
    expect(status).to.equal(1);
    expect(JSON.parse(output)).to.deep.equal({
      database: name,
      sound: false,
      schema_version: 4,
      outbox_rows: 0,
      missing_event_positions: 0,
      faults: ["Chat 1 counts 7 participants, and has 2."],
    });
  });

  it("lets the cursors of before expire with renew-epoch", async () => {
    const ana = await signedIn(one.url, "ana");
    const cursor = async () => String((await ana.get("/v1/sync")).json["cursor"]);
    const before = await cursor();
    const { output } = await palaver("renew-epoch --json");
    const { status, json } = await ana.get(`/v1/events?after=${before}`);
    expect([status, json["code"]]).to.deep.equal([410, "cursor_expired"]);
    expect((await cursor()).split("-")[0]).to.equal((JSON.parse(output) as OutputRow)["epoch"]);
  });

  it("leaves backup and salvage to the tools of PostgreSQL", async () => {
    for (const [line, tool] of [
      ["backup copy", "pg_dump"],
      ["salvage copy", "Restore a backup"],
    ] as const) {
      const { status, output } = await palaver(line);
      expect(status).to.equal(1);
      expect(output).to.include("PostgreSQL").and.include(tool);
    }
  });

  it("uses the data directory of --data instead of the database", async () => {
    const { status, output } = await palaver(`user list --data ${scratch}`);
    expect([status, output.includes(`There is no store in ${scratch}`)]).to.deep.equal([1, true]);
  });

  it("fails with the reason, and without the password, if the database does not exist or cannot be reached", async () => {
    const missing = new URL(url);
    missing.pathname = "/palaver_missing";
    const unreachable = new URL(url);
    unreachable.host = "127.0.0.1:1";
    for (const [{ href }, reason, lines] of [
      [missing, "does not exist", ["serve", "user list"]],
      [unreachable, "ECONNREFUSED 127.0.0.1:1.", ["serve", "check"]],
    ] as const) {
      for (const line of lines) {
        const { status, output } = await palaver(line, "", { DATABASE_URL: href, PORT: "0" });
        expect(status, line).to.equal(1);
        expect(output, line).to.match(/^palaver: The database palaver_\w+ on \S+ cannot be opened: /);
        expect(output, line).to.include(reason).and.not.include(password);
      }
    }
  });

  it("creates no tables with a command on a database without a store", async () => {
    const empty = await createDatabase();
    for (const line of ["user list", "check", "renew-epoch"]) {
      const { status, output } = await palaver(line, "", { DATABASE_URL: empty.url });
      expect(status).to.equal(1);
      expect(output).to.match(/^palaver: There is no store in the database palaver_\w+ on .*palaver serve/);
    }
    await empty.drop();
  });

  it("is not ready while the database cannot be written", async () => {
    const doomed = await createDatabase();
    const server = await serve({ DATABASE_URL: doomed.url });
    const client = new Client(server.url);
    expect((await client.get("/readyz")).status).to.equal(200);
    await doomed.drop();
    while ((await client.get("/readyz")).status === 200) await delay(20);
    expect((await client.get("/readyz")).json).to.include({ code: "store_unavailable" });
    expect((await client.get("/metrics")).text).to.include("palaver_store_writable 0\n");
    server.child.kill("SIGTERM");
    expect(await server.ended, server.output()).to.equal(0);
  });
});
