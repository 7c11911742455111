import { setTimeout as delay } from "node:timers/promises";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { openHttpConnection, type HttpConnection } from "./connection.js";
import { percentile } from "./figures.js";

/** The load that a load generator puts on a server until its process is stopped. */
export interface Load {
  /** Of several servers, each gets the same number of clients. */
  readonly port: number | readonly number[];
  /** Complete HTTP/1.1 requests. Each client repeats one of them. */
  readonly requests: readonly string[];
  readonly clients: number;
  /** Requests per second, regardless of response times. Default: each client sends its next request after a response. */
  readonly rate?: number;
  /** How long a client waits after a 503 before it repeats the request. Default: a 503 is an error. */
  readonly retryAfter503Ms?: number;
  /**
   * Whether to poll the sockets without blocking, on a core that nothing else needs. Waking up a process that sleeps costs the
   * server 20 to 40 µs per response in a virtual machine, which would be measured as part of the server.
   */
  readonly poll?: boolean;
}

/** The responses since the last lap. Latencies are in milliseconds, from when a request was due to its response. */
export interface Lap {
  readonly responses: number;
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
  /** The share of the time in which the load generator was busy. Near 1, it limits the result. */
  readonly busy: number;
}

interface Client {
  readonly connection: HttpConnection;
  readonly request: string;
}

class LoadGenerator {
  readonly #load: Load;
  readonly #idleClients: Client[] = [];
  /** The times at which the requests that wait for a client were due. */
  readonly #dueTimes: number[] = [];
  #latencies: number[] = [];
  #lapStart = performance.now();
  #cpuAtLapStart = process.cpuUsage();
  #lastTurn = 0;
  #isTurnIdle = true;
  #idleMs = 0;

  constructor(load: Load) {
    this.#load = load;
  }

  async start(): Promise<void> {
    const { port, requests, clients, rate, poll } = this.#load;
    const ports = [port].flat();
    for (let client = 0; client < clients; client++) {
      const connection = await openHttpConnection(ports[client % ports.length]!);
      this.#idleClients.push({ connection, request: requests[client % requests.length]! });
    }
    if (poll) this.#poll();
    if (rate === undefined) {
      this.#dueTimes.push(...this.#idleClients.map(() => performance.now()));
      this.#sendDue();
    } else {
      new Worker(new URL(import.meta.url), { workerData: rate }).on("message", (dueTime: number) => {
        this.#dueTimes.push(dueTime - performance.timeOrigin);
        this.#sendDue();
      });
    }
  }

  /** Ends the current lap and starts the next. */
  lap(): Lap {
    const now = performance.now();
    const { user, system } = process.cpuUsage(this.#cpuAtLapStart);
    const elapsedMs = now - this.#lapStart;
    const lap = {
      responses: this.#latencies.length,
      seconds: elapsedMs / 1000,
      p50: percentile(this.#latencies, 50),
      p99: percentile(this.#latencies, 99),
      // Polling takes all of the CPU time, so the turns of the event loop without a response are counted as idle.
      busy: this.#load.poll ? 1 - this.#idleMs / elapsedMs : (user + system) / 1000 / elapsedMs,
    };
    this.#latencies = [];
    this.#idleMs = 0;
    this.#lapStart = now;
    this.#cpuAtLapStart = process.cpuUsage();
    return lap;
  }

  /** Keeps an immediate pending. While there is one, the event loop polls the sockets without blocking. */
  #poll(): void {
    const now = performance.now();
    if (this.#isTurnIdle) this.#idleMs += now - Math.max(this.#lastTurn, this.#lapStart);
    this.#isTurnIdle = true;
    this.#lastTurn = now;
    setImmediate(() => this.#poll());
  }

  #sendDue(): void {
    while (this.#dueTimes.length > 0 && this.#idleClients.length > 0) {
      this.#send(this.#idleClients.shift()!, this.#dueTimes.shift()!).catch(fail);
    }
  }

  async #send(client: Client, dueTime: number): Promise<void> {
    const { rate, retryAfter503Ms } = this.#load;
    const status = await client.connection.request(client.request);
    this.#isTurnIdle = false;
    if (status === 503 && retryAfter503Ms !== undefined) {
      await delay(retryAfter503Ms);
      return this.#send(client, performance.now());
    }
    if (status !== 200) throw new Error(`The server responded with status ${status}.`);
    const now = performance.now();
    this.#latencies.push(now - dueTime);
    this.#idleClients.push(client);
    if (rate === undefined) this.#dueTimes.push(now);
    this.#sendDue();
  }
}

/**
 * Posts the due time of each request when it is due, from a thread. Timers of Node have a resolution of a millisecond, which is
 * longer than most responses take.
 */
function postDueTimes(rate: number): void {
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  const start = performance.timeOrigin + performance.now();
  for (let sent = 0; ; sent++) {
    const dueTime = start + (sent * 1000) / rate;
    const waitMs = dueTime - performance.timeOrigin - performance.now();
    if (waitMs > 0) Atomics.wait(sleeper, 0, 0, waitMs);
    parentPort!.postMessage(dueTime);
  }
}

function fail(error: unknown): never {
  console.error(error);
  process.exit(1);
}

// A separate process. The first message is the load; each later one requests a lap.
if (isMainThread) {
  process.once("message", (load: Load) => {
    const generator = new LoadGenerator(load);
    process.on("message", () => process.send?.(generator.lap()));
    generator.start().catch(fail);
  });
} else {
  postDueTimes(workerData as number);
}
