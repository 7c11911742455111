import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { median, type Figure } from "./figures.js";
import type { Lap } from "./load.js";
import { signUp, type Members } from "./members.js";
import { startLoad, startServer } from "./processes.js";

const WARM_UP = 2000;
const SENDS_PER_SECOND = 1000;

/** Something that others do to the server, until it is ended. */
interface Attack {
  readonly name: string;
  readonly atMost: number;
  begin(port: number, members: Members): { end(): Promise<void> };
}

const attacks: readonly Attack[] = [
  { ...loginsInFlight(8), atMost: 3 },
  { ...loginsInFlight(16), atMost: 5 },
  { ...loginsInFlight(200), atMost: 3 },
  {
    name: "500 sockets that send a request byte by byte",
    atMost: 3,
    begin: (port) => holdSlowSockets(port, 500),
  },
];

/** Each client logs in again once it is answered; where that is a 503, after the second that it is told to wait. */
function loginsInFlight(clients: number): Omit<Attack, "atMost"> {
  return {
    name: `${clients} logins in flight`,
    begin: (port, { logins }) => startLoad({ port, requests: logins, clients, waitAfter503: 1000 }),
  };
}

/** What attacks do to the sends of others at a steady rate. */
export async function measureAttacks(scratch: string, runs: number, duration: number): Promise<Figure[]> {
  const server = await startServer("palaver", join(scratch, "attacked"));
  const { port } = server;
  const members = await signUp(port);
  const load = startLoad({ port, requests: members.sends, clients: 64, rate: SENDS_PER_SECOND });
  const lapAfter = async (): Promise<Lap> => {
    await delay(WARM_UP);
    await load.lap();
    await delay(duration);
    return load.lap();
  };
  const measured = attacks.map(() => [] as { readonly alone: Lap; readonly beside: Lap }[]);
  for (let run = 0; run < runs; run++) {
    for (const [index, attack] of attacks.entries()) {
      const alone = await lapAfter();
      const attackers = attack.begin(port, members);
      const beside = await lapAfter();
      await attackers.end();
      measured[index]!.push({ alone, beside });
    }
  }
  await load.end();
  await server.end();
  return attacks.map(({ name, atMost }, index) => {
    const p99 = (phase: "alone" | "beside") =>
      median(measured[index]!.map((run) => run[phase].p99)).toFixed(2);
    return {
      name: `The p99 of sends beside ${name}, against none`,
      goal: { atMost },
      runs: measured[index]!.map(({ alone, beside }) => beside.p99 / alone.p99),
      detail: `${p99("beside")} ms against ${p99("alone")} ms`,
    };
  });
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
