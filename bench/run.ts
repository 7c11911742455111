import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { measureAttacks } from "./attacks.js";
import { measureCompaction } from "./compaction.js";
import { measureDeliveries } from "./deliveries.js";
import { toJson, toMarkdown, type Figure } from "./figures.js";
import { measureGrowth } from "./growth.js";
import { measureListeners } from "./listeners.js";
import { measureLists } from "./lists.js";
import { A_MILLION, loadStore, type LoadedStore } from "./loaded-store.js";
import { measureLogins } from "./logins.js";
import { measureMemory } from "./memory.js";
import { measureNodes } from "./nodes.js";
import { measurePages } from "./pages.js";
import { installPeers } from "./peers.js";
import { pinned } from "./processes.js";
import { measureSignals } from "./signals.js";
import { measureSends } from "./sends.js";
import type { Measure, Settings } from "./settings.js";
import { measureStartUp } from "./start-up.js";
import { measureSteady } from "./steady.js";

const measures: Readonly<Record<string, Measure>> = {
  sends: { purpose: "durable sends, against other servers and without the log", run: measureSends },
  steady: { purpose: "the p99 of sends at a steady rate", run: measureSteady },
  attacks: { purpose: "the same during logins and beside slow clients", run: measureAttacks },
  logins: { purpose: "logins, against argon2 alone", run: measureLogins },
  pages: { purpose: "the latest 50 messages of a long and a short history", run: measurePages },
  lists: { purpose: "memory and sends while whole lists are read", run: measureLists },
  deliveries: {
    purpose: "deliveries to a thousand listeners, against TCP and socket.io",
    run: measureDeliveries,
  },
  listeners: {
    purpose: "memory and other senders with a thousand open streams",
    slow: true,
    run: measureListeners,
  },
  signals: { purpose: "the CPU time of typing and presence", slow: true, run: measureSignals },
  memory: { purpose: "the memory of stored messages", run: measureMemory },
  "start-up": { purpose: "the start with a million messages", run: measureStartUp },
  nodes: {
    purpose: "one and two nodes on PostgreSQL, against Fastify and pg",
    slow: true,
    run: measureNodes,
  },
  growth: { purpose: "calls with more messages and more participants", slow: true, run: measureGrowth },
  compaction: { purpose: "sends and disk usage during a compaction", run: measureCompaction },
};

const slow = Object.keys(measures).filter((name) => measures[name]!.slow);

const help = `Usage: npm run bench -- [options] [measure…]

Measures Palaver, the limits of the machine and alternative servers in alternation, and prints a table: each value beside
its baseline, with the spread over the rounds. Exits with 1 if something could not be measured. Default: all measures.

${Object.entries(measures)
  .map(([name, { purpose }]) => `  ${name.padEnd(12)}${purpose}`)
  .join("\n")}

Options:
  --quick         three minutes: three shorter rounds instead of five; memory, start-up and compaction once;
                  without ${slow.join(" and ")} unless named, and without secondary comparisons
  --rounds <n>    the number of rounds, which must be odd
  --json <file>   also write the figures to a file
  --dir <dir>     a directory for temporary data (default: beside the compiled code)
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
const byDefault = Object.keys(measures).filter((name) => !options.quick || !slow.includes(name));
const unknown = named.filter((name) => !Object.hasOwn(measures, name));

if (options.help) {
  process.stdout.write(help);
} else if (unknown.length > 0 || !(rounds > 0 && rounds % 2 === 1)) {
  const problem =
    unknown.length > 0
      ? `Unknown measure: ${unknown.join(", ")}`
      : `Invalid --rounds ${options.rounds}: it must be odd`;
  process.stderr.write(`${problem}. See npm run bench -- --help.\n`);
  process.exitCode = 2;
} else {
  installPeers();
  const conditions = describeConditions();
  process.stdout.write(`${conditions}\n`);
  const figures = await measure(named.length > 0 ? named : byDefault);
  process.stdout.write(`\n${toMarkdown(figures)}\n`);
  if (options.json) {
    const report = { conditions, figures: toJson(figures) };
    writeFileSync(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
  }
}

async function measure(names: readonly string[]): Promise<readonly Figure[]> {
  mkdirSync(options.dir, { recursive: true });
  const scratch = mkdtempSync(join(options.dir, "bench-"));
  process.once("exit", () => rmSync(scratch, { recursive: true, force: true }));
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
  let loadedStore: Promise<LoadedStore> | undefined;
  const settings: Settings = {
    scratch,
    rounds,
    lapMs: options.quick ? 500 : 3000,
    longLapMs: options.quick ? 900 : 6000,
    warmUpMs: options.quick ? 250 : 1000,
    quick: options.quick,
    loadedStore: () =>
      (loadedStore ??= timed("a million messages", () => loadStore(join(scratch, "loaded"), A_MILLION))),
  };
  const figures: Figure[] = [];
  for (const name of names) {
    try {
      figures.push(...(await timed(name, () => measures[name]!.run(settings))));
    } catch (error) {
      // The figures of the other measures must not be lost.
      process.stderr.write(`${name} failed: ${error instanceof Error ? error.stack : String(error)}\n`);
      process.exitCode = 1;
    }
  }
  return figures;
}

async function timed<T>(label: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work();
  process.stderr.write(`${label}: ${((performance.now() - start) / 1000).toFixed(0)} s\n`);
  return result;
}

function describeConditions(): string {
  const load = loadavg()[0]!.toFixed(1);
  const placement = pinned
    ? "had a dedicated core, and polled without sleeping in closed loops"
    : "ran on any core";
  return [
    `${new Date().toISOString()}, ${rounds} rounds. Node ${process.version}, ${cpus().length} cores of ${cpus()[0]?.model}.`,
    `The load average at the start was ${load}. The load generators ${placement}.`,
  ].join("\n");
}
