import { once } from "node:events";
import { existsSync, linkSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";
import { pino } from "pino";
import { createControlApp, serveControl } from "../../src/main/control.js";
import { askSocket } from "../support/operator.js";
import { testPorts, type TestPorts } from "../support/ports.js";

const PASSWORD = "correct horse";

describe("serveControl", () => {
  let directory: string;
  let ports: TestPorts;
  let lines: Readonly<Record<string, unknown>>[];
  let stops: (() => Promise<void>)[];

  const log = pino(
    { base: null },
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        lines.push(JSON.parse(chunk.toString()) as Record<string, unknown>);
        done();
      },
    }),
  );
  const serve = async (given: Partial<TestPorts> = {}, into = directory) => {
    const stop = await serveControl(createControlApp({ ...ports, ...given }, into, log), into, log);
    stops.push(stop);
    return stop;
  };
  const socketPath = () => join(directory, "control");
  const ask = (method: string, path: string, body?: object) =>
    askSocket(socketPath(), method, `/v1/operator/${path}`, body && JSON.stringify(body));
  const audits = () => lines.filter(({ audit }) => audit !== undefined);

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "palaver-"));
    ports = testPorts();
    lines = [];
    stops = [];
  });

  afterEach(async () => {
    for (const stop of stops) await stop();
    rmSync(directory, { recursive: true });
  });

  it("creates a socket with mode 0600, and removes it when it stops", async () => {
    const mask = process.umask();
    const stop = await serve();
    expect(process.umask()).to.equal(mask);
    expect(statSync(socketPath()).isSocket()).to.equal(true);
    expect(statSync(socketPath()).mode & 0o777).to.equal(0o600);
    await stop();
    expect(existsSync(socketPath())).to.equal(false);
  });

  for (const [what, framing] of [
    ["a declared length of 300 MB", "Content-Length: 300000000\r\n\r\n"],
    ["one chunk of 300 MB", "Transfer-Encoding: chunked\r\n\r\n11e1a300\r\n"],
  ] as const) {
    it(`rejects a body with ${what} with 413 before it has read 16 MB of it`, async () => {
      await serve();
      const socket = createConnection(socketPath());
      const closed = new Promise<void>((resolve) => void socket.once("close", () => resolve()));
      socket.on("error", () => {});
      let response = "";
      socket.on("data", (data: Buffer) => (response += data.toString()));
      await once(socket, "connect");
      socket.write(
        `POST /v1/operator/users HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${framing}{"username":"`,
      );
      const piece = "x".repeat(64 * 1024);
      let written = 0;
      while (response === "" && !socket.destroyed && written < 300_000_000) {
        if (!socket.write(piece)) {
          const drained = new Promise<void>((resolve) => void socket.once("drain", resolve));
          const answered = new Promise<void>((resolve) => void socket.once("data", () => resolve()));
          await Promise.race([drained, answered, closed]);
        }
        written += piece.length;
      }
      expect(response)
        .to.match(/^HTTP\/1\.1 413 /)
        .and.include('"code":"payload_too_large"');
      expect(written).to.be.below(16_000_000);
      socket.destroy();
      await closed;
    });
  }

  it("replaces the socket that a killed server left behind", async () => {
    const killed = createServer().listen(socketPath());
    await once(killed, "listening");
    linkSync(socketPath(), `${socketPath()}.kept`);
    killed.close();
    await once(killed, "close");
    renameSync(`${socketPath()}.kept`, socketPath());
    await serve();
    expect(await ask("GET", "users")).to.include({ status: 200, text: "" });
  });

  it("logs a warning and serves nothing where the path is too long for a socket", async () => {
    const long = join(directory, "d".repeat(120 - directory.length));
    mkdirSync(long);
    await serve({}, long);
    expect(lines).to.have.length(1);
    expect(lines[0]).to.include({ level: 40 });
    expect(lines[0]!["cause"]).to.include("too long for a socket").and.include("symbolic link");
    expect(existsSync(join(long, "control"))).to.equal(false);
  });

  it("writes a request line and an audit line for each command, with the id of the user and no name", async () => {
    await serve();
    const { text } = await ask("POST", "users", { username: "canary", password: PASSWORD });
    await ask("POST", "users", { username: "canary", password: PASSWORD });
    await ask("POST", "users/canary/disable");
    await ask("POST", "users/another-canary/disable");
    const { user_id: account_id } = JSON.parse(text) as { readonly user_id: string };
    const audit = "administration";
    const fields = audits().map(({ level: _level, time: _time, request_id, ...line }) => {
      expect(lines.filter((each) => each["request_id"] === request_id)).to.have.length(2);
      return line;
    });
    expect(fields).to.deep.equal([
      { audit, command: "user add", account_id },
      { audit, command: "user add", account_id, code: "username_taken" },
      { audit, command: "user disable", account_id },
      { audit, command: "user disable", code: "unknown_user" },
    ]);
    expect(JSON.stringify(lines)).not.to.match(/canary|horse/);
  });

  it("writes no audit line for the lookup that precedes a password prompt", async () => {
    await serve();
    expect(await ask("GET", "users/nobody/check")).to.include({ status: 400 });
    expect(audits()).to.deep.equal([]);
  });

  it("responds with a problem to an unexpected error, and logs its cause", async () => {
    const store = { ...ports.store, read: () => Promise.reject(new Error("a bug in the store")) };
    await serve({ store });
    const { status, text } = await ask("GET", "users");
    expect(status).to.equal(500);
    expect(text).to.include("internal_error").and.not.include("a bug");
    const errors = lines.filter(({ level }) => level === 50);
    expect(errors).to.have.length(1);
    expect(JSON.stringify(errors[0])).to.include("a bug in the store");
  });

  it("ignores connections that send nothing or no HTTP, and closes them when it stops", async () => {
    const stop = await serve();
    const silent = createConnection(socketPath());
    await once(silent, "connect");
    const nonsense = createConnection(socketPath());
    nonsense.write("nonsense\n");
    await once(nonsense.resume(), "close");
    expect(await ask("GET", "users")).to.include({ status: 200 });
    const closed = once(silent.resume(), "close");
    await stop();
    await closed;
  });

  it("stops reading rows when the client disconnects, which is not an error", async () => {
    await serve();
    await ports.store.transaction(async ({ chats }) => {
      for (let n = 0; n < 5_000; n += 1) await chats.addGroup("x".repeat(1_000), 1);
    });
    const leaving = createConnection(socketPath());
    leaving.write("GET /v1/operator/chats HTTP/1.1\r\nHost: control\r\n\r\n");
    await once(leaving, "data");
    leaving.destroy();
    while (audits().length === 0) await delay(5);
    expect(lines.map(({ level }) => level)).to.deep.equal([30, 30]);
  });

  /** A hasher whose `hash` resolves `begun` and waits for `release`. */
  const heldHasher = () => {
    let begin = () => {};
    let release = () => {};
    const begun = new Promise<void>((resolve) => (begin = resolve));
    const released = new Promise<void>((resolve) => (release = resolve));
    const passwords = {
      ...ports.passwords,
      async hash() {
        begin();
        await released;
        return "digest";
      },
    };
    return { passwords, begun, release: () => release() };
  };

  it("finishes a request in progress when it stops", async () => {
    const { passwords, begun, release } = heldHasher();
    const stop = await serve({ passwords });
    const adding = ask("POST", "users", { username: "ana", password: PASSWORD });
    await begun;
    const stopped = stop();
    release();
    expect(await adding).to.include({ status: 200 });
    await stopped;
  });

  it("waits for a request whose client is cut off before it resolves", async () => {
    const { passwords, begun, release } = heldHasher();
    const stop = await serve({ passwords });
    const adding = ask("POST", "users", { username: "ana", password: PASSWORD }).catch(() => "cut off");
    await begun;
    let stopped = false;
    const stopping = stop().then(() => (stopped = true));
    expect(await adding).to.equal("cut off");
    expect(stopped).to.equal(false);
    release();
    await stopping;
    expect(await ports.store.read(({ users }) => users.list({ after: undefined, limit: 9 }))).to.have.length(
      1,
    );
  });
});
