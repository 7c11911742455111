import { getEventListeners } from "node:events";
import { expect } from "chai";
import { useFakeTimers, type SinonFakeTimers } from "sinon";
import { routes, type Operations } from "../../src/client/api.js";
import { createClient, PalaverError, type Client } from "../../src/client/index.js";

/** The outcome of a request: the response is lost, late or truncated, or it is this one. */
type Fate = "lost" | "late" | "truncated" | (() => Response);

/** A request that reached the network. */
interface SentRequest {
  readonly at: number;
  readonly method: string | undefined;
  readonly url: string;
  readonly headers: Headers;
  readonly body: unknown;
}

const succeed =
  (body: unknown = {}) =>
  () =>
    Response.json(body);

function problem(status: number, code: string, headers: Readonly<Record<string, string>> = {}): Fate {
  const type = { "Content-Type": "application/problem+json; charset=utf-8" };
  const body = JSON.stringify({ status, code, detail: `Error ${code}.` });
  return () => new Response(body, { status, headers: { ...headers, ...type } });
}

/** A response of a proxy. */
const byProxy = (status: number, headers: Readonly<Record<string, string>> = {}): Fate => {
  return () => new Response("<html>", { status, headers: { ...headers, "Content-Type": "text/html" } });
};

/** A 200 whose body was truncated without a network error. */
const truncatedJson = (text: string) => () =>
  new Response(text, { headers: { "Content-Type": "application/json" } });

/** Calls any operation with fields that fit all of them. */
const callByName = (client: Client, name: string) => {
  const fields = { chat_id: 1, id: 1, username: "bob", user: "bob", session_id: "s", token_id: "t" };
  const operation = client[name as keyof Operations] as (request?: object) => Promise<unknown>;
  const { path, fieldsIn } = routes[name as keyof Operations];
  return path.includes("{") || fieldsIn ? operation(fields) : operation();
};

