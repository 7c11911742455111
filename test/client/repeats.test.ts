import { getEventListeners } from "node:events";
import { expect } from "chai";
import { useFakeTimers, type SinonFakeTimers } from "sinon";
import { routes, type Operations } from "../../src/client/api.js";
import { createClient, PalaverError, type Client } from "../../src/client/index.js";

/** What becomes of a request: no answer comes, or not for a long time, or not whole, or this one. */
type Fate = "lost" | "late" | "torn" | (() => Response);

/** A request as the network sees it. */
interface Seen {
  readonly at: number;
  readonly method: string | undefined;
  readonly url: string;
  readonly headers: Headers;
  readonly body: unknown;
}

const done =
  (body: unknown = {}) =>
  () =>
    Response.json(body);

function problem(status: number, code: string, headers: Readonly<Record<string, string>> = {}): Fate {
  const type = { "Content-Type": "application/problem+json; charset=utf-8" };
  const body = JSON.stringify({ status, code, detail: `It is ${code}.` });
  return () => new Response(body, { status, headers: { ...headers, ...type } });
}

/** By something that stands before the server. */
const byProxy = (status: number, headers: Readonly<Record<string, string>> = {}): Fate => {
  return () => new Response("<html>", { status, headers: { ...headers, "Content-Type": "text/html" } });
};

/** A success whose end is missing, where nobody has noticed that on the way. */
const cut = (text: string) => () => new Response(text, { headers: { "Content-Type": "application/json" } });

/** Asks for an operation, whatever that is. */
const ask = (client: Client, name: string) => {
  const fields = { chat_id: 1, id: 1, username: "bob", user: "bob", session_id: "s", token_id: "t" };
  const operation = client[name as keyof Operations] as (request?: object) => Promise<unknown>;
  const { path, rest } = routes[name as keyof Operations];
  return path.includes("{") || rest ? operation(fields) : operation();
};

