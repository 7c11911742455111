import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, cpus, loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { measureAttacks } from "./attacks.js";
import { measureCompaction } from "./compaction.js";
import { table, type Figure } from "./figures.js";
import { loadStore } from "./loaded-store.js";
import { measureGrowth } from "./growth.js";
import { measureListeners } from "./listeners.js";
import { pinned } from "./processes.js";
import { measureSends } from "./sends.js";
import { measureStartUp } from "./start-up.js";

const help = `Usage: npm run bench -- [options]

Measures what durability, live events and attacks cost, prints a table, and ends with 0 whether or not the goals are met.

Options:
  --quick      three runs in the place of five (more of what varies much), and shorter ones
  --dir <dir>  where to put the data, of which nothing stays; beside the compiled code unless given
  --help       print this text
`;

const { values: options } = parseArgs({
  options: { quick: { type: "boolean" }, dir: { type: "string" }, help: { type: "boolean" } },
});

if (options.help) {
  process.stdout.write(help);
} else {
  const runs = options.quick ? 3 : 5;
  process.stdout.write(`${conditions(runs)}\n`);
  const figures = await measure(runs, options.quick ? 2000 : 4000);
  process.stdout.write(`\n${table(figures)}\n`);
}

/** @param duration of each phase of each run, in milliseconds. */
async function measure(runs: number, duration: number): Promise<Figure[]> {
  const parent = options.dir ?? fileURLToPath(new URL("..", import.meta.url));
  mkdirSync(parent, { recursive: true });
  const scratch = mkdtempSync(join(parent, "bench-"));
  process.once("exit", () => rmSync(scratch, { recursive: true, force: true }));
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

  progress("sends");
  const sends = await measureSends(scratch, runs, duration);
  progress("attacks");
  const attacks = await measureAttacks(scratch, runs, duration);
  progress("listeners");
  const listeners = await measureListeners(scratch, runs, duration);
  progress("a million messages");
  const loaded = await loadStore(join(scratch, "loaded"));
  progress("start-up");
  const startUp = await measureStartUp(loaded, scratch, runs);
  progress("growth");
  const growth = await measureGrowth(loaded, scratch, runs);
  progress("compaction");
  const compaction = await measureCompaction(loaded, scratch, runs, duration);
  return [...sends, ...attacks, ...listeners, ...startUp, ...growth, ...compaction];
}

function progress(what: string): void {
  process.stderr.write(`${what} …\n`);
}

function conditions(runs: number): string {
  const load = loadavg()[0]!.toFixed(1);
  return [
    `${new Date().toISOString()}, ${runs} runs. Node ${process.version}, ${availableParallelism()} cores of ${cpus()[0]?.model}.`,
    `The load average was ${load} at the start. The load generator ${pinned ? "had a core of its own" : "ran on any core"}.`,
  ].join("\n");
}
