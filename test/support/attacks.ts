import { once } from "node:events";
import { Agent } from "node:http";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Client, PASSWORD } from "./client.js";

/** What an attacker knows of the server. */
interface Target {
  readonly url: string;
  /** The address that the attacker connects from. */
  readonly from: string;
  /** Connects from there. */
  readonly agent: Agent;
  /** Signed in, each with their own account. */
  readonly clients: readonly Client[];
  /** A group chat of the first account, with a thousand long messages. */
  readonly chatId: number;
  /** The cursor before these messages. */
  readonly cursor: string;
}

/** One attack. Each of its connections repeats it. */
interface Attack {
  readonly connections: number;
  readonly attempt: (target: Target, connection: number) => Promise<unknown>;
}

const LONG_MESSAGES = 1_000;
const LONG_TEXT = "\u{1f600}".repeat(10_000);
const MARKS = `a${"\u0301".repeat(15_500)}${"\u0323".repeat(15_500)}`;
/** How long a connection that does not read stays open. */
const HOLD_MS = 20_000;
/** Between two attempts of a connection. */
const PAUSE_MS = 20;
/** Before a connection that the server has closed is opened again. */
const RECONNECT_MS = 500;

const ATTACKS: Readonly<Record<string, Attack>> = {
  "logins with names that are slow to normalize": {
    connections: 4,
    attempt: (target) => logIn(target, MARKS, PASSWORD),
  },
  "large pages that are not read": {
    connections: 93,
    attempt: (target, n) =>
      holdUnread(target, `/v1/messages/group/${target.chatId}?limit=1000`, target.clients[n % 2]!),
  },
  "replays that are not read": {
    connections: 20,
    attempt: (target, n) =>
      holdUnread(target, `/v1/events/stream?after=${target.cursor}`, target.clients[n % 2]!),
  },
  "replays that are read": {
    connections: 10,
    attempt: (target) =>
      readAll(target, `/v1/events/stream?after=${target.cursor}`, target.clients[1]!, 2_000),
  },
  "whole lists": {
    connections: 20,
    attempt: (target, n) => readAll(target, "/v1/messages", target.clients[n % 2]!, HOLD_MS),
  },
  overviews: {
    connections: 10,
    attempt: async ({ clients, cursor }, n) => {
      const client = clients[n % clients.length]!;
      await client.get("/v1/sync");
      await client.get("/v1/chats?limit=1000");
      await client.get(`/v1/events?after=${cursor}&limit=1000`);
    },
  },
  "changes of titles, markers and participants": {
    connections: 20,
    attempt: async ({ clients, chatId }, n) => {
      const client = clients[n % 2]!;
      await client.patch(`/v1/group_chat/${chatId}`, { title: `Title ${Math.random()}` });
      await client.put(`/v1/chats/${chatId}/read`, { seq: 1 + Math.floor(Math.random() * LONG_MESSAGES) });
      await client.post(`/v1/group_chat/${chatId}/participants`, { username: clients[2]!.username });
      await client.delete(`/v1/group_chat/${chatId}/participants/${clients[2]!.username}`);
    },
  },
  "new group chats and tokens": {
    connections: 10,
    attempt: async ({ clients }, n) => {
      const client = clients[n % clients.length]!;
      await client.post("/v1/group_chat");
      await client.post("/v1/auth/tokens", { name: "a token" });
    },
  },
  sends: {
    connections: 20,
    attempt: ({ clients, chatId }, n) =>
      clients[n % 2]!.post("/v1/messages", {
        group_chat_id: chatId,
        message: `A message of connection ${n}.`,
      }),
  },
  "logins with correct passwords": {
    connections: 90,
    attempt: (target, n) => logIn(target, target.clients[n % target.clients.length]!.username, PASSWORD),
  },
  "logins with short passwords": {
    connections: 10,
    attempt: (target) => logIn(target, `guess-${Math.floor(Math.random() * 1e9)}`, "short"),
  },
  registrations: {
    connections: 10,
    attempt: ({ url, agent }) =>
      new Client(url, agent).post("/v1/auth/register", {
        username: `new-${Math.floor(Math.random() * 1e9)}`,
        password: PASSWORD,
      }),
  },
  "half requests": {
    connections: 1_000,
    attempt: (target) => hold(target, "POST /v1/auth/login HTTP/1.1\r\nHost: palaver\r\nContent-Le"),
  },
  "bodies that are too large": {
    connections: 10,
    attempt: (target) =>
      hold(
        target,
        `POST /v1/auth/login HTTP/1.1\r\nHost: palaver\r\nContent-Type: application/json\r\nContent-Length: 300000000\r\n\r\n${"x".repeat(100_000)}`,
      ),
  },
  "requests of other protocols": {
    connections: 10,
    attempt: (target, n) =>
      hold(
        target,
        [
          "CONNECT palaver:443 HTTP/1.1\r\nHost: palaver\r\n\r\n",
          "\x16\x03\x01\x02",
          "GET / HTTP/9.9\r\n\r\n",
        ][n % 3]!,
      ),
  },
};

