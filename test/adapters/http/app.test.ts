import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";
import Koa from "koa";
import { pino } from "pino";
import { openHttpServer } from "../../../src/adapters/http/server.js";
import { describeApi } from "../../support/api.js";
import { expectProblem } from "../../support/api/scene.js";
import { Client, PASSWORD, freshName, signedIn } from "../../support/client.js";
import { describeSessionApi } from "../../support/session-api.js";
import { describeEvents } from "../../support/events-api.js";
import { openTestServer, type TestServer } from "../../support/server.js";

describe("createHttpApp", () => {
  let server: TestServer;

  beforeEach(async () => {
    server = await openTestServer();
  });

  afterEach(() => server.close());

  describeApi(() => server.url);
  describeSessionApi(() => server.url);
  describeEvents(() => server.url);

  describe("a list of messages", () => {
    it("is complete and in order while messages arrive", async () => {
      const ana = await signedIn(server.url);
      const send = (message: string) => ana.post("/v1/messages", { dest_username: ana.username, message });
      for (let n = 1; n <= 450; n += 1) await send(`${n}`);
      const [list] = await Promise.all([ana.get("/v1/messages"), send("later")]);
      const texts = (list.json as unknown as { message: string }[]).map(({ message }) => message);
      expect(texts.slice(0, 450)).to.deep.equal(Array.from({ length: 450 }, (_, n) => `${n + 1}`));
    });

    it("has pages of 100 where the request has no `limit`", async () => {
      const ana = await signedIn(server.url);
      for (let n = 1; n <= 101; n += 1) await server.send(ana.username, `${n}`);
      for (const [query, found, link] of [
        ["before=102", ["2", "101"], '</v1/messages?limit=100&before=2>; rel="prev"'],
        ["after=0", ["1", "100"], '</v1/messages?limit=100&after=100>; rel="next"'],
      ] as const) {
        const { json, headers } = await ana.get(`/v1/messages?${query}`);
        const texts = (json as unknown as { message: string }[]).map(({ message }) => message);
        expect([texts.length, texts[0], texts.at(-1)]).to.deep.equal([100, ...found]);
        expect(headers["link"]).to.equal(link);
      }
    });

    it("has pages of 100 where it lists chats", async () => {
      const ana = await signedIn(server.url);
      for (let n = 1; n <= 101; n += 1) await ana.post("/v1/group_chat");
      const { json, headers } = await ana.get("/v1/chats");
      expect(json).to.have.length(100);
      expect(headers["link"]).to.match(/^<\/v1\/chats\?limit=100&cursor=[\d.]+>; rel="next"$/);
    });

    it("is read from the store only as fast as the client reads", async () => {
      const ana = await signedIn(server.url);
      const message = "x".repeat(10_000);
      for (let n = 0; n < 3_000; n += 1) await server.send(ana.username, message);
      const before = server.store.reads;
      const outgoing = request(`${server.url}/v1/messages`, { headers: { Cookie: ana.cookie } });
      outgoing.on("error", () => {});
      outgoing.on("response", (response) => response.pause());
      outgoing.end();
      await delay(300);
      // The whole list has 300 slices of 100 kB, far more than the socket buffers hold.
      expect(server.store.reads - before).to.be.within(1, 150);
      outgoing.destroy();
    });

    it("is cut off where the reader is removed from the chat while it is sent", async () => {
      const [ana, bob] = [await signedIn(server.url, "ana"), await signedIn(server.url, "bob")];
      const chatId = String((await ana.post("/v1/group_chat")).json["chat_id"]);
      await ana.post(`/v1/group_chat/${chatId}/participants`, { username: bob.username });
      for (let n = 0; n < 250; n += 1) {
        await ana.post("/v1/messages", { group_chat_id: chatId, message: `${n}` });
      }
      // The session, the chat and the first slice are read; then bob is removed.
      server.store.beforeRead = async (n) => {
        if (n === 4) await ana.delete(`/v1/group_chat/${chatId}/participants/${bob.username}`);
      };
      const error = await bob.get(`/v1/messages/group/${chatId}`).then(
        () => undefined,
        (reason: Error) => reason,
      );
      expect(error?.message).to.equal("aborted");
    });
  });

  describe("a session", () => {
    it("is not revived by a request in progress when it ended", async () => {
      const ana = await signedIn(server.url);
      const { cookie } = ana;
      const withCopy = { headers: { Cookie: cookie } };
      server.store.beforeRead = async (n) => {
        if (n === 2) await new Client(server.url).post("/v1/auth/logout", undefined, withCopy);
      };
      expect((await ana.get("/v1/messages")).status).to.equal(200);
      expectProblem(await new Client(server.url).get("/v1/messages", withCopy), 401, "not_signed_in");
    });

    it("never has a secret that the client chose", async () => {
      const { username } = await signedIn(server.url);
      const client = new Client(server.url);
      const chosen = `palaver_session=${"A".repeat(43)}`;
      client.cookie = chosen;
      await client.post("/v1/auth/login", { username, password: PASSWORD });
      expect(client.cookie).to.not.equal(chosen);
      client.cookie = chosen;
      expectProblem(await client.get("/v1/messages"), 401, "not_signed_in");
    });

    it("has a Secure cookie with the __Host- prefix behind a proxy that terminates TLS", async () => {
      const behindProxy = await openTestServer({ trustProxy: true });
      const ana = await signedIn(behindProxy.url);
      expect(ana.cookie).to.match(/^__Host-palaver_session=/);
      const { headers } = await ana.post("/v1/auth/login", { username: ana.username, password: PASSWORD });
      expect(headers["set-cookie"]?.[0]).to.match(/; secure/i);
      expect((await ana.post("/v1/auth/logout")).status).to.equal(200);
      await behindProxy.close();
    });
  });

  describe("a response", () => {
    it("has the valid request id of the client, or else a new one", async () => {
      const client = new Client(server.url);
      const sane = await client.get("/v1/messages", { headers: { "X-Request-Id": "abc-123" } });
      expect(sane.headers["x-request-id"]).to.equal("abc-123");
      for (const path of ["/v1/messages", "/nothing", "/healthz"]) {
        const response = await client.get(path, { headers: { "X-Request-Id": "a b" } });
        expect(response.headers["x-request-id"]).to.match(/^[0-9a-f-]{36}$/);
      }
    });

    it("is logged once, with the request id and without user input", async () => {
      const ana = await signedIn(server.url, "canary");
      await ana.post("/v1/messages", { dest_username: ana.username, message: "canary" });
      const secret = ana.cookie.split("=")[1]!;
      await ana.get("/v1/messages/p2p/canary", { headers: { "X-Request-Id": "last" } });
      await server.settled(4);
      expect(server.lines.map(({ route, status }) => [route, status])).to.deep.equal([
        ["/v1/auth/register", 200],
        ["/v1/auth/login", 200],
        ["/v1/messages", 200],
        ["/v1/messages/p2p/:username", 400],
      ]);
      expect(server.lines.at(-1)).to.include({ request_id: "last", method: "GET", code: "unknown_user" });
      const log = JSON.stringify(server.lines);
      for (const word of ["canary", PASSWORD, secret]) expect(log).to.not.include(word);
    });

    it("is a 500 without details for an unexpected error, which is logged in full", async () => {
      const ana = await signedIn(server.url);
      server.store.beforeRead = async () => {
        throw new Error("the secret of the house");
      };
      const response = await ana.get("/v1/messages");
      expectProblem(response, 500, "internal_error");
      expect(response.text).to.not.include("secret of the house");
      const line = server.lines.find((each) => "err" in each);
      expect(line).to.include({ request_id: response.headers["x-request-id"] });
      expect(JSON.stringify(line)).to.include("the secret of the house");
    });
  });

  it("closes without waiting for a connection that has sent no request", async () => {
    const listening = await openHttpServer(new Koa(), "127.0.0.1", 0, pino({ level: "silent" }));
    const silent = connect(Number(new URL(listening.url).port), "127.0.0.1");
    await once(silent, "connect");
    // Longer than the timeout of this test.
    await listening.close(60_000);
    silent.destroy();
  });

  describe("monitoring", () => {
    it("responds with 200 at /healthz and /readyz", async () => {
      for (const path of ["/healthz", "/readyz"]) {
        const { status, json } = await new Client(server.url).get(path);
        expect([status, json]).to.deep.equal([200, {}]);
      }
    });

    it("responds with 503 and the reason at /readyz while the store rejects writes, and still reads", async () => {
      const ana = await signedIn(server.url);
      server.store.fault = "The disk is full.";
      const response = await ana.get("/readyz");
      expectProblem(response, 503, "store_unavailable");
      expect(response.json["detail"]).to.equal("The disk is full.");
      const rejected = await ana.post("/v1/messages", { dest_username: ana.username, message: "hello" });
      expectProblem(rejected, 503, "store_unavailable");
      expect(rejected.headers["retry-after"]).to.match(/^\d+$/);
      expect((await ana.get("/v1/messages")).status).to.equal(200);
    });

    it("responds with 503 and the damage at /readyz while files are damaged, and still writes", async () => {
      const ana = await signedIn(server.url);
      server.store.damage = "A file is damaged.";
      const response = await ana.get("/readyz");
      expectProblem(response, 503, "store_unavailable");
      expect(response.json["detail"]).to.equal("A file is damaged.");
      const { text } = await ana.get("/metrics");
      expect(text).to.include("palaver_store_damaged 1\n");
      expect(text).to.include("palaver_store_writable 1\n");
      const sent = await ana.post("/v1/messages", { dest_username: ana.username, message: "hello" });
      expect(sent.status).to.equal(200);
    });

    it("reports requests by route and status, latencies and commits at /metrics", async () => {
      const ana = await signedIn(server.url);
      await ana.post("/v1/messages", { dest_username: ana.username, message: "hello" });
      await ana.post("/v1/messages", { dest_username: freshName(), message: "hello" });
      await server.settled(4);
      const { text, headers } = await ana.get("/metrics");
      expect(headers["content-type"]).to.include("text/plain");
      const labels = 'method="POST",route="/v1/messages"';
      expect(text).to.include(`palaver_http_requests_total{${labels},status="200"} 1\n`);
      expect(text).to.include(`palaver_http_requests_total{${labels},status="400"} 1\n`);
      expect(text).to.include(`palaver_http_request_duration_seconds_count{${labels}} 2\n`);
      expect(text).to.include("palaver_store_transactions_total 3\n");
      expect(text).to.match(/palaver_store_commits_total \d+\n/);
      expect(text).to.include("palaver_store_writable 1\n");
      expect(text).to.include("palaver_store_damaged 0\n");
      expect(text).to.include("palaver_store_repairs_total 0\n");
    });
  });
});
