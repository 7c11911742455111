/**
 * Fails over from a primary of PostgreSQL to its synchronous standby, repeatedly and under load, while two nodes run on. No
 * acknowledged message may be lost, doubled or reordered, and every subscriber receives each message once.
 * Usage: script/prove-failover [ROUNDS] [CLIENTS]
 *
 * In odd rounds the primary is killed with SIGKILL. In even rounds it stops to respond and its connections stay open, as when its
 * machine vanishes from the network.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { NodesLoad } from "../support/nodes-load.js";
import { PostgresPair } from "../support/postgres-pair.js";
import { runServer } from "../support/process.js";

const RUN_MS = 3_000;

const rounds = Number(process.argv[2] ?? 4);
const clients = Number(process.argv[3] ?? 8);
if (!Number.isInteger(rounds) || rounds < 1 || !Number.isInteger(clients) || clients < 2) {
  throw new Error("Usage: script/prove-failover [ROUNDS] [CLIENTS], ROUNDS at least 1, CLIENTS at least 2.");
}

const pair = await PostgresPair.start(process.env["POSTGRES_BIN"] ?? "/usr/lib/postgresql/15/bin");
const nodes: Awaited<ReturnType<typeof runServer>>[] = [];
try {
  for (let n = 0; n < 2; n += 1) {
    nodes.push(await runServer("", { DATABASE_URL: pair.url }));
  }
  await prove();
} finally {
  for (const { child } of nodes) child.kill("SIGKILL");
  pair.close();
}

async function prove(): Promise<void> {
  const load = new NodesLoad(nodes.map(({ url }) => url));
  await load.start(clients);
  for (let round = 1; round <= rounds; round += 1) {
    await sleep(RUN_MS);
    await failOver(round, load);
  }
  await sleep(RUN_MS);
  const faults = await load.audit();
  const summary = Object.entries(faults).map(([name, count]) => `${count} ${name}`);
  console.log(
    `${rounds} failovers: ${load.acknowledged.length} messages acknowledged, ${summary.join(", ")}.`,
  );
  const codes = Array.from(load.repeats, ([code, count]) => `${code} ${count}`);
  console.log(`Requests that were repeated: ${codes.join(", ")}.`);
  if (Object.values(faults).some((count) => count > 0)) throw new Error("FAILED.");
}

async function failOver(round: number, load: NodesLoad): Promise<void> {
  const isKilled = round % 2 === 1;
  const failedAt = performance.now();
  pair.signalPrimary(isKilled ? "SIGKILL" : "SIGSTOP");
  pair.promote();
  const promotedAt = performance.now();
  const exits = nodes.map(async ({ ended }) => {
    await ended;
    throw new Error("A node has exited.");
  });
  await Promise.race([load.untilAllAnswer(), ...exits]);
  const writesAt = performance.now();
  pair.killOther();
  console.log(
    `Round ${round}: the primary ${isKilled ? "is killed" : "hangs"}, its standby is promoted after ${seconds(promotedAt - failedAt)}, ` +
      `both nodes write ${seconds(writesAt - promotedAt)} later. ${load.acknowledged.length} messages so far.`,
  );
  await pair.addStandby();
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1_000).toFixed(1)} s`;
}
