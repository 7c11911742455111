import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { availableParallelism } from "node:os";
import { expect } from "chai";
import Koa, { type Context } from "koa";
import sinon from "sinon";
import { networkOf } from "../../../src/adapters/http/address.js";
import { createLimits, type Concurrent } from "../../../src/adapters/http/limits.js";
import { MessagingError, type ErrorCode } from "../../../src/domain/errors.js";
import type { UserId } from "../../../src/domain/user.js";
import { expectProblem } from "../../support/api/scene.js";
import { Client, PASSWORD, freshName, signedIn, type HttpResponse } from "../../support/client.js";
import { openTestServer, type TestServer } from "../../support/server.js";
import { settle } from "../../support/watched-store.js";

const HOUR = 60 * 60 * 1_000;

describe("createLimits", () => {
  let server: TestServer;

  beforeEach(async () => {
    server = await openTestServer({ trustProxy: true, rateLimits: true });
  });

  afterEach(() => server.close());

  /** Sets the client address, as a proxy does. */
  const from = (address: string) => ({ headers: { "X-Forwarded-For": address } });
  const logIn = (username: string, password: string, address: string) =>
    new Client(server.url).post("/v1/auth/login", { username, password }, from(address));
  const register = (address: string) =>
    new Client(server.url).post(
      "/v1/auth/register",
      { username: freshName(), password: PASSWORD },
      from(address),
    );
  const send = (client: Client) =>
    client.post("/v1/messages", { dest_username: client.username, message: "hello" });

  function expectLimited(response: HttpResponse): void {
    expectProblem(response, 429, "too_many_requests");
    expect(response.headers["retry-after"]).to.match(/^[1-9]\d*$/);
    expect(response.headers["ratelimit"]).to.match(/"[a-z-]+";r=0;t=[1-9]\d*/);
  }

  describe("on failed logins", () => {
    it("reject guesses at an account from one address before hashing, but not its owner", async () => {
      const { username } = await signedIn(server.url);
      for (let n = 0; n < 10; n += 1) {
        expectProblem(await logIn(username, "wrong password", "192.0.2.1"), 400, "wrong_credentials");
      }
      const tried = server.ports.passwords.verified.length;
      for (const name of [username, username.toUpperCase()]) {
        expectLimited(await logIn(name, PASSWORD, "192.0.2.1"));
      }
      expect(server.ports.passwords.verified.length).to.equal(tried);
      expect((await logIn(username, PASSWORD, "192.0.2.2")).status).to.equal(200);
    });

    it("count guesses in progress, so that concurrent guesses do not evade the limit", async () => {
      const { username } = await signedIn(server.url);
      const before = server.ports.passwords.verified.length;
      const responses = await Promise.all(
        Array.from({ length: 40 }, () => logIn(username, "wrong password", "192.0.2.1")),
      );
      expect(responses.filter(({ status }) => status === 400)).to.have.length(10);
      expect(server.ports.passwords.verified.length - before).to.equal(10);
    });

    it("reject guesses at many accounts from one network", async () => {
      for (let n = 0; n < 100; n += 1) {
        await logIn(`nobody${n}`, "wrong password", `2001:db8:0:1::${n}`);
      }
      expectLimited(await logIn("somebody", "wrong password", "2001:db8:0:1:ffff::"));
      expectProblem(await logIn("somebody", "wrong password", "2001:db8:0:2::"), 400, "wrong_credentials");
    });

    it("do not count rejected guesses against the address", async () => {
      for (let n = 0; n < 150; n += 1) await logIn("victim", "wrong password", "192.0.2.1");
      expectProblem(await logIn("another", "wrong password", "192.0.2.1"), 400, "wrong_credentials");
    });

    it("count invalid passwords against the address, but not against the account", async () => {
      const { username } = await signedIn(server.url);
      for (let n = 0; n < 99; n += 1) {
        expectProblem(await logIn(username, "short", "192.0.2.1"), 400, "invalid_password");
      }
      expect((await logIn(username, PASSWORD, "192.0.2.1")).status).to.equal(200);
      expectProblem(await logIn(username, "short", "192.0.2.1"), 400, "invalid_password");
      expectLimited(await logIn(username, PASSWORD, "192.0.2.1"));
    });

    it("do not count successful logins", async () => {
      const { username } = await signedIn(server.url);
      for (let n = 0; n < 120; n += 1) {
        expect((await logIn(username, PASSWORD, "192.0.2.1")).status).to.equal(200);
      }
      // A successful login does not reset the failed ones before it either.
      for (let n = 0; n < 10; n += 1) {
        await logIn(username, "wrong password", "192.0.2.1");
        if (n === 8) await logIn(username, PASSWORD, "192.0.2.1");
      }
      expectLimited(await logIn(username, PASSWORD, "192.0.2.1"));
    });

    it("count no successful logins after they end, however many are concurrent", async () => {
      const { username } = await signedIn(server.url);
      // Logins that are within the limit wait in the store until another one is rejected.
      let release: (() => void) | undefined;
      const rejection = new Promise<void>((resolve) => (release = resolve));
      server.store.beforeRead = () => rejection;
      const attempt = async () => {
        const { status } = await logIn(username, PASSWORD, "192.0.2.1");
        if (status === 429) release?.();
        return status;
      };
      const statuses = await Promise.all(Array.from({ length: 40 }, attempt));
      server.store.beforeRead = undefined;
      expect(new Set(statuses)).to.deep.equal(new Set([200, 429]));
      expect((await logIn(username, PASSWORD, "192.0.2.1")).headers["ratelimit"]).to.include("r=10;");
    });

    it("count wrong passwords in password changes", async () => {
      const ana = await signedIn(server.url);
      const body = { current_password: "wrong password", new_password: "another password" };
      for (let n = 0; n < 10; n += 1) {
        expectProblem(await ana.put("/v1/auth/password", body, from("192.0.2.1")), 400, "wrong_password");
      }
      expectLimited(
        await ana.put("/v1/auth/password", { ...body, current_password: PASSWORD }, from("192.0.2.1")),
      );
    });
  });

  it("count registrations by address, also invalid ones", async () => {
    for (let n = 0; n < 200; n += 1) await register("192.0.2.1");
    expectLimited(await register("192.0.2.1"));
    expectLimited(await new Client(server.url).post("/v1/auth/register", {}, from("192.0.2.1")));
    expect((await register("192.0.2.2")).status).to.equal(200);
  });

  it("count sends by user, for any address and session, and store nothing over the limit", async () => {
    const [ana, bob] = [await signedIn(server.url, "ana"), await signedIn(server.url, "bob")];
    const { json } = await ana.post("/v1/auth/tokens", { name: "bot" });
    for (let n = 0; n < 600; n += 1) await send(ana);
    const { transactions } = server.store.status();
    expectLimited(await send(ana));
    const options = {
      headers: { Authorization: `Bearer ${String(json["token"])}`, "X-Forwarded-For": "192.0.2.9" },
    };
    expectLimited(await new Client(server.url).post("/v1/messages", {}, options));
    expect(server.store.status().transactions).to.equal(transactions);
    expect((await send(bob)).status).to.equal(200);
    expect((await ana.get("/v1/messages")).status).to.equal(200);
  });

  it("apply to every operation that is not a read", async () => {
    const writes = server.routes.filter(({ method }) => method !== "GET" && method !== "HEAD");
    expect(writes).to.have.length.above(15);
    for (const { method, path } of writes) {
      const ana = await signedIn(server.url);
      const url = server.url + path.replaceAll(/:\w+/g, "1");
      const response = await fetch(url, { method, headers: { Cookie: ana.cookie } });
      expect(response.headers.get("RateLimit-Policy"), `${method} ${path}`).to.match(
        /^"[a-z-]+";q=\d+;w=\d+/,
      );
    }
  });

  it("count successful logins by address", async () => {
    const ana = await signedIn(server.url);
    await server.messaging.registerUser({ username: "bob", password: PASSWORD });
    for (let n = 0; n < 600; n += 1) {
      expect((await logIn(ana.username, PASSWORD, "192.0.2.1")).status).to.equal(200);
    }
    expectLimited(await logIn("bob", PASSWORD, "192.0.2.1"));
    expect((await logIn("bob", PASSWORD, "192.0.2.2")).status).to.equal(200);
  });

  it("count other writes by user, and apart from sends", async () => {
    const [ana, bob] = [await signedIn(server.url), await signedIn(server.url)];
    const { json } = await ana.post("/v1/group_chat", {});
    const path = `/v1/group_chat/${String(json["chat_id"])}`;
    for (let n = 0; n < 600; n += 1) {
      expect((await ana.patch(path, { title: `title ${n}` })).status).to.equal(200);
    }
    const { transactions } = server.store.status();
    expectLimited(await ana.patch(path, { title: "another title" }));
    expectLimited(await ana.put(`/v1/chats/${String(json["chat_id"])}/read`, { seq: 0 }));
    expectLimited(await ana.post("/v1/auth/tokens", { name: "bot" }));
    expect(server.store.status().transactions).to.equal(transactions);
    expect((await send(ana)).status).to.equal(200);
    expect((await bob.post("/v1/auth/tokens", { name: "bot" })).status).to.equal(200);
  });

  it("count created groups and added participants of a user together", async () => {
    const [ana, bob] = [await signedIn(server.url), await signedIn(server.url)];
    const chats: unknown[] = [];
    for (let n = 0; n < 30; n += 1) chats.push((await ana.post("/v1/group_chat", {})).json["chat_id"]);
    for (const chat of chats) {
      const path = `/v1/group_chat/${String(chat)}/participants`;
      expect((await ana.post(path, { username: bob.username })).status).to.equal(200);
    }
    const { transactions } = server.store.status();
    expectLimited(await ana.post("/v1/group_chat", { title: "one more" }));
    expectLimited(await ana.post(`/v1/group_chat/${String(chats[0])}/participants`, { username: "nobody" }));
    expect(server.store.status().transactions).to.equal(transactions);
    const removal = `/v1/group_chat/${String(chats[0])}/participants/${bob.username}`;
    expect((await ana.delete(removal)).status).to.equal(200);
    expect((await bob.post("/v1/group_chat", {})).status).to.equal(200);
  });

  it("count each participant that a group is created with", async () => {
    const [ana, bob] = [await signedIn(server.url), await signedIn(server.url)];
    const participants = [bob.username, (await signedIn(server.url)).username];
    for (let n = 0; n < 20; n += 1) {
      expect((await ana.post("/v1/group_chat", { participants })).status).to.equal(200);
    }
    expectLimited(await ana.post("/v1/group_chat", {}));
  });

  it("count ended sessions by session, so that another session can end it", async () => {
    const ana = await signedIn(server.url);
    const thief = new Client(server.url);
    await thief.post("/v1/auth/login", { username: ana.username, password: PASSWORD });
    for (let n = 0; n < 120; n += 1) {
      expectProblem(await thief.delete("/v1/auth/sessions/unknown"), 404, "unknown_session");
    }
    expectLimited(await thief.delete("/v1/auth/sessions/unknown"));
    expect((await ana.delete("/v1/auth/sessions")).status).to.equal(200);
    expectProblem(await thief.get("/v1/auth/session"), 401, "not_signed_in");
  });

  it("reject expensive reads of a user while 20 are in progress, but not those of others", async () => {
    const [ana, bob] = [await signedIn(server.url), await signedIn(server.url)];
    const { sliceSync } = server.messaging;
    let release: (() => void) | undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    Object.assign(server.messaging, {
      sliceSync: (...given: Parameters<typeof sliceSync>) => held.then(() => sliceSync(...given)),
    });
    const read = (client: Client) => client.get("/v1/sync");
    const first = Array.from({ length: 30 }, () => read(ana));
    // Those over the limit are answered while the others are in progress.
    const rejected = await Promise.race(first);
    expectProblem(rejected, 429, "too_many_requests");
    expect(rejected.headers["retry-after"]).to.equal("1");
    const other = read(bob);
    for (const path of ["/v1/messages", "/v1/chats"]) {
      expectProblem(await ana.get(path), 429, "too_many_requests");
    }
    expect((await ana.get("/v1/auth/session")).status).to.equal(200);
    expect((await ana.get("/v1/events?wait=0")).status).to.equal(200);
    release!();
    expect((await other).status).to.equal(200);
    const statuses = (await Promise.all(first)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).to.have.length(20);
    expect((await read(ana)).status).to.equal(200);
  });

  it("apply after authentication", async () => {
    for (let n = 0; n < 700; n += 1) {
      expect((await new Client(server.url).post("/v1/messages", {})).status).to.equal(401);
    }
  });

  it("report policies and remaining quotas in headers", async () => {
    const ana = await signedIn(server.url);
    const sent = await send(ana);
    expect(sent.headers["ratelimit-policy"]).to.equal('"sends";q=600;w=60');
    expect(sent.headers["ratelimit"]).to.match(/^"sends";r=599;t=(60|59)$/);
    const failed = await logIn("nobody", "wrong password", "192.0.2.1");
    expect(failed.headers["ratelimit-policy"]).to.equal(
      '"logins";q=600;w=60, "failed-logins-by-account";q=10;w=900, "failed-logins-by-address";q=100;w=900',
    );
    expect(failed.headers["ratelimit"]).to.match(
      /^"logins";r=59\d;t=\d+, "failed-logins-by-account";r=9;t=\d+, "failed-logins-by-address";r=99;t=\d+$/,
    );
    const login = await logIn(ana.username, PASSWORD, "192.0.2.2");
    expect(login.headers["ratelimit"]).to.match(/"failed-logins-by-account";r=10;.*r=100;/);
    expect((await ana.get("/v1/messages")).headers).to.not.have.property("ratelimit");
  });

  it("use only the X-Forwarded-For entry of the trusted proxy", async () => {
    for (let n = 0; n < 10; n += 1) await logIn("victim", "wrong password", `203.0.113.${n}, 192.0.2.1`);
    for (const claimed of ["203.0.113.77, 192.0.2.1", "192.0.2.1", "::ffff:192.0.2.1", "a, b,192.0.2.1"]) {
      expectLimited(await logIn("victim", "wrong password", claimed));
    }
    const other = await logIn("victim", "wrong password", "192.0.2.1, 203.0.113.77");
    expectProblem(other, 400, "wrong_credentials");
    expectProblem(await logIn("victim", "wrong password", "192.0.2.1, nonsense"), 400, "bad_request");
  });

  it("use the address of the connection without a trusted proxy", async () => {
    const open = await openTestServer({ rateLimits: true });
    const attempt = (n: number) =>
      new Client(open.url).post(
        "/v1/auth/login",
        { username: "victim", password: "wrong password" },
        from(`203.0.113.${n}`),
      );
    for (let n = 0; n < 10; n += 1) expectProblem(await attempt(n), 400, "wrong_credentials");
    expectLimited(await attempt(11));
    await open.close();
  });

  it("do not apply when they are turned off", async () => {
    const open = await openTestServer();
    for (let n = 0; n < 120; n += 1) {
      const body = { username: "nobody", password: "wrong password" };
      const response = await new Client(open.url).post("/v1/auth/login", body);
      expectProblem(response, 400, "wrong_credentials");
      expect(response.headers).to.not.have.property("ratelimit");
    }
    await open.close();
  });
});

