import { closeSync, fdatasyncSync, fsyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import {
  closedLoop,
  compile,
  milliseconds,
  perSecond,
  rate,
  startPalaver,
  startPeer,
  type Contender,
} from "./contenders.js";
import { inTurn, median, percentile, ratio, type Figure } from "./figures.js";
import type { Lap } from "./load.js";
import type { Setting } from "./setting.js";

/** Durable sends against those of others, and against what a send can't do without. */
export async function measureSends(setting: Setting): Promise<readonly Figure[]> {
  const at = (name: string) => join(setting.scratch, "sends", name);
  const contenders = {
    palaver: await startPalaver("palaver", at("palaver")),
    noLog: await startPalaver("no log", at("no-log")),
    koa: await startPeer("koa", at("koa"), "alone"),
    synced: await startPeer("koa", at("synced"), "synced"),
    grouped: await startPeer("fastify", at("grouped"), "grouped"),
    fastify: await startPeer("fastify", at("fastify")),
    ...(setting.quick
      ? {}
      : {
          express: await startPeer("express", at("express")),
          http: await startPeer("http", at("http")),
          koaStack: await startPeer("koa", at("stack"), "stack"),
          koaSessions: await startPeer("koa", at("sessions"), "sessions"),
        }),
  };
  for (const contender of Object.values(contenders)) {
    if (contender) await compile(contender, contender.sends, 64);
  }
  const figures = [
    ...(await throughput(contenders, 64, setting)),
    ...(await throughput(contenders, 16, setting)),
    ...(await oneClient(contenders, setting)),
  ];
  for (const contender of Object.values(contenders)) await contender?.end();
  return figures;
}

type Contenders = Readonly<
  Record<"palaver" | "noLog", Contender> &
    Record<"koa" | "synced" | "grouped" | "fastify", Contender | undefined> &
    Partial<Record<"express" | "http" | "koaStack" | "koaSessions", Contender | undefined>>
>;

async function throughput(
  contenders: Contenders,
  clients: 64 | 16,
  setting: Setting,
): Promise<readonly Figure[]> {
  const side = (contender: Contender | undefined) =>
    contender && (() => closedLoop(contender, contender.sends, clients, setting));
  const sides = Object.fromEntries(
    Object.entries(contenders)
      // It takes them one by one, however many there are.
      .filter(([name]) => name !== "synced")
      .filter(([name]) => clients === 64 || !setting.quick || name === "palaver" || name === "koa")
      .map(([name, contender]) => [name, side(contender)]),
  ) as Readonly<Record<keyof Contenders, (() => Promise<Lap>) | undefined>>;
  const rounds = await inTurn(setting.rounds, sides);
  const compare = (
    name: string,
    one: keyof Contenders,
    other: keyof Contenders,
    goals: { readonly 64?: number; readonly 16?: number } = {},
  ): readonly Figure[] => {
    if (!sides[one] || !sides[other]) return [];
    const goal = goals[clients];
    return [
      ratio(
        `${name}, ${clients} clients`,
        goal === undefined ? undefined : { atLeast: goal },
        rounds,
        [(round) => rate(round[one]), (round) => rate(round[other])],
        perSecond,
      ),
    ];
  };
  const loadBusy = Math.max(...rounds.flatMap((round) => Object.values<Lap>(round).map(({ busy }) => busy)));
  if (loadBusy > 0.95) process.stderr.write("The load generator had no time left: the fastest are faster.\n");
  return [
    ...compare("Durable sends a second, against a bare Koa POST", "palaver", "koa", { 64: 0.55, 16: 0.4 }),
    ...compare("Against Fastify and better-sqlite3, a transaction a turn", "palaver", "grouped", { 64: 1.1 }),
    ...compare("Against Fastify and better-sqlite3, a transaction a send", "palaver", "fastify", { 64: 5 }),
    ...compare("Against Express and better-sqlite3, a transaction a send", "palaver", "express"),
    ...compare("Against Palaver without its log", "palaver", "noLog", { 64: 0.85 }),
    ...compare("Bare node:http, against a bare Koa POST", "http", "koa"),
    ...compare("Koa with a router and a body parser, against a bare Koa POST", "koaStack", "koa"),
    ...compare("The same with koa-session, against a bare Koa POST", "koaSessions", "koa"),
  ];
}

/**
 * How long one client waits for a send, against what Koa takes and what the disk takes; and against a Koa that has its answers
 * wait for the disk, which is more than the sum of the two: what comes behind a wait finds nothing warm.
 */
async function oneClient(
  { palaver, koa, synced }: Contenders,
  { scratch, rounds, ...setting }: Setting,
): Promise<readonly Figure[]> {
  if (koa === undefined || synced === undefined) return [];
  const p50 = (contender: Contender) => async () =>
    (await closedLoop(contender, contender.sends, 1, setting)).p50;
  const measured = await inTurn(rounds, {
    palaver: p50(palaver),
    koa: p50(koa),
    synced: p50(synced),
    sync: async () => syncP50(join(scratch, "synced")),
  });
  const middle = (side: "koa" | "sync") => milliseconds(median(measured.map((round) => round[side])));
  const against = (name: string, one: "palaver" | "synced", goal: { atMost: number } | undefined) => {
    const sum = (round: (typeof measured)[number]) => round.koa + round.sync;
    const figure = ratio(name, goal, measured, [(round) => round[one], sum], milliseconds);
    return { ...figure, detail: `${figure.detail}: ${middle("koa")} and ${middle("sync")}` };
  };
  return [
    against("The p50 of a durable send of one client, against a Koa POST and an fdatasync", "palaver", {
      atMost: 1.5,
    }),
    against("The same of a Koa that writes and waits for the disk, against the two", "synced", undefined),
  ];
}

const SYNCS = 300;
const FRAME = Buffer.alloc(1024, "x");

/** How long it takes to write a frame behind the last one, into zeros, and to have it on the disk; in milliseconds. */
function syncP50(path: string): number {
  const file = openSync(path, "w");
  writeSync(file, Buffer.alloc(SYNCS * FRAME.length));
  fsyncSync(file);
  const times = Array.from({ length: SYNCS }, (_, index) => {
    const began = performance.now();
    writeSync(file, FRAME, 0, FRAME.length, index * FRAME.length);
    fdatasyncSync(file);
    return performance.now() - began;
  });
  closeSync(file);
  return percentile(times, 50);
}
