import { Agent, request, type IncomingMessage } from "node:http";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect } from "chai";
import { pino } from "pino";
import { createHttpApp } from "../../src/adapters/http/app.js";
import type { HttpServer } from "../../src/adapters/http/connections.js";
import { openHttpServer } from "../../src/adapters/http/server.js";
import { nodeDisk, type Disk, type OpenFile } from "../../src/adapters/sqlite/wal/disk.js";
import { openStoreOn } from "../../src/adapters/sqlite/store.js";
import { inline } from "../../src/adapters/sqlite/wal/threads.js";
import { createMessaging, type Messaging } from "../../src/application/messaging.js";
import type { Store } from "../../src/application/ports.js";
import type { ChatId } from "../../src/domain/chat.js";
import { PASSWORD } from "../support/client.js";
import { testPorts } from "../support/ports.js";

/** What is served, with SQLite and a disk: what each request asks of them, which no other load on the machine changes. */
describe("The cost of a request", () => {
  const MESSAGES = 1_000;
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  let directory: string;
  let store: Store;
  let server: HttpServer;
  let messaging: Messaging;
  let cookie: string;
  let chatId: ChatId;
  /** What was asked of the store and of the disk, in order. */
  let calls: string[];

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), "palaver-"));
    calls = [];
    const disk = counted(nodeDisk(directory));
    const inner = await openStoreOn(disk, inline(disk), {});
    store = {
      ...inner,
      read(work) {
        calls.push("read");
        return inner.read(work);
      },
      transaction(work) {
        calls.push("transaction");
        return inner.transaction(work);
      },
    };
    const ports = testPorts(store);
    messaging = createMessaging(ports);
    const log = pino({ level: "silent" });
    const storeStatus = () => store.status();
    const given = { trustProxy: false, rateLimits: false, corsOrigins: [], clock: ports.clock };
    server = await openHttpServer(
      createHttpApp({ messaging, storeStatus, log, ...given }),
      "127.0.0.1",
      0,
      log,
      {},
    );
    const { id: by } = await messaging.registerUser({ username: "ana", password: PASSWORD });
    cookie = `palaver_session=${(await messaging.logIn({ username: "ana", password: PASSWORD })).secret}`;
    chatId = (await messaging.createGroupChat({ by })).id;
    const sendPast = () => messaging.sendMessage({ by, to: { chatId }, text: "hello" });
    await Promise.all(Array.from({ length: MESSAGES }, sendPast));
    // Makes the segment of the log that is written to after this.
    await send();
  });

  beforeEach(() => {
    calls.length = 0;
  });

  after(async () => {
    agent.destroy();
    await server.close(0);
    await store.close();
    rmSync(directory, { recursive: true });
  });

  function counted(disk: Disk): Disk {
    const file = (inner: OpenFile): OpenFile => ({
      ...inner,
      write(bytes, offset) {
        calls.push("write");
        return inner.write(bytes, offset);
      },
      sync() {
        // It is enough to know of it: nobody cuts the power here, and it takes time.
        calls.push("sync");
      },
    });
    return {
      ...disk,
      create: (name) => file(disk.create(name)),
      open: (name) => file(disk.open(name)),
      syncDirectory() {
        calls.push("sync");
      },
    };
  }

  async function ask(method: string, path: string, body?: object, session = cookie): Promise<number> {
    const json = body && JSON.stringify(body);
    const { hostname, port } = new URL(server.url);
    const headers = {
      Cookie: session,
      ...(json && { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(json) }),
    };
    const asking = request({ agent, hostname, port, method, path, headers }).end(json);
    const [response] = (await once(asking, "response")) as [IncomingMessage];
    await once(response.resume(), "end");
    return response.statusCode!;
  }

  const send = () => ask("POST", "/v1/messages", { group_chat_id: chatId, message: "hello" });

  it("is one read of the session, a transaction, a write and a sync for a send", async () => {
    expect(await send()).to.equal(200);
    expect(calls).to.deep.equal(["read", "transaction", "write", "sync"]);
  });

  it("is two reads of the store and no use of the disk for a page", async () => {
    expect(await ask("GET", `/v1/messages/group/${chatId}?limit=50`)).to.equal(200);
    expect(calls).to.deep.equal(["read", "read"]);
  });

  it("is at most one read of the store per hundred messages of a whole list, and no use of the disk", async () => {
    expect(await ask("GET", `/v1/messages/group/${chatId}`)).to.equal(200);
    expect(new Set(calls)).to.deep.equal(new Set(["read"]));
    expect(calls).to.have.lengthOf.within(3, 2 + MESSAGES / 100);
  });

  it("is one read of the store without a session", async () => {
    expect(await ask("GET", "/v1/chats", undefined, "palaver_session=wrong")).to.equal(401);
    expect(calls).to.deep.equal(["read"]);
  });

  it("is no use of the store for an unknown path", async () => {
    expect(await ask("GET", "/v1/nothing")).to.equal(404);
    expect(calls).to.deep.equal([]);
  });

  it("leaves no memory and no handles behind after three thousand requests", async () => {
    const { hostname, port } = new URL(server.url);
    const socket = connect({ host: hostname, port: Number(port) }).setEncoding("latin1");
    // The newest messages of the chat are remembered, some hundreds, and most of the code is compiled.
    await askMany(socket, 50);
    const before = held();
    await askMany(socket, 30);
    const after = held();
    socket.destroy();
    expect(after.handles.length, after.handles.join()).to.be.at.most(before.handles.length);
    // Up to a hundred bytes a request are code that is compiled meanwhile. Anything that is kept would be more.
    expect(after.heap - before.heap).to.be.below(600_000);
  });

  /** So many times a hundred requests of different kinds, some of which are refused, behind each other on one connection. */
  async function askMany(socket: Socket, times: number): Promise<void> {
    for (let time = 0; time < times; time += 1) {
      const message = JSON.stringify({ group_chat_id: chatId, message: `hello ${time}` });
      const lines = (...more: string[]) =>
        [...more.slice(0, 1), "Host: palaver", `Cookie: ${cookie}`, ...more.slice(1)].join("\r\n");
      const length = `Content-Length: ${message.length}`;
      const kinds = [
        lines("POST /v1/messages HTTP/1.1", "Content-Type: application/json", length, "", message),
        lines("POST /v1/messages HTTP/1.1", "Content-Type: text/plain", length, "", message),
        lines(`GET /v1/messages/group/${chatId}?limit=2 HTTP/1.1`, "", ""),
        lines(`GET /v1/nothing/${time} HTTP/1.1`, "", ""),
      ];
      socket.write(kinds.join("").repeat(25));
      let received = "";
      while (received.split("HTTP/1.1 ").length <= 100) received += String(await once(socket, "data"));
      expect(received.match(/HTTP\/1\.1 (200|404|415) /g)).to.have.lengthOf(100);
      calls.length = 0;
    }
  }

  function held() {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    for (let time = 0; time < 5; time += 1) collect();
    return { heap: process.memoryUsage().heapUsed, handles: process.getActiveResourcesInfo() };
  }
});