describe("call", () => {
  let clock: SinonFakeTimers;
  let fates: Fate[];
  let sent: SentRequest[];
  let client: Client;

  const fetch = async (url: unknown, init: RequestInit = {}): Promise<Response> => {
    const { method, body } = init;
    sent.push({ at: Date.now(), method, url: String(url), headers: new Headers(init.headers), body });
    init.signal?.throwIfAborted();
    const fate = fates.shift() ?? succeed();
    if (fate === "lost") throw new TypeError("fetch failed");
    if (fate === "late") {
      return new Promise((_, reject) => {
        init.signal?.addEventListener("abort", () => reject(init.signal?.reason as Error));
      });
    }
    if (typeof fate === "function") return fate();
    const truncated = new ReadableStream({
      pull: (controller) => controller.error(new TypeError("terminated")),
    });
    return new Response(truncated, { headers: { "Content-Type": "application/json" } });
  };

  /** The value or the error of a call. Advances the clock until it settles. */
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
  const keys = () => sent.map(({ headers }) => headers.get("Idempotency-Key"));
  const delays = () => sent.slice(1).map(({ at }, n) => at - sent[n]!.at);

  beforeEach(() => {
    clock = useFakeTimers({ now: Date.UTC(2026, 10, 23), toFake: ["setTimeout", "clearTimeout", "Date"] });
    fates = [];
    sent = [];
    client = createClient({ url: "http://chat.example/", fetch });
  });

  afterEach(() => {
    expect(clock.countTimers()).to.equal(0);
    clock.restore();
  });

  it("retries sendMessage under the same key after every failure of the network or of a proxy", async () => {
    fates = [
      "lost",
      "truncated",
      problem(503, "busy", { "Retry-After": "1" }),
      byProxy(502),
      "late",
      byProxy(504),
      byProxy(500),
      byProxy(521),
      byProxy(408),
      truncatedJson('{"id":'),
      truncatedJson(""),
    ];
    fates.push(
      problem(429, "too_many_requests", { "Retry-After": "2" }),
      byProxy(503),
      problem(408, "request_timeout"),
    );
    fates.push(succeed({ id: 7 }));
    const patient = createClient({ url: "http://chat.example", fetch, patience: Number.POSITIVE_INFINITY });
    expect(await outcome(patient.sendMessage({ dest_username: "bob", message: "hello" }))).to.deep.equal({
      id: 7,
    });
    expect(sent).to.have.length(15);
    expect(new Set(keys()).size).to.equal(1);
    expect(keys()[0]).to.match(/^[!-~]{1,64}$/);
    expect(new Set(sent.map(({ body }) => body))).to.deep.equal(
      new Set(['{"dest_username":"bob","message":"hello"}']),
    );
  });

  it("sends each message under a new random key or the given one, and rejects an invalid key", async () => {
    const message = { dest_username: "bob", message: "hello" };
    await outcome(client.sendMessage(message));
    await outcome(client.sendMessage(message));
    await outcome(client.sendMessage(message, { idempotencyKey: "given" }));
    expect(new Set(keys()).size).to.equal(3);
    expect(keys()[2]).to.equal("given");
    for (const idempotencyKey of ["ключ", "", "a\nb", "x".repeat(65)]) {
      const error = await outcome(client.sendMessage(message, { idempotencyKey }));
      expect(error).to.be.instanceOf(TypeError);
      expect((error as TypeError).message).to.include("idempotencyKey");
    }
    expect(sent).to.have.length(3);
  });

  it("waits for the Retry-After of the server, in seconds or as a date", async () => {
    const inNineSeconds = new Date(Date.now() + 9_000).toUTCString();
    fates = [problem(429, "too_many_requests", { "Retry-After": "7" })];
    await outcome(client.listChats());
    expect(delays()[0]).to.be.within(7_000, 7_700);
    sent = [];
    fates = [problem(503, "busy", { "Retry-After": inNineSeconds })];
    const start = Date.now();
    await outcome(client.listChats());
    expect(sent[1]!.at)
      .to.be.at.least(Date.parse(inNineSeconds))
      .and.at.most(start + 9_700);
  });

  it("ignores an invalid Retry-After", async () => {
    for (const retryAfter of ["1.5", "2, 2", "-5", "soon", "", "July 2030", "Mon, 99 Foo GMT"]) {
      fates = [problem(503, "busy", { "Retry-After": retryAfter })];
      const error = (await outcome(client.listChats({}, { patience: 0 }))) as PalaverError;
      expect(error, retryAfter).to.include({ code: "busy", retryAfter: undefined });
    }
  });

  it("waits with exponential backoff and jitter, up to 30 seconds", async () => {
    fates = Array.from({ length: 9 }, () => "lost" as const);
    await outcome(client.listChats({}, { patience: 3_600_000 }));
    const max = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000];
    for (const [n, delay] of delays().entries()) expect(delay).to.be.within(max[n]! / 2, max[n]!);
    expect(new Set(delays().slice(-3)).size).to.equal(3);
  });

  it("rejects with the last error when its patience has elapsed", async () => {
    fates = Array.from({ length: 20 }, () => "lost" as const);
    const error = (await outcome(client.listChats({}, { patience: 5_000 }))) as PalaverError;
    expect(error).to.be.instanceOf(PalaverError);
    expect(error).to.include({ code: "no_answer", status: 0, requestId: undefined });
    expect(error.detail).to.equal("No complete response arrived: fetch failed");
    expect(sent.length).to.be.within(3, 5);
    expect(sent.at(-1)!.at - sent[0]!.at).to.be.at.most(5_000);
  });

  it("rejects immediately if Retry-After exceeds its patience, and without retries if that is 0", async () => {
    fates = [problem(429, "too_many_requests", { "Retry-After": "900" })];
    const error = (await outcome(client.logIn({ username: "ana", password: "wrong horse" }))) as PalaverError;
    expect(error).to.include({ code: "too_many_requests", status: 429, retryAfter: 900_000 });
    fates = ["lost"];
    expect(await codeOf(client.listChats({}, { patience: 0 }))).to.equal("no_answer");
    expect(sent).to.have.length(2);
  });

  it("retries a send under its idempotency key if the server does not know whether it stored the message", async () => {
    fates = [problem(503, "outcome_unknown")];
    await outcome(callByName(client, "sendMessage"));
    expect(sent).to.have.length(2);
  });

  it("retries all operations after a lost response except those that are not idempotent", async () => {
    const notRetried: string[] = [];
    for (const name of Object.keys(routes)) {
      sent = [];
      fates = ["lost"];
      await outcome(callByName(client, name));
      if (sent.length === 1) notRetried.push(name);
    }
    expect(notRetried).to.have.members([
      "registerUser",
      "logIn",
      "changePassword",
      "createToken",
      "createGroupChat",
      "addParticipant",
      "createInvitation",
      "sendTyping",
    ]);
  });

  it("retries operations that are not idempotent only if Palaver states that it did not perform them", async () => {
    for (const name of ["registerUser", "logIn", "changePassword", "createToken", "createGroupChat"]) {
      for (const [fate, attempts] of [
        [problem(429, "too_many_requests", { "Retry-After": "1" }), 2],
        [problem(503, "busy", { "Retry-After": "1" }), 2],
        [problem(503, "store_unavailable", { "Retry-After": "5" }), 2],
        [byProxy(503, { "Retry-After": "1" }), 1],
        [byProxy(429, { "Retry-After": "1" }), 1],
        [problem(500, "internal_error"), 1],
        [problem(408, "request_timeout"), 1],
        [problem(503, "outcome_unknown"), 1],
        ["late", 1],
        [byProxy(500), 1],
        [truncatedJson("{"), 1],
      ] as const) {
        sent = [];
        fates = [fate];
        await outcome(callByName(client, name));
        expect(sent, name).to.have.length(attempts);
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
    it(`resolves ${name} if the response was lost and the retry is rejected with ${code}`, async () => {
      fates = ["lost", problem(status, code)];
      expect(await outcome(callByName(client, name))).to.deep.equal({});
      fates = [problem(status, code)];
      expect(await codeOf(callByName(client, name))).to.equal(code);
      fates = [problem(503, "busy", { "Retry-After": "1" }), problem(status, code)];
      expect(await codeOf(callByName(client, name))).to.equal(code);
    });
  }

  it("resolves removeParticipant of the caller if the response was lost and the caller is no participant any more", async () => {
    const rejected = problem(403, "not_a_participant");
    const session = succeed({ user_id: "u-ana", username: "Ana" });
    for (const user of ["u-ana", "ana"]) {
      fates = ["lost", rejected, session];
      expect(await outcome(client.removeParticipant({ chat_id: 1, user }))).to.deep.equal({});
    }
    fates = ["lost", rejected, session];
    expect(await codeOf(client.removeParticipant({ chat_id: 1, user: "bob" }))).to.equal("not_a_participant");
    fates = [rejected];
    expect(await codeOf(client.removeParticipant({ chat_id: 1, user: "ana" }))).to.equal("not_a_participant");
  });

  it("does not retry a permanent error", async () => {
    for (const [fate, code] of [
      [problem(400, "unknown_user"), "unknown_user"],
      [problem(500, "internal_error"), "internal_error"],
      [byProxy(404), "unexpected_answer"],
      [byProxy(302), "unexpected_answer"],
      [() => new Response("<html>", { headers: { "Content-Type": "text/html" } }), "unexpected_answer"],
    ] as const) {
      sent = [];
      fates = [fate];
      expect(await codeOf(client.listP2pMessages({ username: "bob" }))).to.equal(code);
      expect(sent).to.have.length(1);
    }
  });

  it("limits each attempt to its timeout plus the wait of listEvents", async () => {
    fates = ["late"];
    await outcome(client.listChats({}, { timeout: 2_000 }));
    expect(delays()[0]).to.be.within(2_000, 2_600);
    sent = [];
    fates = ["late"];
    await outcome(client.listEvents({ after: "x", wait: 60 }, { timeout: 2_000, patience: 100_000 }));
    expect(delays()[0]).to.be.within(62_000, 62_600);
  });

  it("rejects with the reason of its signal before, during and between attempts", async () => {
    for (const fate of ["lost", "late"] as const) {
      for (const milliseconds of [0, 100]) {
        // The client uses the same kind of reason for an attempt that times out.
        const reason = new DOMException("stop", "TimeoutError");
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
    // The same holds for operations that are not retried.
    const controller = new AbortController();
    fates = ["late"];
    const login = outcome(client.logIn({ username: "ana", password: "x" }, { signal: controller.signal }));
    controller.abort("stop");
    expect(await login).to.equal("stop");
    const error = await outcome(client.listChats({}, { signal: AbortSignal.abort("stop") }));
    expect(error).to.equal("stop");
  });

  it("shares one listener on a signal with all other calls", async () => {
    const { signal } = new AbortController();
    fates = Array.from({ length: 50 }, () => "late" as const);
    const calls = Array.from({ length: 50 }, () => client.listChats({}, { signal, timeout: 1_000 }));
    expect(getEventListeners(signal, "abort")).to.have.length(1);
    await outcome(Promise.all(calls));
    expect(sent).to.have.length(100);
    expect(getEventListeners(signal, "abort")).to.deep.equal([]);
  });

  it("rejects all calls that share a signal when it aborts", async () => {
    const controller = new AbortController();
    fates = ["late", "lost", "late"];
    const { signal } = controller;
    const calls = Promise.allSettled(Array.from({ length: 3 }, () => client.listChats({}, { signal })));
    await clock.tickAsync(10);
    controller.abort("stop");
    const aborted = { status: "rejected", reason: "stop" };
    expect(await outcome(calls)).to.deep.equal([aborted, aborted, aborted]);
    expect(getEventListeners(signal, "abort")).to.deep.equal([]);
  });

  it("sends either the token or the cookie of the browser", async () => {
    const inits: RequestInit[] = [];
    const recording: typeof globalThis.fetch = async (url, init) => {
      inits.push(init!);
      return fetch(url, init);
    };
    await createClient({ url: "http://chat.example", token: "secret", fetch: recording }).listChats();
    await createClient({ url: "http://chat.example", fetch: recording }).listChats();
    expect(sent.map(({ headers }) => headers.get("Authorization"))).to.deep.equal(["Bearer secret", null]);
    expect(inits.map(({ credentials }) => credentials)).to.deep.equal(["omit", "include"]);
  });

  it("keeps the path of the url, and rejects path parameters that would change the path", async () => {
    const mounted = createClient({ url: "http://chat.example/talk/", fetch });
    await outcome(mounted.listP2pMessages({ username: "é/?#", limit: 5, before: undefined }));
    expect(sent[0]!.url).to.equal(
      "http://chat.example/talk/v1/group_chat/messages/p2p/%C3%A9%2F%3F%23?limit=5",
    );
    for (const user of ["", ".", "..", "a\ud800"]) {
      expect(await outcome(mounted.removeParticipant({ chat_id: 1, user }))).to.be.instanceOf(TypeError);
    }
    expect(sent).to.have.length(1);
  });

  it("is rejected with a TypeError if an option of the client or of the call is invalid", async () => {
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
    expect(sent).to.have.length(0);
  });

  it("rejects with a TypeError if its fetch exposes a cookie but no getSetCookie", async () => {
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
      const result = (await outcome(callByName(client, "logIn"))) as object;
      expect(result.constructor.name).to.equal(type);
    }
    expect(sent).to.have.length(2);
  });
});
