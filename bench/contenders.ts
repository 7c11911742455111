import { mkdirSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { Lap } from "./load.js";
import { sendRequests, signUp } from "./members.js";
import { ask, end, launch, OTHER_CORES, startLoad, startServer, type ServerKind } from "./processes.js";
import type { Setting } from "./setting.js";

/** A server that is compared with others, on the cores that each of them has. */
export interface Contender {
  readonly port: number;
  /** HTTP requests, one a member, each of which sends a message to their group chat. */
  readonly sends: readonly string[];
  end(): Promise<void>;
}

export async function startPalaver(kind: ServerKind, directory: string): Promise<Contender> {
  mkdirSync(directory, { recursive: true });
  const server = await startServer(kind, directory, OTHER_CORES);
  const { sends } = await signUp(server.port);
  return { port: server.port, sends, end: () => server.end() };
}

/** What is in `bench/peers`. */
export type Peer = "http" | "koa" | "express" | "fastify" | "socket-io" | "tcp";

/**
 * Undefined where it can't be started, because what it needs is not installed: the run goes on without it, and what it
 * says goes to the standard error.
 *
 * @param directory where it may put its data.
 */
export async function startPeer(
  peer: Peer,
  directory: string,
  ...args: readonly string[]
): Promise<Contender | undefined> {
  mkdirSync(directory, { recursive: true });
  // Peers are not compiled.
  const file = `../../bench/peers/${peer}.mjs`;
  const env = { DATA_DIR: directory, NODE_ENV: "production" };
  const child = launch(file, { args, env, onCores: OTHER_CORES });
  const told = await ask<PeerNews>(child).catch(() => undefined);
  if (told === undefined) {
    process.stderr.write(`The peer ${[peer, ...args].join(" ")} does not start, so it is not measured.\n`);
    return undefined;
  }
  const { port, chatId, cookies } = told;
  return { port, sends: sendRequests(cookies, chatId), end: () => end(child, "SIGKILL") };
}

/** What a peer tells when it listens. */
interface PeerNews {
  readonly port: number;
  readonly chatId: number;
  readonly cookies: readonly string[];
}

/** How many of its requests are answered while each client asks again once it is answered. */
export async function closedLoop(
  { port }: Pick<Contender, "port">,
  requests: readonly string[],
  clients: number,
  { warmUp, lap }: Pick<Setting, "warmUp" | "lap">,
): Promise<Lap> {
  const load = startLoad({ port, requests, clients });
  const answered = await load.lapAfter(warmUp, lap);
  await load.end();
  // What is under way is done before the next one is measured.
  await delay(50);
  return answered;
}

/** How long a server is asked until nearly all of its code is compiled, in milliseconds: the more it has, the longer. */
const UNTIL_COMPILED = 1_000;

/** Has a server compile its code, before the first round: what is not compiled yet is slow. */
export async function compile(
  contender: Pick<Contender, "port">,
  requests: readonly string[],
  clients: number,
): Promise<void> {
  await closedLoop(contender, requests, clients, { warmUp: 0, lap: UNTIL_COMPILED });
}

/** A lap's answers a second. */
export function rate({ answers, seconds }: Lap): number {
  return answers / seconds;
}

export const perSecond = (value: number) => `${value.toFixed(0)}/s`;
export const milliseconds = (value: number) => `${value.toFixed(2)} ms`;
