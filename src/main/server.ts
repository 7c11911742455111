import { DEFAULT_CONNECTION_LIMITS } from "../adapters/http/connections.js";
import { describeDatabase } from "../adapters/postgres/database-url.js";
import type { Config } from "./config.js";
import { createContainer, openCore } from "./container.js";
import { createControlApp, serveControl } from "./control.js";
import { listen } from "./http.js";
import { logOpening, openLog } from "./log.js";
import { assertOwnFiles } from "./owner.js";

/** A running server. */
export interface RunningServer {
  /** For instance `http://127.0.0.1:12000`. */
  readonly url: string;
  /** Stops accepting requests, finishes those in progress, and closes the store. Takes at most 10 seconds. */
  close(): Promise<void>;
}

/**
 * Opens the store and serves it over HTTP. If a step fails, the steps before it are undone.
 *
 * @param onFatal receives the error after which the store can store nothing more.
 */
export async function serve(config: Config, onFatal: (error: Error) => void): Promise<RunningServer> {
  const { dataDir, host, port, trustProxy, rateLimits, corsOrigins, userDirectory, webClient } = config;
  const inDirectory = typeof config.storage === "object" && "sqlite" in config.storage;
  if (inDirectory) assertOwnFiles(dataDir);
  const log = openLog(config.logLevel);
  const onTrouble = (trouble: Error) => log.warn({ cause: String(trouble.cause) }, trouble.message);
  const onRecovery = (notice: string) => log.info(notice);
  const onSpace = () => onRecovery("The next segment of the log is ready again. Writing resumes.");
  const container = createContainer({
    ...config,
    sqlite: { onFatal, onTrouble, onSpace },
    postgres: { onTrouble, onRecovery },
  });
  const closers: (() => Promise<void>)[] = [];
  const close = async () => {
    for (let closer = closers.pop(); closer; closer = closers.pop()) await closer();
  };
  try {
    const retention = { events: config.eventRetentionMs, messages: config.messageRetentionMs };
    const { messaging, ports, close: closeCore } = await openCore(container, retention, onTrouble);
    closers.push(closeCore);
    const { store } = ports;
    if (store.opening) logOpening(store.opening, log);
    const { openCounter } = store;
    const served = { ...messaging, clock: ports.clock, status: () => store.status(), openCounter };
    const server = await listen(served, {
      host,
      port,
      log,
      trustProxy,
      rateLimits,
      corsOrigins,
      userDirectory,
      webClient,
      connections: { keepAliveTimeoutMs: config.keepAliveTimeoutMs },
    });
    closers.push(() => server.close());
    if (server.maxConnections < DEFAULT_CONNECTION_LIMITS.maxConnections) {
      log.warn(
        `At most ${server.maxConnections} connections can be open at once. Raise the limit on open files (\`ulimit -n\`) for more.`,
      );
    }
    if (inDirectory) {
      const app = createControlApp(ports, dataDir, log);
      closers.push(await serveControl(app, dataDir, log));
    }
    log.info(`Palaver listens on ${server.url}, with its data ${placeOf(config.storage)}.`);
    if (!trustProxy) {
      log.info(
        "Cookies are sent over plain HTTP too. Behind a proxy that terminates TLS, set TRUST_PROXY=on.",
      );
    }
    return {
      url: server.url,
      async close() {
        await close();
        log.info("Palaver has stopped. All data is stored.");
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Without the user and the password of a database. */
function placeOf(storage: Config["storage"]): string {
  if (storage === "memory") return "in memory, until the process ends";
  return "sqlite" in storage
    ? `in ${storage.sqlite}`
    : `in the database ${describeDatabase(storage.postgres)}`;
}