describe("A call of the client", () => {
  let clock: SinonFakeTimers;
  let fates: Fate[];
  let seen: Seen[];
  let client: Client;

  const fetch = async (url: unknown, init: RequestInit = {}): Promise<Response> => {
    const { method, body } = init;
    seen.push({ at: Date.now(), method, url: String(url), headers: new Headers(init.headers), body });
    init.signal?.throwIfAborted();
    const fate = fates.shift() ?? done();
    if (fate === "lost") throw new TypeError("fetch failed");
    if (fate === "late") {
      return new Promise((_, reject) => {
        init.signal?.addEventListener("abort", () => reject(init.signal?.reason as Error));
      });
    }
    if (typeof fate === "function") return fate();
    const torn = new ReadableStream({ pull: (controller) => controller.error(new TypeError("terminated")) });
    return new Response(torn, { headers: { "Content-Type": "application/json" } });
  };

  /** What comes of it, with all the time in the world. */
  async function outcome(call: Promise<unknown>): Promise<unknown> {
    let result: { readonly value: unknown } | undefined;
    call.then(
      (value) => (result = { value }),
      (error: unknown) => (result = { value: error }),
    );
    while (!result) await clock.tickAsync(100);
    return result.value;
  }

  const codeOf = async (call: Promise<unknown>) => ((await outcome(call)) as PalaverError).code;
  const keys = () => seen.map(({ headers }) => headers.get("Idempotency-Key"));
  const rests = () => seen.slice(1).map(({ at }, n) => at - seen[n]!.at);

  beforeEach(() => {
    clock = useFakeTimers({ now: Date.UTC(2026, 10, 23), toFake: ["setTimeout", "clearTimeout", "Date"] });
    fates = [];
    seen = [];
    client = createClient({ url: "http://chat.example/", fetch });
  });

  afterEach(() => {
    expect(clock.countTimers()).to.equal(0);
    clock.restore();
  });

  it("that sends is repeated under its key, whatever becomes of it on the way", async () => {
    fates = [
      "lost",
      "torn",
      problem(503, "busy", { "Retry-After": "1" }),
      byProxy(502),
      "late",
      byProxy(504),
      byProxy(500),
      byProxy(521),
      byProxy(408),
      cut('{"id":'),
      cut(""),
    ];
    fates.push(
      problem(429, "too_many_requests", { "Retry-After": "2" }),
      byProxy(503),
      problem(408, "request_timeout"),
    );
    fates.push(done({ id: 7 }));
    const patient = createClient({ url: "http://chat.example", fetch, patience: Number.POSITIVE_INFINITY });
    expect(await outcome(patient.sendMessage({ dest_username: "bob", message: "hello" }))).to.deep.equal({
      id: 7,
    });
    expect(seen).to.have.length(15);
    expect(new Set(keys()).size).to.equal(1);
    expect(keys()[0]).to.match(/^[!-~]{1,64}$/);
    expect(new Set(seen.map(({ body }) => body))).to.deep.equal(
      new Set(['{"dest_username":"bob","message":"hello"}']),
    );
  });

  it("that sends has a key of its own, or the one that is given", async () => {
    const message = { dest_username: "bob", message: "hello" };
    await outcome(client.sendMessage(message));
    await outcome(client.sendMessage(message));
    await outcome(client.sendMessage(message, { idempotencyKey: "mine" }));
    expect(new Set(keys()).size).to.equal(3);
    expect(keys()[2]).to.equal("mine");
    for (const idempotencyKey of ["ключ", "", "a\nb", "x".repeat(65)]) {
      const error = await outcome(client.sendMessage(message, { idempotencyKey }));
      expect(error).to.be.instanceOf(TypeError);
      expect((error as TypeError).message).to.include("idempotencyKey");
    }
    expect(seen).to.have.length(3);
  });

  it("waits as long as it is asked to, by seconds and by date", async () => {
    const inNineSeconds = new Date(Date.now() + 9_000).toUTCString();
    fates = [problem(429, "too_many_requests", { "Retry-After": "7" })];
    await outcome(client.listChats());
    expect(rests()[0]).to.be.within(7_000, 7_700);
    seen = [];
    fates = [problem(503, "busy", { "Retry-After": inNineSeconds })];
    const began = Date.now();
    await outcome(client.listChats());
    expect(seen[1]!.at)
      .to.be.at.least(Date.parse(inNineSeconds))
      .and.at.most(began + 9_700);
  });

  it("does not wait by what is neither", async () => {
    for (const asked of ["1.5", "2, 2", "-5", "soon", "", "July 2030", "Mon, 99 Foo GMT"]) {
      fates = [problem(503, "busy", { "Retry-After": asked })];
      const error = (await outcome(client.listChats({}, { patience: 0 }))) as PalaverError;
      expect(error, asked).to.include({ code: "busy", retryAfter: undefined });
    }
  });

  it("rests longer after each failure, up to half a minute, and never as long as another", async () => {
    fates = Array.from({ length: 9 }, () => "lost" as const);
    await outcome(client.listChats({}, { patience: 3_600_000 }));
    const longest = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000];
    for (const [n, rest] of rests().entries()) expect(rest).to.be.within(longest[n]! / 2, longest[n]!);
    expect(new Set(rests().slice(-3)).size).to.equal(3);
  });

  it("fails with what it met last, when its patience is over", async () => {
    fates = Array.from({ length: 20 }, () => "lost" as const);
    const error = (await outcome(client.listChats({}, { patience: 5_000 }))) as PalaverError;
    expect(error).to.be.instanceOf(PalaverError);
    expect(error).to.include({ code: "no_answer", status: 0, requestId: undefined });
    expect(error.detail).to.equal("No answer came: fetch failed");
    expect(seen.length).to.be.within(3, 5);
    expect(seen.at(-1)!.at - seen[0]!.at).to.be.at.most(5_000);
  });

  it("fails at once where it would have to wait for longer than its patience, and where it has none", async () => {
    fates = [problem(429, "too_many_requests", { "Retry-After": "900" })];
    const error = (await outcome(client.logIn({ username: "ana", password: "wrong horse" }))) as PalaverError;
    expect(error).to.include({ code: "too_many_requests", status: 429, retryAfter: 900_000 });
    fates = ["lost"];
    expect(await codeOf(client.listChats({}, { patience: 0 }))).to.equal("no_answer");
    expect(seen).to.have.length(2);
  });

  it("is repeated after a lost answer by all operations but those that would be done twice, or refused", async () => {
    const once: string[] = [];
    for (const name of Object.keys(routes)) {
      seen = [];
      fates = ["lost"];
      await outcome(ask(client, name));
      if (seen.length === 1) once.push(name);
    }
    expect(once).to.have.members([
      "registerUser",
      "logIn",
      "changePassword",
      "createToken",
      "createGroupChat",
      "addParticipant",
    ]);
  });

  it("is repeated by those too, where the server says that nothing was done, and not where a proxy says so", async () => {
    for (const name of ["registerUser", "logIn", "changePassword", "createToken", "createGroupChat"]) {
      for (const [fate, attempts] of [
        [problem(429, "too_many_requests", { "Retry-After": "1" }), 2],
        [problem(503, "busy", { "Retry-After": "1" }), 2],
        [problem(503, "store_unavailable", { "Retry-After": "5" }), 2],
        [byProxy(503, { "Retry-After": "1" }), 1],
        [byProxy(429, { "Retry-After": "1" }), 1],
        [problem(500, "internal_error"), 1],
        [problem(408, "request_timeout"), 1],
        ["late", 1],
        [byProxy(500), 1],
        [cut("{"), 1],
      ] as const) {
        seen = [];
        fates = [fate];
        await outcome(ask(client, name));
        expect(seen, name).to.have.length(attempts);
      }
    }
  });

  for (const [name, status, code] of [
    ["logOut", 401, "not_signed_in"],
    ["endSession", 404, "unknown_session"],
    ["endSession", 401, "not_signed_in"],
    ["endToken", 404, "unknown_token"],
    ["endToken", 401, "not_signed_in"],
    ["removeParticipant", 400, "user_not_in_chat"],
  ] as const) {
    it(`${name}, whose answer was lost, is done where the repeat says ${code}`, async () => {
      fates = ["lost", problem(status, code)];
      expect(await outcome(ask(client, name))).to.deep.equal({});
      fates = [problem(status, code)];
      expect(await codeOf(ask(client, name))).to.equal(code);
      fates = [problem(503, "busy", { "Retry-After": "1" }), problem(status, code)];
      expect(await codeOf(ask(client, name))).to.equal(code);
    });
  }

  it("removeParticipant, whose answer was lost, is done where the repeat finds the caller out of the chat, if that was to be removed", async () => {
    const refused = problem(403, "not_a_participant");
    const session = done({ user_id: "u-ana", username: "Ana" });
    for (const user of ["u-ana", "ana"]) {
      fates = ["lost", refused, session];
      expect(await outcome(client.removeParticipant({ chat_id: 1, user }))).to.deep.equal({});
    }
    fates = ["lost", refused, session];
    expect(await codeOf(client.removeParticipant({ chat_id: 1, user: "bob" }))).to.equal("not_a_participant");
    fates = [refused];
    expect(await codeOf(client.removeParticipant({ chat_id: 1, user: "ana" }))).to.equal("not_a_participant");
  });

  it("is not repeated where it is refused for good", async () => {
    for (const [fate, code] of [
      [problem(400, "unknown_user"), "unknown_user"],
      [problem(500, "internal_error"), "internal_error"],
      [byProxy(404), "unexpected_answer"],
      [byProxy(302), "unexpected_answer"],
      [() => new Response("<html>", { headers: { "Content-Type": "text/html" } }), "unexpected_answer"],
    ] as const) {
      seen = [];
      fates = [fate];
      expect(await codeOf(client.listP2pMessages({ username: "bob" }))).to.equal(code);
      expect(seen).to.have.length(1);
    }
  });

  it("gives an attempt its time, and more where the answer is to be held back", async () => {
    fates = ["late"];
    await outcome(client.listChats({}, { timeout: 2_000 }));
    expect(rests()[0]).to.be.within(2_000, 2_600);
    seen = [];
    fates = ["late"];
    await outcome(client.listEvents({ after: "x", wait: 60 }, { timeout: 2_000, patience: 100_000 }));
    expect(rests()[0]).to.be.within(62_000, 62_600);
  });

  it("ends with the reason of its signal: before it, during an attempt and in between", async () => {
    for (const fate of ["lost", "late"] as const) {
      for (const milliseconds of [0, 100]) {
        // The same kind of reason as that of an attempt which takes too long.
        const reason = new DOMException("mine", "TimeoutError");
        const controller = new AbortController();
        fates = [fate, fate, fate];
        const { signal } = controller;
        const call = outcome(client.listChats({}, { signal }));
        if (milliseconds > 0) await clock.tickAsync(milliseconds);
        controller.abort(reason);
        expect(await call).to.equal(reason);
        expect(getEventListeners(signal, "abort")).to.deep.equal([]);
      }
    }
    // What is not repeated ends with it, too.
    const controller = new AbortController();
    fates = ["late"];
    const login = outcome(client.logIn({ username: "ana", password: "x" }, { signal: controller.signal }));
    controller.abort("mine");
    expect(await login).to.equal("mine");
    const error = await outcome(client.listChats({}, { signal: AbortSignal.abort("over") }));
    expect(error).to.equal("over");
  });

  it("is one of many under a signal, which has one listener for them all", async () => {
    const { signal } = new AbortController();
    fates = Array.from({ length: 50 }, () => "late" as const);
    const calls = Array.from({ length: 50 }, () => client.listChats({}, { signal, timeout: 1_000 }));
    expect(getEventListeners(signal, "abort")).to.have.length(1);
    await outcome(Promise.all(calls));
    expect(seen).to.have.length(100);
    expect(getEventListeners(signal, "abort")).to.deep.equal([]);
  });

  it("all end with their signal, where there are many", async () => {
    const controller = new AbortController();
    fates = ["late", "lost", "late"];
    const { signal } = controller;
    const calls = Promise.allSettled(Array.from({ length: 3 }, () => client.listChats({}, { signal })));
    await clock.tickAsync(10);
    controller.abort("over");
    const over = { status: "rejected", reason: "over" };
    expect(await outcome(calls)).to.deep.equal([over, over, over]);
    expect(getEventListeners(signal, "abort")).to.deep.equal([]);
  });

  it("asks with the token and without the browser's cookie, or else with it", async () => {
    const inits: RequestInit[] = [];
    const noting: typeof globalThis.fetch = async (url, init) => {
      inits.push(init!);
      return fetch(url, init);
    };
    await createClient({ url: "http://chat.example", token: "secret", fetch: noting }).listChats();
    await createClient({ url: "http://chat.example", fetch: noting }).listChats();
    expect(seen.map(({ headers }) => headers.get("Authorization"))).to.deep.equal(["Bearer secret", null]);
    expect(inits.map(({ credentials }) => credentials)).to.deep.equal(["omit", "include"]);
  });

  it("asks under the path where the server is mounted, and puts nothing into a path that would leave it", async () => {
    const mounted = createClient({ url: "http://chat.example/talk/", fetch });
    await outcome(mounted.listP2pMessages({ username: "é/?#", limit: 5, before: undefined }));
    expect(seen[0]!.url).to.equal(
      "http://chat.example/talk/v1/group_chat/messages/p2p/%C3%A9%2F%3F%23?limit=5",
    );
    for (const user of ["", ".", "..", "a\ud800"]) {
      expect(await outcome(mounted.removeParticipant({ chat_id: 1, user }))).to.be.instanceOf(TypeError);
    }
    expect(seen).to.have.length(1);
  });

  it("is not even made by a client whose options can't be", async () => {
    const url = "http://chat.example";
    for (const options of [
      { url: "chat.example" },
      { url: "ftp://chat.example" },
      { url: "http://ana:secret@chat.example" },
      { url: "http://chat.example/?q=1" },
      { url: "http://chat.example/#top" },
      { url, token: "" },
      { url, token: "a\nb" },
      { url, patience: Number.NaN },
      { url, timeout: Number.NaN },
      { url, fetch: "fetch" as unknown as typeof globalThis.fetch },
    ]) {
      expect(() => createClient(options), JSON.stringify(options)).to.throw(TypeError);
    }
    expect(await outcome(client.listChats({}, { patience: Number.NaN }))).to.be.instanceOf(TypeError);
    expect(await outcome(client.listChats({}, { timeout: Number.NaN }))).to.be.instanceOf(TypeError);
    expect(seen).to.have.length(0);
  });

  it("says so where its fetch shows a cookie in a way in which it can't be kept", async () => {
    const headers = (cookie: string | null) => ({
      get: (name: string) => (name === "Set-Cookie" ? cookie : "application/json"),
    });
    for (const [cookie, type] of [
      ["palaver_session=x; HttpOnly", "TypeError"],
      [null, "Object"],
    ] as const) {
      fates = [
        () =>
          ({
            ok: true,
            status: 200,
            headers: headers(cookie),
            text: async () => "{}",
          }) as unknown as Response,
      ];
      const result = (await outcome(ask(client, "logIn"))) as object;
      expect(result.constructor.name).to.equal(type);
    }
    expect(seen).to.have.length(2);
  });
});
