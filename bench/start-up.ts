import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Figure } from "./figures.js";
import { copyStore } from "./loaded-store.js";
import { startServer } from "./processes.js";
import type { Settings } from "./settings.js";

/** Measures the time from the start of the process until it is ready, with a million messages. */
export async function measureStartUp({
  scratch,
  rounds,
  quick,
  loadedStore,
}: Settings): Promise<readonly Figure[]> {
  const killed = await loadedStore();
  const afterKill: number[] = [];
  const afterStop: number[] = [];
  for (let round = 0; round < (quick ? 1 : rounds); round++) {
    const directory = join(scratch, "started");
    copyStore(killed, directory);
    for (const seconds of [afterKill, afterStop]) {
      const server = await startServer("palaver", directory);
      seconds.push(server.secondsToStart);
      await server.stop();
    }
    rmSync(directory, { recursive: true });
  }
  const name = "Start with a million messages after";
  return [
    { name: `${name} a clean end`, rounds: afterStop, unit: "s" },
    { name: `${name} kill -9, with a log of maximum size`, rounds: afterKill, unit: "s" },
  ];
}
