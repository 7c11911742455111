import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { inTurn, ratio, type Figure } from "./figures.js";
import { copyStore, type LoadedStore } from "./loaded-store.js";
import { ask, startServer } from "./processes.js";
import type { Setting } from "./setting.js";

/** What history costs in memory, against the pages of the database that it stands in. */
export async function measureMemory({
  scratch,
  rounds,
  quick,
  ...setting
}: Setting): Promise<readonly Figure[]> {
  const store = await setting.loaded();
  const pages = pageBytes(store);
  const measured = await inTurn(quick ? 1 : rounds, {
    empty: () => residentOf(join(scratch, "empty")),
    loaded: () => residentOf(join(scratch, "remembered"), store),
  });
  return [
    ratio(
      "The memory of 100,000 stored messages, against their pages",
      { atMost: 1.5 },
      measured,
      [(round) => ((round.loaded - round.empty) / store.messages) * 100_000, () => pages * 100_000],
      (bytes) => `${(bytes / 1e6).toFixed(1)} MB`,
    ),
  ];
}

/** What is resident of a server after it has started with that store, or an empty one, and let go of what it could. */
async function residentOf(directory: string, store?: LoadedStore): Promise<number> {
  if (store) copyStore(store, directory);
  else mkdirSync(directory);
  const server = await startServer("open memory", directory);
  const bytes = await ask<number>(server.child, "memory");
  await server.end();
  rmSync(directory, { recursive: true });
  return bytes;
}

/** What a message takes of the pages of the snapshot, with all that stands there for it, in bytes. */
function pageBytes({ directory, inSnapshot }: LoadedStore): number {
  const snapshot = readdirSync(directory).find((name) => name.startsWith("snapshot-"));
  if (snapshot === undefined) throw new Error(`There is no snapshot in ${directory}.`);
  return statSync(join(directory, snapshot)).size / inSnapshot;
}
