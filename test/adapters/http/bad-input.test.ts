import { once } from "node:events";
import { connect } from "node:net";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { expect } from "chai";
import { expectFieldErrors, expectProblem } from "../../support/api/scene.js";
import { Client, signedIn, type HttpResponse } from "../../support/client.js";
import { openTestServer, type TestServer } from "../../support/server.js";

describe("parseBody", () => {
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
    ana.request("POST", "/v1/messages", { raw, headers });

  const message = JSON.stringify({ dest_username: "ana", message: "hello" });

  describe("a body", () => {
    for (const [what, raw] of Object.entries({
      "malformed JSON": "{oops",
      "truncated JSON": '{"message": "he',
      "an array": "[]",
      "a string": '"text"',
      "a number": "1",
      "a null": "null",
      "30,000 nested arrays": "[".repeat(30_000) + "]".repeat(30_000),
      "30,000 unclosed brackets": "[".repeat(30_000),
      "a byte order mark": `\ufeff${message}`,
      "invalid UTF-8": Buffer.from('{"message":"\xc3\x28","dest_username":"ana"}', "latin1"),
      "UTF-16": Buffer.from(message, "utf16le"),
      "a duplicate field": '{"message":"one","message":"two","dest_username":"ana"}',
      "a duplicate field, once escaped": '{"message":"one","mess\\u0061ge":"two","dest_username":"ana"}',
    })) {
      it(`rejects ${what}`, async () => expectProblem(await post(raw), 400, "invalid_json"));
    }

    it("rejects a missing field by name", async () => {
      const response = await post('{"dest_username":"ana"}');
      expectProblem(response, 400, "invalid_request");
      expect(response.json["errors"]).to.deep.equal([{ field: "message", detail: "Required." }]);
    });

    it("rejects unknown fields by name, also `__proto__`", async () => {
      for (const field of ["mesage", "__proto__", "constructor", "toString"]) {
        const response = await post(`{"dest_username":"ana","message":"hello","${field}":{"a":1}}`);
        expectProblem(response, 400, "invalid_request");
        expectFieldErrors(response, field);
      }
    });

    it("rejects 30,000 nested arrays in a field", async () => {
      const response = await post(`{"message":${"[".repeat(30_000)}${"]".repeat(30_000)}}`);
      expectProblem(response, 400, "invalid_request");
    });

    it("rejects a value of the wrong type in any field", async () => {
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
            const response = await ana.post(path, { ...body, [field]: value });
            expectProblem(response, 400, "invalid_request");
            expectFieldErrors(response, field);
          }
        }
      }
    });

    it("responds to 500 unknown long names with a short problem", async () => {
      const many = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`${n}`.padEnd(100, "x"), 1]));
      const response = await post(JSON.stringify(many));
      expectProblem(response, 400, "invalid_request");
      expect(response.text.length).to.be.lessThan(8_000);
    });

    it("rejects a body where the operation has none", async () => {
      expectFieldErrors(await ana.post("/v1/auth/logout", { force: true }), "force");
      expect((await ana.get("/v1/messages")).status).to.equal(200);
    });

    it("rejects more than 256 KiB, also without Content-Length or compressed", async () => {
      const long = JSON.stringify({ dest_username: "ana", message: "x".repeat(256 * 1024) });
      expectProblem(await post(long), 413, "payload_too_large");
      expectProblem(await post(long, { "Transfer-Encoding": "chunked" }), 413, "payload_too_large");
      expectProblem(await post(gzipSync(long), { "Content-Encoding": "gzip" }), 413, "payload_too_large");
    });

    it("rejects more than 256 KiB before it has the whole body", async () => {
      const { hostname, port } = new URL(server.url);
      for (const [header, start] of [
        [`Content-Length: ${256 * 1024 + 1}`, "{"],
        ["Transfer-Encoding: chunked", `40001\r\n${"x".repeat(0x40001)}\r\n`],
      ] as const) {
        const socket = connect(Number(port), hostname);
        const received = once(socket, "data");
        socket.write(
          `POST /v1/messages HTTP/1.1\r\nHost: x\r\nCookie: ${ana.cookie}\r\nContent-Type: application/json\r\n${header}\r\n\r\n${start}`,
        );
        expect(String(await received)).to.include("HTTP/1.1 413 ");
        socket.destroy();
      }
    });

    it("rejects more than 1,000 strings or 64 KiB outside of strings, which take long to validate", async () => {
      for (const raw of [
        `{${'"a":1,'.repeat(1_001)}"a":1}`,
        `{"message":[${'"\\\\",'.repeat(1_001)}""]}`,
        `{"message":${"[".repeat(33_000)}${"]".repeat(33_000)}}`,
        `{"group_chat_id":${"9".repeat(66_000)}}`,
      ]) {
        expectProblem(await post(raw), 413, "payload_too_large");
      }
      for (const text of ['"'.repeat(9_999), "\\".repeat(9_999), '\\"'.repeat(4_999), "[,".repeat(4_999)]) {
        const response = await post(JSON.stringify({ dest_username: "nobody", message: text }));
        expectProblem(response, 400, "unknown_user");
      }
    });

    it("rejects another or missing media type or charset", async () => {
      for (const type of [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin1",
        "",
      ]) {
        expectProblem(await post(message, { "Content-Type": type }), 415, "unsupported_media_type");
      }
    });

    it("rejects invalid compressed data and an unknown encoding", async () => {
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

  it("accepts the media type in any case", async () => {
    const types = ["APPLICATION/JSON", "application/json; charset=UTF-8", 'application/json;charset="utf-8"'];
    for (const type of types) {
      const response = await ana.request("POST", "/v1/group_chat", {
        raw: "{}",
        headers: { "Content-Type": type },
      });
      expect(response.status).to.equal(200);
    }
  });

  describe("a path", () => {
    it("is unknown in another case or with extra slashes", async () => {
      for (const path of [
        "//",
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

    it("responds with 405 and the allowed methods", async () => {
      const response = await ana.delete("/v1/messages");
      expectProblem(response, 405, "method_not_allowed");
      expect(response.headers.allow?.split(", ")).to.have.members(["GET", "HEAD", "POST"]);
      for (const method of ["PUT", "PATCH", "OPTIONS", "PROPFIND"]) {
        expectProblem(await ana.request(method, "/v1/auth/login"), 405, "method_not_allowed");
      }
    });

    it("rejects an unknown query parameter by name", async () => {
      for (const path of ["/v1/messages?limt=1", "/v1/messages?limt=1&limt=2", "/v1/messages?limt=%zz"]) {
        const response = await ana.get(path);
        expectProblem(response, 400, "invalid_request");
        expectFieldErrors(response, "limt");
      }
    });
  });

  describe("a malformed HTTP request", () => {
    const raw = async (text: string): Promise<HttpResponse> => {
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

    it("has its connection closed by the server, though the client keeps it open", async () => {
      const { hostname, port } = new URL(server.url);
      const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
      const received = once(socket, "data");
      const cut = once(socket, "error");
      socket.write("NONSENSE\r\n\r\n");
      expect(String(await received)).to.include("400 Bad Request");
      const writing = setInterval(() => socket.write("more"), 50);
      const [error] = (await cut) as [Error];
      clearInterval(writing);
      expect(error).to.have.property("code").that.is.oneOf(["EPIPE", "ECONNRESET"]);
    });

    it("is rejected with 431 if its headers are too large", async () => {
      const response = await raw(`GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${"x".repeat(20_000)}\r\n\r\n`);
      expectProblem(response, 431, "headers_too_large");
    });

    it("is rejected with 400 for an invalid request line, Host, length or target", async () => {
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
