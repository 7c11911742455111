import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { gather, LISTENERS, palaverStreams } from "./audience.js";
import { compile, milliseconds } from "./contenders.js";
import { inTurn, ratio, type Figure } from "./figures.js";
import { signUp } from "./members.js";
import { residentBytes, startLoad, startServer } from "./processes.js";
import type { Setting } from "./setting.js";

const UNRELATED_SENDS_PER_SECOND = 500;

/** What a thousand open streams cost: memory, and somebody who has nothing to do with them. */
export async function measureListeners({
  scratch,
  rounds,
  warmUp,
  lap,
}: Setting): Promise<readonly Figure[]> {
  const server = await startServer("palaver", join(scratch, "listeners"));
  const { port } = server;
  const members = await signUp(port);
  const streams = await palaverStreams(port, members);
  await compile(server, [members.note], 16);
  const unrelated = startLoad({
    port,
    requests: [members.note],
    clients: 16,
    rate: UNRELATED_SENDS_PER_SECOND,
  });
  const p99 = async () => (await unrelated.lapAfter(warmUp, lap)).p99;
  const measure = async () => {
    const alone = await p99();
    const before = residentBytes(server.child);
    const audience = await gather({ port, streams, send: members.sends[0]! });
    const besideIdle = await p99();
    const after = residentBytes(server.child);
    const once = { inFlight: 1, milliseconds: 0 };
    let telling: Promise<unknown> = Promise.resolve();
    const timer = setInterval(() => {
      telling = telling.then(() => audience.send(once));
    }, 1000);
    const besideTold = await p99();
    clearInterval(timer);
    await telling;
    await audience.end();
    await delay(500);
    return { alone, besideIdle, besideTold, before, after };
  };
  const measured = (await inTurn(rounds, { measure })).map((round) => round.measure);
  await unrelated.end();
  await server.end();
  // Later rounds find it large already.
  const [first] = measured;
  return [
    ratio(
      `The p99 of an unrelated sender beside ${LISTENERS} idle streams, against none`,
      { atMost: 2 },
      measured,
      [(round) => round.besideIdle, (round) => round.alone],
      milliseconds,
    ),
    ratio(
      "The same while they are told one message a second",
      { atMost: 2 },
      measured,
      [(round) => round.besideTold, (round) => round.alone],
      milliseconds,
    ),
    {
      name: "The memory of the server with them, against without",
      rounds: [first!.after / first!.before],
      detail: `${((first!.after - first!.before) / LISTENERS / 1024).toFixed(0)} KiB an idle stream`,
    },
  ];
}
