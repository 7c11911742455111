import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect } from "chai";
import type { ChatEvent } from "../../src/domain/event.js";
import type { User } from "../../src/domain/user.js";
import { listen } from "../../src/main/http.js";
import type { OpenMessaging } from "../../src/main/index.js";
import { openTestMessaging, type TestMessaging, type TestServer } from "../../src/main/testing.js";
import { eventsAfter, openStream, type EventJson } from "../support/event-stream.js";
import { Client } from "../support/client.js";
import { errorCodeOf } from "../support/error-code.js";
import { contents, openWorld } from "../support/world.js";

const DAY = 24 * 60 * 60 * 1_000;

/** Runs a program that uses the harness in a separate process, and returns the JSON that it prints. */
async function run(program: string): Promise<unknown> {
  const harness = JSON.stringify(new URL("../../src/main/testing.js", import.meta.url).href);
  const module = `import { createRequire } from "node:module";
    import { openTestMessaging } from ${harness};
    ${program}`;
  const args = ["--input-type=module", "-e", module];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 30_000 });
  return JSON.parse(stdout) as unknown;
}

/** The code of the error that an attempt rejects with, or of its cause; `undefined` if it succeeds. */
function codeOf(attempt: Promise<unknown>): Promise<unknown> {
  return attempt.then(
    () => undefined,
    ({ code, cause }: NodeJS.ErrnoException) => code ?? (cause as NodeJS.ErrnoException | undefined)?.code,
  );
}

