import { once } from "node:events";
import { connect } from "node:net";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { expect } from "chai";
import { expectFieldErrors, expectProblem } from "../../support/api/scene.js";
import { Client, signedIn, type HttpAnswer } from "../../support/client.js";
import { openTestServer, type TestServer } from "../../support/server.js";

describe("What no client should send", () => {
  let server: TestServer;
  let ana: Client;

  before(async () => {
    server = await openTestServer();
    ana = await signedIn(server.url);
  });

  after(() => server.close());

  afterEach(async () => {
    expect((await ana.get("/v1/messages")).text).to.equal("[]", "nothing is stored");
    expect(server.lines.filter(({ status }) => Number(status) >= 500)).to.deep.equal([]);
  });

  const post = (raw: string | Buffer, headers: Readonly<Record<string, string>> = {}) =>
    ana.ask("POST", "/v1/messages", { raw, headers });

  const message = JSON.stringify({ dest_username: "ana", message: "hello" });

  describe("A body", () => {
    for (const [what, raw] of Object.entries({
      "no JSON": "{oops",
      "cut JSON": '{"message": "he',
      "an array": "[]",
      "a string": '"text"',
      "a number": "1",
      "a null": "null",
      "30,000 nested arrays": "[".repeat(30_000) + "]".repeat(30_000),
      "30,000 brackets that nobody closed": "[".repeat(30_000),
      "a byte order mark": `\ufeff${message}`,
      "invalid UTF-8": Buffer.from('{"message":"\xc3\x28","dest_username":"ana"}', "latin1"),
      "UTF-16": Buffer.from(message, "utf16le"),
      "a field twice": '{"message":"one","message":"two","dest_username":"ana"}',
      "a field twice, once escaped": '{"message":"one","mess\\u0061ge":"two","dest_username":"ana"}',
    })) {
      it(`400: ${what}`, async () => expectProblem(await post(raw), 400, "invalid_json"));
    }

    it("400: a field that is missing, named", async () => {
      const answer = await post('{"dest_username":"ana"}');
      expectProblem(answer, 400, "invalid_request");
      expect(answer.json["errors"]).to.deep.equal([{ field: "message", detail: "Required." }]);
    });

    it("400: a field that does not exist, named, `__proto__` too", async () => {
      for (const field of ["mesage", "__proto__", "constructor", "toString"]) {
        const answer = await post(`{"dest_username":"ana","message":"hello","${field}":{"a":1}}`);
        expectProblem(answer, 400, "invalid_request");
        expectFieldErrors(answer, field);
      }
    });

    it("400: 30,000 nested arrays in a field", async () => {
      const answer = await post(`{"message":${"[".repeat(30_000)}${"]".repeat(30_000)}}`);
      expectProblem(answer, 400, "invalid_request");
    });

    it("400: any other type in any field", async () => {
      const calls: Readonly<Record<string, Readonly<Record<string, string>>>> = {
        "/v1/auth/register": { username: "zoe", password: "12345678" },
        "/v1/auth/login": { username: "zoe", password: "12345678" },
        "/v1/group_chat/1/participants": { username: "zoe" },
        "/v1/messages": { dest_username: "zoe", message: "hello" },
        "/v1/group_chat": { title: "Plans" },
      };
      for (const [path, body] of Object.entries(calls)) {
        for (const field of Object.keys(body)) {
          for (const value of [1, true, [], {}, ["x"], ...(field === "title" ? [] : [null])]) {
            const answer = await ana.post(path, { ...body, [field]: value });
            expectProblem(answer, 400, "invalid_request");
            expectFieldErrors(answer, field);
          }
        }
      }
    });

    it("400: 500 unknown fields with long names get a short answer", async () => {
      const many = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`${n}`.padEnd(100, "x"), 1]));
      const answer = await post(JSON.stringify(many));
      expectProblem(answer, 400, "invalid_request");
      expect(answer.text.length).to.be.lessThan(8_000);
    });

    it("400: a body where none belongs", async () => {
      expectFieldErrors(await ana.post("/v1/auth/logout", { force: true }), "force");
      expect((await ana.get("/v1/messages")).status).to.equal(200);
    });

    it("413: over 64 KiB, also where only reading it tells", async () => {
      const long = JSON.stringify({ dest_username: "ana", message: "x".repeat(65_536) });
      expectProblem(await post(long), 413, "payload_too_large");
      expectProblem(await post(long, { "Transfer-Encoding": "chunked" }), 413, "payload_too_large");
      expectProblem(await post(gzipSync(long), { "Content-Encoding": "gzip" }), 413, "payload_too_large");
    });

    it("415: another type, another charset, or none", async () => {
      for (const type of [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin1",
        "",
      ]) {
        expectProblem(await post(message, { "Content-Type": type }), 415, "unsupported_media_type");
      }
    });

    it("400, 415: garbage for gzip or Brotli, and an encoding that nobody knows", async () => {
      for (const encoding of ["gzip", "deflate", "br"]) {
        expectProblem(await post("garbage", { "Content-Encoding": encoding }), 400, "bad_request");
      }
      const cut = gzipSync(message).subarray(0, 20);
      expectProblem(await post(cut, { "Content-Encoding": "gzip" }), 400, "bad_request");
      expectProblem(await post(message, { "Content-Encoding": "rot13" }), 415, "unsupported_media_type");
      const read = await post(brotliCompressSync("{}"), { "Content-Encoding": "br" });
      expectProblem(read, 400, "invalid_request");
    });
  });

  it("200: the media type in any case", async () => {
    const types = ["APPLICATION/JSON", "application/json; charset=UTF-8", 'application/json;charset="utf-8"'];
    for (const type of types) {
      const answer = await ana.ask("POST", "/v1/group_chat", {
        raw: "{}",
        headers: { "Content-Type": type },
      });
      expect(answer.status).to.equal(200);
    }
  });

  describe("A path", () => {
    it("404: nothing there, in another case neither, and with a slash too many", async () => {
      for (const path of [
        "/",
        "/v1",
        "/V1/MESSAGES",
        "/v1/messages/",
        "//v1/messages",
        "/v1/x/../messages",
        "/%zz",
        "/%00",
      ]) {
        expectProblem(await ana.get(path), 404, "not_found");
        expectProblem(await new Client(server.url).get(path), 404, "not_found");
      }
    });

    it("405: with the methods that there are", async () => {
      const answer = await ana.delete("/v1/messages");
      expectProblem(answer, 405, "method_not_allowed");
      expect(answer.headers.allow?.split(", ")).to.have.members(["GET", "HEAD", "POST"]);
      for (const method of ["PUT", "PATCH", "OPTIONS", "PROPFIND"]) {
        expectProblem(await ana.ask(method, "/v1/auth/login"), 405, "method_not_allowed");
      }
    });

    it("400: a query parameter that does not exist, named, once or more", async () => {
      for (const path of ["/v1/messages?limt=1", "/v1/messages?limt=1&limt=2", "/v1/messages?limt=%zz"]) {
        const answer = await ana.get(path);
        expectProblem(answer, 400, "invalid_request");
        expectFieldErrors(answer, "limt");
      }
    });
  });

  describe("A request that is no HTTP", () => {
    const raw = async (text: string): Promise<HttpAnswer> => {
      const { hostname, port } = new URL(server.url);
      const chunks: Buffer[] = [];
      const socket = connect(Number(port), hostname, () => socket.write(text));
      for await (const chunk of socket) chunks.push(chunk as Buffer);
      const [head = "", body = ""] = Buffer.concat(chunks).toString().split("\r\n\r\n");
      return {
        status: Number(head.split(" ")[1]),
        headers: { "content-type": /content-type: ([^\r]*)/i.exec(head)?.[1] ?? "" },
        text: body,
        json: JSON.parse(body) as Record<string, unknown>,
      };
    };

    it("lets go of a connection that it has refused, though the client does not", async () => {
      const { hostname, port } = new URL(server.url);
      const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
      const answered = once(socket, "data");
      const cut = once(socket, "error");
      socket.write("NONSENSE\r\n\r\n");
      expect(String(await answered)).to.include("400 Bad Request");
      const writing = setInterval(() => socket.write("more"), 50);
      const [error] = (await cut) as [Error];
      clearInterval(writing);
      expect(error).to.have.property("code").that.is.oneOf(["EPIPE", "ECONNRESET"]);
    });

    it("431: huge headers", async () => {
      const answer = await raw(`GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${"x".repeat(20_000)}\r\n\r\n`);
      expectProblem(answer, 431, "headers_too_large");
    });

    it("400: no sense at all, no Host, two of them, two lengths, no path", async () => {
      for (const head of [
        "NONSENSE",
        "GET /healthz HTTP/1.1\r\nConnection: close",
        "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close",
        "GET http://[bad/healthz HTTP/1.1\r\nHost: a\r\nConnection: close",
        "POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked",
      ]) {
        expectProblem(await raw(`${head}\r\n\r\n`), 400, "bad_request");
      }
    });
  });
});
