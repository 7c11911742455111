/**
 * Runs the server on a full disk. It must reject writes, serve reads, lose nothing, and accept writes again by itself once there
 * is disk space. Usage: script/prove-full-disk, which mounts a small disk.
 */
import { closeSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { faults, describeCounts, openLoad } from "../support/messaging-load.js";
import { Client } from "../support/client.js";
import { run, runServer, type Process } from "../support/process.js";

const CLIENTS = 8;
const PADDING = 9_900;
const SETTINGS = { RATE_LIMITS: "off" };
const WRITE_BYTES = 1 << 20;

const disk = process.argv[2];
if (disk === undefined) throw new Error("Usage: full-disk.js DIRECTORY, the root of a small file system.");
const directory = join(disk, "data");
const ballast = join(disk, "ballast");

fillExcept(0.3);
let server = await runServer(directory, SETTINGS);
process.once("exit", () => server.child.kill("SIGKILL"));
const load = await openLoad(server.url, CLIENTS);

const statuses = await load.send({ padding: PADDING });
expectThat(
  statuses.length === CLIENTS && statuses.every((status) => status === 503),
  "a full disk rejects writes with 503",
);
expectThat((await statusOf("/healthz")) === 200, "the process is alive on a full disk");
expectThat((await statusOf("/readyz")) === 503, "readiness reports the full disk");
await expectNothingLost("a full disk serves reads, and every acknowledged message is listed");

rmSync(ballast);
while ((await load.send({ limit: 1 })).length > 0) await sleep(100);
await expectWritesAccepted("with free space, writes are accepted again by themselves");
await expectNothingLost("every message acknowledged before and after is listed");

fillExcept(0.05);
await load.send({ padding: PADDING });
await end("SIGKILL", server);
const onFullDisk = run(["serve"], { DATA_DIR: directory, PORT: "0", ...SETTINGS });
console.log(`     killed and restarted on the full disk, the server prints: ${await firstLine(onFullDisk)}`);
await end("SIGKILL", onFullDisk);
rmSync(ballast);
server = await runServer(directory, SETTINGS);
load.moveTo(server.url);
await expectNothingLost(
  "after kill -9 on the full disk and a start with free space, every acknowledged message is listed",
);
await expectWritesAccepted("and writes are accepted");
expectThat((await end("SIGTERM", server)) === 0, "the server stops with exit code 0");

/** Fills the disk, except for that part of the free space. */
function fillExcept(part: number): void {
  const { bavail, bsize } = statfsSync(disk!);
  const file = openSync(ballast, "w");
  const zeros = new Uint8Array(WRITE_BYTES);
  for (let left = bavail * bsize * (1 - part); left > 0; left -= WRITE_BYTES) writeSync(file, zeros);
  closeSync(file);
}

async function statusOf(path: string): Promise<number> {
  return (await new Client(server.url).get(path)).status;
}

function end(signal: "SIGKILL" | "SIGTERM", { child, ended }: Process): Promise<number | null> {
  child.kill(signal);
  return ended;
}

/** The first line of the output, or all of it if the process ends before. */
async function firstLine(starting: Process): Promise<string> {
  const printed = async () => {
    while (!starting.output().includes("\n") && starting.child.exitCode === null) await sleep(10);
  };
  await Promise.race([starting.ended, printed()]);
  return starting.output().trim();
}

async function expectNothingLost(what: string): Promise<void> {
  await load.audit();
  expectThat(faults(load.counts) === 0, `${what} (${describeCounts(load.counts)})`);
}

async function expectWritesAccepted(what: string): Promise<void> {
  const before = load.counts.acknowledged;
  await load.send({ limit: 20 });
  expectThat(load.counts.acknowledged === before + 20 * CLIENTS, what);
}

function expectThat(isTrue: boolean, what: string): void {
  console.log(`${isTrue ? "ok  " : "FAIL"} ${what}`);
  if (isTrue) return;
  console.log(server.output());
  process.exit(1);
}
