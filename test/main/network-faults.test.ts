import { expect } from "chai";
import type { Client, PalaverError } from "../../src/client/index.js";
import type { User } from "../../src/domain/user.js";
import { openTestMessaging, type TestMessaging, type TestServer } from "../../src/main/testing.js";
import { errorCode } from "../support/error-code.js";

describe("TestServer", () => {
  let messaging: TestMessaging;
  let server: TestServer;
  let ana: User;
  let bob: Client;
  const open: AsyncIterator<unknown>[] = [];

  const say = (text: string) => messaging.sendMessage({ by: ana.id, to: { username: "bob" }, text });
  const said = async () => {
    const { messages } = await messaging.pageMessages({ by: ana.id, of: "all", limit: 100 });
    return messages.map(({ text }) => text as string);
  };
  /** Subscribes the client to the texts of messages, until the test ends. */
  const hear = (client: Client, after: string) => {
    const events = client.events({ after });
    open.push(events);
    const texts: string[] = [];
    void (async () => {
      for await (const event of events)
        if (event.type === "message.created") texts.push(event.message.message);
    })();
    return {
      texts,
      async heard(count: number) {
        while (texts.length < count) await new Promise((resolve) => setTimeout(resolve, 5));
      },
    };
  };

  beforeEach(async () => {
    messaging = openTestMessaging();
    ({ ana } = await messaging.users("ana", "bob"));
    server = await messaging.listen();
    bob = await server.client("bob");
  });

  afterEach(async () => {
    for (const events of open.splice(0)) await events.return?.();
    await messaging.close();
  });

  describe("goOffline", () => {
    it("cuts the stream and the requests of a client, which misses nothing and sends once", async () => {
      const { cursor } = await bob.sync();
      const stream = hear(bob, cursor);
      const other = hear(await server.client("ana"), cursor);
      await say("a");
      await Promise.all([stream.heard(1), other.heard(1)]);
      server.goOffline("Bob");
      const sending = bob.sendMessage({ dest_username: "ana", message: "from bob" });
      await say("b");
      await other.heard(2);
      await say("c");
      await other.heard(3);
      expect([stream.texts, await said()]).to.deep.equal([["a"], ["a", "b", "c"]]);
      server.goOnline("bob");
      await sending;
      await say("d");
      await stream.heard(5);
      expect(stream.texts).to.deep.equal(["a", "b", "c", "from bob", "d"]);
      expect(await said()).to.deep.equal(stream.texts);
    });

    it("leaves other clients online", async () => {
      const other = await server.client("ana");
      const { cursor } = await other.sync();
      const stream = hear(other, cursor);
      await say("a");
      await stream.heard(1);
      server.goOffline("bob");
      await say("b");
      await stream.heard(2);
      await other.getSession();
      const failed = bob.getSession({ patience: 0 }).catch((error: PalaverError) => error.code);
      expect(await failed).to.equal("no_answer");
    });

    it("cuts all clients without a username, also those that are logged in otherwise", async () => {
      server.goOffline();
      const cut = await Promise.allSettled([fetch(`${server.url}/healthz`), bob.getSession({ patience: 0 })]);
      expect(cut.map(({ status }) => status)).to.deep.equal(["rejected", "rejected"]);
      server.goOnline();
      expect((await fetch(`${server.url}/healthz`)).status).to.equal(200);
      expect(await bob.getSession()).to.include({ username: "bob" });
    });

    it("performs no request that arrives", async () => {
      server.goOffline("bob");
      const send = bob.sendMessage({ dest_username: "ana", message: "a" }, { patience: 0 });
      expect(await send.catch((error: PalaverError) => error.code)).to.equal("no_answer");
      expect(await said()).to.deep.equal([]);
    });
  });

  describe("setLatency", () => {
    it("delays the requests of a user, but not those of others", async () => {
      const other = await server.client("ana");
      server.setLatency(60_000, "bob");
      const timedOut = bob
        .getSession({ timeout: 50, patience: 0 })
        .catch((error: PalaverError) => error.code);
      await other.getSession();
      expect(await timedOut).to.equal("no_answer");
      server.setLatency(0, "bob");
      await bob.getSession();
    });

    it("delays all others without a username, and handles them afterwards", async () => {
      server.setLatency(60_000);
      server.setLatency(1, "bob");
      await bob.sendMessage({ dest_username: "ana", message: "a" });
      const cut = fetch(`${server.url}/healthz`, { signal: AbortSignal.timeout(50) });
      expect(await cut.catch((error: Error) => error.name)).to.equal("TimeoutError");
      server.setLatency(0);
      expect((await fetch(`${server.url}/healthz`)).status).to.equal(200);
      expect(await said()).to.deep.equal(["a"]);
    });

    it("does not delay the end of the server", async () => {
      server.setLatency(60_000);
      const cut = fetch(`${server.url}/healthz`).catch(() => "cut");
      await new Promise((resolve) => setTimeout(resolve, 50));
      await server.close();
      expect(await cut).to.equal("cut");
    });
  });

  describe("rejectNext", () => {
    it("rejects the next requests as a rate limit does, and performs none of them", async () => {
      server.rejectNext(2, { retryAfterSeconds: 7 });
      const { token } = await server.access("bob");
      const responses = [];
      for (let count = 0; count < 3; count += 1) {
        const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
        const body = JSON.stringify({ dest_username: "ana", message: "a" });
        responses.push(await fetch(`${server.url}/v1/messages`, { method: "POST", headers, body }));
      }
      expect(responses.map(({ status }) => status)).to.deep.equal([429, 429, 200]);
      const [rejected] = responses;
      expect(rejected!.headers.get("Retry-After")).to.equal("7");
      expect(rejected!.headers.get("X-Request-Id")).to.match(/^[0-9a-f-]{36}$/);
      expect(rejected!.headers.get("Content-Type")).to.match(/^application\/problem\+json/);
      expect(await rejected!.json()).to.deep.equal({
        type: "about:blank",
        title: "Too Many Requests",
        status: 429,
        detail: "Too many requests. Try again in 7 seconds.",
        code: "too_many_requests",
      });
      expect(await said()).to.deep.equal(["a"]);
    });

    it("is repeated by a client after that time, also for its stream", async () => {
      const { cursor } = await bob.sync();
      await say("a");
      server.rejectNext(1);
      await bob.sendMessage({ dest_username: "ana", message: "b" });
      server.rejectNext(1);
      const stream = hear(bob, cursor);
      await stream.heard(2);
      expect(stream.texts).to.deep.equal(["a", "b"]);
    });

    it("takes a whole number from 0, and no user", () => {
      const reject = (...given: unknown[]) => server.rejectNext(...(given as [number]));
      for (const given of [
        [-1],
        [1.5],
        ["1"],
        [NaN],
        [1, { retryAfterSeconds: -1 }],
        [1, { username: "bob" }],
      ]) {
        expect(() => reject(...given), JSON.stringify(given)).to.throw(TypeError);
      }
    });

    it("rejects none after 0", async () => {
      server.rejectNext(3);
      server.rejectNext(0);
      expect((await fetch(`${server.url}/healthz`)).status).to.equal(200);
    });
  });

  it("reject a user without a client, who is probably misspelt, and an invalid time", () => {
    for (const make of [
      () => server.goOffline("nobody"),
      () => server.goOnline("nobody"),
      () => server.setLatency(1, "nobody"),
    ]) {
      expect(errorCode(make)).to.equal("unknown_user");
    }
    for (const latency of [-1, NaN, "x"]) {
      expect(() => server.setLatency(latency as number)).to.throw(TypeError, String(latency));
    }
  });
});
