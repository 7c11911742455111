/**
 * kill -9 of the real server under load, at random moments, over and over: nothing that was acknowledged may be lost,
 * doubled or reordered, and nothing may be there that nobody sent. Usage: script/prove-kill [KILLS] [CLIENTS]
 */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { faults, inWords, openLoad, type Counts } from "../support/messaging-load.js";
import { run, runServer, type Process } from "../support/process.js";

/** After so many kills a new directory, since each audit reads all that is in it. The last of them is in a compaction. */
const KILLS_OF_A_DIRECTORY = 20;

/** In milliseconds. */
const LONGEST_RUN = 1_000;
const LONGEST_START = 400;
const SETTINGS = { RATE_LIMITS: "off" };

const kills = Number(process.argv[2] ?? 100);
const clients = Number(process.argv[3] ?? 8);
if (!Number.isInteger(kills) || kills < 1 || !Number.isInteger(clients) || clients < 1) {
  throw new Error("Usage: script/prove-kill [KILLS] [CLIENTS], two positive whole numbers.");
}

const totals: Counts = { acknowledged: 0, lost: 0, doubled: 0, reordered: 0, phantom: 0 };
let done = 0;
let whileStarting = 0;
let whileCompacting = 0;
while (done < kills) {
  const directory = await mkdtemp(join(tmpdir(), "palaver-kill-"));
  const counts = await killOver(directory, Math.min(KILLS_OF_A_DIRECTORY, kills - done));
  totals.acknowledged += counts.acknowledged;
  totals.lost += counts.lost;
  totals.doubled += counts.doubled;
  totals.reordered += counts.reordered;
  totals.phantom += counts.phantom;
  if (faults(counts) > 0) {
    report();
    console.log(`FAILED. What is left of the data is in ${directory}`);
    process.exit(1);
  }
  await rm(directory, { recursive: true });
  if (process.stdout.isTTY) report();
}
report();

async function killOver(directory: string, times: number): Promise<Counts> {
  let server = await runServer(directory, SETTINGS);
  const load = await openLoad(server.url, clients);
  for (let n = 0; n < times && faults(load.counts) === 0; n += 1) {
    const compacts = n === KILLS_OF_A_DIRECTORY - 1;
    const sending = load.send({ padding: compacts ? 9_000 : 0 });
    if (compacts) await Promise.race([compaction(directory), sending]);
    await sleep(Math.random() * LONGEST_RUN);
    await kill(server);
    await sending;
    done += 1;
    if (compacts) whileCompacting += 1;
    // Now and then it is killed again before it is up, perhaps in the middle of its recovery.
    while (Math.random() < 0.25) {
      const starting = run(["serve"], { DATA_DIR: directory, PORT: "0", ...SETTINGS });
      await sleep(Math.random() * LONGEST_START);
      await kill(starting);
      whileStarting += 1;
    }
    server = await runServer(directory, SETTINGS);
    load.moveTo(server.url);
    await load.audit();
  }
  await kill(server);
  return load.counts;
}

/** Resolves when the store begins to write a snapshot. */
async function compaction(directory: string): Promise<void> {
  while (!(await readdir(directory)).includes("snapshot.tmp")) await sleep(1);
}

async function kill({ child, ended }: Process): Promise<void> {
  child.kill("SIGKILL");
  await ended;
}

function report(): void {
  console.log(
    `${done} kills under load, ${whileCompacting} of them while the log was compacted, and ${whileStarting} while starting: ` +
      inWords(totals),
  );
}
