import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { median, type Figure } from "./figures.js";
import type { Listening, Told } from "./listening.js";
import { logIn, signUp, type Members } from "./members.js";
import { launch, startLoad, startServer } from "./processes.js";

const LISTENERS = 1000;
/** As many as a session may have. */
const STREAMS_A_SESSION = 5;
const SENDS_A_RUN = 5;
const WARM_UP = 1000;
const UNRELATED_SENDS_PER_SECOND = 500;

/** What a thousand open streams cost: the one who is told last, memory, and somebody who has nothing to do with them. */
export async function measureListeners(scratch: string, runs: number, duration: number): Promise<Figure[]> {
  const server = await startServer("palaver", join(scratch, "listeners"));
  const members = await signUp(server.port);
  const streams = await streamRequests(server.port, members);
  const unrelated = startLoad({
    port: server.port,
    requests: [members.note],
    clients: 16,
    rate: UNRELATED_SENDS_PER_SECOND,
  });
  const p99 = async () => {
    await delay(WARM_UP);
    await unrelated.lap();
    await delay(duration);
    return (await unrelated.lap()).p99;
  };
  const plain = await openPlain();
  const measured: Run[] = [];
  for (let run = 0; run < runs; run++) {
    const alone = await p99();
    const before = residentBytes(server.child.pid);
    const listeners = await startListeners({ port: server.port, streams, send: members.sends[0]! });
    const besideIdle = await p99();
    const after = residentBytes(server.child.pid);
    const toLast = median(await listeners.send(SENDS_A_RUN));
    const sending = setInterval(() => void listeners.send(1), 1000);
    const besideTold = await p99();
    clearInterval(sending);
    await delay(500);
    await listeners.end();
    const others = await startListeners({ port: plain.port, streams, send: members.sends[0]! });
    const toLastPlain = median(await others.send(SENDS_A_RUN));
    await others.end();
    measured.push({ alone, besideIdle, besideTold, before, after, toLast, toLastPlain });
  }
  await unrelated.end();
  plain.close();
  await server.end();
  const middle = (name: keyof Run) => median(measured.map((run) => run[name]));
  const ms = (name: keyof Run) => `${middle(name).toFixed(1)} ms`;
  return [
    {
      name: `From the 200 of a send to the last of ${LISTENERS} listeners, against a plain TCP write loop`,
      runs: measured.map(({ toLast, toLastPlain }) => toLast / toLastPlain),
      detail: `${ms("toLast")} against ${ms("toLastPlain")}`,
    },
    {
      name: `The p99 of an unrelated sender beside ${LISTENERS} idle streams, against none`,
      goal: { atMost: 2 },
      runs: measured.map(({ alone, besideIdle }) => besideIdle / alone),
      detail: `${ms("besideIdle")} against ${ms("alone")}`,
    },
    {
      name: `The same while they are told one message a second`,
      goal: { atMost: 2 },
      runs: measured.map(({ alone, besideTold }) => besideTold / alone),
      detail: `${ms("besideTold")} against ${ms("alone")}`,
    },
    {
      name: "The memory of the server with them, against without",
      // Later runs find it large already.
      runs: measured.slice(0, 1).map(({ before, after }) => after / before),
      detail: measured
        .slice(0, 1)
        .map(({ before, after }) => `${((after - before) / LISTENERS / 1024).toFixed(0)} KiB an idle stream`)
        .join(),
    },
  ];
}

/** Times are in milliseconds, memory in bytes. */
interface Run {
  readonly alone: number;
  readonly besideIdle: number;
  readonly besideTold: number;
  readonly before: number;
  readonly after: number;
  readonly toLast: number;
  readonly toLastPlain: number;
}

/** Of all members but the one who is the unrelated sender. */
async function streamRequests(port: number, { usernames }: Members): Promise<string[]> {
  const listeners = usernames.slice(0, -1);
  const requests: string[] = [];
  for (let session = 0; requests.length < LISTENERS; session++) {
    const cookie = await logIn(port, listeners[session % listeners.length]!);
    const head = ["GET /v1/events/stream HTTP/1.1", "Host: 127.0.0.1", `Cookie: ${cookie}`];
    requests.push(...Array<string>(STREAMS_A_SESSION).fill(`${head.join("\r\n")}\r\n\r\n`));
  }
  return requests.slice(0, LISTENERS);
}

async function startListeners(listening: Listening) {
  const child = launch("./listening.js", []);
  child.send(listening);
  await once(child, "message");
  return {
    async send(times: number): Promise<number[]> {
      const told: Told[] = [];
      for (let time = 0; time < times; time++) {
        const answer = once(child, "message");
        child.send("send");
        told.push((await answer)[0] as Told);
      }
      return told;
    },
    async end() {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** A server that does nothing but write the same text to all who have asked for a stream. */
async function openPlain() {
  const listening = new Set<Socket>();
  const event = `event: message.created\ndata: ${"x".repeat(400)}\n\n`;
  const answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => {});
    socket.once("close", () => listening.delete(socket));
    socket.on("data", (asked) => {
      if (asked.toString("latin1").startsWith("GET")) {
        listening.add(socket);
        socket.write(":\n\n");
        return;
      }
      socket.write(answer);
      for (const each of listening) each.write(event);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

function residentBytes(pid: number | undefined): number {
  return 1024 * Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" }));
}
