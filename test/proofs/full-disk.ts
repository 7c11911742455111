/**
 * The real server on a disk that is really full: it refuses to store, goes on reading, loses nothing, and stores again
 * by itself once there is room. Usage: script/prove-full-disk, which gives it a small disk to fill.
 */
import { closeSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { faults, inWords, openLoad } from "../support/messaging-load.js";
import { Client } from "../support/client.js";
import { run, runServer, type Process } from "../support/process.js";

const CLIENTS = 8;
const PADDING = 9_900;
const SETTINGS = { RATE_LIMITS: "off" };
const PIECE = 1 << 20;

const disk = process.argv[2];
if (disk === undefined) throw new Error("Usage: full-disk.js DIRECTORY, on a small file system of its own.");
const directory = join(disk, "data");
const ballast = join(disk, "ballast");

fillBut(0.3);
let server = await runServer(directory, SETTINGS);
process.once("exit", () => server.child.kill("SIGKILL"));
const load = await openLoad(server.url, CLIENTS);

const statuses = await load.send({ padding: PADDING });
expectThat(statuses.length === CLIENTS && statuses.every((status) => status === 503), "a full disk refuses");
expectThat((await statusOf("/healthz")) === 200, "the process is alive on a full disk");
expectThat((await statusOf("/readyz")) === 503, "readiness tells of the full disk");
await expectWhole("a full disk serves reads, and everything acknowledged is there");

rmSync(ballast);
while ((await load.send({ limit: 1 })).length > 0) await sleep(100);
await expectStores("with room again it stores again, by itself");
await expectWhole("everything acknowledged before and after is there");

fillBut(0.05);
await load.send({ padding: PADDING });
await end("SIGKILL", server);
const onFullDisk = run(["serve"], { DATA_DIR: directory, PORT: "0", ...SETTINGS });
console.log(`     killed and started again on the full disk, it says: ${await firstLine(onFullDisk)}`);
await end("SIGKILL", onFullDisk);
rmSync(ballast);
server = await runServer(directory, SETTINGS);
load.moveTo(server.url);
await expectWhole("after kill -9 on the full disk and a start with room, everything acknowledged is there");
await expectStores("and it stores");
expectThat((await end("SIGTERM", server)) === 0, "it ends cleanly");

/** Takes what is free, but for that part of it. */
function fillBut(part: number): void {
  const { bavail, bsize } = statfsSync(disk!);
  const file = openSync(ballast, "w");
  const zeros = new Uint8Array(PIECE);
  for (let left = bavail * bsize * (1 - part); left > 0; left -= PIECE) writeSync(file, zeros);
  closeSync(file);
}

async function statusOf(path: string): Promise<number> {
  return (await new Client(server.url).get(path)).status;
}

function end(signal: "SIGKILL" | "SIGTERM", { child, ended }: Process): Promise<number | null> {
  child.kill(signal);
  return ended;
}

/** What it says first, or at its end. */
async function firstLine(starting: Process): Promise<string> {
  const said = async () => {
    while (!starting.output().includes("\n") && starting.child.exitCode === null) await sleep(10);
  };
  await Promise.race([starting.ended, said()]);
  return starting.output().trim();
}

async function expectWhole(what: string): Promise<void> {
  await load.audit();
  expectThat(faults(load.counts) === 0, `${what} (${inWords(load.counts)})`);
}

async function expectStores(what: string): Promise<void> {
  const before = load.counts.acknowledged;
  await load.send({ limit: 20 });
  expectThat(load.counts.acknowledged === before + 20 * CLIENTS, what);
}

function expectThat(holds: boolean, what: string): void {
  console.log(`${holds ? "ok  " : "FAIL"} ${what}`);
  if (holds) return;
  console.log(server.output());
  process.exit(1);
}
