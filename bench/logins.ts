import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { median, type Figure } from "./figures.js";
import type { Lap } from "./load.js";
import { signUp } from "./members.js";
import { startLoad, startServer } from "./processes.js";

const WARM_UP = 2000;
const SENDS_PER_SECOND = 1000;
const LOGINS = 16;

/** What logins that never pause, whose passwords take long to check, do to sends at a steady rate. */
export async function measureLogins(scratch: string, runs: number, duration: number): Promise<Figure[]> {
  const server = await startServer("palaver", join(scratch, "logins"));
  const { port } = server;
  const { sends, logins } = await signUp(port);
  const load = startLoad({ port, requests: sends, clients: 64, rate: SENDS_PER_SECOND });
  const measured: { readonly alone: Lap; readonly beside: Lap; readonly logins: Lap }[] = [];
  for (let run = 0; run < runs; run++) {
    await delay(WARM_UP);
    await load.lap();
    await delay(duration);
    const alone = await load.lap();
    const others = startLoad({ port, requests: logins, clients: LOGINS });
    await delay(WARM_UP);
    await others.lap();
    await load.lap();
    await delay(duration);
    measured.push({ alone, beside: await load.lap(), logins: await others.lap() });
    await others.end();
  }
  await load.end();
  await server.end();
  const p99 = (phase: "alone" | "beside") => median(measured.map((run) => run[phase].p99)).toFixed(2);
  const rate = median(measured.map((run) => run.logins.answers / run.logins.seconds)).toFixed(0);
  return [
    {
      name: `The p99 of sends beside ${LOGINS} logins in flight, against none`,
      goal: { atMost: 5 },
      runs: measured.map(({ alone, beside }) => beside.p99 / alone.p99),
      detail: `${p99("beside")} ms against ${p99("alone")} ms, beside ${rate} logins/s`,
    },
  ];
}
