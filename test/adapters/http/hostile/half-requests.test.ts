import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { connectionsWithin } from "../../../../src/adapters/http/open-files.js";
import { logAcceptErrors } from "../../../../src/adapters/http/server.js";
import { createServer } from "node:http";
import { openTestServer, type TestServer } from "../../../support/server.js";

const HEAD = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n";
const LOGIN =
  "POST /v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 60\r\n\r\n{";
/** Incomplete requests: nothing, a part of the head, and a part of the body. */
const HALVES = ["", "GET /healthz HTTP/1.1\r\nX: ", LOGIN];

describe("a server with as many half requests as it has connections", () => {
  let server: TestServer;
  let sockets: Socket[];

  beforeEach(() => {
    sockets = [];
  });

  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await server.close();
  });

  async function open(localAddress = "127.0.0.1"): Promise<Socket> {
    const { port } = new URL(server.url);
    const socket = connect({ port: Number(port), host: "127.0.0.1", localAddress });
    sockets.push(socket);
    socket.on("error", () => {});
    await once(socket, "connect");
    return socket;
  }

  /** The first response on the connection; the empty string if it is closed. */
  async function respond(socket: Socket, request: string): Promise<string> {
    const answer = Promise.race([once(socket, "data"), once(socket, "close").then(() => [""])]);
    socket.write(request);
    const [response] = (await answer) as [Buffer | string];
    return String(response).split("\r\n")[0]!;
  }

  /** Opens that many half requests of each of ten addresses, in turn. */
  async function flood(each: number): Promise<void> {
    for (let n = 0; n < each; n += 1) {
      await Promise.all(
        Array.from({ length: 10 }, async (_, address) => {
          const socket = await open(`127.0.0.${address + 10}`);
          socket.resume();
          socket.write(HALVES[n % HALVES.length]!);
        }),
      );
    }
  }

  it("answers new clients, and keeps connections in use", async () => {
    server = await openTestServer({ connections: { maxConnections: 100, maxConnectionsPerAddress: 10 } });
    const ana = await server.signIn("ana");
    const poll = await open();
    const polled = respond(
      poll,
      `GET /v1/events?wait=50&after=${await cursorOf(ana.client)} HTTP/1.1\r\nHost: localhost\r\nCookie: ${ana.client.cookie}\r\n\r\n`,
    );
    await flood(10);
    for (let n = 0; n < 5; n += 1) {
      expect(await respond(await open(), `${HEAD}\r\n`), `client ${n}`).to.equal("HTTP/1.1 200 OK");
    }
    await server.send("ana", "hello");
    expect(await polled).to.equal("HTTP/1.1 200 OK");
  });

  it("closes the oldest of the address that has most of them", async () => {
    server = await openTestServer({ connections: { maxConnections: 20 } });
    const other = await open("127.0.0.2");
    const crowd: Socket[] = [];
    for (let n = 0; n < 18; n += 1) crowd.push(await open("127.0.0.3"));
    const closed = once(crowd[0]!.resume(), "close");
    const honest = await open();
    await closed;
    expect(await respond(other, `${HEAD}\r\n`)).to.equal("HTTP/1.1 200 OK");
    expect(await respond(honest, `${HEAD}\r\n`)).to.equal("HTTP/1.1 200 OK");
    expect(await respond(crowd[1]!, `${HEAD}\r\n`)).to.equal("HTTP/1.1 200 OK");
  });

  it("closes half requests early while more than half of the connections are in use", async () => {
    server = await openTestServer({ connections: { maxConnections: 20, requestTimeoutMs: 600_000 } });
    const slow = Array.from({ length: 11 }, () => open("127.0.0.3"));
    const [first] = await Promise.all(slow);
    await once(first!.resume(), "close");
    await sleep(500);
    const left = (await Promise.all(slow)).filter((socket) => !socket.resume().closed);
    expect(left.length).to.be.below(11);
    expect(await respond(await open(), `${HEAD}\r\n`)).to.equal("HTTP/1.1 200 OK");
  });

  it("gives a client whose address has too many old ones the place of the oldest", async () => {
    server = await openTestServer({ connections: { maxConnectionsPerAddress: 3 } });
    const halves = [await open(), await open(), await open()];
    await sleep(1_100);
    const closed = once(halves[0]!.resume(), "close");
    expect(await respond(await open(), `${HEAD}\r\n`)).to.equal("HTTP/1.1 200 OK");
    await closed;
  });

  async function cursorOf(client: Awaited<ReturnType<TestServer["signIn"]>>["client"]): Promise<string> {
    const { json } = await client.get("/v1/sync");
    return String(json["cursor"]);
  }
});

describe("connectionsWithin", () => {
  it("leaves file descriptors for files, a quarter of a small limit", () => {
    expect(connectionsWithin(1024, 40)).to.equal(1024 - 40 - 128);
    expect(connectionsWithin(100, 40)).to.equal(45);
    expect(connectionsWithin(30, 40)).to.equal(1);
  });
});

describe("logAcceptErrors", () => {
  it("logs the first of a series of errors, and keeps the process alive", () => {
    const server = createServer();
    const logged: object[] = [];
    logAcceptErrors(server, { error: (fields) => void logged.push(fields) });
    const error = Object.assign(new Error("accept EMFILE"), { code: "EMFILE" });
    for (let n = 0; n < 3; n += 1) server.emit("error", error);
    expect(logged).to.have.lengthOf(1);
    expect(JSON.stringify(logged)).to.include("accept EMFILE");
  });
});
