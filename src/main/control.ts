import { once } from "node:events";
import { chmodSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type Koa from "koa";
import type { Logger } from "pino";
import { logAcceptErrors } from "../adapters/http/server.js";
import { createOperatorApp } from "../adapters/http/operator-app.js";
import type { Log } from "../adapters/http/log.js";
import type { Ports } from "../application/ports.js";
import type { Config } from "./config.js";
import type { OpenStore } from "./container.js";
import { controlPath, controlPathError } from "./control-path.js";

/*
 * The operator's API is served over HTTP at the Unix-domain socket `control` in the data directory, so exactly the users
 * who may write the data may administer it.
 */

/** How long requests in progress may take when the server closes. */
const SHUTDOWN_GRACE_MS = 1_000;

/** How many connections of commands may be open at once. Each needs a file descriptor. */
const MAX_CONNECTIONS = 64;

/** Creates the application of the operator's API over the store in a directory. */
export function createControlApp(
  ports: Ports & { readonly store: OpenStore },
  directory: string,
  log: Log,
): Koa {
  const { store } = ports;
  const measureStore = () => ({
    transactions: (store.opening?.last ?? 0) + store.status().transactions,
    bytesOnDisk: bytesIn(directory),
  });
  return createOperatorApp({ ports, measureStore, log });
}

/** Creates the application of the operator's API over the store in a directory or in a database. */
export function createOperatorAppOver(
  ports: Ports & { readonly store: OpenStore },
  { storage, dataDir }: Pick<Config, "storage" | "dataDir">,
  log: Log,
): Koa {
  if (typeof storage !== "object" || !("postgres" in storage)) return createControlApp(ports, dataDir, log);
  const measureStore = async () => {
    const { sizeOfDatabase } = await import("../adapters/postgres/inspection.js");
    // PostgreSQL counts transactions of other programs, too.
    return { transactions: undefined, bytesOnDisk: await sizeOfDatabase(storage.postgres) };
  };
  return createOperatorApp({ ports, measureStore, log });
}

function bytesIn(directory: string): number {
  return readdirSync(directory)
    .map((name) => statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0)
    .reduce((sum, size) => sum + size, 0);
}

/** An HTTP server that knows the requests in progress. */
interface ControlServer {
  readonly server: Server;
  /** Closes all connections after `graceMs`, or when no request is in progress. Resolves once the last request has ended. */
  readonly stop: (graceMs: number) => Promise<void>;
}

export function createControlServer(app: Koa): ControlServer {
  const handle = app.callback();
  const inProgress = new Set<Promise<unknown>>();
  const server = createServer((request, response) => {
    const closed = new Promise((resolve) => void response.once("close", resolve));
    const answered = Promise.all([handle(request, response), closed]);
    inProgress.add(answered);
    void answered.finally(() => inProgress.delete(answered));
  });
  server.maxConnections = MAX_CONNECTIONS;
  return {
    server,
    async stop(graceMs) {
      server.close();
      const timer = new AbortController();
      const grace = sleep(graceMs, undefined, { signal: timer.signal });
      await Promise.race([Promise.all(inProgress), grace]).finally(() => timer.abort());
      server.closeAllConnections();
      await Promise.all(inProgress);
    },
  };
}

/**
 * Serves the operator's API at the control socket of a directory, for the user of this process alone. If that fails, the
 * log has the cause, and nothing is served.
 *
 * @param directory must be locked by this process.
 * @returns a function that stops serving, and resolves once the requests in progress have ended.
 */
export async function serveControl(app: Koa, directory: string, log: Logger): Promise<() => Promise<void>> {
  const { server, stop } = createControlServer(app);
  try {
    await listen(server, directory);
    logAcceptErrors(server, log);
  } catch (error) {
    log.warn(
      { cause: String(error) },
      "The control socket cannot be opened. Commands work only while this server is stopped.",
    );
    return async () => {};
  }
  return async () => {
    const stopped = stop(SHUTDOWN_GRACE_MS);
    rmSync(controlPath(directory), { force: true });
    await stopped;
  };
}

async function listen(server: Server, directory: string): Promise<void> {
  const pathError = controlPathError(directory);
  if (pathError !== undefined) throw new Error(pathError);
  const path = controlPath(directory);
  // A directory that only its owner may enter hides the socket until its mode is set.
  const hidden = mkdtempSync(join(dirname(path), "."));
  try {
    server.listen(join(hidden, "s"));
    await once(server, "listening");
    chmodSync(join(hidden, "s"), 0o600);
    // The directory is locked, so an existing socket was left behind by a server that was killed.
    renameSync(join(hidden, "s"), path);
  } finally {
    rmSync(hidden, { recursive: true });
  }
}