describe("createLimits counters", () => {
  const app = new Koa({ proxy: true });

  const contextFrom = (address: string): Context => {
    const request = new IncomingMessage(new Socket());
    const context = app.createContext(request, new ServerResponse(request));
    context.state["forwarded"] = { address };
    return context;
  };
  const outcome = (attempt: () => Promise<void>) =>
    attempt().then(
      () => "counted",
      (error: { readonly code: string }) => error.code,
    );

  it("reset when the window ends", async () => {
    const clock = sinon.useFakeTimers();
    try {
      const limits = createLimits();
      const count = () => outcome(() => limits.countByAddress(contextFrom("192.0.2.1"), "registrations"));
      for (let n = 0; n < 200; n += 1) await count();
      await clock.tickAsync(HOUR - 1);
      expect(await count()).to.equal("too_many_requests");
      await clock.tickAsync(1);
      expect(await count()).to.equal("counted");
    } finally {
      clock.restore();
    }
  });

  it("delay the refusals of an address that is refused often, and of no other", async () => {
    const clock = sinon.useFakeTimers();
    try {
      const limits = createLimits();
      const sent: string[] = [];
      const refuse = (address: string) =>
        limits.delayRefusal(contextFrom(address)).then(() => void sent.push(address));
      for (let n = 0; n < 51; n += 1) void refuse("192.0.2.1");
      void refuse("192.0.2.2");
      await clock.tickAsync(1);
      expect(sent).to.deep.equal([...Array<string>(50).fill("192.0.2.1"), "192.0.2.2"]);
      await clock.tickAsync(1_000);
      expect(sent).to.have.length(52);
      void refuse("192.0.2.1");
      await clock.tickAsync(0);
      expect(sent).to.have.length(53);
    } finally {
      clock.restore();
    }
  });

  it("count no other key while the quotas of the maximum number of keys are used up", async () => {
    const limits = createLimits({ maxKeys: 2 });
    const count = (address: string) =>
      outcome(() => limits.countByAddress(contextFrom(address), "registrations"));
    for (const address of ["192.0.2.1", "192.0.2.2"]) {
      for (let n = 0; n < 200; n += 1) await count(address);
    }
    for (const address of ["192.0.2.3", "192.0.2.1", "192.0.2.2"]) {
      expect(await count(address)).to.equal("too_many_requests");
    }
  });

  it("give a turn to others while correct passwords of ten accounts wait, and to registrations", async () => {
    const limits = createLimits();
    const started: string[] = [];
    const releases: (() => void)[] = [];
    const logIn = (address: string, username: string, admit: "tryPassword" | "takeTurn" = "tryPassword") =>
      outcome(() =>
        limits[admit](contextFrom(address), username, async () => {
          started.push(username);
          await new Promise<void>((resolve) => releases.push(resolve));
        }),
      );
    const attack = Array.from({ length: 90 }, (_, index) => logIn("192.0.2.1", `attacker${index % 10}`));
    const honest = [
      logIn("192.0.2.1", "ana"),
      logIn("192.0.2.2", "bob"),
      logIn("192.0.2.1", "new user", "takeTurn"),
    ];
    await settle();
    for (let release = releases.shift(); release; release = releases.shift()) {
      release();
      await settle();
    }
    expect(await Promise.all(honest)).to.deep.equal(["counted", "counted", "counted"]);
    // Behind the attempts in progress, and one turn of each account of either address.
    for (const name of ["ana", "bob", "new user"]) {
      expect(started.indexOf(name), name).to.be.below(availableParallelism() + 2 * 12);
    }
    for (const code of await Promise.all(attack)) expect(code).to.be.oneOf(["counted", "busy"]);
  });

  it("limit the reads in progress of an address, until their responses close", async () => {
    const limits = createLimits();
    const enter = (address: string, user: string, kind: Concurrent = "reads") => {
      const context = contextFrom(address);
      return outcome(async () => limits.enter(context, kind, user as UserId)).then((code) => ({
        code,
        context,
      }));
    };
    const entered: Context[] = [];
    for (let n = 0; n < 240; n += 1) {
      const { code, context } = await enter("192.0.2.1", `user ${n % 12}`);
      expect(code).to.equal("counted");
      entered.push(context);
    }
    expect((await enter("192.0.2.1", "another user")).code).to.equal("too_many_requests");
    expect((await enter("192.0.2.2", "another user")).code).to.equal("counted");
    expect((await enter("192.0.2.2", "user 0")).code).to.equal("too_many_requests");
    expect((await enter("192.0.2.1", "another user", "polls")).code).to.equal("counted");
    entered[0]!.res.emit("close");
    expect((await enter("192.0.2.1", "another user")).code).to.equal("counted");
    expect((await enter("192.0.2.1", "another user")).code).to.equal("too_many_requests");
  });

  it("do not count a read whose client has left", async () => {
    const limits = createLimits();
    for (let n = 0; n < 30; n += 1) {
      const context = contextFrom("192.0.2.1");
      context.req.socket.destroy();
      limits.enter(context, "reads", "user" as UserId);
    }
    limits.enter(contextFrom("192.0.2.1"), "reads", "user" as UserId);
  });

  it("keep guesses at an account counted while logins of other accounts are invalid", async () => {
    const limits = createLimits({ maxKeys: 20 });
    const logIn = (address: string, username: string, code: ErrorCode) =>
      outcome(() =>
        limits.tryPassword(
          contextFrom(address),
          username,
          async () => {
            throw new MessagingError(code, "");
          },
          "invalid_password",
        ),
      );
    for (let n = 0; n < 9; n += 1) {
      expect(await logIn("192.0.2.1", "victim", "wrong_credentials")).to.equal("wrong_credentials");
    }
    for (let n = 0; n < 200; n += 1) await logIn(`198.51.100.${n}`, `nobody${n}`, "invalid_password");
    expect(await logIn("192.0.2.1", "victim", "wrong_credentials")).to.equal("wrong_credentials");
    expect(await logIn("192.0.2.1", "victim", "wrong_credentials")).to.equal("too_many_requests");
  });
});

describe("networkOf", () => {
  it("returns an IPv4 address, or the first 64 bits of an IPv6 address in any notation", () => {
    for (const [address, network] of [
      ["192.0.2.1", "192.0.2.1"],
      ["2001:db8:0:1:2:3:4:5", "2001:db8:0:1::/64"],
      ["2001:0DB8:0:0001::", "2001:db8:0:1::/64"],
      ["2001:db8::", "2001:db8:0:0::/64"],
      ["2001:db8::1:2:3:4:5", "2001:db8:0:1::/64"],
      ["::1", "0:0:0:0::/64"],
      ["64:ff9b::192.0.2.1", "64:ff9b:0:0::/64"],
      ["fe80::1%eth0", "fe80:0:0:0::/64"],
      ["", ""],
    ] as const) {
      expect(networkOf(address), address).to.equal(network);
    }
  });
});
