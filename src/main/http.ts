import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createHttpApp, type HttpOptions } from "../adapters/http/app.js";
import { connectionLimits, type ConnectionLimits, type HttpServer } from "../adapters/http/connections.js";
import type { Log } from "../adapters/http/log.js";
import { listen as listenWith } from "../adapters/http/server.js";
import type { Messaging } from "../application/messaging.js";
import type { Clock, StoreStatus } from "../application/ports.js";

export type { ConnectionLimits, HttpServer, Log };

/** What is served: what `openMessaging` gives, or one's own core with the clock of its ports and the status of its store. */
export interface Served extends Messaging {
  readonly clock: Clock;
  status(): StoreStatus;
}

/** How it is served. Each has a usual value. */
export interface ServingOptions {
  /** Gets a line for each request, and for all that decides who may do what. Without it, bugs go to the console. */
  readonly log?: Log | undefined;
  /**
   * Whether a proxy in front ends TLS and sets `X-Forwarded-For` and `X-Forwarded-Proto`: as `proxy` of a Koa application
   * around it. Cookies are then `Secure`. False unless given.
   */
  readonly trustProxy?: boolean | undefined;
  /** Whether there are limits on how often one may log in, register and send. True unless given. */
  readonly rateLimits?: boolean | undefined;
  /** The origins of other sites whose pages may use it, as browsers write them: `https://app.example.org`. */
  readonly corsOrigins?: readonly string[] | undefined;
}

export interface MountOptions extends ServingOptions {
  /** The path that it is under, as browsers see it, for instance `/chat`. What is outside of it goes on to what comes next. */
  readonly path: string;
}

/** Middleware for Koa. */
export interface Mounted {
  (context: MountContext, next: () => Promise<unknown>): Promise<void>;
  /** Ends the answers that stay open. Call it before you close the server, which would wait for them. */
  close(): void;
}

/** What it takes of Koa's context. */
export interface MountContext {
  readonly req: object;
  readonly res: object;
  path: string;
  url: string;
  respond?: boolean | undefined;
}

/**
 * The HTTP API, and nothing around it, for a Koa application of one's own. It answers whatever is under its path, with
 * cookies, limits, headers and errors of its own; put it above anything that reads request bodies, and not inside a middleware that
 * cuts paths itself. Cookies are for its path.
 * Behind TLS they are for the whole host, which can then have one of these.
 *
 * @throws Error where the path is none.
 */
export function mount(messaging: Served, options: MountOptions): Mounted {
  const { path } = options;
  if (!/^(?:\/[\w.~-]+)+$/.test(path)) {
    throw new Error(
      `${JSON.stringify(path)} is no path to mount at. It must be like "/chat", with no slash at the end.`,
    );
  }
  const app = createHttpApp({ ...appOptions(messaging, options), path });
  const answer = app.callback();
  const middleware = async (context: MountContext, next: () => Promise<unknown>) => {
    if (context.path !== path && !context.path.startsWith(`${path}/`)) {
      await next();
      return;
    }
    const request = context.req as IncomingMessage;
    if (request.readableDidRead) {
      throw new Error("The body of the request is read already. Mount Palaver above what reads bodies.");
    }
    const { url } = context;
    context.path = context.path.slice(path.length) || "/";
    context.respond = false;
    const response = context.res as ServerResponse;
    try {
      await answer(request, response);
      // Or what stands above would touch an answer that is still being written.
      if (!response.writableFinished && !request.socket.destroyed) await once(response, "close");
    } finally {
      context.url = url;
    }
  };
  return Object.assign(middleware, { close: () => void app.emit("closing") });
}

export interface ListenOptions extends ServingOptions {
  /** 0 for any that is free. */
  readonly port: number;
  /** 127.0.0.1 unless given. */
  readonly host?: string | undefined;
  readonly connections?: Partial<ConnectionLimits> | undefined;
}

/**
 * Serves the HTTP API on a port, as `palaver serve` does. Close it before the core.
 *
 * @throws Error of the system, for instance EADDRINUSE
 */
export function listen(messaging: Served, options: ListenOptions): Promise<HttpServer> {
  const { host = "127.0.0.1", port, connections } = options;
  const given = appOptions(messaging, options);
  const limits = { ...connectionLimits(given.rateLimits), ...connections };
  return listenWith(createHttpApp(given), host, port, given.log, limits);
}

function appOptions(messaging: Served, options: ServingOptions): HttpOptions {
  const { log = bugs, trustProxy = false, rateLimits = true, corsOrigins = [] } = options;
  const storeStatus = () => messaging.status();
  return { messaging, storeStatus, clock: messaging.clock, log, trustProxy, rateLimits, corsOrigins };
}

const bugs: Log = { debug() {}, info() {}, error: (fields) => console.error(fields) };
