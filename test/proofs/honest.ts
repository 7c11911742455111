/**
 * An attacker with one address and ten accounts tries to keep a server with default limits from serving others, while ten
 * honest people log in, send, read and listen. Fails if the p99 of honest operations is 250 ms or more, if one is refused,
 * if an event is missed, or if memory grows with more than what is stored. Usage: script/prove-honest [MINUTES]
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent } from "node:http";
import { setPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { attacks } from "../support/attacks.js";
import { Client, PASSWORD } from "../support/client.js";
import { openStream } from "../support/event-stream.js";
import { runServer } from "../support/process.js";

const PEOPLE = 10;
const ATTACKER_ACCOUNTS = 10;
const ATTACKER_ADDRESS = "127.0.0.66";
const MAX_P99_MS = 250;
/** What a stored transaction may add to memory. */
const BYTES_PER_TRANSACTION = 2048;
/** What memory may vary by, for instance with the moment of a garbage collection. */
const MEMORY_TOLERANCE = 64 * 2 ** 20;

/** The measured operations of honest people in one period. */
class Measurements {
  readonly #latencies = new Map<string, number[]>();
  readonly refusals: string[] = [];

  async time(operation: string, work: () => Promise<{ readonly status: number; readonly text: string }>) {
    const start = performance.now();
    const outcome = await work().catch((error: unknown) => ({ status: 0, text: String(error) }));
    const latencies = this.#latencies.get(operation) ?? [];
    this.#latencies.set(operation, [...latencies, performance.now() - start]);
    if (outcome.status !== 200) this.refusals.push(`${operation}: ${outcome.status} ${outcome.text}`);
    return outcome;
  }

  add(other: Measurements): void {
    for (const [operation, latencies] of other.#latencies) {
      this.#latencies.set(operation, [...(this.#latencies.get(operation) ?? []), ...latencies]);
    }
    this.refusals.push(...other.refusals);
  }

  /** The p99 of all operations together, in milliseconds. */
  p99(): number {
    return percentile([...this.#latencies.values()].flat(), 99);
  }

  toString(): string {
    const each = Array.from(
      this.#latencies,
      ([operation, all]) =>
        `${operation} ${all.length} × p50 ${percentile(all, 50).toFixed(0)}, p99 ${percentile(all, 99).toFixed(0)}, max ${Math.max(...all).toFixed(0)} ms`,
    );
    return `${each.join("; ")}; all p99 ${this.p99().toFixed(0)} ms; ${this.refusals.length} refused`;
  }
}

function percentile(values: readonly number[], percent: number): number {
  return values.toSorted((one, other) => one - other)[Math.ceil((values.length * percent) / 100) - 1] ?? 0;
}

/** In a process of its own, which stands for another machine: it leaves the processor to the server and to the honest people. */
async function attack(url: string, names: readonly string[]): Promise<void> {
  setPriority(19);
  process.once("disconnect", () => process.exit());
  const agent = new Agent({ keepAlive: true, localAddress: ATTACKER_ADDRESS });
  const clients: Client[] = [];
  for (const name of names) clients.push(await signIn(url, name, agent));
  await attacks(url, ATTACKER_ADDRESS, clients);
}

async function signIn(url: string, username: string, agent: Agent): Promise<Client> {
  const client = new Client(url, agent);
  client.username = username;
  const { status, text } = await client.post("/v1/auth/login", { username, password: PASSWORD });
  if (status !== 200) throw new Error(`The login of ${username} failed with ${status}: ${text}`);
  return client;
}

async function prove(minutes: number): Promise<void> {
  if (!(minutes > 0)) throw new Error("Usage: script/prove-honest [MINUTES], a positive number.");
  const directory = await mkdtemp(join(tmpdir(), "palaver-honest-"));
  const server = await runServer(directory, { RATE_LIMITS: "on" });
  const { url } = server;
  const names = Array.from({ length: ATTACKER_ACCOUNTS }, (_, n) => `attacker-${n}`);
  const people = Array.from({ length: PEOPLE }, (_, n) => `person-${n}`);
  for (const username of [...names, ...people]) {
    await new Client(url).post("/v1/auth/register", { username, password: PASSWORD });
  }
  const honest = await Promise.all(people.map((name, n) => Person.enter(url, name, n)));
  const attacker = fork(fileURLToPath(import.meta.url), ["attack", url, ...names]);
  const attackerEnded = once(attacker, "exit");
  const end = Date.now() + minutes * 60_000;
  const all = new Measurements();
  let failed = false;
  const working = honest.map((person) => person.work(end));
  // The first minute fills the caches, buffers and connections that the limits allow.
  await sleep(Math.min(60_000, (end - Date.now()) / 2));
  const before = await memory(url, server.child.pid!);
  while (Date.now() < end) {
    await sleep(Math.min(60_000, end - Date.now()));
    const lap = new Measurements();
    for (const person of honest) lap.add(person.takeMeasurements());
    all.add(lap);
    const { resident } = await memory(url, server.child.pid!);
    console.log(
      `${Math.max(0, (end - Date.now()) / 60_000).toFixed(0)} minutes left: ${String(lap)}; ${mebibytes(resident)}`,
    );
    if (server.child.exitCode !== null || attacker.exitCode !== null) break;
  }
  const after = await memory(url, server.child.pid!);
  attacker.kill("SIGKILL");
  await attackerEnded;
  await Promise.all(working);
  for (const person of honest) {
    all.add(person.takeMeasurements());
    fail(await person.missed(), `${person.name} missed events`);
  }
  fail(Number(all.p99() >= MAX_P99_MS), `the p99 of honest operations is ${all.p99().toFixed(0)} ms`);
  fail(
    all.refusals.length,
    `honest requests were refused: ${[...new Set(all.refusals)].slice(0, 5).join(" | ")}`,
  );
  const allowed = MEMORY_TOLERANCE + BYTES_PER_TRANSACTION * (after.transactions - before.transactions);
  const growth = after.resident - before.resident;
  fail(
    Math.max(0, growth - allowed),
    `the memory grew by ${mebibytes(growth)}, with ${mebibytes(allowed)} allowed`,
  );
  if (attacker.exitCode !== null) fail(1, "the attacker ended early");
  console.log(
    `In ${minutes} minutes: ${String(all)}; ${mebibytes(before.resident)} became ${mebibytes(after.resident)}, with ${after.transactions - before.transactions} transactions stored.`,
  );
  server.child.kill("SIGTERM");
  fail(
    Number((await server.ended) !== 0),
    `the server ended with an error:\n${server.output().slice(-2000)}`,
  );
  await rm(directory, { recursive: true });
  console.log(failed ? "FAILED" : "Passed.");
  process.exit(failed ? 1 : 0);

  function fail(count: number, problem: string): void {
    if (count === 0) return;
    console.log(`FAILED: ${problem}`);
    failed = true;
  }
}

/** The resident memory of the server in bytes, and the transactions that it has stored. */
async function memory(url: string, pid: number) {
  const { text } = await new Client(url).get("/metrics");
  const transactions = Number(/^palaver_store_transactions_total (\d+)$/m.exec(text)![1]);
  const resident =
    Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) * 1024;
  return { transactions, resident };
}

const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

/** Somebody with an address of their own, who talks to the one before and the one after. */
class Person {
  readonly name: string;
  readonly #client: Client;
  readonly #number: number;
  readonly #localAddress: string;
  readonly #stream: Awaited<ReturnType<typeof openStream>>;
  readonly #peer: string;
  #sent = 0;
  #measurements = new Measurements();

