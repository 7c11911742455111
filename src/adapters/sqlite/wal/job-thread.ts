import { constants, setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { nodeDisk } from "./disk.js";
import { makeSpare } from "./segment-writer.js";
import type { JobData } from "./threads.js";

const { directory, job } = workerData as JobData;
const disk = nodeDisk(directory);

// Not awaited at the top of the module: a thread that is stopped while such a module starts takes Node 20 down with it.
void work().then((result) => parentPort?.postMessage(result));

async function work(): Promise<unknown> {
  if ("spareOf" in job) return makeSpare(disk, job.spareOf);
  // On Linux this is for the thread alone, and without it who sends waits for a core. Elsewhere it would be for all of them.
  if (process.platform === "linux") setPriority(constants.priority.PRIORITY_LOW);
  const { compact } = await import("./recovery.js");
  return compact(disk, job.compactUpTo);
}
