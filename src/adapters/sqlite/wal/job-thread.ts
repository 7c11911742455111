import { constants, setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { nodeDisk } from "./disk.js";
import { makeSpare } from "./segment-writer.js";
import type { JobData } from "./threads.js";

const { directory, job } = workerData as JobData;
const disk = nodeDisk(directory);

// No top-level await: terminating a thread while such a module loads crashes Node 20.
void work().then((result) => parentPort?.postMessage(result));

async function work(): Promise<unknown> {
  if ("spareOf" in job) return makeSpare(disk, job.spareOf);
  // On Linux the priority is that of the thread, so that requests do not compete with the compaction for a core. On other
  // systems it would be that of the whole process.
  if (process.platform === "linux") setPriority(constants.priority.PRIORITY_LOW);
  const { compact, replaceFromMemory } = await import("./compaction.js");
  if ("replaceBy" in job) return replaceFromMemory(disk, job.replaceBy);
  return compact(disk, job.compactUpTo);
}
