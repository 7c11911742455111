import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { milliseconds } from "./contenders.js";
import { median, ratio, type Figure } from "./figures.js";
import type { Lap } from "./load.js";
import { copyStore, watchDiskUse, type LoadedStore } from "./loaded-store.js";
import { startLoad, startServer } from "./processes.js";
import type { CompactionNews } from "./server.js";
import type { Setting } from "./setting.js";

const SENDS_PER_SECOND = 1000;

interface Round {
  readonly before: Lap;
  readonly during: Lap;
  readonly highestUse: number;
  readonly snapshotBytes: number;
}

/** What the compaction of a million messages does to sends at a steady rate, and what it takes of the disk. */
export async function measureCompaction(setting: Setting): Promise<readonly Figure[]> {
  const loaded = await setting.loaded();
  const measured: Round[] = [];
  for (let round = 0; round < (setting.quick ? 1 : setting.rounds); round++) {
    measured.push(await compacted(loaded, setting));
  }
  const p99 = ratio(
    "The p99 of sends while a million messages are compacted, against before",
    { atMost: 3 },
    measured,
    [({ during }) => during.p99, ({ before }) => before.p99],
    milliseconds,
  );
  const seconds = median(measured.map(({ during }) => during.seconds)).toFixed(1);
  const highest = Math.max(loaded.highestUse, ...measured.map(({ highestUse }) => highestUse));
  const live = median(measured.map(({ snapshotBytes }) => snapshotBytes));
  return [
    { ...p99, detail: `${p99.detail}; it took ${seconds} s` },
    {
      name: "The disk at its highest, against a fresh snapshot",
      goal: { below: 3 },
      rounds: measured.map((round) => Math.max(loaded.highestUse, round.highestUse) / round.snapshotBytes),
      detail: `${(highest / 1e6).toFixed(0)} MB against ${(live / 1e6).toFixed(0)} MB`,
    },
  ];
}

async function compacted(loaded: LoadedStore, { scratch, warmUp, longLap }: Setting): Promise<Round> {
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
  const before = await load.lapAfter(warmUp, longLap);
  const ended = once(server.child, "message");
  server.child.send("go");
  const [{ snapshotBytes = 0 }] = (await ended) as [CompactionNews];
  const during = await load.lap();
  await load.end();
  await server.end();
  rmSync(directory, { recursive: true });
  return { before, during, highestUse: use.end(), snapshotBytes };
}
