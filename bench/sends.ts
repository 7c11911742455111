import { closeSync, fdatasyncSync, fsyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { compare, measureRounds, median, percentile, type Figure } from "./figures.js";
import type { Lap } from "./load.js";
import type { Settings } from "./settings.js";
import {
  formatMs,
  formatRate,
  measureClosedLoop,
  responsesPerSecond,
  startPalaver,
  startPeer,
  warmUpJit,
  type Target,
} from "./targets.js";

type Targets = Readonly<
  Record<"palaver" | "noLog" | "noIndex", Target> &
    Record<"koa" | "synced" | "grouped" | "fastify", Target | undefined> &
    Partial<Record<"express" | "http" | "koaStack" | "koaSessions", Target | undefined>>
>;

/** Measures durable sends, against other servers, against Palaver without its log or its search index, and against the disk. */
export async function measureSends(settings: Settings): Promise<readonly Figure[]> {
  const at = (name: string) => join(settings.scratch, "sends", name);
  const targets: Targets = {
    palaver: await startPalaver("palaver", at("palaver")),
    noLog: await startPalaver("no log", at("no-log")),
    noIndex: await startPalaver("no index", at("no-index")),
    koa: await startPeer("koa", at("koa"), "alone"),
    synced: await startPeer("koa", at("synced"), "synced"),
    grouped: await startPeer("fastify", at("grouped"), "grouped"),
    fastify: await startPeer("fastify", at("fastify")),
    ...(settings.quick
      ? {}
      : {
          express: await startPeer("express", at("express")),
          http: await startPeer("http", at("http")),
          koaStack: await startPeer("koa", at("stack"), "stack"),
          koaSessions: await startPeer("koa", at("sessions"), "sessions"),
        }),
  };
  for (const target of Object.values(targets)) {
    if (target) await warmUpJit(target, target.sends, 64);
  }
  const figures = [
    ...(await measureThroughput(targets, 64, settings)),
    ...(await measureThroughput(targets, 16, settings)),
    ...(await measureLatency(targets, settings)),
  ];
  for (const target of Object.values(targets)) await target?.stop();
  return figures;
}

async function measureThroughput(
  targets: Targets,
  clients: 64 | 16,
  settings: Settings,
): Promise<readonly Figure[]> {
  const side = (target: Target | undefined) =>
    target && (() => measureClosedLoop(target, target.sends, clients, settings));
  const sides = Object.fromEntries(
    Object.entries(targets)
      // It blocks on the disk for each send, so the number of clients makes no difference.
      .filter(([name]) => name !== "synced")
      .filter(([name]) => clients === 64 || !settings.quick || name === "palaver" || name === "koa")
      .map(([name, target]) => [name, side(target)]),
  ) as Readonly<Record<keyof Targets, (() => Promise<Lap>) | undefined>>;
  const results = await measureRounds(settings.rounds, sides);
  const against = (name: string, one: keyof Targets, other: keyof Targets): readonly Figure[] => {
    if (!sides[one] || !sides[other]) return [];
    const rates = [one, other].map(
      (key) => (round: (typeof results)[number]) => responsesPerSecond(round[key]),
    );
    return [compare(`${name}, ${clients} clients`, results, [rates[0]!, rates[1]!], formatRate)];
  };
  const busy = Math.max(...results.flatMap((round) => Object.values<Lap>(round).map((lap) => lap.busy)));
  if (busy > 0.95) {
    process.stderr.write("The load generator was saturated. The fastest servers are faster than measured.\n");
  }
  return [
    ...against("Durable sends a second, against a bare Koa POST", "palaver", "koa"),
    ...against("Against Fastify and better-sqlite3, a transaction a turn", "palaver", "grouped"),
    ...against("Against Fastify and better-sqlite3, a transaction a send", "palaver", "fastify"),
    ...against("Against Express and better-sqlite3, a transaction a send", "palaver", "express"),
    ...against("Against Palaver without its log", "palaver", "noLog"),
    ...against("Against Palaver without its search index", "palaver", "noIndex"),
    ...against("Bare node:http, against a bare Koa POST", "http", "koa"),
    ...against("Koa with a router and a body parser, against a bare Koa POST", "koaStack", "koa"),
    ...against("The same with koa-session, against a bare Koa POST", "koaSessions", "koa"),
  ];
}

/**
 * Measures the latency of sends by one client, against the sum of a Koa POST and an fdatasync. A Koa that syncs each response
 * is measured against the same sum, which it exceeds because CPU caches are cold after the sync.
 */
async function measureLatency(
  { palaver, koa, synced }: Targets,
  { scratch, rounds, ...settings }: Settings,
): Promise<readonly Figure[]> {
  if (koa === undefined || synced === undefined) return [];
  const p50 = (target: Target) => async () =>
    (await measureClosedLoop(target, target.sends, 1, settings)).p50;
  const results = await measureRounds(rounds, {
    palaver: p50(palaver),
    koa: p50(koa),
    synced: p50(synced),
    sync: async () => measureSync(join(scratch, "synced")),
  });
  const formatMedian = (side: "koa" | "sync") => formatMs(median(results.map((round) => round[side])));
  const againstSum = (name: string, side: "palaver" | "synced") => {
    const sum = (round: (typeof results)[number]) => round.koa + round.sync;
    const figure = compare(name, results, [(round) => round[side], sum], formatMs);
    return { ...figure, detail: `${figure.detail}: ${formatMedian("koa")} and ${formatMedian("sync")}` };
  };
  return [
    againstSum("The p50 of a durable send of one client, against a Koa POST and an fdatasync", "palaver"),
    againstSum("The same of a Koa that writes and waits for the disk, against the two", "synced"),
  ];
}

const SYNCS = 300;
const FRAME = Buffer.alloc(1024, "x");

/** Returns the median time of an append to preallocated zeros, followed by an fdatasync, in milliseconds. */
function measureSync(path: string): number {
  const file = openSync(path, "w");
  writeSync(file, Buffer.alloc(SYNCS * FRAME.length));
  fsyncSync(file);
  const times = Array.from({ length: SYNCS }, (_, index) => {
    const start = performance.now();
    writeSync(file, FRAME, 0, FRAME.length, index * FRAME.length);
    fdatasyncSync(file);
    return performance.now() - start;
  });
  closeSync(file);
  return percentile(times, 50);
}
