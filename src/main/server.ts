import { connectionLimits } from "../adapters/http/connections.js";
import { listen } from "../adapters/http/server.js";
import type { Config } from "./config.js";
import { createContainer, tokens, type Closers } from "./container.js";
import { listenForCommands } from "./control.js";
import { forgetOldEvents } from "./retention.js";

/** A server that runs. */
export interface RunningServer {
  /** For instance `http://127.0.0.1:12000`. */
  readonly url: string;
  /** Takes nothing new, finishes what is under way, makes it durable, lets go of everything. Within 10 seconds. */
  close(): Promise<void>;
}

/**
 * Opens the store and serves it over HTTP. What was opened is closed again where a later step fails.
 *
 * @param onFatal is told when the store can go on no longer.
 */
export async function serve(config: Config, onFatal: (error: Error) => void): Promise<RunningServer> {
  const closers: Closers = [];
  const close = async () => {
    for (let closer = closers.pop(); closer; closer = closers.pop()) await closer();
  };
  try {
    const container = createContainer(config, closers, onFatal);
    const log = await container.getAsync(tokens.log);
    const app = await container.getAsync(tokens.app);
    const messaging = await container.getAsync(tokens.messaging);
    const clock = await container.getAsync(tokens.clock);
    closers.push(
      forgetOldEvents(messaging, clock, config.eventRetention, (trouble) =>
        log.warn({ cause: String(trouble.cause) }, trouble.message),
      ),
    );
    const server = await listen(app, config.host, config.port, log, connectionLimits(config.rateLimits));
    closers.push(() => server.close());
    if (config.storage === "sqlite") {
      closers.push(await listenForCommands(await container.getAsync(tokens.data), log));
    }
    const data = config.storage === "memory" ? "in memory, and gone when it ends" : `in ${config.dataDir}`;
    log.info(`Palaver listens on ${server.url}, with its data ${data}.`);
    if (!config.trustProxy) {
      log.info("Cookies are sent over plain HTTP too. Behind a proxy that ends TLS, set TRUST_PROXY=on.");
    }
    return {
      url: server.url,
      async close() {
        await close();
        log.info("Palaver has ended: nothing is left to be written.");
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}
