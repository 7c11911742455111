import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { createClient, type Message } from "../../src/client/index.js";
import { describeApi } from "../support/api.js";
import { describeMessages } from "../support/api/messages.js";
import { Client, PASSWORD, freshName, signedIn } from "../support/client.js";
import { arrive, type Person } from "../support/person.js";
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

  /** Where it was, so that its clients find it. */
  const startAgain = async () => {
    server = await runServer(dataDir, { PORT: new URL(server.url).port });
  };

  describe("after a restart", () => {
    let ana: Person;
    let kept: readonly Message[];

    const sendToMyself = (message: string, idempotencyKey?: string) =>
      ana.client.sendMessage({ dest_username: ana.username, message }, { idempotencyKey });

    // At another port, where what was asked before is asked by other people.
    before(async () => {
      await end("SIGTERM");
      server = await runServer(dataDir);
    });

    it("ends in order at SIGTERM, with status 0", async () => {
      ana = await arrive(server.url, "ana");
      kept = [await sendToMyself("kept")];
      expect(await end("SIGTERM")).to.equal(0);
      await startAgain();
    });

    it("has kept accounts, sessions and messages", async () => {
      expect(await ana.client.listMessages()).to.deep.equal(kept);
      const anew = createClient({ url: server.url });
      await anew.logIn({ username: ana.username, password: PASSWORD });
      expect(await anew.listMessages()).to.deep.equal(kept);
    });

    it("has kept them after SIGKILL too", async () => {
      kept = [...kept, await sendToMyself("kept as well")];
      await end("SIGKILL");
      await startAgain();
      expect(await ana.client.listMessages()).to.deep.equal(kept);
    });

    it("stores a message once that is sent again under its key after SIGKILL, answered before or not", async () => {
      const first = await sendToMyself("answered", "a");
      const perhaps = sendToMyself("perhaps not", "b");
      await end("SIGKILL");
      await startAgain();
      expect(await sendToMyself("answered", "a")).to.deep.equal(first);
      expect(await sendToMyself("perhaps not", "b")).to.deep.equal(await perhaps);
      const stored = (await ana.client.listMessages({ limit: 2 })).map(({ message }) => message);
      expect(stored).to.deep.equal(["answered", "perhaps not"]);
    });

    describeMessages(() => server.url);
    describeSessionApi(() => server.url);
    describeEvents(() => server.url);
  });

  // mocha runs the tests of a block before the blocks in it, so these need one of their own to come last.
  describe("in between", () => {
    it("finishes what is under way when it is told to end", async () => {
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

    it("prints where it listens, where the data is, that it speaks plain HTTP, each once, and nothing secret", async () => {
      const key = await readFile(join(dataDir, "session-secret"), "utf8");
      expect(server.output()).to.include(server.url).and.include(dataDir);
      expect(server.output().split("plain HTTP")).to.have.length(2);
      expect(server.output()).to.not.include(key.trim());
      expect((await stat(join(dataDir, "session-secret"))).mode & 0o777).to.equal(0o600);
    });

    it("does not start with a damaged key of its own, and says what to do", async () => {
      await end("SIGTERM");
      const path = join(dataDir, "session-secret");
      const key = await readFile(path);
      await writeFile(path, "");
      const refused = run(["serve"], { DATA_DIR: dataDir, PORT: "0" });
      expect(await refused.ended).to.equal(1);
      expect(refused.output()).to.include(`${path} is damaged`).and.include("backup");
      await writeFile(path, key);
      server = await runServer(dataDir);
    });

    it("finds the sessions of an old key, and starts new ones under the new key", async () => {
      await end("SIGTERM");
      const [oldKey, newKey] = ["an old key of 16+", "a new key of 16+"];
      server = await runServer(dataDir, { SESSION_SECRET: oldKey });
      const ana = await signedIn(server.url);
      await end("SIGTERM");
      server = await runServer(dataDir, { SESSION_SECRET: `${newKey},${oldKey}` });
      const [early, late] = [new Client(server.url), new Client(server.url)];
      early.cookie = ana.cookie;
      expect((await early.get("/v1/messages")).status).to.equal(200);
      await late.post("/v1/auth/login", { username: ana.username, password: PASSWORD });
      await end("SIGTERM");
      server = await runServer(dataDir, { SESSION_SECRET: newKey });
      const [lateAgain, earlyAgain] = [new Client(server.url), new Client(server.url)];
      [lateAgain.cookie, earlyAgain.cookie] = [late.cookie, early.cookie];
      expect((await lateAgain.get("/v1/messages")).status).to.equal(200);
      expect((await earlyAgain.get("/v1/messages")).status).to.equal(401);
    });

    it("does not start where something else listens, or with a wrong setting, and says what to do", async () => {
      const { port } = new URL(server.url);
      const second = run(["serve"], { DATABASE_URL: "memory:", PORT: port });
      expect(await second.ended).to.equal(1);
      expect(second.output()).to.include("EADDRINUSE").and.include("set PORT");
      const third = run(["serve"], { PORT: "many" });
      expect(await third.ended).to.equal(1);
      expect(third.output()).to.match(/^palaver: PORT: "many" is not allowed\./);
    });

    it("keeps everything in memory if told so", async () => {
      const memory = await runServer(dataDir, { DATABASE_URL: "memory:" });
      const answer = await new Client(memory.url).post("/v1/auth/register", {
        username: freshName(),
        password: PASSWORD,
      });
      expect(answer.status).to.equal(200);
      memory.child.kill("SIGTERM");
      expect(await memory.ended).to.equal(0);
    });
  });
});

describe("palaver", () => {
  it("prints help and version", async () => {
    const help = run(["--help"]);
    expect(await help.ended).to.equal(0);
    expect(help.output()).to.include("palaver serve").and.include("SESSION_SECRET");
    const version = run(["--version"]);
    expect(await version.ended).to.equal(0);
    expect(version.output()).to.match(/^\d+\.\d+\.\d+\n$/);
  });

  it("refuses what it does not know with status 2", async () => {
    for (const args of [[], ["fly"], ["serve", "fly"], ["--fly"]]) {
      const refused = run(args);
      expect(await refused.ended).to.equal(2);
      expect(refused.output()).to.match(/^palaver: .*palaver --help/);
    }
  });
});
