import { getEventListeners } from "node:events";
import { expect } from "chai";
import fc from "fast-check";
import { useFakeTimers, type SinonFakeTimers } from "sinon";
import {
  createClient,
  PalaverError,
  type ChatEvent,
  type ClientEvent,
  type EventsOptions,
} from "../../src/client/index.js";

const encoder = new TextEncoder();

/** A response that streams these pieces, and then ends, breaks or stays open. */
function streamOf(
  pieces: readonly Uint8Array[],
  then: "ends" | "breaks" | "stays",
  signal?: AbortSignal | null,
) {
  const remaining = [...pieces];
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => signal?.addEventListener("abort", () => controller.error(signal.reason as Error)),
    pull(controller) {
      const piece = remaining.shift();
      if (piece) controller.enqueue(piece);
      else if (then === "ends") controller.close();
      else if (then === "breaks") controller.error(new TypeError("terminated"));
      else return new Promise<void>(() => {});
      return undefined;
    },
  });
  return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
}

const toBlock = (event: ChatEvent) =>
  `id: ${event.cursor}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;

function renameEvent(n: number, title = `${n}`): ChatEvent {
  return {
    type: "chat.renamed",
    cursor: `c-${n}`,
    chat_id: 4,
    chat_kind: "group",
    at: "2026-11-23T10:15:00.123Z",
    title,
  };
}

describe("Client.events", () => {
  it("rejects an unknown or mistyped option at once", () => {
    const client = createClient({ url: "http://127.0.0.1", token: "t" });
    for (const [options, name] of [
      [{ sinals: true }, "sinals"],
      [{ signals: "yes" }, "signals"],
      [{ after: 5 }, "after"],
      [{ signal: {} }, "signal"],
      [{ onConnection: true }, "onConnection"],
    ] as const) {
      expect(() => client.events(options as unknown as EventsOptions)).to.throw(TypeError, name);
    }
  });
});

describe("Client.events with signals", () => {
  it("resumes from the cursor of the last event, without the signals that it does not ask for", async () => {
    const typing = { chat_id: 4, user_id: "user-1", username: "ana", expires_in_ms: 6_000 };
    const block = `event: typing\ndata: ${JSON.stringify(typing)}\n\n`;
    for (const signals of [true, false]) {
      const after: (string | null)[] = [];
      const fetch = async (url: unknown, init?: RequestInit) => {
        after.push(new URL(String(url)).searchParams.get("after"));
        const first = `retry: 0\n\n${block}${toBlock(renameEvent(1))}${block}`;
        const text = after.length === 1 ? first : toBlock(renameEvent(2));
        return streamOf([encoder.encode(text)], after.length === 1 ? "breaks" : "stays", init?.signal);
      };
      const yielded: unknown[] = [];
      for await (const event of createClient({ url: "http://127.0.0.1", token: "t", fetch }).events({
        after: "c-0",
        signals,
      })) {
        yielded.push(event);
        if ("cursor" in event && event.cursor === "c-2") break;
      }
      const signal = signals ? [{ ...typing, type: "typing" }] : [];
      expect(yielded).to.deep.equal([...signal, renameEvent(1), ...signal, renameEvent(2)]);
      expect(after).to.deep.equal(["c-0", "c-1"]);
    }
  });
});

describe("Client.events with onConnection", () => {
  it("reports each stream that opens, and each that is lost or does not open", async () => {
    const reports: boolean[] = [];
    const responses = [
      (signal?: AbortSignal | null) => streamOf([encoder.encode("retry: 0\n\n")], "ends", signal),
      () => new Response("", { status: 503 }),
      (signal?: AbortSignal | null) => streamOf([encoder.encode(toBlock(renameEvent(1)))], "stays", signal),
    ];
    const fetch = async (_: unknown, init?: RequestInit) => responses.shift()!(init?.signal);
    const client = createClient({ url: "http://127.0.0.1", token: "t", fetch });
    for await (const _ of client.events({ onConnection: (isConnected) => reports.push(isConnected) })) break;
    expect(reports).to.deep.equal([true, false, false, true]);
  });
});

describe("Client.events over a network that fails", () => {
  const cut = fc.record({
    /** The number of bytes before the cut. */
    at: fc.nat(900),
    sizes: fc.array(fc.integer({ min: 1, max: 40 })),
    end: fc.constantFrom("ends" as const, "breaks" as const),
    /** The outcome of the attempts to connect before that: a status, or no response. */
    before: fc.array(fc.constantFrom(503, 502, 429, 500, 408, undefined), { maxLength: 2 }),
  });
  const titles = fc.array(fc.string({ unit: "grapheme" }), { minLength: 1, maxLength: 12 });

  it("yields each event once, in order, wherever the connection breaks", async () => {
    const property = fc.asyncProperty(titles, fc.array(cut, { maxLength: 12 }), async (all, cuts) => {
      const log = all.map((title, n) => renameEvent(n, title));
      const fates = cuts.flatMap(({ before, ...rest }) => [...before.map((status) => ({ status })), rest]);
      const fetch = async (url: unknown, init?: RequestInit) => {
        const fate = fates.shift();
        if (fate && "status" in fate) {
          if (fate.status === undefined) throw new TypeError("fetch failed");
          return new Response("", { status: fate.status });
        }
        const after = new URL(String(url)).searchParams.get("after");
        const events = log.slice(log.findIndex(({ cursor }) => cursor === after) + 1);
        const position = events.length === 0 ? `id: ${after}\n` : "";
        const bytes = encoder.encode(`retry: 0\n${position}\n${events.map(toBlock).join(":\n\n")}`);
        if (fate === undefined) return streamOf([bytes], "stays", init?.signal);
        const pieces: Uint8Array[] = [];
        const end = Math.min(fate.at, bytes.length);
        for (let at = 0; at < end;) {
          const next = Math.min(at + (fate.sizes.shift() ?? end), end);
          pieces.push(bytes.subarray(at, next));
          at = next;
        }
        return streamOf(pieces, fate.end, init?.signal);
      };
      const received: ClientEvent[] = [];
      for await (const event of createClient({ url: "http://chat.example", fetch }).events({ after: "c" })) {
        received.push(event);
        if (received.length === log.length) break;
      }
      expect(received).to.deep.equal(log);
    });
    // Until the server has sent a reconnection time the client waits for seconds, so time is simulated.
    const clock = useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const checked = fc.assert(property, { numRuns: 300 }).then(
        () => true,
        (error: unknown) => error,
      );
      let result: unknown;
      void checked.then((value) => (result = value));
      while (result === undefined) await clock.tickAsync(5_000);
      if (result instanceof Error) throw result;
      expect(clock.countTimers()).to.equal(0);
    } finally {
      clock.restore();
    }
  });
});

describe("Client.events", () => {
  let clock: SinonFakeTimers;
  /** The requests for a stream: the cursor and the time of each. */
  let requests: { readonly after: string | null; readonly at: number }[];
  let responses: ((signal: AbortSignal | null | undefined) => Response | Promise<Response>)[];
  let abortCount: number;

  const client = createClient({
    url: "http://chat.example",
    async fetch(url: unknown, init) {
      const { searchParams } = new URL(String(url));
      requests.push({ after: searchParams.get("after"), at: Date.now() });
      init?.signal?.addEventListener("abort", () => (abortCount += 1));
      const respond = responses.shift();
      if (!respond) throw new TypeError("fetch failed");
      return respond(init?.signal);
    },
  });

  const respondsWith = (text: string, then: "ends" | "breaks" | "stays" = "stays") => {
    return (signal: AbortSignal | null | undefined) => streamOf([encoder.encode(text)], then, signal);
  };
  const rejects = (status: number, code: string) => () =>
    new Response(JSON.stringify({ status, code, detail: code }), {
      status,
      headers: { "Content-Type": "application/problem+json", "Retry-After": "60" },
    });

  /** The result of a promise, or "nothing" if it does not settle in the given time. */
  async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T | "nothing"> {
    let result: { readonly value: T } | { readonly error: unknown } | undefined;
    promise.then(
      (value) => (result = { value }),
      (error: unknown) => (result = { error }),
    );
    for (let passed = 0; !result && passed < milliseconds; passed += 100) await clock.tickAsync(100);
    if (!result) return "nothing";
    if ("error" in result) throw result.error;
    return result.value;
  }

  const failure = (promise: Promise<unknown>) =>
    within(600_000, promise).then(
      (value) => expect.fail(`The promise resolved to ${JSON.stringify(value)}.`),
      (error: unknown) => error,
    );

  beforeEach(() => {
    clock = useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
    [requests, responses, abortCount] = [[], [], 0];
  });

  afterEach(() => {
    expect(clock.countTimers()).to.equal(0);
    clock.restore();
  });

  it("resumes from the cursor of the stream if no event has arrived yet", async () => {
    responses = [respondsWith("retry: 3000\nid: c-0\n\n", "ends"), respondsWith(toBlock(renameEvent(1)))];
    const events = client.events();
    expect(await within(10_000, events.next())).to.deep.equal({ done: false, value: renameEvent(1) });
    expect(requests.map(({ after }) => after)).to.deep.equal([null, "c-0"]);
    await events.return?.();
  });

  it("yields a resync, and resumes from its cursor", async () => {
    responses = [
      respondsWith('retry: 3000\nid: c-7\nevent: resync\ndata: {"cursor":"c-7"}\n\n', "breaks"),
      respondsWith(toBlock(renameEvent(8))),
    ];
    const events = client.events({ after: "c-1" });
    expect(await within(10_000, events.next())).to.deep.equal({
      done: false,
      value: { type: "resync", cursor: "c-7" },
    });
    expect(await within(10_000, events.next())).to.deep.equal({ done: false, value: renameEvent(8) });
    expect(requests.map(({ after }) => after)).to.deep.equal(["c-1", "c-7"]);
    await events.return?.();
  });

  it("requests an event again if it arrived truncated", async () => {
    const complete = toBlock(renameEvent(2));
    responses = [
      respondsWith(toBlock(renameEvent(1)) + complete.replace("}\n", "\n")),
      respondsWith(complete),
    ];
    const events = client.events({ after: "c-0" });
    await within(100, events.next());
    expect(await within(10_000, events.next())).to.deep.equal({ done: false, value: renameEvent(2) });
    expect(requests.map(({ after }) => after)).to.deep.equal(["c-0", "c-1"]);
    await events.return?.();
  });

  it("reconnects after 45 seconds of silence, but not while heartbeats arrive", async () => {
    const sendsHeartbeats = (signal: AbortSignal | null | undefined) => {
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          signal?.addEventListener("abort", () => controller.error(signal.reason as Error));
          for (const at of [40_000, 80_000, 120_000]) {
            setTimeout(() => controller.enqueue(encoder.encode(":\n\n")), at);
          }
        },
      });
      return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
    };
    responses = [sendsHeartbeats, respondsWith(toBlock(renameEvent(1)))];
    const events = client.events({ after: "c-0" });
    expect(await within(600_000, events.next())).to.deep.equal({ done: false, value: renameEvent(1) });
    expect(requests[1]!.at - requests[0]!.at).to.be.within(165_000, 168_000);
    expect(abortCount).to.equal(1);
    await events.return?.();
  });

  it("keeps the connection of a slow consumer", async () => {
    responses = [respondsWith(toBlock(renameEvent(1)) + toBlock(renameEvent(2)))];
    const events = client.events({ after: "c-0" });
    await within(100, events.next());
    await clock.tickAsync(600_000);
    expect(await within(100, events.next())).to.deep.equal({ done: false, value: renameEvent(2) });
    expect(abortCount).to.equal(0);
    await events.return?.();
  });

  it("reconnects with exponential backoff, and not before the Retry-After of the server", async () => {
    const events = client.events({ after: "c-0" });
    expect(await within(200_000, events.next())).to.equal("nothing");
    const delays = requests.slice(1).map(({ at }, n) => at - requests[n]!.at);
    for (const [n, max] of [3_000, 6_000, 12_000, 24_000, 30_000, 30_000].entries()) {
      expect(delays[n]).to.be.within(max / 2, max);
    }
    // An event resets the backoff.
    requests = [];
    responses = [respondsWith(toBlock(renameEvent(1)), "ends")];
    await within(100_000, events.next());
    expect(await within(5_000, events.next())).to.equal("nothing");
    expect(requests[1]!.at - requests[0]!.at).to.be.within(1_500, 3_000);
    await events.return?.();
    for (const response of [rejects(503, "busy"), rejects(429, "too_many_requests")]) {
      requests = [];
      responses = [response, respondsWith(toBlock(renameEvent(1)))];
      const later = client.events();
      await within(600_000, later.next());
      expect(requests[1]!.at - requests[0]!.at).to.be.at.least(60_000);
      await later.return?.();
    }
  });

  it("rejects with an error that a retry can't fix, and is done", async () => {
    for (const [response, code] of [
      [rejects(401, "not_signed_in"), "not_signed_in"],
      [rejects(400, "invalid_cursor"), "invalid_cursor"],
      [() => new Response("<html>", { headers: { "Content-Type": "text/html" } }), "unexpected_answer"],
      [() => new Response("<html>", { status: 404 }), "unexpected_answer"],
    ] as const) {
      responses = [respondsWith(toBlock(renameEvent(1)), "ends"), response];
      const events = client.events();
      await within(100, events.next());
      const error = await failure(events.next());
      expect(error).to.be.instanceOf(PalaverError);
      expect((error as PalaverError).code).to.equal(code);
      expect(await events.next()).to.deep.equal({ done: true, value: undefined });
    }
  });

  const hangs = (signal: AbortSignal | null | undefined) =>
    new Promise<Response>((_, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason as Error));
    });

  for (const [state, response] of [
    ["connecting", hangs],
    ["connected", respondsWith("retry: 3000\nid: c-0\n\n")],
    ["waiting to reconnect", respondsWith("retry: 3000\nid: c-0\n\n", "ends")],
  ] as const) {
    it(`closes immediately by return or by its signal while ${state}`, async () => {
      responses = [response, response];
      const returned = client.events();
      const pending = returned.next();
      await clock.tickAsync(10);
      expect(await returned.return?.()).to.deep.equal({ done: true, value: undefined });
      expect(await pending).to.deep.equal({ done: true, value: undefined });
      expect(clock.countTimers()).to.equal(0);
      const controller = new AbortController();
      const signalled = client.events({ signal: controller.signal });
      const failed = failure(signalled.next());
      await clock.tickAsync(10);
      controller.abort("stop");
      expect(await failed).to.equal("stop");
      expect(await signalled.next()).to.deep.equal({ done: true, value: undefined });
      expect(getEventListeners(controller.signal, "abort")).to.deep.equal([]);
      expect(requests).to.have.length(2);
      expect(abortCount).to.equal(2);
    });
  }

  it("discards buffered events and closes the connection when its signal aborts between two events", async () => {
    const controller = new AbortController();
    responses = [respondsWith(toBlock(renameEvent(1)) + toBlock(renameEvent(2)))];
    const events = client.events({ signal: controller.signal });
    await within(100, events.next());
    controller.abort("stop");
    expect(abortCount).to.equal(1);
    expect(await failure(events.next())).to.equal("stop");
    expect(await events.next()).to.deep.equal({ done: true, value: undefined });
  });

  it("does not connect if its signal has already aborted", async () => {
    const events = client.events({ signal: AbortSignal.abort("stop") });
    expect(await failure(events.next())).to.equal("stop");
    expect(requests).to.have.length(0);
  });

  it("listens to its signal only from the first next() until it is closed", async () => {
    const { signal } = new AbortController();
    responses = [respondsWith(toBlock(renameEvent(1)))];
    const events = client.events({ signal });
    expect(getEventListeners(signal, "abort")).to.deep.equal([]);
    await within(100, events.next());
    expect(getEventListeners(signal, "abort")).to.have.length(1);
    await events.return?.();
    expect(getEventListeners(signal, "abort")).to.deep.equal([]);
  });
});
