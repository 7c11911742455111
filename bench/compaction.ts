import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { median, type Figure } from "./figures.js";
import type { Lap } from "./load.js";
import { copyStore, watchDiskUse, type LoadedStore } from "./loaded-store.js";
import { startLoad, startServer } from "./processes.js";
import type { CompactionNews } from "./server.js";

const WARM_UP = 2000;
const SENDS_PER_SECOND = 1000;

interface Run {
  readonly before: Lap;
  readonly during: Lap;
  readonly highestUse: number;
  readonly snapshotBytes: number;
}

/** What the compaction of a million messages does to sends at a steady rate, and what it takes of the disk. */
export async function measureCompaction(
  loaded: LoadedStore,
  scratch: string,
  runs: number,
  duration: number,
): Promise<Figure[]> {
  const measured: Run[] = [];
  for (let run = 0; run < runs; run++) measured.push(await compacted(loaded, scratch, duration));
  const p99 = (phase: "before" | "during") => median(measured.map((run) => run[phase].p99)).toFixed(2);
  const seconds = median(measured.map(({ during }) => during.seconds)).toFixed(1);
  const highest = Math.max(loaded.highestUse, ...measured.map(({ highestUse }) => highestUse));
  const live = median(measured.map(({ snapshotBytes }) => snapshotBytes));
  return [
    {
      name: "The p99 of sends while a million messages are compacted, against before",
      goal: { atMost: 3 },
      runs: measured.map(({ before, during }) => during.p99 / before.p99),
      detail: `${p99("during")} ms against ${p99("before")} ms; it took ${seconds} s`,
    },
    {
      name: "The disk at its highest, against a fresh snapshot",
      goal: { below: 3 },
      runs: measured.map((run) => Math.max(loaded.highestUse, run.highestUse) / run.snapshotBytes),
      detail: `${(highest / 1e6).toFixed(0)} MB against ${(live / 1e6).toFixed(0)} MB`,
    },
  ];
}

async function compacted(loaded: LoadedStore, scratch: string, duration: number): Promise<Run> {
  const directory = join(scratch, "compacted");
  copyStore(loaded, directory);
  const server = await startServer("held compaction", directory);
  const use = watchDiskUse(directory);
  const due = once(server.child, "message", { signal: AbortSignal.timeout(60_000) });
  const load = startLoad({
    port: server.port,
    requests: loaded.members.sends,
    clients: 64,
    rate: SENDS_PER_SECOND,
  });
  await due;
  await delay(WARM_UP);
  await load.lap();
  await delay(duration);
  const before = await load.lap();
  const ended = once(server.child, "message");
  server.child.send("go");
  const [{ snapshotBytes = 0 }] = (await ended) as [CompactionNews];
  const during = await load.lap();
  await load.end();
  await server.end();
  rmSync(directory, { recursive: true });
  return { before, during, highestUse: use.end(), snapshotBytes };
}
