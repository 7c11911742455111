import { join } from "node:path";
import { compile, milliseconds, startPalaver, startPeer, type Contender } from "./contenders.js";
import { inTurn, ratio, type Figure } from "./figures.js";
import { startLoad } from "./processes.js";
import type { Setting } from "./setting.js";

const SENDS_PER_SECOND = 1000;
const CLIENTS = 64;

/** How long the slowest sends take at a steady rate, against an answer that stores nothing. */
export async function measureSteady(setting: Setting): Promise<readonly Figure[]> {
  const { scratch, rounds, longLap, warmUp } = setting;
  const palaver = await startPalaver("palaver", join(scratch, "steady", "palaver"));
  const koa = await startPeer("koa", join(scratch, "steady", "koa"), "alone");
  for (const contender of [palaver, koa]) if (contender) await compile(contender, contender.sends, CLIENTS);
  const p99 =
    ({ port, sends }: Contender) =>
    async () => {
      const load = startLoad({ port, requests: sends, clients: CLIENTS, rate: SENDS_PER_SECOND });
      const measured = await load.lapAfter(warmUp, longLap);
      await load.end();
      return measured.p99;
    };
  const measured = await inTurn(rounds, { palaver: p99(palaver), koa: koa && p99(koa) });
  await palaver.end();
  await koa?.end();
  if (!koa) return [];
  return [
    ratio(
      `The p99 of durable sends, ${SENDS_PER_SECOND} a second, against a bare Koa POST`,
      { atMost: 2.5 },
      measured,
      [(round) => round.palaver, (round) => round.koa],
      milliseconds,
    ),
  ];
}
