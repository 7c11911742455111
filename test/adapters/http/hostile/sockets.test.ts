import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";
import { Client, signedIn } from "../../../support/client.js";
import { openTestServer, type TestServer } from "../../../support/server.js";

const HOST = "Host: localhost";

describe("a raw connection", () => {
  let server: TestServer;
  let ana: Client;

  before(async () => {
    server = await openTestServer({ connections: { requestTimeoutMs: 300, idleTimeoutMs: 600 } });
    ana = await signedIn(server.url, "ana");
  });

  after(() => server.close());

  // Other clients are still served.
  afterEach(async () => {
    expect((await ana.get("/v1/auth/session")).json["username"]).to.equal(ana.username);
    expect(server.lines.filter(({ status }) => Number(status) >= 500)).to.deep.equal([]);
  });

  const open = async (to = server): Promise<Socket> => {
    const { hostname, port } = new URL(to.url);
    const socket = connect(Number(port), hostname);
    socket.on("error", () => {});
    await once(socket, "connect");
    return socket;
  };

  /** Everything received until the server closes the connection. */
  async function rest(socket: Socket): Promise<string> {
    const chunks: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    if (!socket.closed) await once(socket, "close");
    return Buffer.concat(chunks).toString();
  }

  const exchange = async (text: string): Promise<string> => {
    const socket = await open();
    socket.write(text);
    return rest(socket);
  };

  const statuses = (responses: string) =>
    Array.from(responses.matchAll(/HTTP\/1\.1 (\d{3}) /g), ([, code]) => code);

  describe("with request smuggling", () => {
    const send = () => {
      const body = JSON.stringify({ dest_username: ana.username, message: "smuggled" });
      return `POST /v1/messages HTTP/1.1\r\n${HOST}\r\nCookie: ${ana.cookie}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    };
    const ambiguous: Readonly<Record<string, string>> = {
      "two lengths": "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
      "two lengths in one header": "Content-Length: 5, 6\r\n\r\nhello",
      "a length and chunks": "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "chunks and a length": "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
      "chunks that are not the final encoding": "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
      "an unsupported encoding": "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      "chunks with a vertical tab": "Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
      "a blank before the colon": "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
      "a folded header": "X-A: b\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "a length with a sign": "Content-Length: +5\r\n\r\nhello",
      "a negative length": "Content-Length: -5\r\n\r\nhello",
      "a hexadecimal length": "Content-Length: 0x5\r\n\r\nhello",
      "a length that is too large for a number": "Content-Length: 99999999999999999999999\r\n\r\nhello",
      "lines that end in LF only": "X-A: b\nContent-Length: 5\n\nhello",
      "a CR in a header": "X-A: b\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "a NUL in a header": "X-A: b\0c\r\n\r\n",
      "an invalid chunk size": "Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n",
      "a signed chunk size": "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
      "a chunk that is longer than its size": "Transfer-Encoding: chunked\r\n\r\n1\r\nhello\r\n0\r\n\r\n",
      "a chunk size that ends in LF only": "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
    };

    for (const [what, request] of Object.entries(ambiguous)) {
      it(`gets one error for ${what}, and the request behind it is not processed`, async () => {
        const head = `POST /v1/auth/login HTTP/1.1\r\n${HOST}\r\nContent-Type: application/json\r\n`;
        const responses = await exchange(`${head}${request}${send()}`);
        expect(statuses(responses), responses).to.have.length(1);
        expect(statuses(responses)[0]).to.match(/^4/);
        expect((await ana.get("/v1/messages")).text).to.equal("[]");
      });
    }

    for (const [what, head] of [
      ["two hosts", `GET /healthz HTTP/1.1\r\n${HOST}\r\nHost: other\r\n\r\n`],
      ["no host", "GET /healthz HTTP/1.1\r\n\r\n"],
      [
        "chunks in HTTP/1.0",
        `POST /v1/auth/login HTTP/1.0\r\n${HOST}\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      ],
    ] as const) {
      it(`gets one error for ${what}, and the request behind it is not processed`, async () => {
        const responses = await exchange(`${head}${send()}`);
        expect(statuses(responses), responses).to.deep.equal(["400"]);
        expect((await ana.get("/v1/messages")).text).to.equal("[]");
      });
    }

    it("gets two responses for two valid requests, so the tests above prove something", async () => {
      const first = `GET /v1/messages HTTP/1.1\r\n${HOST}\r\nCookie: ${ana.cookie}\r\n\r\n`;
      const socket = await open();
      socket.write(`${first}GET /healthz HTTP/1.1\r\n${HOST}\r\nConnection: close\r\n\r\n`);
      expect(statuses(await rest(socket))).to.deep.equal(["200", "200"]);
    });
  });

  describe("with an invalid request", () => {
    const rejected: Readonly<Record<string, readonly [request: string, status: string]>> = {
      "two hosts": [`GET /healthz HTTP/1.1\r\n${HOST}\r\nHost: other\r\n`, "400"],
      "two hosts behind a hundred other headers": [
        `GET /healthz HTTP/1.1\r\n${HOST}\r\n${"X: y\r\n".repeat(2_100)}Host: other\r\n`,
        "431",
      ],
      "no host": ["GET /healthz HTTP/1.1\r\n", "400"],
      "more than 100 headers": [`GET /healthz HTTP/1.1\r\n${HOST}\r\n${"X: y\r\n".repeat(101)}`, "431"],
      "headers of 16 KiB": [`GET /healthz HTTP/1.1\r\n${HOST}\r\nX: ${"y".repeat(16_384)}\r\n`, "431"],
      "a path of 16 KiB": [`GET /${"y".repeat(16_384)} HTTP/1.1\r\n${HOST}\r\n`, "431"],
      "another protocol": [`GET /healthz SMTP/1.1\r\n${HOST}\r\n`, "400"],
      "an unknown method": [`STEAL /healthz HTTP/1.1\r\n${HOST}\r\n`, "400"],
      CONNECT: [`CONNECT evil.example:443 HTTP/1.1\r\n${HOST}\r\n`, "400"],
      TLS: ["\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "400"],
      "an upgrade to WebSocket": [
        `GET /v1/messages HTTP/1.1\r\n${HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n`,
        "401",
      ],
      "two tokens": [
        `GET /v1/chats HTTP/1.1\r\n${HOST}\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n`,
        "400",
      ],
      "two content types": [
        `GET /healthz HTTP/1.1\r\n${HOST}\r\nContent-Type: text/plain\r\nContent-Type: application/json\r\n`,
        "400",
      ],
      TRACE: [`TRACE /v1/messages HTTP/1.1\r\n${HOST}\r\nCookie: a=canary\r\nConnection: close\r\n`, "405"],
    };

    for (const [what, [request, status]] of Object.entries(rejected)) {
      it(`gets ${status} for ${what}`, async () => {
        const response = await exchange(
          `${request}${request.includes("Connection") ? "" : "Connection: close\r\n"}\r\n`,
        );
        expect(statuses(response).join()).to.equal(status);
        expect(response).to.not.include("canary");
        expect(response).to.include("application/problem+json");
      });
    }
  });

  describe("with malformed input behind a valid request", () => {
    for (const [what, input] of Object.entries({
      "another protocol": "\0\0garbage\r\n\r\n",
      CONNECT: `CONNECT evil.example:443 HTTP/1.1\r\n${HOST}\r\n\r\n`,
      "a request without a host": "GET / HTTP/1.1\r\n\r\n",
    })) {
      it(`gets the response to the request, then 400 for ${what}`, async () => {
        const body = JSON.stringify({ dest_username: ana.username, message: `before ${what}` });
        const request = `POST /v1/messages HTTP/1.1\r\n${HOST}\r\nCookie: ${ana.cookie}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
        const responses = await exchange(request + input);
        expect(statuses(responses)).to.deep.equal(["200", "400"]);
        expect(responses).to.include(`before ${what}`);
      });
    }
  });

  describe("that is reset", () => {
    for (const [what, request] of Object.entries({
      "a request": `GET /docs HTTP/1.1\r\n${HOST}\r\n\r\n`,
      "a part of a request": `POST /v1/auth/login HTTP/1.1\r\n${HOST}\r\nContent-Length: 9\r\n\r\n{`,
      CONNECT: `CONNECT evil.example:443 HTTP/1.1\r\n${HOST}\r\n\r\n`,
      "an upgrade": `GET /healthz HTTP/1.1\r\n${HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n`,
      "another protocol": "SSH-2.0-OpenSSH_9.9\r\n\r\n",
    })) {
      it(`after ${what} harms no other`, async () => {
        for (const wait of [0, 20]) {
          const sockets = await Promise.all(Array.from({ length: 20 }, () => open()));
          for (const socket of sockets) socket.pause().write(request);
          await delay(wait);
          for (const socket of sockets) socket.resetAndDestroy();
        }
        await delay(20);
      });
    }
  });

  describe("of a slow client", () => {
    it("is closed with 408 without a request", async () => {
      expect(statuses(await exchange(""))).to.deep.equal(["408"]);
    });

    it("is closed with 408 when headers arrive too slowly", async () => {
      const socket = await open();
      const response = rest(socket);
      socket.write(`GET /healthz HTTP/1.1\r\n${HOST}\r\n`);
      while (!socket.destroyed && socket.writable) {
        socket.write("X: y\r\n");
        await delay(50);
      }
      expect(statuses(await response)).to.deep.equal(["408"]);
    });

    it("is closed with 408 when the body arrives too slowly, without running the operation", async () => {
      const socket = await open();
      const response = rest(socket);
      const head = `POST /v1/group_chat HTTP/1.1\r\n${HOST}\r\nCookie: ${ana.cookie}\r\nContent-Type: application/json\r\n`;
      const { transactions } = server.store.status();
      socket.write(`${head}Content-Length: 1000\r\n\r\n{`);
      while (!socket.destroyed && socket.writable) {
        socket.write(" ");
        await delay(50);
      }
      expect(statuses(await response)).to.deep.equal(["408"]);
      expect(server.store.status().transactions).to.equal(transactions);
    });

    it("is closed when the client does not read the response", async () => {
      const bob = await signedIn(server.url, "bob");
      for (let n = 0; n < 1_500; n += 1) await server.send(bob.username, "x".repeat(10_000));
      const socket = await open();
      socket.write(`GET /v1/messages HTTP/1.1\r\n${HOST}\r\nCookie: ${bob.cookie}\r\n\r\n`);
      socket.pause();
      const before = server.lines.length;
      while (server.lines.length === before) await delay(20);
      expect(server.lines.at(-1)).to.include({ route: "/v1/messages", cut: true });
      socket.destroy();
    });

    it("does not delay other clients, also 200 at once", async () => {
      const mute = await Promise.all(Array.from({ length: 200 }, () => open()));
      expect((await ana.get("/v1/messages")).status).to.equal(200);
      await Promise.all(mute.map((socket) => rest(socket)));
    });
  });

  describe("over the connection limit", () => {
    it("is closed immediately, without affecting open connections, until others close", async () => {
      const small = await openTestServer({ connections: { maxConnectionsPerAddress: 3 } });
      const there = [await open(small), await open(small), await open(small)];
      expect(await rest(await open(small))).to.equal("");
      const [first] = there;
      first!.write(`GET /healthz HTTP/1.1\r\n${HOST}\r\nConnection: close\r\n\r\n`);
      expect(statuses(await rest(first!))).to.deep.equal(["200"]);
      expect((await new Client(small.url).get("/healthz")).status).to.equal(200);
      for (const socket of there) socket.destroy();
      await small.close();
    });

    it("is closed immediately while authenticated clients use all connections", async () => {
      const small = await openTestServer({ connections: { maxConnections: 3 } });
      const bob = await small.signIn("bob");
      const after = String((await bob.client.get("/v1/sync")).json["cursor"]);
      const polls: Promise<string>[] = [];
      for (let n = 0; n < 3; n += 1) {
        const socket = await open(small);
        const head = `${HOST}\r\nCookie: ${bob.client.cookie}\r\nConnection: close\r\n\r\n`;
        socket.write(`GET /v1/events?wait=50&after=${after} HTTP/1.1\r\n${head}`);
        polls.push(rest(socket));
        await delay(100);
      }
      expect(await rest(await open(small))).to.equal("");
      await small.send("bob", "hello");
      for (const poll of polls) expect(statuses(await poll)).to.deep.equal(["200"]);
      expect((await new Client(small.url).get("/healthz")).status).to.equal(200);
      await small.close();
    });

    it("takes the place of the connection that has been idle longest, and of no connection in use", async () => {
      // Of four connections in total one is kept free.
      for (const connections of [{ maxConnectionsPerAddress: 3 }, { maxConnections: 4 }]) {
        const small = await openTestServer({ connections });
        const request = `GET /healthz HTTP/1.1\r\n${HOST}\r\n\r\n`;
        const kept: Socket[] = [];
        const responses: string[] = [];
        const inUse = await open(small);
        inUse.write("GET /healthz HTTP/1.1\r\n");
        for (let count = 0; count < 2; count += 1) {
          const socket = await open(small);
          socket.write(request);
          const [response] = (await once(socket, "data")) as [Buffer];
          responses.push(response.toString());
          kept.push(socket);
        }
        const closed = once(kept[0]!, "close");
        kept[0]!.resume();
        const next = await open(small);
        next.write(request);
        const [response] = (await once(next, "data")) as [Buffer];
        responses.push(response.toString());
        await closed;
        kept[1]!.write(request);
        responses.push(String((await once(kept[1]!, "data"))[0]));
        inUse.write(`${HOST}\r\n\r\n`);
        responses.push(String((await once(inUse, "data"))[0]));
        expect(responses.flatMap(statuses)).to.deep.equal(["200", "200", "200", "200", "200"]);
        for (const socket of [inUse, ...kept, next]) socket.destroy();
        await small.close();
      }
    });

    it("is kept for its next request for 75 seconds, which the response states", async () => {
      const socket = await open();
      socket.write(`GET /healthz HTTP/1.1\r\n${HOST}\r\n\r\n`);
      const [response] = (await once(socket, "data")) as [Buffer];
      expect(response.toString()).to.match(/\r\nKeep-Alive: timeout=75\r\n/i);
      socket.destroy();
    });

    it("is not counted by address behind a trusted proxy", async () => {
      const behindProxy = await openTestServer({
        trustProxy: true,
        connections: { maxConnectionsPerAddress: 1 },
      });
      const there = [await open(behindProxy), await open(behindProxy)];
      expect((await new Client(behindProxy.url).get("/healthz")).status).to.equal(200);
      for (const socket of there) socket.destroy();
      await behindProxy.close();
    });
  });
});
