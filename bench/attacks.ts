import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { compare, measureRounds, type Figure } from "./figures.js";
import { createMembers, type Members } from "./members.js";
import { startLoad, startServer } from "./processes.js";
import type { Settings } from "./settings.js";
import { formatMs, warmUpJit } from "./targets.js";

const SENDS_PER_SECOND = 1000;

/** A load that other clients put on the server. */
interface Attack {
  readonly name: string;
  readonly inQuick: boolean;
  start(port: number, members: Members): { stop(): Promise<void> };
}

const attacks: readonly Attack[] = [
  { ...loginsInFlight(8), inQuick: true },
  { ...loginsInFlight(16), inQuick: true },
  { ...loginsInFlight(200), inQuick: false },
  {
    name: "500 sockets that send a request byte by byte",
    inQuick: false,
    start: (port) => holdSlowSockets(port, 500),
  },
];

/** Each client logs in again after a response, or a second after a 503. */
function loginsInFlight(clients: number): Pick<Attack, "name" | "start"> {
  return {
    name: `${clients} logins in flight`,
    start: (port, { logins }) => startLoad({ port, requests: logins, clients, retryAfter503Ms: 1000 }),
  };
}

/** Measures how attacks slow down sends at a steady rate. The server may use all cores. */
export async function measureAttacks(settings: Settings): Promise<readonly Figure[]> {
  const { scratch, rounds, warmUpMs, longLapMs, quick } = settings;
  const server = await startServer("palaver", join(scratch, "attacked"));
  const { port } = server;
  const members = await createMembers(port);
  await warmUpJit(server, members.sends, 64);
  const load = startLoad({ port, requests: members.sends, clients: 64, rate: SENDS_PER_SECOND });
  const chosen = attacks.filter(({ inQuick }) => inQuick || !quick);
  const p99 = async () => (await load.lapAfter(warmUpMs, longLapMs)).p99;
  const during = (attack: Attack) => async () => {
    const attackers = attack.start(port, members);
    const measured = await p99();
    await attackers.stop();
    return measured;
  };
  const measured = await measureRounds<string, number>(rounds, {
    none: p99,
    ...Object.fromEntries(chosen.map((attack) => [attack.name, during(attack)])),
  });
  await load.stop();
  await server.stop();
  return chosen.map(({ name }) =>
    compare(
      `The p99 of sends beside ${name}, against none`,
      measured,
      [(round) => round[name]!, (round) => round["none"]!],
      formatMs,
    ),
  );
}

/** Opens connections that each send one byte of a request head per second, and replaces those that the server closes. */
function holdSlowSockets(port: number, count: number): { stop(): Promise<void> } {
  const sockets = new Set<Socket>();
  const head = `POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ${"x".repeat(1000)}`;
  let sent = 0;
  const drip = setInterval(() => {
    while (sockets.size < count) {
      const socket = connect({ port, host: "127.0.0.1" });
      sockets.add(socket);
      socket.on("error", () => {});
      socket.once("close", () => sockets.delete(socket));
      socket.write(head.slice(0, 60));
    }
    sent += 1;
    let index = 0;
    for (const socket of sockets) {
      if (index++ % 10 === sent % 10) socket.write(head[60 + (sent % 900)]!);
    }
  }, 100);
  return {
    async stop() {
      clearInterval(drip);
      for (const socket of sockets) socket.destroy();
    },
  };
}
