import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { compare, measureRounds, type Figure } from "./figures.js";
import { createMembers } from "./members.js";
import { residentBytes, startLoad, startServer } from "./processes.js";
import type { Settings } from "./settings.js";
import { LISTENERS, MEMBERS_OF_LISTENERS, palaverStreams, startListeners } from "./streams.js";
import { formatMs, warmUpJit } from "./targets.js";

const UNRELATED_SENDS_PER_SECOND = 500;

/** Measures the memory of a thousand open streams, and how they slow down the sends of a user who is unrelated to them. */
export async function measureListeners({
  scratch,
  rounds,
  warmUpMs,
  lapMs,
}: Settings): Promise<readonly Figure[]> {
  const server = await startServer("palaver", join(scratch, "listeners"));
  const { port } = server;
  const members = await createMembers(port, MEMBERS_OF_LISTENERS);
  const streams = palaverStreams(members);
  await warmUpJit(server, [members.sendToSelf], 16);
  const unrelated = startLoad({
    port,
    requests: [members.sendToSelf],
    clients: 16,
    rate: UNRELATED_SENDS_PER_SECOND,
  });
  const p99 = async () => (await unrelated.lapAfter(warmUpMs, lapMs)).p99;
  const measure = async () => {
    const alone = await p99();
    const before = residentBytes(server.child);
    const listeners = await startListeners({ port, streams, send: members.sends[0]! });
    const withIdle = await p99();
    const after = residentBytes(server.child);
    const once = { inFlight: 1, milliseconds: 0 };
    let sending: Promise<unknown> = Promise.resolve();
    const timer = setInterval(() => {
      sending = sending.then(() => listeners.send(once));
    }, 1000);
    const withMessages = await p99();
    clearInterval(timer);
    await sending;
    await listeners.stop();
    await delay(500);
    return { alone, withIdle, withMessages, before, after };
  };
  const results = (await measureRounds(rounds, { measure })).map((round) => round.measure);
  await unrelated.stop();
  await server.stop();
  // In later rounds the process has grown already.
  const [first] = results;
  return [
    compare(
      `The p99 of an unrelated sender beside ${LISTENERS} idle streams, against none`,
      results,
      [(round) => round.withIdle, (round) => round.alone],
      formatMs,
    ),
    compare(
      "The same while they receive one message a second",
      results,
      [(round) => round.withMessages, (round) => round.alone],
      formatMs,
    ),
    {
      name: "The memory of the server with them, against without",
      rounds: [first!.after / first!.before],
      detail: `${((first!.after - first!.before) / LISTENERS / 1024).toFixed(0)} KiB an idle stream`,
    },
  ];
}