  private constructor(client: Client, number: number, stream: Awaited<ReturnType<typeof openStream>>) {
    this.name = client.username;
    this.#client = client;
    this.#number = number;
    this.#localAddress = localAddress(number);
    this.#stream = stream;
    this.#peer = `person-${(number + 1) % PEOPLE}`;
  }

  static async enter(url: string, name: string, number: number): Promise<Person> {
    const client = await signIn(
      url,
      name,
      new Agent({ keepAlive: true, localAddress: localAddress(number) }),
    );
    return new Person(client, number, await openStream(client, { localAddress: localAddress(number) }));
  }

  takeMeasurements(): Measurements {
    const measurements = this.#measurements;
    this.#measurements = new Measurements();
    return measurements;
  }

  /** Does something every 200 ms, and logs in on another device every ten seconds, until the given time. */
  async work(end: number): Promise<void> {
    for (let round = 0; Date.now() < end; round++) {
      await this.#act(round);
      await sleep(150 + Math.random() * 100);
    }
  }

  async #act(round: number): Promise<void> {
    const time = (operation: string, work: () => ReturnType<Client["get"]>) =>
      this.#measurements.time(operation, work);
    // Not all at once: ten logins take a second of a core.
    if (round % 50 === 5 * this.#number) {
      const agent = new Agent({ localAddress: this.#localAddress });
      const device = new Client(this.#client.url, agent);
      const credentials = { username: this.name, password: PASSWORD };
      await time("login", () => device.post("/v1/auth/login", credentials));
      await time("logout", () => device.post("/v1/auth/logout"));
    } else if (round % 5 === 1) {
      await time("page", () => this.#client.get(`/v1/messages/p2p/${this.#peer}?limit=50`));
    } else if (round % 5 === 2) {
      await time("chats", () => this.#client.get("/v1/chats?limit=50"));
    } else if (round % 25 === 3) {
      await time("sync", () => this.#client.get("/v1/sync"));
    } else {
      const message = { dest_username: this.#peer, message: `Message ${this.#sent} of ${this.name}.` };
      const { status } = await time("send", () => this.#client.post("/v1/messages", message));
      if (status === 200) this.#sent += 1;
    }
  }

  /** The number of events of stored messages that the open stream has not received. */
  async missed(): Promise<number> {
    await sleep(1_000);
    const received = this.#stream.events.filter(
      ({ type, message }) => type === "message.created" && message!["sender_username" as never] === this.name,
    ).length;
    this.#stream.leave();
    return this.#sent - received;
  }
}

function localAddress(number: number): string {
  return `127.0.1.${number + 1}`;
}

const [address, ...accounts] = process.argv.slice(3);
if (process.argv[2] === "attack") await attack(address!, accounts);
else await prove(Number(process.argv[2] ?? 60));