describe("openTestMessaging", () => {
  let messaging: TestMessaging;
  let ana: User;
  let bob: User;

  const say = (text: string, idempotencyKey?: string) =>
    messaging.sendMessage({ by: ana.id, to: { username: "bob" }, text, idempotencyKey });
  const said = async () => {
    const { messages } = await messaging.pageMessages({ by: bob.id, of: "all", limit: 100 });
    return messages.map(({ text }) => text as string);
  };

  beforeEach(async () => {
    messaging = openTestMessaging();
    ({ ana, bob } = await messaging.users("ana", "bob"));
  });

  afterEach(() => messaging.close());

  it("gives each test the same ids, secrets and times", async () => {
    const worlds = [];
    for (let world = 0; world < 2; world += 1) {
      const other = openTestMessaging();
      const { cy, dora } = await other.users("cy", "dora");
      other.clock.advance(1_500);
      const chat = await other.group(cy, dora);
      worlds.push({
        cy,
        dora,
        chat,
        login: await other.logIn({ username: "cy", password: "password of cy" }),
      });
      await other.close();
    }
    const [one, two] = worlds;
    expect(two).to.deep.equal(one);
    expect(one?.cy.id).to.not.equal(one?.dora.id);
    expect(one?.chat.createdAt).to.equal(one!.cy.createdAt + 1_500);
  });

  it("creates groups with all the given users", async () => {
    const { id } = await messaging.group(ana, bob);
    const { participants } = await messaging.getChat({ by: bob.id, chatId: id });
    expect(participants.map(({ username }) => username)).to.deep.equal(["ana", "bob"]);
  });

  it("moves time only on request", async () => {
    const { secret } = await messaging.logIn({ username: "ana", password: "password of ana" });
    messaging.clock.advance(14 * DAY - 1);
    expect((await messaging.authenticate({ secret })).user).to.deep.equal(ana);
    messaging.clock.advance(14 * DAY);
    expect(await errorCodeOf(messaging.authenticate({ secret }))).to.equal("not_signed_in");
  });

  it("rejects a time that is no whole number of milliseconds", () => {
    const before = messaging.clock.now();
    for (const time of ["x", NaN, 0.5, undefined]) {
      expect(() => messaging.clock.advance(time as number)).to.throw(TypeError);
    }
    expect(messaging.clock.now()).to.equal(before);
  });

  it("can be mounted like a core", async () => {
    const core: OpenMessaging = messaging;
    const { transactions } = core.status();
    await say("a");
    expect(core.status()).to.include({ fault: undefined, transactions: transactions + 1 });
    const server = await listen(messaging, { port: 0 });
    expect((await fetch(`${server.url}/readyz`)).status).to.equal(200);
    await server.close(0);
  });

  it("uses the given ports", async () => {
    const ids = { next: () => `my-id-${"0".repeat(30)}` };
    const refusedPasswords = new Set(["password of cy"]);
    const own = openTestMessaging({ ids, refusedPasswords });
    expect((await own.users("ana")).ana.id).to.equal(ids.next());
    expect(await errorCodeOf(own.users("cy"))).to.equal("refused_password");
  });

  describe("failNextCommit", () => {
    it("rejects one transaction, of which nothing is stored, and none after it", async () => {
      const world = await openWorld();
      const { by, to } = { by: world.ana.id, to: { username: "bo" } };
      const before = await contents(world);
      world.failNextCommit();
      expect(await errorCodeOf(world.sendMessage({ by, to, text: "a" }))).to.equal("store_unavailable");
      expect(await contents(world)).to.deep.equal(before);
      const { message } = await world.sendMessage({ by, to, text: "a" });
      expect([message.id, message.seq]).to.deep.equal([1, 1]);
    });

    it("does not hit the write that a session is in use", async () => {
      const { secret } = await messaging.logIn({ username: "ana", password: "password of ana" });
      messaging.clock.advance(DAY);
      messaging.failNextCommit();
      expect((await messaging.authenticate({ secret })).lastSeenAt).to.equal(messaging.clock.now());
      expect(await errorCodeOf(say("a"))).to.equal("store_unavailable");
    });
  });

  describe("loseNextAnswer", () => {
    it("loses the result of one stored change, so that a retry needs a key", async () => {
      messaging.loseNextAnswer();
      expect(await codeOf(say("a", "key"))).to.equal("ECONNRESET");
      expect(await said()).to.deep.equal(["a"]);
      expect((await say("a", "key")).replayed).to.equal(true);
      expect(await said()).to.deep.equal(["a"]);
    });

    it("skips a change that is rejected", async () => {
      messaging.loseNextAnswer();
      const refused = messaging.sendMessage({ by: ana.id, to: { username: "nobody" }, text: "a" });
      expect(await errorCodeOf(refused)).to.equal("unknown_user");
      expect(await codeOf(say("b"))).to.equal("ECONNRESET");
      expect(await codeOf(say("c"))).to.equal(undefined);
    });
  });

  describe("cutStreams", () => {
    it("fails subscriptions with an error, and one that resumes from its last cursor misses nothing", async () => {
      const received: ChatEvent[] = [];
      let cuts = 0;
      const hear = async (after: string): Promise<void> => {
        try {
          for await (const event of messaging.events({ by: bob.id, after })) received.push(event);
        } catch (error) {
          expect((error as NodeJS.ErrnoException).code).to.equal("ECONNRESET");
          cuts += 1;
          await hear(received.at(-1)?.cursor ?? after);
        }
      };
      const { cursor } = await messaging.sync({ by: bob.id });
      const listening = hear(cursor);
      for (const text of ["a", "b", "c"]) {
        await say(text);
        messaging.cutStreams();
        await say(`${text} again`);
        await messaging.settled();
      }
      const { events } = await messaging.listEvents({ by: bob.id, after: cursor, limit: 100 });
      await messaging.close();
      await listening;
      expect(cuts).to.equal(3);
      expect(received).to.deep.equal(events);
      expect(received.filter(({ type }) => type === "message.created")).to.have.length(6);
    });

    it("fails batches and waiting listEvents calls, and none that start later", async () => {
      const batches = messaging.subscribe({ by: bob.id });
      await batches.next();
      const { cursor: after } = await messaging.sync({ by: bob.id });
      const wait = { by: bob.id, after, limit: 1, until: new Promise(() => {}) };
      const waiting = [batches.next(), messaging.listEvents(wait)].map(codeOf);
      await messaging.settled();
      messaging.cutStreams();
      const later = messaging.listEvents(wait);
      expect(await Promise.all(waiting)).to.deep.equal(["ECONNRESET", "ECONNRESET"]);
      expect(await batches.next()).to.equal(undefined);
      await say("a");
      expect((await later).events).to.have.length(1);
    });
  });

  it("is settled once a bot has handled all its events and the events that follow from them", async () => {
    const { bot } = await messaging.users("bot");
    void (async () => {
      for await (const event of messaging.events({ by: bot.id })) {
        if (event.type !== "message.created") continue;
        const left = Number(event.message.text);
        if (left === 0) continue;
        await new Promise(setImmediate);
        await messaging.sendMessage({ by: bot.id, to: { chatId: event.chatId }, text: `${left - 1}` });
      }
    })();
    const chat = await messaging.group(ana, bot);
    await messaging.sendMessage({ by: ana.id, to: { chatId: chat.id }, text: "20" });
    await messaging.settled();
    const { messages } = await messaging.pageMessages({ by: ana.id, of: "all", limit: 100 });
    expect(messages.map(({ text }) => Number(text))).to.deep.equal(
      Array.from({ length: 21 }, (_, n) => 20 - n),
    );
  });

  it("ends subscriptions without an error when it is closed", async () => {
    const received: ChatEvent[] = [];
    const listening = (async () => {
      for await (const event of messaging.events({ by: bob.id })) received.push(event);
    })();
    await say("a");
    await messaging.settled();
    await messaging.close();
    await listening;
    expect(received.map(({ type }) => type)).to.include("message.created");
  });

  describe("over HTTP", () => {
    let server: TestServer;
    let headers: Readonly<Record<string, string>>;

    const post = (message: string, key = message) =>
      fetch(`${server.url}/v1/messages`, {
        method: "POST",
        headers: { ...headers, "Content-Type": "application/json", "Idempotency-Key": key },
        body: JSON.stringify({ dest_username: "bob", message }),
      });
    const get = async (path: string) => (await fetch(`${server.url}${path}`, { headers })).json();

    beforeEach(async () => {
      server = await messaging.listen();
      const { url, token } = await server.access("ana");
      expect(url).to.equal(server.url);
      headers = { Authorization: `Bearer ${token}` };
    });

    it("serves users with access, including data written directly", async () => {
      await say("a");
      expect((await post("b")).status).to.equal(200);
      expect(await get("/v1/auth/session")).to.include({ username: "ana", user_id: ana.id });
      expect(await said()).to.deep.equal(["a", "b"]);
      expect(await errorCodeOf(server.access("nobody"))).to.equal("wrong_credentials");
    });

    it("creates logged-in clients, which survive a lost answer", async () => {
      const client = await server.client("bob");
      const { cursor } = await client.sync();
      await say("a");
      messaging.loseNextAnswer();
      await client.sendMessage({ dest_username: "ana", message: "b" });
      const received: string[] = [];
      for await (const event of client.events({ after: cursor })) {
        if (event.type === "message.created" && received.push(event.message.message) === 2) break;
      }
      expect(received).to.deep.equal(["a", "b"]);
      expect(await said()).to.deep.equal(["a", "b"]);
      expect(await errorCodeOf(server.client("nobody"))).to.equal("wrong_credentials");
    });

    it("responds with 503 where a commit fails", async () => {
      messaging.failNextCommit();
      expect((await post("a")).status).to.equal(503);
      expect((await post("a")).status).to.equal(200);
      expect(await said()).to.deep.equal(["a"]);
    });

    it("cuts only the connection of the request whose answer is lost", async () => {
      messaging.clock.advance(DAY);
      messaging.loseNextAnswer();
      const outcomes = await Promise.allSettled(["a", "b", "c", "d"].map((text) => post(text)));
      expect(outcomes.filter(({ status }) => status === "rejected")).to.have.length(1);
      expect(await said()).to.have.members(["a", "b", "c", "d"]);
      const lost = ["a", "b", "c", "d"][outcomes.findIndex(({ status }) => status === "rejected")]!;
      expect((await post(lost)).headers.get("Idempotency-Replayed")).to.equal("true");
      expect(await said()).to.have.length(4);
    });

    it("cuts streams and long polls midway, and a client that resumes misses nothing", async () => {
      const client = new Client(server.url);
      const { secret } = await messaging.logIn({ username: "bob", password: "password of bob" });
      client.cookie = `palaver_session=${secret}`;
      const { cursor } = await messaging.sync({ by: bob.id });
      const first = await openStream(client, { after: cursor });
      await say("a");
      await first.received(2);
      const waiting = client.get(`/v1/events?after=${first.lastId()}&wait=50`).then(
        () => "answered",
        () => "cut",
      );
      await client.get("/v1/chats");
      messaging.cutStreams();
      expect([await first.ended, await waiting]).to.deep.equal([false, "cut"]);
      await say("b");
      const second = await openStream(client, { lastEventId: first.lastId() });
      const all = await eventsAfter(client, cursor);
      await second.received(all.length - first.events.length);
      const received: EventJson[] = [...first.events, ...second.events];
      expect(received).to.deep.equal(all);
      second.leave();
    });

    it("stops listening when the server or the harness is closed", async () => {
      const other = await messaging.listen();
      await server.close();
      expect(await codeOf(fetch(server.url))).to.equal("ECONNREFUSED");
      expect((await fetch(`${other.url}/healthz`)).status).to.equal(200);
      await messaging.close();
      expect(await codeOf(fetch(other.url))).to.equal("ECONNREFUSED");
    });
  });

  describe("in a separate process", () => {
    it("loads no server before listen, and never SQLite, argon2 or the container", async () => {
      const loaded = await run(`
        const { cache } = createRequire(import.meta.url);
        const packages = () => ["argon2", "koa", "pino", "sql.js", "inversify"].filter((name) =>
          Object.keys(cache).some((path) => path.includes("/node_modules/" + name + "/")));
        const before = packages();
        const messaging = openTestMessaging();
        await messaging.users("ana");
        const then = packages();
        await messaging.listen();
        await messaging.close();
        console.log(JSON.stringify([before, then, packages()]));`);
      expect(loaded).to.deep.equal([[], [], ["koa"]]);
    });

    it("leaves no resources behind after 5,000 cores with a subscription each", async () => {
      const left = await run(`
        const before = process.getActiveResourcesInfo();
        const ended = [];
        for (let count = 0; count < 5000; count += 1) {
          const messaging = openTestMessaging();
          const { ana } = await messaging.users("ana");
          ended.push((async () => { for await (const event of messaging.events({ by: ana.id })); })());
          await messaging.group(ana);
          await messaging.close();
        }
        await Promise.all(ended);
        const others = process.getActiveResourcesInfo();
        for (const what of before) others.splice(others.indexOf(what), 1);
        console.log(JSON.stringify([ended.length, others]));`);
      expect(left).to.deep.equal([5_000, []]);
    });

    it("lets the process exit once it is closed, with a server, streams, a delayed request and a wait open before", async () => {
      const left = await run(`
        const messaging = openTestMessaging();
        const { ana } = await messaging.users("ana");
        const server = await messaging.listen();
        const { url, token } = await server.access("ana");
        const headers = { Authorization: "Bearer " + token };
        const stream = await fetch(url + "/v1/events/stream", { headers });
        const { cursor } = await messaging.sync({ by: ana.id });
        fetch(url + "/v1/events?wait=50&after=" + cursor, { headers }).catch(() => {});
        await fetch(url + "/healthz");
        server.setLatency(60_000);
        fetch(url + "/healthz").catch(() => {});
        await new Promise((resolve) => setTimeout(resolve, 50));
        messaging.waitFor(ana, "message.created", { timeoutMs: 60_000 });
        await messaging.settled();
        await messaging.close();
        console.log(stream.status);`);
      expect(left).to.equal(200);
    });
  });
});
