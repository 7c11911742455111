import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { availableParallelism } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Lap, Load } from "./load.js";

const cores = availableParallelism();

/** The last core, which is reserved for the benchmark and its load generators. */
const LOAD_CORE = String(cores - 1);
/** The cores of servers that run beside the load generators. */
export const ALL_CORES = `0-${cores - 1}`;
/** The cores of servers that are compared with each other. */
export const OTHER_CORES = cores > 2 ? `0-${cores - 2}` : "0";

/** Whether processes are pinned to cores. */
export const pinned = cores > 1 && pin(process.pid, LOAD_CORE);

function pin(pid: number, onCores: string): boolean {
  return spawnSync("taskset", ["-a", "-p", "-c", onCores, String(pid)]).status === 0;
}

/** Returns the command that runs a command on the given cores, where processes are pinned. */
export function commandOn(onCores: string, command: readonly string[]): readonly string[] {
  return pinned ? ["taskset", "-c", onCores, ...command] : command;
}

const children = new Set<ChildProcess>();
process.once("exit", () => children.forEach((child) => child.kill("SIGKILL")));

interface Launch {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** A list of cores in the syntax of `taskset`. Default: the core of the load generators. */
  readonly onCores?: string;
}

/**
 * Starts a program of the benchmark as a process. Discards its standard output.
 *
 * @param file compiled, relative to this file
 */
export function launch(file: string, { args = [], env = {}, onCores }: Launch = {}): ChildProcess {
  const node = [process.execPath, fileURLToPath(new URL(file, import.meta.url)), ...args];
  const [command, ...rest] = onCores ? commandOn(onCores, node) : node;
  const child = spawn(command!, rest, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

/**
 * Sends a message, if there is one, and resolves with the next message of the process.
 *
 * @throws Error if the process exits instead
 */
export async function exchange<Reply>(child: ChildProcess, message?: object | string): Promise<Reply> {
  const controller = new AbortController();
  const { signal } = controller;
  const exited = once(child, "exit", { signal }).then(([status]) => {
    throw new Error(`A program of the benchmark exited with ${status} before it replied.`);
  });
  const reply = once(child, "message", { signal });
  if (message !== undefined) child.send(message);
  try {
    return ((await Promise.race([reply, exited])) as [Reply])[0];
  } finally {
    // The other promise rejects when it is aborted.
    void Promise.allSettled([reply, exited]);
    controller.abort();
  }
}

/** `palaver serve`, or a variant of it in `server.ts`. */
export type ServerKind = "palaver" | "no log" | "no index" | "manual compaction" | "memory probe";

export interface Server {
  readonly child: ChildProcess;
  readonly port: number;
  /** The time from the start of the process until it was ready. */
  readonly secondsToStart: number;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/**
 * Resolves when the server is ready.
 *
 * @param onCores default: all cores
 * @param databaseUrl default: SQLite in the directory
 */
export async function startServer(
  kind: ServerKind,
  directory: string,
  onCores: string = ALL_CORES,
  databaseUrl = "",
): Promise<Server> {
  const port = await freePort();
  const env = {
    HOST: "127.0.0.1",
    PORT: String(port),
    DATA_DIR: directory,
    DATABASE_URL: databaseUrl,
    SESSION_SECRET: "",
    TRUST_PROXY: "off",
    RATE_LIMITS: "off",
    LOG_LEVEL: "info",
    NODE_ENV: "production",
  };
  const start = performance.now();
  const child =
    kind === "palaver"
      ? launch("../src/main/cli.js", { args: ["serve"], env, onCores })
      : launch("./server.js", { args: [kind], env, onCores });
  while (!(await isReady(port))) {
    if (child.exitCode !== null)
      throw new Error(`The server exited with ${child.exitCode} during its start.`);
    await delay(2);
  }
  return {
    child,
    port,
    secondsToStart: (performance.now() - start) / 1000,
    stop: (signal = "SIGTERM") => stop(child, signal),
  };
}

async function isReady(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

export async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill(signal);
  await exited;
}

/** Returns the resident memory of a process. */
export function residentBytes({ pid }: ChildProcess): number {
  const kilobytes =
    process.platform === "linux"
      ? /^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]
      : spawnSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" }).stdout;
  return 1024 * Number(kilobytes);
}

export interface RunningLoad {
  /** Returns the lap since the previous one, or since the start. */
  lap(): Promise<Lap>;
  /** Returns a lap of the given duration after a warm-up, in milliseconds. */
  lapAfter(warmUpMs: number, lapMs: number): Promise<Lap>;
  stop(): Promise<void>;
}

/** Starts a load generator. A response with a status other than 200 ends it, and the benchmark. */
export function startLoad(load: Load): RunningLoad {
  const child = launch("./load.js");
  child.send(load);
  const onExit = (status: number | null) => {
    throw new Error(`The load generator exited with ${status}.`);
  };
  child.once("exit", onExit);
  const lap = () => exchange<Lap>(child, "lap");
  return {
    lap,
    async lapAfter(warmUpMs, lapMs) {
      await delay(warmUpMs);
      await lap();
      await delay(lapMs);
      return lap();
    },
    async stop() {
      child.off("exit", onExit);
      await stop(child, "SIGKILL");
    },
  };
}
