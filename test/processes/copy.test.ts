import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";
import pg from "pg";
import { openPostgresStore } from "../../src/adapters/postgres/store.js";
import { readConfig } from "../../src/main/config.js";
import { serve, type RunningServer } from "../../src/main/server.js";
import { Client, signedIn } from "../support/client.js";
import { createDatabase, type TestDatabase } from "../support/postgres.js";
import { run } from "../support/process.js";

describe("palaver copy", function () {
  this.timeout(60_000);

  let scratch: string;
  let database: TestDatabase;
  let server: RunningServer | undefined;

  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), "palaver-"));
    database = await createDatabase();
  });

  after(async () => {
    await server?.close();
    await database.drop();
    await rm(scratch, { recursive: true });
  });

  const palaver = async (...args: string[]) => {
    const ran = run(args);
    return { status: await ran.ended, output: ran.output() };
  };

  /** Serves in this process. Returns clients of the same sessions. */
  async function serveOn(
    env: Readonly<Record<string, string>>,
    cookies: readonly string[],
  ): Promise<Client[]> {
    server = await serve(readConfig({ PORT: "0", LOG_LEVEL: "silent", ...env }), (error) => {
      throw error;
    });
    return cookies.map((cookie) => {
      const client = new Client(server!.url);
      client.cookie = cookie;
      return client;
    });
  }

  async function stop(): Promise<void> {
    await server?.close();
    server = undefined;
  }

  it("moves a server to PostgreSQL and back, and its clients go on with their sessions, keys and cursors", async () => {
    const [data, back] = [join(scratch, "data"), join(scratch, "back")];
    await serveOn({ DATA_DIR: data }, []);
    const ana = await signedIn(server!.url, "ana");
    const bo = await signedIn(server!.url, "bo");
    const key = { headers: { "Idempotency-Key": "the-key" } };
    const body = { dest_username: bo.username, message: "hello" };
    const sent = await ana.post("/v1/messages", body, key);
    const cursor = String((await bo.get("/v1/events")).json["cursor"]);
    await ana.post("/v1/messages", { ...body, message: "unseen" });
    const read = async (client: Client) => {
      const missed = await client.get(`/v1/events?after=${cursor}`);
      return [missed.status, missed.json["events"], (await client.get("/v1/messages")).json];
    };
    const expected = await read(bo);
    await stop();

    const { status, output } = await palaver("copy", data, database.url);
    expect(status, output).to.equal(0);
    expect(output).to.include("palaver: copying users: 2 rows\n");
    expect(output).to.include(
      "Rows: users 2, user words 2, blocks 0, chats 1, participants 2, read markers 1, messages 2, reactions 0, sessions 2, ",
    );
    expect(output).to.include("The session key is copied.\n");
    const [ana2, bo2] = (await serveOn({ DATABASE_URL: database.url }, [ana.cookie, bo.cookie])) as [
      Client,
      Client,
    ];
    expect(await read(bo2)).to.deep.equal(expected);
    expect((await ana2.post("/v1/messages", body, key)).json).to.deep.equal(sent.json);
    const next = await ana2.post("/v1/messages", { ...body, message: "on PostgreSQL" });
    expect(next.json["id"]).to.equal((sent.json["id"] as number) + 2);
    const later = await read(bo2);
    await stop();

    const ran = await palaver("copy", database.url, back, "--json");
    const lines = ran.output
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
    expect(ran.status).to.equal(0);
    expect(lines[0]).to.deep.equal({ code: "copying", table: "users", rows: 2 });
    expect(lines.at(-1)).to.include({ to: back, sound: true, session_key: true });
    expect(lines.at(-1)!["rows"]).to.include({ users: 2, messages: 3 });
    const [bo3] = (await serveOn({ DATA_DIR: back }, [bo.cookie])) as [Client];
    expect(await read(bo3)).to.deep.equal(later);
    await stop();

    const again = await palaver("copy", back, database.url, "--json");
    expect(again.status).to.equal(1);
    expect(JSON.parse(again.output)).to.include({ code: "failed" });
    expect(again.output).to.include("is not empty. Name an empty one.");
  });

  it("leaves the target empty after SIGINT and kill -9, and can then be repeated", async () => {
    const data = join(scratch, "interrupted");
    await serveOn({ DATA_DIR: data }, []);
    const { username } = await signedIn(server!.url, "ana");
    await stop();
    const empty = await createDatabase();
    const holder = new pg.Client(empty.url);
    try {
      await (await openPostgresStore(empty.url)).close();
      await holder.connect();
      for (const signal of ["SIGINT", "SIGKILL"] as const) {
        // The copy waits behind the users.
        await holder.query("BEGIN; LOCK TABLE read_markers, messages, sessions");
        const ran = run(["copy", data, empty.url]);
        const status = ran.ended;
        while (!ran.output().includes("copying users")) await delay(10);
        ran.child.kill(signal);
        expect(await status, ran.output()).to.equal(null);
        await holder.query("COMMIT");
        expect((await holder.query("SELECT username FROM users")).rows).to.deep.equal([]);
      }
      const { status, output } = await palaver("copy", data, empty.url);
      expect(status, output).to.equal(0);
      expect((await holder.query("SELECT username FROM users")).rows).to.deep.equal([{ username }]);
    } finally {
      await holder.end();
      await empty.drop();
    }
  });

  it("fails for wrong arguments, and has help", async () => {
    expect(await palaver("copy", scratch)).to.include({ status: 2 });
    expect(await palaver("copy", scratch, database.url, "--data", scratch)).to.include({ status: 2 });
    const { status, output } = await palaver("help", "copy");
    expect(status).to.equal(0);
    expect(output).to.match(/^Usage: palaver copy FROM TO \[--json\]\n/);
  });
});
