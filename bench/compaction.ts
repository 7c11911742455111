import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { compare, median, type Figure } from "./figures.js";
import type { Lap } from "./load.js";
import { copyStore, monitorDiskUsage, type LoadedStore } from "./loaded-store.js";
import { startLoad, startServer } from "./processes.js";
import type { CompactionMessage } from "./server.js";
import type { Settings } from "./settings.js";
import { formatMs } from "./targets.js";

const SENDS_PER_SECOND = 1000;

interface Round {
  readonly before: Lap;
  readonly during: Lap;
  readonly peakBytes: number;
  readonly snapshotBytes: number;
}

/** Measures how the compaction of a million messages slows down sends at a steady rate, and how much disk space it needs. */
export async function measureCompaction(settings: Settings): Promise<readonly Figure[]> {
  const loaded = await settings.loadedStore();
  const results: Round[] = [];
  for (let round = 0; round < (settings.quick ? 1 : settings.rounds); round++) {
    results.push(await compact(loaded, settings));
  }
  const p99 = compare(
    "The p99 of sends while a million messages are compacted, against before",
    results,
    [({ during }) => during.p99, ({ before }) => before.p99],
    formatMs,
  );
  const seconds = median(results.map(({ during }) => during.seconds)).toFixed(1);
  const peak = Math.max(loaded.peakBytes, ...results.map(({ peakBytes }) => peakBytes));
  const snapshot = median(results.map(({ snapshotBytes }) => snapshotBytes));
  return [
    { ...p99, detail: `${p99.detail}; the compaction took ${seconds} s` },
    {
      name: "The disk at its highest, against a fresh snapshot",
      rounds: results.map((round) => Math.max(loaded.peakBytes, round.peakBytes) / round.snapshotBytes),
      detail: `${(peak / 1e6).toFixed(0)} MB against ${(snapshot / 1e6).toFixed(0)} MB`,
    },
  ];
}

async function compact(loaded: LoadedStore, { scratch, warmUpMs, longLapMs }: Settings): Promise<Round> {
  const directory = join(scratch, "compacted");
  copyStore(loaded, directory);
  const server = await startServer("manual compaction", directory);
  const disk = monitorDiskUsage(directory);
  const due = once(server.child, "message", { signal: AbortSignal.timeout(60_000) });
  const load = startLoad({
    port: server.port,
    requests: loaded.members.sends,
    clients: 64,
    rate: SENDS_PER_SECOND,
  });
  await due;
  const before = await load.lapAfter(warmUpMs, longLapMs);
  const finished = once(server.child, "message");
  server.child.send("go");
  const [{ snapshotBytes = 0 }] = (await finished) as [CompactionMessage];
  const during = await load.lap();
  await load.stop();
  await server.stop();
  rmSync(directory, { recursive: true });
  return { before, during, peakBytes: disk.stop(), snapshotBytes };
}
