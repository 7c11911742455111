import { join } from "node:path";
import { compare, measureRounds, type Figure } from "./figures.js";
import { startLoad } from "./processes.js";
import type { Settings } from "./settings.js";
import { formatMs, startPalaver, startPeer, warmUpJit, type Target } from "./targets.js";

const SENDS_PER_SECOND = 1000;
const CLIENTS = 64;

/** Measures the p99 of sends at a steady rate, against responses that store nothing. */
export async function measureSteady(settings: Settings): Promise<readonly Figure[]> {
  const { scratch, rounds, longLapMs, warmUpMs } = settings;
  const palaver = await startPalaver("palaver", join(scratch, "steady", "palaver"));
  const koa = await startPeer("koa", join(scratch, "steady", "koa"), "alone");
  for (const target of [palaver, koa]) if (target) await warmUpJit(target, target.sends, CLIENTS);
  const p99 =
    ({ port, sends }: Target) =>
    async () => {
      const load = startLoad({ port, requests: sends, clients: CLIENTS, rate: SENDS_PER_SECOND });
      const lap = await load.lapAfter(warmUpMs, longLapMs);
      await load.stop();
      return lap.p99;
    };
  const results = await measureRounds(rounds, { palaver: p99(palaver), koa: koa && p99(koa) });
  await palaver.stop();
  await koa?.stop();
  if (!koa) return [];
  return [
    compare(
      `The p99 of durable sends, ${SENDS_PER_SECOND} a second, against a bare Koa POST`,
      results,
      [(round) => round.palaver, (round) => round.koa],
      formatMs,
    ),
  ];
}
