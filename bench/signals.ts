import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { plaintextHasher } from "../src/adapters/predictable.js";
import { openMessaging } from "../src/main/index.js";
import type { User } from "../src/domain/user.js";
import { openHttpConnection } from "./connection.js";
import { measureRounds, median, type Figure } from "./figures.js";
import { requestText } from "./members.js";
import { startServer } from "./processes.js";
import type { Settings } from "./settings.js";

const USERS = 1_000;
const MEMBERS_PER_CHAT = 100;
const CHATS_PER_USER = 50;
/** The p2p chats that each user opens, so that twice as many users see the presence of each. */
const P2P_CHATS_PER_USER = 5;
/** How often all users together type: each of them once in ten minutes, and once a minute. */
const CALM_PER_MINUTE = USERS / 10;
const BUSY_PER_MINUTE = USERS;
const RECONNECTIONS_PER_MINUTE = USERS / 100;

/** The unit of the times in `/proc`. */
const TICKS_PER_SECOND = 100;

interface Online {
  readonly token: string;
  readonly chats: readonly number[];
}

/**
 * Measures the CPU time of live signals: of a server with a thousand connected users, each in 50 chats of 100, who type at two rates,
 * and of whom 1 % connect again each minute. Each signal of typing is 99 writes, as each message is.
 */
export async function measureSignals({ scratch, rounds, quick }: Settings): Promise<readonly Figure[]> {
  const directory = join(scratch, "signals");
  const users = await createUsers(directory);
  const server = await startServer("palaver", directory);
  // Heartbeats and collections of garbage differ from one short lap to the next by more than the signals cost.
  const lapMs = quick ? 5_000 : 60_000;
  const streams = await Promise.all(users.map(({ token }) => openStream(server.port, token)));
  const sender = await openHttpConnection(server.port);
  const shareOfCore = async (work: () => Promise<unknown>) => {
    const [cpu, start] = [cpuSeconds(server.child.pid!), performance.now()];
    await work();
    return (cpuSeconds(server.child.pid!) - cpu) / ((performance.now() - start) / 1_000);
  };
  let turn = 0;
  const typeOnce = async () => {
    turn += 1;
    const { token, chats } = users[(turn * 7) % USERS]!;
    const path = `/v1/chats/${chats[turn % chats.length]!}/typing`;
    const status = await sender.request(requestText(path, `Authorization: Bearer ${token}`, {}));
    if (status !== 200) throw new Error(`The server responded to typing with status ${status}.`);
  };
  // A connection has one request in flight.
  let typing: Promise<void> = Promise.resolve();
  const type = () => (typing = typing.then(typeOnce));
  const reconnect = async () => {
    turn += 1;
    const index = (turn * 13) % USERS;
    streams[index]!.destroy();
    await delay(6_000);
    streams[index] = await openStream(server.port, users[index]!.token);
  };
  const idle = () => shareOfCore(() => delay(lapMs));
  const active = (typingPerMinute: number) => () =>
    shareOfCore(() =>
      Promise.all([repeat(type, typingPerMinute, lapMs), repeat(reconnect, RECONNECTIONS_PER_MINUTE, lapMs)]),
    );
  // Before, the code is not compiled.
  await repeat(type, BUSY_PER_MINUTE * 10, lapMs / 2);
  const laps = await measureRounds(rounds, {
    idle,
    calm: active(CALM_PER_MINUTE),
    busy: active(BUSY_PER_MINUTE),
  });
  for (const stream of streams) stream.destroy();
  sender.close();
  await server.stop();
  const percent = (shares: readonly number[]) => `${(median(shares) * 100).toFixed(2)} %`;
  const figure = (side: "calm" | "busy", rate: string): Figure => ({
    name: `The share of a core for typing and presence of ${USERS} users in 50 chats of 100, who type ${rate}`,
    rounds: laps.map((lap) => (lap[side] - lap.idle) * 100),
    unit: "%",
    detail: `${percent(laps.map((lap) => lap[side]))} against ${percent(laps.map(({ idle: share }) => share))} idle`,
  });
  return [figure("calm", "once in ten minutes"), figure("busy", "once a minute")];
}

async function createUsers(directory: string): Promise<readonly Online[]> {
  const messaging = await openMessaging({ storage: { sqlite: directory }, passwords: plaintextHasher() });
  const password = "the password of all users";
  const users: (User & Online & { readonly chats: number[] })[] = [];
  for (let number = 0; number < USERS; number++) {
    const username = `user-${number}`;
    const user = await messaging.registerUser({ username, password });
    const { session } = await messaging.logIn({ username, password });
    const { secret: token } = await messaging.createToken({ by: session, name: "benchmark" });
    users.push({ ...user, token, chats: [] });
  }
  for (let chat = 0; chat < (USERS * CHATS_PER_USER) / MEMBERS_PER_CHAT; chat++) {
    // Each chat has other members, as far apart as the chat is from the first.
    const members = Array.from(
      { length: MEMBERS_PER_CHAT },
      (_, index) => users[(chat * MEMBERS_PER_CHAT + index * (1 + 2 * Math.floor(chat / 10))) % USERS]!,
    );
    const [creator, ...others] = [...new Set(members)];
    const participants = others.map(({ username }) => username);
    const { id } = await messaging.createGroupChat({ by: creator!.id, participants });
    for (const { chats } of [creator!, ...others]) chats.push(id);
  }
  for (const [index, { id: by }] of users.entries()) {
    for (let distance = 1; distance <= P2P_CHATS_PER_USER; distance++) {
      const { username } = users[(index + distance) % USERS]!;
      await messaging.sendMessage({ by, to: { username }, text: "hello" });
    }
  }
  await messaging.close();
  return users;
}

/** Resolves when the stream is open. Discards what it receives. */
async function openStream(port: number, token: string): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1" });
  socket.on("error", () => {});
  socket.write(requestText("/v1/events/stream", `Authorization: Bearer ${token}`));
  await new Promise<void>((resolve) => socket.once("data", () => resolve()));
  socket.resume();
  return socket;
}

/** Starts the work at a steady rate, and resolves when all of it has ended. */
async function repeat(work: () => Promise<unknown>, perMinute: number, milliseconds: number): Promise<void> {
  const started: Promise<unknown>[] = [];
  for (const start = performance.now(); performance.now() - start < milliseconds;) {
    started.push(work());
    await delay(60_000 / perMinute);
  }
  await Promise.all(started);
}

/** The CPU time of a process, in user and system mode. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