/** Runs all attacks at once, until the process ends. */
export async function attacks(url: string, from: string, clients: readonly Client[]): Promise<never> {
  const [first, second] = clients as readonly [Client, Client];
  const cursor = String((await first.get("/v1/sync")).json["cursor"]);
  const chatId = Number((await first.post("/v1/group_chat")).json["chat_id"]);
  await first.post(`/v1/group_chat/${chatId}/participants`, { username: second.username });
  const target: Target = {
    url,
    from,
    agent: new Agent({ keepAlive: true, localAddress: from }),
    clients,
    chatId,
    cursor,
  };
  void fill(target);
  const repeating = Object.values(ATTACKS).flatMap(({ connections, attempt }) =>
    Array.from({ length: connections }, async (_, connection) => {
      for (;;) {
        await attempt(target, connection).catch(() => sleep(RECONNECT_MS));
        await sleep(PAUSE_MS);
      }
    }),
  );
  return (await Promise.all(repeating))[0]!;
}

/** Sends the long messages as fast as the limits permit. */
async function fill({ clients, chatId }: Target): Promise<void> {
  const message = JSON.stringify({ group_chat_id: chatId, message: LONG_TEXT });
  for (let sent = 0; sent < LONG_MESSAGES;) {
    const response = await clients[0]!.request("POST", "/v1/messages", { raw: message }).catch(() => null);
    if (response?.status === 200) sent += 1;
    else await sleep(1_000);
  }
}

function logIn({ url, agent }: Target, username: string, password: string) {
  return new Client(url, agent).post("/v1/auth/login", { username, password });
}

/** Sends bytes, reads nothing, and stays connected. */
async function hold({ url, from }: Target, bytes: string): Promise<void> {
  const socket = open(url, from);
  socket.pause();
  socket.write(bytes);
  await Promise.race([once(socket, "close").then(() => sleep(RECONNECT_MS)), sleep(HOLD_MS)]);
  socket.destroy();
}

const holdUnread = (target: Target, path: string, client: Client) =>
  hold(target, `GET ${path} HTTP/1.1\r\nHost: palaver\r\nCookie: ${client.cookie}\r\n\r\n`);

/** Reads a response as fast as it comes, for at most that long. */
async function readAll(
  { url, from }: Target,
  path: string,
  client: Client,
  milliseconds: number,
): Promise<void> {
  const socket = open(url, from);
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: palaver\r\nConnection: close\r\nCookie: ${client.cookie}\r\n\r\n`,
  );
  socket.resume();
  await Promise.race([once(socket, "close"), sleep(milliseconds)]);
  socket.destroy();
}

function open(url: string, localAddress: string): Socket {
  const { hostname, port } = new URL(url);
  return connect({ host: hostname, port: Number(port), localAddress }).on("error", () => {});
}
