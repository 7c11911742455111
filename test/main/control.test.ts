import { once } from "node:events";
import { existsSync, linkSync, mkdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";
import { pino } from "pino";
import { lockDirectory } from "../../src/adapters/sqlite/wal/lock.js";
import { openSqliteStore } from "../../src/adapters/sqlite/store.js";
import type { Data } from "../../src/main/administration.js";
import { readConfig } from "../../src/main/config.js";
import { administer, listenForCommands } from "../../src/main/control.js";
import { collected } from "../support/operator.js";
import { testPorts } from "../support/ports.js";
import { refusalOf } from "../support/refusal.js";

const PASSWORD = "correct horse";

describe("The control socket", () => {
  let scratch: string;
  let data: Data;
  let lines: Readonly<Record<string, unknown>>[];
  let stops: (() => unknown)[];

  const log = pino(
    { base: null },
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        lines.push(JSON.parse(chunk.toString()) as Record<string, unknown>);
        done();
      },
    }),
  );
  const listen = async (given: Data = data) => {
    const stop = await listenForCommands(given, log);
    stops.push(stop);
    return stop;
  };
  /** Asks for a command on the data, and waits no longer than that for whoever has it. */
  const ask = (command: string, args: readonly string[] = [], patience = 0, silence = 60_000) => {
    const config = readConfig({ DATA_DIR: data.directory });
    const onFatal = (error: Error): never => {
      throw error;
    };
    return collected(administer(config, { command, args }, onFatal, { patience, silence }));
  };
  const wordsOf = (attempt: Promise<unknown>) =>
    attempt.then(
      () => "",
      (error: Error) => error.message,
    );
  const socketPath = () => join(data.directory, "control");
  const makeDirectory = (name: string) => {
    const directory = join(scratch, name);
    mkdirSync(directory);
    // By its name it is taken for a store.
    writeFileSync(join(directory, "log-0000000000000000.palaver"), "");
    return directory;
  };

  beforeEach(async () => {
    scratch = await mkdtemp(join(tmpdir(), "palaver-"));
    lines = [];
    stops = [];
    data = { ...testPorts(), directory: makeDirectory("data") };
  });

  afterEach(async () => {
    for (const stop of stops.toReversed()) await stop();
    await rm(scratch, { recursive: true });
  });

  it("is for its owner alone, and gone when the server has ended", async () => {
    const mask = process.umask();
    const stop = await listen();
    expect(process.umask()).to.equal(mask);
    expect(statSync(socketPath()).isSocket()).to.equal(true);
    expect(statSync(socketPath()).mode & 0o777).to.equal(0o600);
    await stop();
    expect(existsSync(socketPath())).to.equal(false);
  });

  it("takes the place of one that a killed server has left behind", async () => {
    const killed = createServer().listen(socketPath());
    await once(killed, "listening");
    linkSync(socketPath(), `${socketPath()}.kept`);
    killed.close();
    await once(killed, "close");
    renameSync(`${socketPath()}.kept`, socketPath());
    await listen();
    expect(await ask("user list")).to.deep.equal([]);
  });

  it("is told of in the log, by the ids of users and never by their names", async () => {
    await listen();
    const [added] = await ask("user add", ["canary", PASSWORD]);
    await refusalOf(ask("user add", ["canary", PASSWORD]));
    await ask("user disable", ["canary"]);
    await refusalOf(ask("user disable", ["another-canary"]));
    const account_id = added!["user_id"];
    const audit = "administration";
    expect(lines.map(({ level: _level, time: _time, ...line }) => line)).to.deep.equal([
      { audit, command: "user add", account_id },
      { audit, command: "user add", account_id, code: "username_taken" },
      { audit, command: "user disable", account_id },
      { audit, command: "user disable", code: "unknown_user" },
    ]);
    expect(JSON.stringify(lines)).not.to.match(/canary|horse/);
  });

  it("says that it failed, and the log says how, where something does that should not", async () => {
    const store = { ...data.store, read: () => Promise.reject(new Error("a bug in the store")) };
    await listen({ ...data, store });
    expect(await wordsOf(ask("user list"))).to.equal("Something failed in the server. Its log tells what.");
    const errors = lines.filter(({ level }) => level === 50);
    expect(errors).to.have.length(1);
    expect(errors[0]).to.include({ command: "user list" });
    expect(JSON.stringify(errors[0])).to.include("a bug in the store");
  });

  it("says so where the server is of another version and has no such command", async () => {
    await listen();
    for (const command of ["fly", "toString", "serve"]) {
      expect(await wordsOf(ask(command))).to.include("another version");
    }
  });

  it("does not mind who says nothing, or nonsense, or leaves early", async () => {
    await listen();
    const silent = createConnection(socketPath());
    await once(silent, "connect");
    const leaving = createConnection(socketPath());
    leaving.end('{"command":"user list","args":[]}');
    const nonsense = createConnection(socketPath());
    nonsense.write("nonsense\n");
    await once(nonsense.resume(), "close");
    expect(await ask("user list")).to.deep.equal([]);
    const closed = once(silent.resume(), "close");
    await stops.pop()!();
    await closed;
  });

  it("stops where whoever asked has read enough, which is no fault", async () => {
    const stop = await listen();
    await data.store.transaction(async ({ chats }) => {
      for (let n = 0; n < 5_000; n += 1) await chats.addGroup("x".repeat(1_000), 1);
    });
    const leaving = createConnection(socketPath());
    leaving.write('{"command":"chat list","args":[]}\n');
    await once(leaving, "data");
    leaving.destroy();
    await stop();
    expect(lines.map(({ level, audit }) => [level, audit])).to.deep.equal([[30, "administration"]]);
  });

  it("finishes what is under way when the server ends", async () => {
    let begin = () => {};
    let go = () => {};
    const begun = new Promise<void>((resolve) => (begin = resolve));
    const released = new Promise<void>((resolve) => (go = resolve));
    const passwords = {
      ...data.passwords,
      async hash() {
        begin();
        await released;
        return "digest";
      },
    };
    const stop = await listen({ ...data, passwords });
    const adding = ask("user add", ["ana", PASSWORD]);
    await begun;
    const stopped = stop();
    go();
    expect((await adding).map(({ username }) => username)).to.deep.equal(["ana"]);
    await stopped;
  });

  it("is not taken for having answered where the server ends in the middle, in order or not", async () => {
    for (const end of ["end", "destroy"] as const) {
      const dying = createServer((socket) => {
        socket.once("data", () => {
          socket.write('{"row":{"username":"ana"}}\n', () => void socket[end]());
        });
      });
      dying.listen(socketPath());
      await once(dying, "listening");
      expect(await wordsOf(ask("user list"))).to.include("did not say whether the command was carried out");
      dying.close();
      await once(dying, "close");
    }
  });

  it("is given up where the server says nothing, but not where nobody reads what it says", async () => {
    const stuck = createServer((socket) => void socket.resume()).listen(socketPath());
    stops.push(() => stuck.close());
    await once(stuck, "listening");
    expect(await wordsOf(ask("user list", [], 0, 20))).to.match(
      /said nothing for 0\.02 seconds.*stopped or stuck/,
    );

    data = { ...data, directory: makeDirectory("another") };
    await listen();
    await data.store.transaction(async ({ chats }) => {
      for (let n = 0; n < 2_000; n += 1) await chats.addGroup("x".repeat(1_000), 1);
    });
    const rows = administer(
      readConfig({ DATA_DIR: data.directory }),
      { command: "chat list", args: [] },
      () => {},
      { silence: 1_000 },
    );
    await rows.next();
    await delay(1_200);
    expect(await collected(rows)).to.have.length(1_999);
  });

  it("tells before there is a password whether it would be of use, and changes nothing", async () => {
    await listen();
    await ask("user add", ["ana", PASSWORD]);
    const before = lines.length;
    const prepare = (user: string) => {
      const request = { command: "user password", args: [user], prepare: true };
      return collected(administer(readConfig({ DATA_DIR: data.directory }), request, () => {}));
    };
    expect(await refusalOf(prepare("nobody"))).to.equal("unknown_user");
    expect(await prepare("ana")).to.deep.equal([]);
    expect(lines).to.have.length(before);
  });

  it("carries a row of any text, line by line", async () => {
    await listen();
    const title = 'a\u2028b\u2029c\nd\re\u0085f"\\';
    await data.store.transaction(({ chats }) => chats.addGroup(title, 1));
    expect((await ask("chat list")).map((chat) => chat["title"])).to.deep.equal([title]);
  });

  it("can't be where the path is too long: the service goes on, and both sides say what to do", async () => {
    data = { ...data, directory: makeDirectory("d".repeat(120 - scratch.length)) };
    await listen();
    expect(lines).to.have.length(1);
    expect(lines[0]).to.deep.include({ level: 40 });
    expect(lines[0]!["cause"]).to.include("too long for a socket").and.include("symbolic link");
    stops.push(lockDirectory(data.directory));
    const words = await wordsOf(ask("user list", [], 60_000));
    expect(words).to.include("in use by another process").and.include("too long for a socket");
  });

  it("is not needed where nobody has the directory, and nobody is waited for there", async () => {
    const { directory } = data;
    await rm(join(directory, "log-0000000000000000.palaver"));
    await (await openSqliteStore(directory)).close();
    expect(await ask("user list")).to.deep.equal([]);
  });

  it("is waited for while another process has the directory, which may be about to listen or to let go", async () => {
    const unlock = lockDirectory(data.directory);
    stops.push(unlock);
    expect(await wordsOf(ask("user list")))
      .to.include("can't be asked")
      .and.include(socketPath());
    const waiting = ask("user list", [], 60_000);
    await delay(20);
    await listen();
    expect(await waiting).to.deep.equal([]);
  });

  it("is not looked for where there is no store, or none that outlives its process", async () => {
    const empty = { DATA_DIR: join(scratch, "nowhere") };
    const memory = { DATA_DIR: data.directory, DATABASE_URL: "memory:" };
    const words = [];
    for (const env of [empty, memory]) {
      const rows = administer(readConfig(env), { command: "user list", args: [] }, () => {});
      words.push(await wordsOf(collected(rows)));
    }
    expect(words[0]).to.match(
      /^There is no store in .*\/nowhere\. Start `palaver serve` on it once, which makes it/,
    );
    expect(existsSync(empty.DATA_DIR)).to.equal(false);
    expect(words[1]).to.include("memory");
  });
});
