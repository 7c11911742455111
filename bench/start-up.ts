import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Figure } from "./figures.js";
import { copyStore, type LoadedStore } from "./loaded-store.js";
import { startLoad, startServer } from "./processes.js";

const UNTIL_KILLED = 1000;

/**
 * From the start of the process until it is ready, with a million messages: after a clean end, and after kill -9 amid sends
 * and the compaction that the first of them sets off.
 */
export async function measureStartUp(loaded: LoadedStore, scratch: string, runs: number): Promise<Figure[]> {
  const afterEnd: number[] = [];
  const afterKill: number[] = [];
  for (let run = 0; run < runs; run++) {
    const directory = join(scratch, "started");
    copyStore(loaded, directory);
    const killed = await startServer("palaver", directory);
    const load = startLoad({ port: killed.port, requests: loaded.members.sends, clients: 64 });
    await delay(UNTIL_KILLED);
    await Promise.all([killed.end("SIGKILL"), load.end()]);
    const last = await startServer("palaver", directory);
    await last.end();
    rmSync(directory, { recursive: true });
    afterEnd.push(killed.secondsToStart);
    afterKill.push(last.secondsToStart);
  }
  const goal = { below: 5 };
  return [
    { name: "Start with a million messages after a clean end", goal, runs: afterEnd, unit: "s" },
    { name: "Start with a million messages after kill -9", goal, runs: afterKill, unit: "s" },
  ];
}
