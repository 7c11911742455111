import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Figure } from "./figures.js";
import { copyStore } from "./loaded-store.js";
import { startServer } from "./processes.js";
import type { Setting } from "./setting.js";

/** From the start of the process until it is ready, with a million messages: after kill -9 at the worst time, and after a clean end. */
export async function measureStartUp({
  scratch,
  rounds,
  quick,
  loaded,
}: Setting): Promise<readonly Figure[]> {
  const killed = await loaded();
  const afterKill: number[] = [];
  const afterEnd: number[] = [];
  for (let round = 0; round < (quick ? 1 : rounds); round++) {
    const directory = join(scratch, "started");
    copyStore(killed, directory);
    for (const seconds of [afterKill, afterEnd]) {
      const server = await startServer("palaver", directory);
      seconds.push(server.secondsToStart);
      await server.end();
    }
    rmSync(directory, { recursive: true });
  }
  const name = "Start with a million messages after";
  return [
    { name: `${name} a clean end`, goal: { atMost: 1.5 }, rounds: afterEnd, unit: "s" },
    {
      name: `${name} kill -9, with all the log that there can be`,
      goal: { below: 5 },
      rounds: afterKill,
      unit: "s",
    },
  ];
}
