import { setTimeout as delay } from "node:timers/promises";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { openConnection, type Connection } from "./connection.js";
import { percentile } from "./figures.js";

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

/** Times are in milliseconds from when a request was due to its answer, so the wait for a client that is free is in them. */
export interface Lap {
  readonly answers: number;
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
  /** The share of a core that the load generator itself took: near 1, it is what is measured. */
  readonly busy: number;
}

// A process of its own. Its first message is the load, and each one after that asks for a lap.
if (isMainThread) {
  process.once("message", (load: Load) => {
    run(load).catch(fail);
  });
} else {
  pace(workerData as number);
}

async function run({ port, requests, clients, rate, waitAfter503 }: Load): Promise<void> {
  const idle: { readonly connection: Connection; readonly request: string }[] = [];
  /** When each request that waits for a client should have been sent. */
  const due: number[] = [];
  let times: number[] = [];
  let lapBegan = performance.now();
  let cpuBefore = process.cpuUsage();

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
    const { user, system } = process.cpuUsage(cpuBefore);
    const seconds = (now - lapBegan) / 1000;
    const lap: Lap = {
      answers: times.length,
      seconds,
      p50: percentile(times, 50),
      p99: percentile(times, 99),
      busy: (user + system) / 1e6 / seconds,
    };
    times = [];
    lapBegan = now;
    cpuBefore = process.cpuUsage();
    process.send?.(lap);
  });

  for (let client = 0; client < clients; client++) {
    idle.push({ connection: await openConnection(port), request: requests[client % requests.length]! });
  }
  if (rate === undefined) {
    due.push(...idle.map(() => performance.now()));
    sendDue();
  } else {
    new Worker(new URL(import.meta.url), { workerData: rate }).on("message", (planned: number) => {
      due.push(planned - performance.timeOrigin);
      sendDue();
    });
  }
}

/**
 * A thread that tells of each request when it is due, and when that was planned. Node's timers are good for a millisecond,
 * which is longer than most answers take.
 */
function pace(rate: number): void {
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  const began = performance.timeOrigin + performance.now();
  for (let sent = 0; ; sent++) {
    const planned = began + (sent * 1000) / rate;
    const wait = planned - performance.timeOrigin - performance.now();
    if (wait > 0) Atomics.wait(sleeper, 0, 0, wait);
    parentPort!.postMessage(planned);
  }
}

function fail(error: unknown): never {
  console.error(error);
  process.exit(1);
}
