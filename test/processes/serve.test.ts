import { once } from "node:events";
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { createClient } from "../../src/client/index.js";
import { readConfig } from "../../src/main/config.js";
import { serve, type RunningServer } from "../../src/main/server.js";
import { describeApi } from "../support/api.js";
import { describeMessages } from "../support/api/messages.js";
import { Client, PASSWORD, signedIn } from "../support/client.js";
import { arrive } from "../support/person.js";
import { describeEvents } from "../support/events-api.js";
import { run, runServer } from "../support/process.js";
import { describeSessionApi } from "../support/session-api.js";

describe("palaver serve", () => {
  let dataDir: string;
  let server: Awaited<ReturnType<typeof runServer>>;

  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "palaver-"));
    server = await runServer(dataDir);
  });

  after(async () => {
    server.child.kill("SIGKILL");
    await rm(dataDir, { recursive: true, force: true });
  });

  const end = async (signal: NodeJS.Signals) => {
    server.child.kill(signal);
    return server.ended;
  };

  describe("on a new directory", () => describeApi(() => server.url));

  /** At the same port, so that its clients find it. */
  const startAgain = async () => {
    server = await runServer(dataDir, { PORT: new URL(server.url).port });
  };

  describe("after a restart", () => {
    // At another port, so that the suites run with new users.
    before(async () => {
      await end("SIGTERM");
      server = await runServer(dataDir);
    });

    it("keeps accounts, sessions and messages after SIGKILL, and stores a message that is sent again under its key once", async () => {
      const ana = await arrive(server.url, "ana");
      const send = (message: string, idempotencyKey: string) =>
        ana.client.sendMessage({ dest_username: ana.username, message }, { idempotencyKey });
      const first = await send("answered", "a");
      const perhaps = send("perhaps not", "b");
      await end("SIGKILL");
      await startAgain();
      expect(await send("answered", "a")).to.deep.equal(first);
      expect(await send("perhaps not", "b")).to.deep.equal(await perhaps);
      const kept = await ana.client.listMessages();
      expect(kept.map(({ message }) => message)).to.deep.equal(["answered", "perhaps not"]);
      const anew = createClient({ url: server.url });
      await anew.logIn({ username: ana.username, password: PASSWORD });
      expect(await anew.listMessages()).to.deep.equal(kept);
    });

    describeMessages(() => server.url);
    describeSessionApi(() => server.url);
    describeEvents(() => server.url);
  });

  // mocha runs the tests of a block before its nested blocks: only in a block do these come last.
  describe("in between", () => {
    it("finishes requests in progress at SIGTERM, exits with status 0, and keeps what it acknowledged", async () => {
      const ana = await arrive(server.url, "ana");
      const answers = Array.from({ length: 50 }, (_, n) =>
        ana.client
          .sendMessage({ dest_username: ana.username, message: `${n}` }, { patience: 0 })
          .catch(() => undefined),
      );
      await answers[0];
      expect(await end("SIGTERM")).to.equal(0);
      const answered = (await Promise.all(answers)).filter((message) => message !== undefined);
      await startAgain();
      expect(await ana.client.listMessages()).to.deep.include.members(answered);
    });

    it("finishes requests in progress though SIGTERM and SIGINT come again, and exits with status 0", async () => {
      const { hostname, port } = new URL(server.url);
      const socket = connect(Number(port), hostname);
      await once(socket, "connect");
      const body = JSON.stringify({ username: "signalled", password: PASSWORD });
      socket.write(
        `POST /v1/auth/register HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n{`,
      );
      await new Client(server.url).get("/healthz");
      server.child.kill("SIGTERM");
      while (await accepts(server.url)) await sleep(10);
      for (const signal of ["SIGTERM", "SIGINT"] as const) {
        server.child.kill(signal);
        await sleep(50);
      }
      socket.write(body.slice(1));
      const [response] = (await once(socket, "data")) as [Buffer];
      expect(response.toString()).to.include("HTTP/1.1 200 OK");
      socket.destroy();
      expect(await server.ended).to.equal(0);
      await startAgain();
    });

    it("prints its URL, its data directory and a note on plain HTTP, each once, and no secret", async () => {
      const key = await readFile(join(dataDir, "session-secret"), "utf8");
      expect(server.output()).to.include(server.url).and.include(dataDir);
      expect(server.output().split("plain HTTP")).to.have.length(2);
      expect(server.output()).to.not.include(key.trim());
      expect((await stat(join(dataDir, "session-secret"))).mode & 0o777).to.equal(0o600);
    });

    it("fails with advice if the port is in use or a setting is invalid", async () => {
      const { port } = new URL(server.url);
      const second = run(["serve"], { DATABASE_URL: "memory:", PORT: port });
      const third = run(["serve"], { PORT: "many" });
      expect(await second.ended).to.equal(1);
      expect(second.output()).to.include("EADDRINUSE").and.include("set PORT");
      expect(await third.ended).to.equal(1);
      expect(third.output()).to.match(/^palaver: PORT: "many" is not allowed\./);
    });
  });
});

