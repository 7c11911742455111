import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { compile, milliseconds } from "./contenders.js";
import { inTurn, ratio, type Figure } from "./figures.js";
import { signUp, type Members } from "./members.js";
import { startLoad, startServer } from "./processes.js";
import type { Setting } from "./setting.js";

const SENDS_PER_SECOND = 1000;

/** Something that others do to the server, until it is ended. */
interface Attack {
  readonly name: string;
  readonly atMost: number;
  readonly inQuick: boolean;
  begin(port: number, members: Members): { end(): Promise<void> };
}

const attacks: readonly Attack[] = [
  { ...loginsInFlight(8), atMost: 3, inQuick: true },
  { ...loginsInFlight(16), atMost: 5, inQuick: true },
  { ...loginsInFlight(200), atMost: 3, inQuick: false },
  {
    name: "500 sockets that send a request byte by byte",
    atMost: 3,
    inQuick: false,
    begin: (port) => holdSlowSockets(port, 500),
  },
];

/** Each client logs in again once it is answered; where that is a 503, after the second that it is told to wait. */
function loginsInFlight(clients: number): Pick<Attack, "name" | "begin"> {
  return {
    name: `${clients} logins in flight`,
    begin: (port, { logins }) => startLoad({ port, requests: logins, clients, waitAfter503: 1000 }),
  };
}

/** What attacks do to the sends of others at a steady rate. The server may run on all cores. */
export async function measureAttacks(setting: Setting): Promise<readonly Figure[]> {
  const { scratch, rounds, warmUp, longLap, quick } = setting;
  const server = await startServer("palaver", join(scratch, "attacked"));
  const { port } = server;
  const members = await signUp(port);
  await compile(server, members.sends, 64);
  const load = startLoad({ port, requests: members.sends, clients: 64, rate: SENDS_PER_SECOND });
  const chosen = attacks.filter(({ inQuick }) => inQuick || !quick);
  const p99 = async () => (await load.lapAfter(warmUp, longLap)).p99;
  const beside = (attack: Attack) => async () => {
    const attackers = attack.begin(port, members);
    const measured = await p99();
    await attackers.end();
    return measured;
  };
  const measured = await inTurn<string, number>(rounds, {
    none: p99,
    ...Object.fromEntries(chosen.map((attack) => [attack.name, beside(attack)])),
  });
  await load.end();
  await server.end();
  return chosen.map(({ name, atMost }) =>
    ratio(
      `The p99 of sends beside ${name}, against none`,
      { atMost },
      measured,
      [(round) => round[name]!, (round) => round["none"]!],
      milliseconds,
    ),
  );
}

/** Connections that each send a byte of a head every second. The server cuts them, and others come. */
function holdSlowSockets(port: number, count: number): { end(): Promise<void> } {
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
    async end() {
      clearInterval(drip);
      for (const socket of sockets) socket.destroy();
    },
  };
}
