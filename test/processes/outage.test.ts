import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";
import { Client, signedIn } from "../support/client.js";
import { openStream } from "../support/event-stream.js";
import { OutageProxy } from "../support/outage-proxy.js";
import { createDatabase, type TestDatabase } from "../support/postgres.js";
import { run, runServer } from "../support/process.js";

const store = JSON.stringify(import.meta.resolve("../../src/adapters/postgres/store.js"));

describe("A process on PostgreSQL in an outage", () => {
  let scratch: string;
  let database: TestDatabase;
  let proxy: OutageProxy;

  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), "palaver-"));
    database = await createDatabase();
  });
  beforeEach(async () => {
    proxy = await OutageProxy.start(database.url);
  });
  afterEach(() => proxy.close());
  after(async () => {
    await database.drop();
    await rm(scratch, { recursive: true });
  });

  /** Runs a program of an embedder. */
  function runProgram(program: string) {
    const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
      stdio: ["ignore", "pipe", "inherit"],
      cwd: import.meta.dirname,
    });
    return {
      child,
      output: text(child.stdout),
      ended: once(child, "close").then(([status]) => status as number),
    };
  }

  it("logs its start and its end, keeps streams open, and has one text at /readyz of both nodes", async () => {
    const url = `${proxy.url}?application_name=canary`;
    const other = await OutageProxy.start(database.url);
    const one = await runServer(join(scratch, "data"), { DATABASE_URL: url, DATABASE_POOL: "3" });
    const two = await runServer(join(scratch, "data"), { DATABASE_URL: other.url, DATABASE_POOL: "3" });
    const ana = await signedIn(one.url, "ana");
    const stream = await openStream(ana);
    const nodes = [new Client(one.url), new Client(two.url)];
    proxy.stop();
    other.stop();
    const details = new Set<unknown>();
    for (const node of nodes) {
      while ((await node.get("/readyz")).status === 200) await delay(10);
    }
    for (const end = performance.now() + 2_500; performance.now() < end; await delay(20)) {
      for (const node of nodes) details.add((await node.get("/readyz")).json["detail"]);
    }
    await Promise.all([proxy.resume(), other.resume()]);
    for (const node of nodes) {
      while ((await node.get("/readyz")).status !== 200) await delay(10);
    }
    await ana.post("/v1/messages", { dest_username: ana.username, message: "after the outage" });
    await stream.received(2);
    expect(stream.events.at(-1)?.message?.message).to.equal("after the outage");
    stream.leave();
    for (const server of [one, two]) {
      server.child.kill("SIGTERM");
      expect(await server.ended, server.output()).to.equal(0);
    }
    other.close();
    expect([...details]).to.deep.equal([
      "The database cannot be written. The next attempt follows within a second.",
    ]);
    const lines = one
      .output()
      .split("\n")
      .filter((line) => /"level":\d+/.test(line) && /cannot be|again/.test(line) && !line.includes("/v1/"));
    expect(lines, lines.join("\n")).to.have.length(2);
    expect(lines[0]).to.match(
      /"level":40,.*The database palaver_test_\w+ on 127\.0\.0\.1:\d+ cannot be written: [A-Za-z].*\. Palaver tries/,
    );
    expect(lines[1]).to.match(/"level":30,.*can be written again, after \d+\.\d s\./);
    expect(lines.join()).to.not.include("canary").and.not.include("palaver:");
  });

  it("does not start if the connection for events leads to another database", async () => {
    const other = await createDatabase();
    const server = run(["serve"], { PORT: "0", DATABASE_URL: database.url, DATABASE_DIRECT_URL: other.url });
    expect(await server.ended).to.equal(1);
    expect(server.output()).to.match(
      /^palaver: The database \w+ on \S+ cannot be opened: DATABASE_DIRECT_URL \(`directUrl`\) leads to another database/,
    );
    await other.drop();
  });

  it("closes its store, and goes on, although no connection ends and nothing else keeps it running", async () => {
    const { output, ended } = runProgram(`
      import pg from "pg";
      import { openPostgresStore } from ${store};
      const store = await openPostgresStore(${JSON.stringify(database.url)});
      pg.Client.prototype.end = () => new Promise(() => {});
      await store.close();
      console.log("closed");`);
    expect([await ended, await output]).to.deep.equal([0, "closed\n"]);
  });

  it("runs on while it waits for events alone", async () => {
    const { child, ended } = runProgram(`
      import { openPostgresStore } from ${store};
      await openPostgresStore(${JSON.stringify(proxy.url)}, {
        onTrouble: () => console.log("lost"),
        onRecovery: () => process.exit(0),
      });
      console.log("open");
      await new Promise(() => {});`);
    await once(child.stdout, "data");
    proxy.stop();
    await Promise.race([once(child.stdout, "data"), ended]);
    await delay(1_500);
    await proxy.resume();
    expect(await ended).to.equal(0);
  });

  it("shows the help on renew-epoch without --data", async () => {
    const help = run(["help", "renew-epoch"]);
    expect(await help.ended).to.equal(0);
    expect(help.output()).to.include("Servers may run").and.not.include("--data");
  });
});
