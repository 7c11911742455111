import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { median, type Figure } from "./figures.js";
import { signUp } from "./members.js";
import { OTHER_CORES, startLoad, startServer, type ServerKind } from "./processes.js";

const WARM_UP = 1000;
const MANY_RUNS = 11;

/** Sends a second to the server as it is, against sends a second to the same server with its log switched off. */
export async function measureSends(scratch: string, runs: number, duration: number): Promise<Figure[]> {
  const durable = await contender("palaver", scratch);
  const free = await contender("no log", scratch);
  const figures: Figure[] = [];
  for (const clients of [64, 16, 1]) {
    // What one run says depends on what else the machine does, so the one with a goal has many.
    const times = clients === 64 ? MANY_RUNS : runs;
    const rates: { readonly durable: number; readonly free: number }[] = [];
    for (let run = 0; run < times; run++) {
      rates.push({
        durable: await durable.sendsPerSecond(clients, duration),
        free: await free.sendsPerSecond(clients, duration),
      });
    }
    const medians = [rates.map((rate) => rate.durable), rates.map((rate) => rate.free)].map(median);
    figures.push({
      name: `Durable sends a second with ${clients} clients, against no log`,
      ...(clients === 64 ? { goal: { atLeast: 0.85 } } : {}),
      runs: rates.map((rate) => rate.durable / rate.free),
      detail: medians.map((rate) => `${rate.toFixed(0)}/s`).join(" against "),
    });
  }
  await durable.end();
  await free.end();
  return figures;
}

async function contender(kind: ServerKind, scratch: string) {
  const directory = join(scratch, kind);
  mkdirSync(directory);
  const server = await startServer(kind, directory, OTHER_CORES);
  const { sends } = await signUp(server.port);
  return {
    async sendsPerSecond(clients: number, duration: number): Promise<number> {
      const load = startLoad({ port: server.port, requests: sends, clients });
      await delay(WARM_UP);
      await load.lap();
      await delay(duration);
      const { answers, seconds } = await load.lap();
      await load.end();
      return answers / seconds;
    },
    end: () => server.end(),
  };
}
