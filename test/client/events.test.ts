import { getEventListeners } from "node:events";
import { expect } from "chai";
import fc from "fast-check";
import { useFakeTimers, type SinonFakeTimers } from "sinon";
import { createClient, PalaverError, type ChatEvent, type FollowedEvent } from "../../src/client/index.js";

const encoder = new TextEncoder();

/** A stream that sends these pieces, and then ends, breaks or stays open. */
function stream(
  pieces: readonly Uint8Array[],
  then: "ends" | "breaks" | "stays",
  signal?: AbortSignal | null,
) {
  const left = [...pieces];
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => signal?.addEventListener("abort", () => controller.error(signal.reason as Error)),
    pull(controller) {
      const piece = left.shift();
      if (piece) controller.enqueue(piece);
      else if (then === "ends") controller.close();
      else if (then === "breaks") controller.error(new TypeError("terminated"));
      // What stays open is silent.
      else return new Promise<void>(() => {});
      return undefined;
    },
  });
  return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
}

const written = (event: ChatEvent) =>
  `id: ${event.cursor}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;

function renamed(n: number, title = `${n}`): ChatEvent {
  return { type: "chat.renamed", cursor: `c-${n}`, chat_id: 4, at: "2026-11-23T10:15:00.123Z", title };
}

describe("The events of the client, over a network that breaks", () => {
  const cut = fc.record({
    /** After how many bytes. */
    at: fc.nat(900),
    sizes: fc.array(fc.integer({ min: 1, max: 40 })),
    end: fc.constantFrom("ends" as const, "breaks" as const),
    /** What tries to connect meet before that: a status, or no answer. */
    before: fc.array(fc.constantFrom(503, 502, 429, 500, 408, undefined), { maxLength: 2 }),
  });
  const titles = fc.array(fc.string({ unit: "grapheme" }), { minLength: 1, maxLength: 12 });

  it("are each told once, in order, wherever it is cut", async () => {
    const property = fc.asyncProperty(titles, fc.array(cut, { maxLength: 12 }), async (all, cuts) => {
      const log = all.map((title, n) => renamed(n, title));
      const fates = cuts.flatMap(({ before, ...rest }) => [...before.map((status) => ({ status })), rest]);
      const fetch = async (url: unknown, init?: RequestInit) => {
        const fate = fates.shift();
        if (fate && "status" in fate) {
          if (fate.status === undefined) throw new TypeError("fetch failed");
          return new Response("", { status: fate.status });
        }
        const after = new URL(String(url)).searchParams.get("after");
        const events = log.slice(log.findIndex(({ cursor }) => cursor === after) + 1);
        const place = events.length === 0 ? `id: ${after}\n` : "";
        const bytes = encoder.encode(`retry: 0\n${place}\n${events.map(written).join(":\n\n")}`);
        if (fate === undefined) return stream([bytes], "stays", init?.signal);
        const pieces: Uint8Array[] = [];
        const end = Math.min(fate.at, bytes.length);
        for (let at = 0; at < end;) {
          const next = Math.min(at + (fate.sizes.shift() ?? end), end);
          pieces.push(bytes.subarray(at, next));
          at = next;
        }
        return stream(pieces, fate.end, init?.signal);
      };
      const told: FollowedEvent[] = [];
      for await (const event of createClient({ url: "http://chat.example", fetch }).events({ after: "c" })) {
        told.push(event);
        if (told.length === log.length) break;
      }
      expect(told).to.deep.equal(log);
    });
    // Before it has heard of a server how long to wait it waits for seconds: here that takes no time.
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

describe("The events of the client", () => {
  let clock: SinonFakeTimers;
  /** The cursors that were asked after, each with when. */
  let asked: { readonly after: string | null; readonly at: number }[];
  let answers: ((signal: AbortSignal | null | undefined) => Response | Promise<Response>)[];
  let aborted: number;

  const client = createClient({
    url: "http://chat.example",
    async fetch(url: unknown, init) {
      const { searchParams } = new URL(String(url));
      asked.push({ after: searchParams.get("after"), at: Date.now() });
      init?.signal?.addEventListener("abort", () => (aborted += 1));
      const answer = answers.shift();
      if (!answer) throw new TypeError("fetch failed");
      return answer(init?.signal);
    },
  });

  const says = (text: string, then: "ends" | "breaks" | "stays" = "stays") => {
    return (signal: AbortSignal | null | undefined) => stream([encoder.encode(text)], then, signal);
  };
  const refuses = (status: number, code: string) => () =>
    new Response(JSON.stringify({ status, code, detail: code }), {
      status,
      headers: { "Content-Type": "application/problem+json", "Retry-After": "60" },
    });

  /** What comes of it within so much time. */
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
      (value) => expect.fail(`It was ${JSON.stringify(value)}.`),
      (error: unknown) => error,
    );

  beforeEach(() => {
    clock = useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
    [asked, answers, aborted] = [[], [], 0];
  });

  afterEach(() => {
    expect(clock.countTimers()).to.equal(0);
    clock.restore();
  });

  it("go on from where they began, where nothing has happened since", async () => {
    answers = [says("retry: 3000\nid: c-0\n\n", "ends"), says(written(renamed(1)))];
    const events = client.events();
    expect(await within(10_000, events.next())).to.deep.equal({ done: false, value: renamed(1) });
    expect(asked.map(({ after }) => after)).to.deep.equal([null, "c-0"]);
    await events.return?.();
  });

  it("tell where what happened since is not known, and go on from there", async () => {
    answers = [
      says('retry: 3000\nid: c-7\nevent: resync\ndata: {"cursor":"c-7"}\n\n', "breaks"),
      says(written(renamed(8))),
    ];
    const events = client.events({ after: "c-1" });
    expect(await within(10_000, events.next())).to.deep.equal({
      done: false,
      value: { type: "resync", cursor: "c-7" },
    });
    expect(await within(10_000, events.next())).to.deep.equal({ done: false, value: renamed(8) });
    expect(asked.map(({ after }) => after)).to.deep.equal(["c-1", "c-7"]);
    await events.return?.();
  });

  it("are told anew where one is not whole", async () => {
    const whole = written(renamed(2));
    answers = [says(written(renamed(1)) + whole.replace("}\n", "\n")), says(whole)];
    const events = client.events({ after: "c-0" });
    await within(100, events.next());
    expect(await within(10_000, events.next())).to.deep.equal({ done: false, value: renamed(2) });
    expect(asked.map(({ after }) => after)).to.deep.equal(["c-0", "c-1"]);
    await events.return?.();
  });

  it("come over another connection where one is silent for 45 seconds, and not where there are heartbeats", async () => {
    const beats = (signal: AbortSignal | null | undefined) => {
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
    answers = [beats, says(written(renamed(1)))];
    const events = client.events({ after: "c-0" });
    expect(await within(600_000, events.next())).to.deep.equal({ done: false, value: renamed(1) });
    expect(asked[1]!.at - asked[0]!.at).to.be.within(165_000, 168_000);
    expect(aborted).to.equal(1);
    await events.return?.();
  });

  it("do not take a reader who is slow for a connection that is dead", async () => {
    answers = [says(written(renamed(1)) + written(renamed(2)))];
    const events = client.events({ after: "c-0" });
    await within(100, events.next());
    await clock.tickAsync(600_000);
    expect(await within(100, events.next())).to.deep.equal({ done: false, value: renamed(2) });
    expect(aborted).to.equal(0);
    await events.return?.();
  });

  it("are asked for after longer and longer rests while the server is away, and as late as it says", async () => {
    const events = client.events({ after: "c-0" });
    expect(await within(200_000, events.next())).to.equal("nothing");
    const rests = asked.slice(1).map(({ at }, n) => at - asked[n]!.at);
    for (const [n, longest] of [3_000, 6_000, 12_000, 24_000, 30_000, 30_000].entries()) {
      expect(rests[n]).to.be.within(longest / 2, longest);
    }
    // Whoever has been told something begins with short rests again.
    asked = [];
    answers = [says(written(renamed(1)), "ends")];
    await within(100_000, events.next());
    expect(await within(5_000, events.next())).to.equal("nothing");
    expect(asked[1]!.at - asked[0]!.at).to.be.within(1_500, 3_000);
    await events.return?.();
    for (const answer of [refuses(503, "busy"), refuses(429, "too_many_requests")]) {
      asked = [];
      answers = [answer, says(written(renamed(1)))];
      const later = client.events();
      await within(600_000, later.next());
      expect(asked[1]!.at - asked[0]!.at).to.be.at.least(60_000);
      await later.return?.();
    }
  });

  it("end with what no other try would mend", async () => {
    for (const [answer, code] of [
      [refuses(401, "not_signed_in"), "not_signed_in"],
      [refuses(400, "invalid_cursor"), "invalid_cursor"],
      [() => new Response("<html>", { headers: { "Content-Type": "text/html" } }), "unexpected_answer"],
      [() => new Response("<html>", { status: 404 }), "unexpected_answer"],
    ] as const) {
      answers = [says(written(renamed(1)), "ends"), answer];
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

  for (const [state, answer] of [
    ["it connects", hangs],
    ["it is connected", says("retry: 3000\nid: c-0\n\n")],
    ["it rests", says("retry: 3000\nid: c-0\n\n", "ends")],
  ] as const) {
    it(`end at once, left or told to by their signal, while ${state}`, async () => {
      answers = [answer, answer];
      const left = client.events();
      const last = left.next();
      await clock.tickAsync(10);
      expect(await left.return?.()).to.deep.equal({ done: true, value: undefined });
      expect(await last).to.deep.equal({ done: true, value: undefined });
      expect(clock.countTimers()).to.equal(0);
      const controller = new AbortController();
      const told = client.events({ signal: controller.signal });
      const failed = failure(told.next());
      await clock.tickAsync(10);
      controller.abort("over");
      expect(await failed).to.equal("over");
      expect(await told.next()).to.deep.equal({ done: true, value: undefined });
      expect(getEventListeners(controller.signal, "abort")).to.deep.equal([]);
      expect(asked).to.have.length(2);
      expect(aborted).to.equal(2);
    });
  }

  it("begin with no connection at all where their signal has told them to end", async () => {
    const events = client.events({ signal: AbortSignal.abort("over") });
    expect(await failure(events.next())).to.equal("over");
    expect(asked).to.have.length(0);
  });

  it("listen to their signal from the first one that is asked for", async () => {
    const { signal } = new AbortController();
    answers = [says(written(renamed(1)))];
    const events = client.events({ signal });
    expect(getEventListeners(signal, "abort")).to.deep.equal([]);
    await within(100, events.next());
    expect(getEventListeners(signal, "abort")).to.have.length(1);
    await events.return?.();
    expect(getEventListeners(signal, "abort")).to.deep.equal([]);
  });
});
