/**
 * Kills the server with SIGKILL under load, repeatedly and at random moments. No acknowledged message may be lost, doubled or
 * reordered, and no message may appear that was not sent. Usage: script/prove-kill [KILLS] [CLIENTS]
 */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { faults, describeCounts, openLoad, type Counts } from "../support/messaging-load.js";
import { run, runServer, type Process } from "../support/process.js";

/** Limits the data that each audit reads. The last kill of a directory happens during a compaction. */
const KILLS_PER_DIRECTORY = 20;

const MAX_RUN_MS = 1_000;
const MAX_START_MS = 400;
const SETTINGS = { RATE_LIMITS: "off" };

const kills = Number(process.argv[2] ?? 100);
const clients = Number(process.argv[3] ?? 8);
if (!Number.isInteger(kills) || kills < 1 || !Number.isInteger(clients) || clients < 1) {
  throw new Error("Usage: script/prove-kill [KILLS] [CLIENTS], two positive integers.");
}

const totals: Counts = { acknowledged: 0, lost: 0, doubled: 0, reordered: 0, phantom: 0 };
let done = 0;
let whileStarting = 0;
let whileCompacting = 0;
while (done < kills) {
  const directory = await mkdtemp(join(tmpdir(), "palaver-kill-"));
  const counts = await killRepeatedly(directory, Math.min(KILLS_PER_DIRECTORY, kills - done));
  totals.acknowledged += counts.acknowledged;
  totals.lost += counts.lost;
  totals.doubled += counts.doubled;
  totals.reordered += counts.reordered;
  totals.phantom += counts.phantom;
  if (faults(counts) > 0) {
    report();
    console.log(`FAILED. The data is in ${directory}. Inspect it with "palaver check".`);
    process.exit(1);
  }
  await rm(directory, { recursive: true });
  if (process.stdout.isTTY) report();
}
report();

async function killRepeatedly(directory: string, times: number): Promise<Counts> {
  let server = await runServer(directory, SETTINGS);
  const load = await openLoad(server.url, clients);
  for (let n = 0; n < times && faults(load.counts) === 0; n += 1) {
    const compacts = n === KILLS_PER_DIRECTORY - 1;
    const sending = load.send({ padding: compacts ? 9_000 : 0 });
    if (compacts) await Promise.race([compaction(directory), sending]);
    await sleep(Math.random() * MAX_RUN_MS);
    await kill(server);
    await sending;
    done += 1;
    if (compacts) whileCompacting += 1;
    // Sometimes the next start is killed, too, possibly during its recovery.
    while (Math.random() < 0.25) {
      const starting = run(["serve"], { DATA_DIR: directory, PORT: "0", ...SETTINGS });
      await sleep(Math.random() * MAX_START_MS);
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

/** Resolves when the store starts to write a snapshot. */
async function compaction(directory: string): Promise<void> {
  while (!(await readdir(directory)).includes("snapshot.tmp")) await sleep(1);
}

async function kill({ child, ended }: Process): Promise<void> {
  child.kill("SIGKILL");
  await ended;
}

function report(): void {
  console.log(
    `${done} kills under load, ${whileCompacting} of them during a compaction, and ${whileStarting} during a start: ` +
      describeCounts(totals),
  );
}
