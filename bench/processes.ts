import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { availableParallelism } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Lap, Load } from "./load.js";

const cores = availableParallelism();

/** The benchmark and the load generators have the last core. */
const LOAD_CORE = String(cores - 1);
const ALL_CORES = `0-${cores - 1}`;
/** All but the core of the load generators: where two servers are compared, neither may take it. */
export const OTHER_CORES = cores > 2 ? `0-${cores - 2}` : "0";

/** Whether processes can be kept to cores. */
export const pinned = cores > 1 && keepTo(LOAD_CORE, process.pid);

function keepTo(onCores: string, pid: number): boolean {
  return spawnSync("taskset", ["-a", "-p", "-c", onCores, String(pid)]).status === 0;
}

const children = new Set<ChildProcess>();
process.once("exit", () => children.forEach((child) => child.kill("SIGKILL")));

interface Launch {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Where it may run, in the words of `taskset`; beside the load generators, unless given. */
  readonly onCores?: string;
}

/**
 * Starts a program of the benchmark as a process of its own. What it logs is thrown away.
 *
 * @param file compiled, relative to this one.
 */
export function launch(file: string, { args = [], env = {}, onCores }: Launch = {}): ChildProcess {
  const node = [process.execPath, fileURLToPath(new URL(file, import.meta.url)), ...args];
  const [command, ...rest] = pinned && onCores ? ["taskset", "-c", onCores, ...node] : node;
  const child = spawn(command!, rest, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

/**
 * What a program answers when it is told that; the first it tells, if it is told nothing.
 *
 * @throws Error where it ends instead.
 */
export async function ask<Answer>(child: ChildProcess, order?: object | string): Promise<Answer> {
  const over = new AbortController();
  const { signal } = over;
  const ended = once(child, "exit", { signal }).then(([status]) => {
    throw new Error(`A program of the benchmark ended with ${status} when it was to answer.`);
  });
  const answer = once(child, "message", { signal });
  if (order !== undefined) child.send(order);
  try {
    return ((await Promise.race([answer, ended])) as [Answer])[0];
  } finally {
    // Whichever still waits is not waited for.
    void Promise.allSettled([answer, ended]);
    over.abort();
  }
}

/** `palaver serve`; or the same with something changed, see `server.ts`. */
export type ServerKind = "palaver" | "no log" | "held compaction" | "open memory";

export interface Server {
  readonly child: ChildProcess;
  readonly port: number;
  /** How long its process took until it was ready. */
  readonly secondsToStart: number;
  end(signal?: NodeJS.Signals): Promise<void>;
}

/**
 * Resolves when it is ready.
 *
 * @param onCores all there are, unless given.
 */
export async function startServer(
  kind: ServerKind,
  directory: string,
  onCores: string = ALL_CORES,
): Promise<Server> {
  const port = await freePort();
  const env = {
    HOST: "127.0.0.1",
    PORT: String(port),
    DATA_DIR: directory,
    DATABASE_URL: "",
    SESSION_SECRET: "",
    TRUST_PROXY: "off",
    RATE_LIMITS: "off",
    LOG_LEVEL: "info",
    NODE_ENV: "production",
  };
  const began = performance.now();
  const child =
    kind === "palaver"
      ? launch("../src/main/cli.js", { args: ["serve"], env, onCores })
      : launch("./server.js", { args: [kind], env, onCores });
  while (!(await isReady(port))) {
    if (child.exitCode !== null) throw new Error(`The server ended with ${child.exitCode} as it started.`);
    await delay(2);
  }
  return {
    child,
    port,
    secondsToStart: (performance.now() - began) / 1000,
    end: (signal = "SIGTERM") => end(child, signal),
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

export async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill(signal);
  await ended;
}

/** What is resident of a process, in bytes. */
export function residentBytes({ pid }: ChildProcess): number {
  const kilobytes =
    process.platform === "linux"
      ? /^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]
      : spawnSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" }).stdout;
  return 1024 * Number(kilobytes);
}

export interface RunningLoad {
  /** What was answered since the lap before, or the start. */
  lap(): Promise<Lap>;
  /** What was answered in so many milliseconds, after so many that do not count. */
  lapAfter(warmUp: number, duration: number): Promise<Lap>;
  end(): Promise<void>;
}

/** Starts a load generator. An answer that is not 200 ends it, and the benchmark. */
export function startLoad(load: Load): RunningLoad {
  const child = launch("./load.js");
  child.send(load);
  const broken = (status: number | null) => {
    throw new Error(`The load generator ended with ${status}.`);
  };
  child.once("exit", broken);
  const lap = () => ask<Lap>(child, "lap");
  return {
    lap,
    async lapAfter(warmUp, duration) {
      await delay(warmUp);
      await lap();
      await delay(duration);
      return lap();
    },
    async end() {
      child.off("exit", broken);
      await end(child, "SIGKILL");
    },
  };
}
