import { setTimeout as delay } from "node:timers/promises";
import { openConnection, type Connection } from "./connection.js";

/** What a load generator does until it is ended. */
export interface Load {
  readonly port: number;
  /** Whole HTTP/1.1 requests. Each client has one of them, and sends it again and again. */
  readonly requests: readonly string[];
  readonly clients: number;
  /** Requests a second, however long the answers take; unless given, a client asks again once it is answered. */
  readonly rate?: number;
  /** What a client does about a 503: waits that long, in milliseconds, and asks again. Unless given, it is an error. */
  readonly waitAfter503?: number;
}

/** Times of answers are in milliseconds, and include the wait for a client that is free. */
export interface Lap {
  readonly answers: number;
  readonly seconds: number;
  readonly p99: number;
}

// A process of its own. Its first message is the load, and each one after that asks for a lap.
process.once("message", (load: Load) => {
  run(load).catch(fail);
});

async function run({ port, requests, clients, rate, waitAfter503 }: Load): Promise<void> {
  const idle: { readonly connection: Connection; readonly request: string }[] = [];
  /** When each request that waits for a client should have been sent. */
  const due: number[] = [];
  let times: number[] = [];
  let lapBegan = performance.now();

  function sendDue(): void {
    while (due.length > 0 && idle.length > 0) send(idle.shift()!, due.shift()!).catch(fail);
  }

  async function send(client: (typeof idle)[number], since: number): Promise<void> {
    const status = await client.connection.ask(client.request);
    if (status === 503 && waitAfter503 !== undefined) {
      await delay(waitAfter503);
      return send(client, performance.now());
    }
    if (status !== 200) throw new Error(`A request was answered with ${status}.`);
    const now = performance.now();
    times.push(now - since);
    idle.push(client);
    if (rate === undefined) due.push(now);
    sendDue();
  }

  process.on("message", () => {
    const now = performance.now();
    const lap: Lap = { answers: times.length, seconds: (now - lapBegan) / 1000, p99: percentile(times, 99) };
    times = [];
    lapBegan = now;
    process.send?.(lap);
  });

  for (let client = 0; client < clients; client++) {
    idle.push({ connection: await openConnection(port), request: requests[client % requests.length]! });
  }
  const began = performance.now();
  if (rate === undefined) {
    due.push(...idle.map(() => began));
    sendDue();
  } else {
    let sent = 0;
    setInterval(() => {
      const now = performance.now();
      for (; sent < ((now - began) / 1000) * rate; sent++) due.push(now);
      sendDue();
    }, 1);
  }
}

function percentile(values: readonly number[], percent: number): number {
  const sorted = Float64Array.from(values).toSorted();
  return sorted[Math.ceil((sorted.length * percent) / 100) - 1] ?? Number.NaN;
}

function fail(error: unknown): never {
  console.error(error);
  process.exit(1);
}
