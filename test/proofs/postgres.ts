/**
 * Kills two nodes, their PostgreSQL and its connections at random under load, and cuts the network between them at any byte. No
 * acknowledged message may be lost, doubled or reordered, no rejected one may appear, and every subscriber receives each message
 * once. Usage: script/prove-postgres [MINUTES] [CLIENTS]. Needs Linux.
 */
import { spawn } from "node:child_process";
import { readFile, readlink, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { CuttingProxy } from "../support/cutting-proxy.js";
import { NodesLoad } from "../support/nodes-load.js";
import { createDatabase } from "../support/postgres.js";
import { runServer } from "../support/process.js";

const MAX_RUN_MS = 500;
/** Cuts fall within the start of a connection, a statement, or several transactions. */
const MAX_CUT_BYTES = 20_000;
/** Longer than the server lets a transaction wait for its node. */
const PAUSE_MS = 11_000;

const minutes = Number(process.argv[2] ?? 5);
const clients = Number(process.argv[3] ?? 8);
if (!(minutes > 0) || !Number.isInteger(clients) || clients < 2) {
  throw new Error("Usage: script/prove-postgres [MINUTES] [CLIENTS], MINUTES above 0, CLIENTS at least 2.");
}

/** What fails, with the node that it happens to. */
const FAILURES = {
  async "nodes killed"(node) {
    const { url, child, ended } = nodes[node]!;
    child.kill("SIGKILL");
    await ended;
    nodes[node] = await start(node, new URL(url).port);
  },
  async "nodes paused"(node) {
    const { child } = nodes[node]!;
    child.kill("SIGSTOP");
    await sleep(PAUSE_MS);
    child.kill("SIGCONT");
  },
  async "connections terminated"() {
    await onServer(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'palaver' ORDER BY random() LIMIT 3`,
    );
  },
  async "backends killed"() {
    const [backend] = await onServer(
      "SELECT pid FROM pg_stat_activity WHERE application_name = 'palaver' ORDER BY random() LIMIT 1",
    );
    if (backend !== undefined) process.kill(Number(backend["pid"]), "SIGKILL");
  },
  "servers killed": killServer,
  async "networks cut"(node) {
    proxies[node]!.cutAfter(Math.ceil(Math.random() * MAX_CUT_BYTES));
    await sleep(MAX_RUN_MS);
  },
  async "commits without an answer"(node) {
    proxies[node]!.loseNextCommit();
    await sleep(MAX_RUN_MS);
  },
} satisfies Readonly<Record<string, (node: number) => Promise<void>>>;

/** Cuts most often, and seldom what takes long. */
const FAILURES_IN_TURN: readonly (keyof typeof FAILURES)[] = [
  "networks cut",
  "commits without an answer",
  "connections terminated",
  "networks cut",
  "nodes killed",
  "commits without an answer",
  "backends killed",
  "networks cut",
  "commits without an answer",
  "servers killed",
  "connections terminated",
  "nodes paused",
];

const database = await createDatabase();
const proxies = [await CuttingProxy.start(database.url), await CuttingProxy.start(database.url)];
const start = (node: number, port = "0") => runServer("", { DATABASE_URL: proxies[node]!.url, PORT: port });
const nodes = [await start(0), await start(1)];
const load = new NodesLoad(nodes.map(({ url }) => url));
const done = new Map<string, number>();
let longestWait = 0;
try {
  await load.start(clients);
  const end = performance.now() + minutes * 60_000;
  for (let n = 0; performance.now() < end; n += 1) {
    await sleep(Math.random() * MAX_RUN_MS);
    const name = FAILURES_IN_TURN[n % FAILURES_IN_TURN.length]!;
    await FAILURES[name](Math.random() < 0.5 ? 0 : 1);
    done.set(name, (done.get(name) ?? 0) + 1);
    const failedAt = performance.now();
    await load.untilAllAnswer();
    longestWait = Math.max(longestWait, performance.now() - failedAt);
  }
  const faults = await load.audit();
  report(faults);
  if (Object.values(faults).some((count) => count > 0)) process.exitCode = 1;
} catch (error) {
  console.log("FAILED.", error, ...nodes.map((node) => node.output().slice(-2_000)));
  process.exitCode = 1;
} finally {
  for (const { child } of nodes) child.kill("SIGKILL");
  for (const proxy of proxies) proxy.close();
  await database.drop();
}
process.exit();

async function onServer(sql: string): Promise<readonly Record<string, unknown>[]> {
  for (;;) {
    const client = new pg.Client({ connectionString: database.url, connectionTimeoutMillis: 1_000 });
    client.on("error", () => {});
    try {
      await client.connect();
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } catch {
      // The server recovers from the last failure.
      await sleep(50);
    } finally {
      client.end().catch(() => {});
    }
  }
}

/** Kills the main process of PostgreSQL, and starts it again by the same command. */
async function killServer(): Promise<void> {
  const [setting] = await onServer("SHOW data_directory");
  const directory = String(setting!["data_directory"]);
  const [pid] = (await readFile(join(directory, "postmaster.pid"), "utf8")).split("\n");
  const program = await readlink(`/proc/${pid}/exe`);
  const [, ...args] = (await readFile(`/proc/${pid}/cmdline`, "utf8")).split("\0").slice(0, -1);
  const { uid, gid } = await stat(directory);
  process.kill(Number(pid), "SIGKILL");
  for (let isUp = false; !isUp;) {
    // It does not start before the last process of the old one has ended.
    const server = spawn(program, args, { cwd: directory, uid, gid, stdio: "ignore", detached: true });
    const exited = new Promise<boolean>((resolve) => server.once("exit", () => resolve(false)));
    isUp = await Promise.race([exited, onServer("SELECT").then(() => true)]);
    server.unref();
  }
}

function report(faults: Readonly<Record<string, number>>): void {
  const list = (counts: Iterable<readonly [string, number]>) =>
    Array.from(counts, ([name, count]) => `${count} ${name}`).join(", ");
  console.log(`Failures: ${list(done)}.`);
  console.log(`${load.acknowledged.length} messages acknowledged: ${list(Object.entries(faults))}.`);
  console.log(`Requests repeated after: ${list(load.repeats)}.`);
  console.log(`Both nodes stored again after at most ${(longestWait / 1_000).toFixed(1)} s.`);
}
