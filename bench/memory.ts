import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { compare, measureRounds, type Figure } from "./figures.js";
import { copyStore, type LoadedStore } from "./loaded-store.js";
import { exchange, startServer } from "./processes.js";
import type { Settings } from "./settings.js";

/** Measures the memory of stored messages, against the size of their database pages. */
export async function measureMemory({
  scratch,
  rounds,
  quick,
  loadedStore,
}: Settings): Promise<readonly Figure[]> {
  const store = await loadedStore();
  const pages = pageBytes(store);
  const results = await measureRounds(quick ? 1 : rounds, {
    empty: () => residentBytesWith(join(scratch, "empty")),
    loaded: () => residentBytesWith(join(scratch, "in-memory"), store),
  });
  return [
    compare(
      "The memory of 100,000 stored messages, against their pages",
      results,
      [(round) => ((round.loaded - round.empty) / store.messages) * 100_000, () => pages * 100_000],
      (bytes) => `${(bytes / 1e6).toFixed(1)} MB`,
    ),
  ];
}

/** Returns the resident memory of a server that has started with the store, or an empty one, after garbage collection. */
async function residentBytesWith(directory: string, store?: LoadedStore): Promise<number> {
  if (store) copyStore(store, directory);
  else mkdirSync(directory);
  const server = await startServer("memory probe", directory);
  const bytes = await exchange<number>(server.child, "memory");
  await server.stop();
  rmSync(directory, { recursive: true });
  return bytes;
}

/** Returns the size of the snapshot per message, which includes indexes and events. */
function pageBytes({ directory, inSnapshot }: LoadedStore): number {
  const snapshot = readdirSync(directory).find((name) => name.startsWith("snapshot-"));
  if (snapshot === undefined) throw new Error(`No snapshot found in ${directory}.`);
  return statSync(join(directory, snapshot)).size / inSnapshot;
}
