import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { availableParallelism } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Lap, Load } from "./load.js";

const cores = availableParallelism();

/** Whether processes can be kept to cores: the load generator has the last one then. */
export const pinned = cores > 1 && spawnSync("taskset", ["-p", String(process.pid)]).status === 0;
const LOAD_CORE = String(cores - 1);
/** All but the core of the load generator. */
export const OTHER_CORES = cores > 2 ? `0-${cores - 2}` : "0";

const children = new Set<ChildProcess>();
process.once("exit", () => children.forEach((child) => child.kill("SIGKILL")));

/**
 * Starts a program of this project as a process of its own. What it logs is thrown away.
 *
 * @param file compiled, relative to this one.
 * @param onCores where it may run, in the words of `taskset`; anywhere, unless given.
 */
export function launch(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  onCores?: string,
): ChildProcess {
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

/** `palaver serve`; or the same with another store, see `server.ts`. */
export type ServerKind = "palaver" | "no log" | "held compaction";

export interface Server {
  readonly child: ChildProcess;
  readonly port: number;
  /** How long its process took until it was ready. */
  readonly secondsToStart: number;
  end(signal?: NodeJS.Signals): Promise<void>;
}

/** Resolves when it is ready. */
export async function startServer(kind: ServerKind, directory: string, onCores?: string): Promise<Server> {
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
      ? launch("../src/main/cli.js", ["serve"], env, onCores)
      : launch("./server.js", [kind], env, onCores);
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

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const ended = once(child, "exit");
  child.kill(signal);
  await ended;
}

export interface RunningLoad {
  /** What was answered since the lap before, or the start. */
  lap(): Promise<Lap>;
  end(): Promise<void>;
}

/** Starts a load generator. An answer that is not 200 ends it, and the benchmark. */
export function startLoad(load: Load): RunningLoad {
  const child = launch("./load.js", [], {}, LOAD_CORE);
  child.send(load);
  const broken = (status: number | null) => {
    throw new Error(`The load generator ended with ${status}.`);
  };
  child.once("exit", broken);
  return {
    async lap() {
      const lap = once(child, "message");
      child.send("lap");
      return (await lap)[0] as Lap;
    },
    async end() {
      child.off("exit", broken);
      await end(child, "SIGKILL");
    },
  };
}
