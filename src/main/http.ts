import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createHttpApp, type HttpOptions } from "../adapters/http/app.js";
import type { Counted, OpenCounter, Quota, RequestCounter } from "../adapters/http/counter.js";
import { connectionLimits, type ConnectionLimits, type HttpServer } from "../adapters/http/connections.js";
import type { Log } from "../adapters/http/log.js";
import { openHttpServer } from "../adapters/http/server.js";
import type { TrustProxy } from "../adapters/http/trust-proxy.js";
import type { Messaging } from "../application/messaging.js";
import type { Clock, StoreStatus } from "../application/ports.js";

export type { ConnectionLimits, HttpServer, Log, TrustProxy };
export type { Counted, OpenCounter, Quota, RequestCounter };

/** The core to serve: the result of `openMessaging`, or your own core with the clock of its ports and the status of its store. */
export interface Served extends Messaging {
  readonly clock: Clock;
  status(): StoreStatus;
  /**
   * Opens the counters of failed logins, logins and registrations, which all nodes on a store share. By default each process
   * counts by itself.
   */
  readonly openCounter?: OpenCounter | undefined;
}

/** Options of `mount` and `listen`. */
export interface ServingOptions {
  /** Receives a line for each request, and audit lines. By default only unexpected errors are printed, to the console. */
  readonly log?: Log | undefined;
  /**
   * The proxies in front, which terminate TLS and set `X-Forwarded-For` and `X-Forwarded-Proto`, or `Forwarded`: `true` for
   * one, the number of proxies that each request passes, or their addresses and networks. Cookies are then `Secure`. Defaults
   * to false.
   */
  readonly trustProxy?: TrustProxy | undefined;
  /** Whether logins, registrations, changes and reads in progress are limited. Defaults to true. */
  readonly rateLimits?: boolean | undefined;
  /**
   * Other origins whose pages may use the API, as browsers send them: `https://app.example.org`. Browsers send the cookie from
   * pages of the same site only; pages of other sites need a token.
   */
  readonly corsOrigins?: readonly string[] | undefined;
  /** Whether users can be found by the beginnings of their names. Defaults to true. */
  readonly userDirectory?: boolean | undefined;
  /** Whether the web client is served, at the path itself and below `/assets/`. Defaults to true. */
  readonly webClient?: boolean | undefined;
}

export interface MountOptions extends ServingOptions {
  /** The path of the API, as browsers see it, for instance `/chat`. Requests outside of it go to the next middleware. */
  readonly path: string;
}

/** Koa middleware. */
export interface Mounted {
  (context: MountContext, next: () => Promise<unknown>): Promise<void>;
  /** Ends event streams and long polls. Call it before you close the server, which would wait for them. */
  close(): void;
}

/** The part of Koa's context that the middleware uses. */
export interface MountContext {
  readonly req: object;
  readonly res: object;
  path: string;
  url: string;
  respond?: boolean | undefined;
}

/**
 * Creates Koa middleware that serves the HTTP API and the web client under a path of your own application, with its own cookies, limits,
 * headers and errors. Use it before any middleware that reads request bodies, and not inside one that strips paths. Cookies
 * are restricted to its path; behind TLS they are for the whole host, which can then have one such mount.
 *
 * @throws Error if the path is invalid.
 */
export function mount(messaging: Served, options: MountOptions): Mounted {
  const { path } = options;
  if (!/^(?:\/[\w.~-]+)+$/.test(path)) {
    throw new Error(
      `Invalid path ${JSON.stringify(path)}. Use a path like "/chat", without a trailing slash.`,
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
      throw new Error(
        "The request body is already read. Mount Palaver before the middleware that reads bodies.",
      );
    }
    const { url } = context;
    // The field of Express and Koa for it. The application needs it to redirect.
    Object.assign(request, { originalUrl: url });
    context.path = context.path.slice(path.length) || "/";
    context.respond = false;
    const response = context.res as ServerResponse;
    try {
      await answer(request, response);
      // Otherwise the middleware before it could modify a response that is still being written.
      if (!response.writableFinished && !request.socket.destroyed) await once(response, "close");
    } finally {
      context.url = url;
    }
  };
  return Object.assign(middleware, { close: () => void app.emit("closing") });
}

export interface ListenOptions extends ServingOptions {
  /** 0 for any free port. */
  readonly port: number;
  /** Defaults to 127.0.0.1. */
  readonly host?: string | undefined;
  readonly connections?: Partial<ConnectionLimits> | undefined;
}

/**
 * Serves the HTTP API and the web client on a port, as `palaver serve` does. Close the server before the core.
 *
 * @throws TypeError if the port is not an integer from 0 to 65,535
 * @throws Error of the system, for instance with the code EADDRINUSE
 */
export async function listen(messaging: Served, options: ListenOptions): Promise<HttpServer> {
  const { host = "127.0.0.1", port, connections } = options;
  // Node would listen on a socket in the file system for any other value.
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new TypeError(`Invalid port ${JSON.stringify(port)}. Use an integer from 0 to 65535.`);
  }
  const given = appOptions(messaging, options);
  const limits = { ...connectionLimits(given.rateLimits), ...connections };
  return openHttpServer(createHttpApp(given), host, port, given.log, limits);
}

function appOptions(messaging: Served, options: ServingOptions): HttpOptions {
  const {
    log = consoleLog,
    trustProxy = false,
    rateLimits = true,
    corsOrigins = [],
    userDirectory,
    webClient,
  } = options;
  const { clock, openCounter } = messaging;
  const storeStatus = () => messaging.status();
  return {
    messaging,
    storeStatus,
    clock,
    log,
    trustProxy,
    rateLimits,
    openCounter,
    corsOrigins,
    userDirectory,
    webClient,
  };
}

const consoleLog: Log = { debug() {}, info() {}, error: (fields) => console.error(fields) };