async function accepts(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const accepted = await once(socket, "connect").then(
    () => true,
    () => false,
  );
  socket.destroy();
  return accepted;
}

describe("serve", () => {
  let dataDir: string;
  const servers: RunningServer[] = [];

  /** In this process. */
  const start = async (env: Readonly<Record<string, string>> = {}) => {
    const config = readConfig({ DATA_DIR: dataDir, PORT: "0", LOG_LEVEL: "silent", ...env });
    const server = await serve(config, (error) => {
      throw error;
    });
    servers.push(server);
    return server;
  };
  const stop = async () => {
    for (const server of servers.splice(0)) await server.close();
  };

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "palaver-"));
  });

  afterEach(async () => {
    await stop();
    await rm(dataDir, { recursive: true });
  });

  it("rejects a damaged session key with advice", async () => {
    const path = join(dataDir, "session-secret");
    await writeFile(path, "");
    const refusal: unknown = await start().catch((error: unknown) => error);
    expect(String(refusal)).to.include(`${path} is damaged`).and.include("backup");
  });

  it("accepts sessions of an old key, and starts new ones under the new key", async () => {
    const [oldKey, newKey] = ["an old key of 16+", "a new key of 16+"];
    const ana = await signedIn((await start({ SESSION_SECRET: oldKey })).url);
    await stop();
    const between = await start({ SESSION_SECRET: `${newKey},${oldKey}` });
    const [early, late] = [new Client(between.url), new Client(between.url)];
    early.cookie = ana.cookie;
    expect((await early.get("/v1/messages")).status).to.equal(200);
    await late.post("/v1/auth/login", { username: ana.username, password: PASSWORD });
    await stop();
    const { url } = await start({ SESSION_SECRET: newKey });
    const [lateAgain, earlyAgain] = [new Client(url), new Client(url)];
    [lateAgain.cookie, earlyAgain.cookie] = [late.cookie, early.cookie];
    expect((await lateAgain.get("/v1/messages")).status).to.equal(200);
    expect((await earlyAgain.get("/v1/messages")).status).to.equal(401);
  });

  it("keeps all data in memory with DATABASE_URL=memory:", async () => {
    const { url } = await start({ DATABASE_URL: "memory:" });
    expect((await (await signedIn(url)).get("/v1/messages")).status).to.equal(200);
    expect(await readdir(dataDir)).to.deep.equal([]);
  });
});

describe("palaver", () => {
  it("prints its help and its version", async () => {
    const [help, version] = [run(["--help"]), run(["--version"])];
    expect(await help.ended).to.equal(0);
    expect(help.output()).to.include("palaver serve").and.include("SESSION_SECRET");
    expect(await version.ended).to.equal(0);
    expect(version.output()).to.match(/^\d+\.\d+\.\d+\n$/);
  });

  it("exits with status 2 for an unknown command or option", async () => {
    for (const refused of [[], ["fly"], ["serve", "fly"], ["--fly"]].map((args) => run(args))) {
      expect(await refused.ended).to.equal(2);
      expect(refused.output()).to.match(/^palaver: .*palaver --help/);
    }
  });
});
