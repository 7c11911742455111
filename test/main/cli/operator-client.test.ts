import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";
import { lockDirectory } from "../../../src/adapters/sqlite/wal/lock.js";
import { openSqliteStore } from "../../../src/adapters/sqlite/store.js";
import { sendRequest, type OperatorRequest, type Timeouts } from "../../../src/main/cli/operator-client.js";
import { readConfig } from "../../../src/main/config.js";
import { createControlApp, serveControl } from "../../../src/main/control.js";
import { openLog } from "../../../src/main/log.js";
import { collected, operatorErrorOf } from "../../support/operator.js";
import { testPorts } from "../../support/ports.js";

const LIST_USERS: OperatorRequest = { method: "GET", path: "/v1/operator/users" };
const LIST_CHATS: OperatorRequest = { method: "GET", path: "/v1/operator/chats" };

describe("sendRequest", () => {
  let scratch: string;
  let directory: string;
  let ports: ReturnType<typeof testPorts>;
  let stops: (() => unknown)[];

  const serve = async () => {
    const log = openLog("silent");
    stops.push(await serveControl(createControlApp(ports, directory, log), directory, log));
  };
  /** A server that does to each connection what `answer` does once a request has arrived. */
  const fakeServer = async (answer: (socket: NodeJS.WritableStream & { destroy(): void }) => void) => {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => answer(socket));
    }).listen(socketPath());
    await once(server, "listening");
    stops.push(() => new Promise((resolve) => server.close(resolve)));
  };
  const rowsOf = (request: OperatorRequest | undefined, timeouts: Timeouts = {}) =>
    sendRequest(
      readConfig({ DATA_DIR: directory }),
      request,
      (error) => {
        throw error;
      },
      { lockMs: 0, responseMs: 60_000, ...timeouts },
    );
  const send = (request: OperatorRequest | undefined, timeouts: Timeouts = {}) =>
    collected(rowsOf(request, timeouts));
  const messageOf = (attempt: Promise<unknown>) =>
    attempt.then(
      () => "",
      (error: Error) => error.message,
    );
  const socketPath = () => join(directory, "control");
  const makeDirectory = (name: string) => {
    const path = join(scratch, name);
    mkdirSync(path);
    // The name of this file makes the directory that of a store.
    writeFileSync(join(path, "log-0000000000000000.palaver"), "");
    return path;
  };

  beforeEach(() => {
    scratch = mkdtempSync(join(tmpdir(), "palaver-"));
    directory = makeDirectory("data");
    ports = testPorts();
    stops = [];
  });

  afterEach(async () => {
    for (const stop of stops.toReversed()) await stop();
    rmSync(scratch, { recursive: true });
  });

  it("yields the rows of a response, whatever text they hold", async () => {
    await serve();
    const title = 'a\u2028b\u2029c\nd\re\u0085f"\\';
    await ports.store.transaction(({ chats }) => chats.addGroup(title, 1));
    expect((await send(LIST_CHATS)).map((chat) => chat["title"])).to.deep.equal([title]);
  });

  it("rejects with the code of a problem", async () => {
    await serve();
    const lookup = send({ method: "GET", path: "/v1/operator/users/nobody" });
    expect(await operatorErrorOf(lookup)).to.equal("unknown_user");
  });

  it("rejects with the advice to restart a server of another version that has no such command", async () => {
    await serve();
    for (const request of [
      { method: "GET", path: "/v1/operator/fly" },
      { method: "DELETE", path: "/v1/operator/users" },
    ] as const) {
      expect(await messageOf(send(request))).to.include("another version");
    }
  });

  it("rejects with a pointer to the log where the server fails unexpectedly", async () => {
    ports = { ...ports, store: { ...ports.store, read: () => Promise.reject(new Error("a bug")) } };
    await serve();
    expect(await messageOf(send(LIST_USERS))).to.equal(
      "The command failed with status 500. The log has the cause.",
    );
  });

  it("rejects where the server breaks off its response, before or in the body", async () => {
    const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (const text of ["", head, `${head}3\r\n{}\n\r\n`]) {
      for (const end of ["end", "destroy"] as const) {
        await fakeServer((socket) => void socket.write(text, () => void socket[end]()));
        expect(await messageOf(send(LIST_USERS)), JSON.stringify([text, end])).to.include(
          "unknown whether the command was carried out",
        );
        await stops.pop()!();
      }
    }
  });

  it("rejects where the server sends nothing for the time of `responseMs`", async () => {
    await fakeServer(() => {});
    expect(await messageOf(send(LIST_USERS, { responseMs: 20 }))).to.match(
      /sent nothing for 0\.02 seconds.*stopped or stuck/,
    );
  });

  it("waits without limit for a reader that pauses", async () => {
    await serve();
    await ports.store.transaction(async ({ chats }) => {
      for (let n = 0; n < 2_000; n += 1) await chats.addGroup("x".repeat(1_000), 1);
    });
    const rows = rowsOf(LIST_CHATS, { responseMs: 1_000 });
    await rows.next();
    await delay(1_200);
    expect(await collected(rows)).to.have.length(1_999);
  });

  it("opens the store itself where no process has the directory open, without waiting", async () => {
    rmSync(join(directory, "log-0000000000000000.palaver"));
    await (await openSqliteStore(directory)).close();
    expect(await send(LIST_USERS)).to.deep.equal([]);
    expect(await send(undefined)).to.deep.equal([]);
  });

  it("finishes a request in this process and closes the store where the reader stops early", async () => {
    rmSync(join(directory, "log-0000000000000000.palaver"));
    const store = await openSqliteStore(directory);
    await store.transaction(async ({ chats }) => {
      for (let n = 0; n < 200; n += 1) await chats.addGroup("x".repeat(1_000), 1);
    });
    await store.close();
    const rows = rowsOf(LIST_CHATS);
    await rows.next();
    await rows.return();
    lockDirectory(directory)();
    expect(await send(LIST_CHATS)).to.have.length(200);
  });

  it("waits for a directory that another process has locked until a server listens", async () => {
    stops.push(lockDirectory(directory));
    expect(await messageOf(send(LIST_USERS)))
      .to.include("in use by another process")
      .and.include(socketPath());
    const waiting = send(LIST_USERS, { lockMs: 60_000 });
    await delay(20);
    await serve();
    expect(await waiting).to.deep.equal([]);
  });

  it("reports once that it waits for a locked directory", async () => {
    stops.push(lockDirectory(directory));
    const notices: string[] = [];
    const waiting = send(LIST_USERS, {
      lockMs: 60_000,
      noticeMs: 0,
      onWait: (notice) => notices.push(notice),
    });
    while (notices.length === 0) await delay(1);
    await delay(120);
    await serve();
    await waiting;
    expect(notices).to.deep.equal([
      `The directory ${directory} is in use by another process. Waiting up to 60 seconds for it.`,
    ]);
  });

  it("does not wait for a locked directory whose path is too long for a socket", async () => {
    directory = makeDirectory("d".repeat(120 - scratch.length));
    stops.push(lockDirectory(directory));
    expect(await messageOf(send(LIST_USERS, { lockMs: 60_000 })))
      .to.include("in use by another process")
      .and.include("too long for a socket");
  });

  it("rejects a directory without a store, and creates none there", async () => {
    directory = join(scratch, "nowhere");
    expect(await messageOf(send(LIST_USERS))).to.match(
      /^There is no store in .*\/nowhere\. Run `palaver serve` on it once, which creates the store/,
    );
    expect(existsSync(directory)).to.equal(false);
  });

  it("rejects data in memory", async () => {
    const config = readConfig({ DATA_DIR: directory, DATABASE_URL: "memory:" });
    expect(await messageOf(collected(sendRequest(config, LIST_USERS, () => {})))).to.include("memory");
  });
});
