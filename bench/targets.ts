import { mkdirSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { Lap, Load } from "./load.js";
import { createMembers, ownChatRequests, sendRequests } from "./members.js";
import {
  exchange,
  launch,
  OTHER_CORES,
  pinned,
  startLoad,
  startServer,
  stop,
  type ServerKind,
} from "./processes.js";
import type { Settings } from "./settings.js";

/** A server that is compared with others, on the same cores. */
export interface Target {
  readonly port: number;
  /** One HTTP request per member, which sends a message to their group chat. */
  readonly sends: readonly string[];
  /** One per chat of a single member; none if the server has no such chats. */
  readonly sendsToOwnChats: readonly string[];
  stop(): Promise<void>;
}

export async function startPalaver(kind: ServerKind, directory: string): Promise<Target> {
  mkdirSync(directory, { recursive: true });
  const server = await startServer(kind, directory, OTHER_CORES);
  const { sends } = await createMembers(server.port);
  return { port: server.port, sends, sendsToOwnChats: [], stop: () => server.stop() };
}

/** A program in `bench/peers`. */
export type Peer = "http" | "koa" | "express" | "fastify" | "fastify-postgres" | "socket-io" | "tcp";

/** The first message of a peer, when it accepts connections. */
interface PeerReady {
  readonly port: number;
  readonly chatId: number;
  readonly cookies: readonly string[];
  /** See `ownChatRequests`. */
  readonly ownChatIds?: readonly number[];
}

/**
 * Returns `undefined` if the peer can't start because its packages are not installed. The run continues without it; its output
 * is on the standard error.
 *
 * @param place the directory for its data, or that with other cores than `OTHER_CORES`
 */
export async function startPeer(
  peer: Peer,
  place: string | { readonly directory: string; readonly onCores: string },
  ...args: readonly string[]
): Promise<Target | undefined> {
  const { directory, onCores } =
    typeof place === "string" ? { directory: place, onCores: OTHER_CORES } : place;
  mkdirSync(directory, { recursive: true });
  // Peers are not compiled.
  const file = `../../bench/peers/${peer}.mjs`;
  const env = { DATA_DIR: directory, NODE_ENV: "production" };
  const child = launch(file, { args, env, onCores });
  const ready = await exchange<PeerReady>(child).catch(() => undefined);
  if (ready === undefined) {
    process.stderr.write(`Peer ${[peer, ...args].join(" ")} does not start. Skipping its measurements.\n`);
    return undefined;
  }
  const { port, chatId, cookies, ownChatIds = [] } = ready;
  return {
    port,
    sends: sendRequests(cookies, chatId),
    sendsToOwnChats: ownChatRequests(cookies, ownChatIds),
    stop: () => stop(child, "SIGKILL"),
  };
}

/** Measures a lap in which each client sends its next request when it has received a response. */
export async function measureClosedLoop(
  { port }: Pick<Load, "port">,
  requests: readonly string[],
  clients: number,
  // Without a dedicated core, polling would take CPU time from the server.
  { warmUpMs, lapMs, poll = pinned }: Pick<Settings, "warmUpMs" | "lapMs"> & Pick<Load, "poll">,
): Promise<Lap> {
  const load = startLoad({ port, requests, clients, poll });
  const lap = await load.lapAfter(warmUpMs, lapMs);
  await load.stop();
  // Lets the server finish the requests in flight before another one is measured.
  await delay(50);
  return lap;
}

/** How long V8 takes to compile nearly all of the code that serves a request. */
const JIT_WARM_UP_MS = 1_000;

/** Puts a server under load so that its code is compiled before the first round. */
export async function warmUpJit(
  target: Pick<Load, "port">,
  requests: readonly string[],
  clients: number,
  poll = pinned,
): Promise<void> {
  await measureClosedLoop(target, requests, clients, { warmUpMs: 0, lapMs: JIT_WARM_UP_MS, poll });
}

export function responsesPerSecond({ responses, seconds }: Lap): number {
  return responses / seconds;
}

export const formatRate = (value: number) => `${value.toFixed(0)}/s`;
export const formatMs = (value: number) => `${value.toFixed(2)} ms`;
