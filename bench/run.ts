import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { measureAttacks } from "./attacks.js";
import { measureCompaction } from "./compaction.js";
import { measureDeliveries } from "./deliveries.js";
import { report, table, type Figure } from "./figures.js";
import { measureGrowth } from "./growth.js";
import { measureListeners } from "./listeners.js";
import { measureLists } from "./lists.js";
import { A_MILLION, loadStore, type LoadedStore } from "./loaded-store.js";
import { measureLogins } from "./logins.js";
import { measureMemory } from "./memory.js";
import { measurePages } from "./pages.js";
import { installPeers } from "./peers.js";
import { pinned } from "./processes.js";
import { measureSends } from "./sends.js";
import type { Measure, Setting } from "./setting.js";
import { measureStartUp } from "./start-up.js";
import { measureSteady } from "./steady.js";

const measures: Readonly<Record<string, Measure>> = {
  sends: { purpose: "durable sends against those of others, and against no log", measure: measureSends },
  steady: { purpose: "the slowest sends at a steady rate", measure: measureSteady },
  attacks: { purpose: "the same beside logins, and beside slow clients", measure: measureAttacks },
  logins: { purpose: "logins against argon2 alone", measure: measureLogins },
  pages: { purpose: "the latest 50 of a long and a short history", measure: measurePages },
  lists: { purpose: "what reading a whole list does to memory and to sends", measure: measureLists },
  deliveries: { purpose: "a thousand listeners, against TCP and socket.io", measure: measureDeliveries },
  listeners: { purpose: "what their streams cost others", slow: true, measure: measureListeners },
  memory: { purpose: "what history costs in memory", measure: measureMemory },
  "start-up": { purpose: "the start with a million messages", measure: measureStartUp },
  growth: {
    purpose: "what calls cost with more messages and more people",
    slow: true,
    measure: measureGrowth,
  },
  compaction: { purpose: "what a compaction does to sends and to the disk", measure: measureCompaction },
};

const slow = Object.keys(measures).filter((name) => measures[name]!.slow);

const help = `Usage: npm run bench -- [options] [measure…]

Measures Palaver, its limits, and what one would use in its place, in turn, prints a table, and ends with 0 whether or not
the goals are met; with 1 where something could not be measured. All is measured, unless measures are named:

${Object.entries(measures)
  .map(([name, { purpose }]) => `  ${name.padEnd(12)}${purpose}`)
  .join("\n")}

Options:
  --quick         three minutes: three rounds in the place of five, and shorter ones; memory, start-up and compaction once;
                  without ${slow.join(" and ")} unless named, and without most that has no goal
  --rounds <n>    so many rounds, an odd number
  --json <file>   write the figures to a file, too
  --dir <dir>     where to put the data, of which nothing stays; beside the compiled code unless given
  --help          print this text
`;

const { values: options, positionals: named } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    json: { type: "string" },
    dir: { type: "string", default: fileURLToPath(new URL("..", import.meta.url)) },
    help: { type: "boolean" },
  },
});
const rounds = Number(options.rounds ?? (options.quick ? 3 : 5));
const usual = Object.keys(measures).filter((name) => !options.quick || !slow.includes(name));
const unknown = named.filter((name) => !Object.hasOwn(measures, name));

if (options.help) {
  process.stdout.write(help);
} else if (unknown.length > 0 || !(rounds > 0 && rounds % 2 === 1)) {
  const wrong =
    unknown.length > 0
      ? `There is no measure ${unknown.join(", ")}`
      : `--rounds ${options.rounds} is no odd number`;
  process.stderr.write(`${wrong}. See npm run bench -- --help.\n`);
  process.exitCode = 2;
} else {
  installPeers();
  const conditions = describeConditions();
  process.stdout.write(`${conditions}\n`);
  const figures = await measure(named.length > 0 ? named : usual);
  process.stdout.write(`\n${table(figures)}\n`);
  if (options.json) {
    writeFileSync(
      options.json,
      `${JSON.stringify({ conditions, figures: report(figures) }, undefined, 2)}\n`,
    );
  }
}

async function measure(names: readonly string[]): Promise<readonly Figure[]> {
  mkdirSync(options.dir, { recursive: true });
  const scratch = mkdtempSync(join(options.dir, "bench-"));
  process.once("exit", () => rmSync(scratch, { recursive: true, force: true }));
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
  let loaded: Promise<LoadedStore> | undefined;
  const setting: Setting = {
    scratch,
    rounds,
    lap: options.quick ? 500 : 3000,
    longLap: options.quick ? 900 : 6000,
    warmUp: options.quick ? 250 : 1000,
    quick: options.quick,
    loaded: () =>
      (loaded ??= timed("a million messages", () => loadStore(join(scratch, "loaded"), A_MILLION))),
  };
  const figures: Figure[] = [];
  for (const name of names) {
    try {
      figures.push(...(await timed(name, () => measures[name]!.measure(setting))));
    } catch (error) {
      // What the others have measured is not to be lost for it.
      process.stderr.write(`${name} failed: ${error instanceof Error ? error.stack : String(error)}\n`);
      process.exitCode = 1;
    }
  }
  return figures;
}

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const result = await work();
  process.stderr.write(`${what}: ${((performance.now() - began) / 1000).toFixed(0)} s\n`);
  return result;
}

function describeConditions(): string {
  const load = loadavg()[0]!.toFixed(1);
  return [
    `${new Date().toISOString()}, ${rounds} rounds. Node ${process.version}, ${cpus().length} cores of ${cpus()[0]?.model}.`,
    `The load average was ${load} at the start. The load generators ${pinned ? "had a core of their own" : "ran on any core"}.`,
  ].join("\n");
}
