import {
  createServer,
  STATUS_CODES,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { randomUUID } from "node:crypto";
import type Koa from "koa";
import { afterClose, commonHeaders } from "./response.js";
import { DEFAULT_CONNECTION_LIMITS, type ConnectionLimits, type HttpServer } from "./connections.js";
import { toLoggableError, type Log } from "./log.js";
import { guardConnections } from "./connection-guard.js";
import { isProxyOf } from "./forwarded.js";
import { maxConnectionsOfProcess } from "./open-files.js";
import { HttpError, PROBLEM_TYPE, toProblem } from "./problem.js";
import { noteConnection } from "./turns.js";

/**
 * Connections that the system keeps until the server accepts them. Beyond that a client tries again after a second or more. The
 * system may set a lower limit (`net.core.somaxconn`).
 */
const BACKLOG = 4_096;

/** How long requests in progress may take when the server closes. */
const DEFAULT_GRACE_MS = 8_000;

/** How often failures to accept connections are logged at most. */
const ACCEPT_ERRORS_LOGGED_MS = 60_000;

/** How long a client may take to read the response to a malformed request before its connection is cut. */
const LINGER_MS = 1_000;

/**
 * Listens on a TCP port and serves the application. On close the application emits `closing`, so that it ends event
 * streams and long polls.
 *
 * @param port 0 for any free port
 * @throws Error of the system, such as EADDRINUSE
 */
export async function openHttpServer(
  app: Koa,
  host: string,
  port: number,
  log: Log,
  overrides: Partial<ConnectionLimits> = {},
): Promise<HttpServer> {
  const limits = { ...DEFAULT_CONNECTION_LIMITS, ...overrides };
  const handle = app.callback();
  const listener = (...exchange: Parameters<typeof handle>) => void handle(...exchange);
  const server = createServer(
    {
      headersTimeout: limits.requestTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      connectionsCheckingInterval: Math.min(1_000, limits.requestTimeoutMs),
      // Node would respond without a problem. `rejectAmbiguousRequests` checks the header instead.
      requireHostHeader: false,
    },
    listener,
  );
  server.timeout = limits.idleTimeoutMs;
  server.keepAliveTimeout = limits.keepAliveTimeoutMs;
  const maxConnections = Math.min(limits.maxConnections, maxConnectionsOfProcess());
  server.maxConnections = maxConnections;
  guardConnections(server, { ...limits, maxConnections }, (address) => !isProxyOf(app, address));
  server.on("checkExpectation", listener);
  /** The last request of each connection, its response, and the response to the request before it. */
  const exchanges = new WeakMap<
    Socket,
    readonly [IncomingMessage, ServerResponse, ServerResponse | undefined]
  >();
  server.on("request", (request, response) => {
    exchanges.set(request.socket, [request, response, exchanges.get(request.socket)?.[1]]);
  });
  /** Runs `work` once the complete requests of the connection are answered, so that no answer takes the place of another. */
  const afterResponses = (socket: Socket, work: () => void) => {
    const [request, response, before] = exchanges.get(socket) ?? [];
    const last = request?.complete ? response : before;
    if (last === undefined || !afterClose(last, work)) work();
  };
  server.on("clientError", (error, stream) => {
    const socket = stream as Socket;
    afterResponses(socket, () => rejectMalformed(error, socket, app.proxy, log));
  });
  // Node would close the connection without a response.
  server.on("connect", (_request, stream) => {
    const error = new HttpError("bad_request", "CONNECT is not supported. This server is not a proxy.");
    const socket = stream as Socket;
    // Node no longer handles errors of the connection, such as a reset. Unhandled, they would end the process.
    socket.on("error", () => socket.destroy());
    afterResponses(socket, () => endWithProblem(error, socket, app.proxy, log));
  });
  // Until its first request, Node counts a connection as busy, so `server.close` would wait for it.
  const unused = new Set<Socket>();
  server.on("connection", (socket) => {
    noteConnection();
    unused.add(socket);
    socket.once("close", () => unused.delete(socket));
  });
  server.on("request", ({ socket }) => unused.delete(socket));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host, backlog: BACKLOG }, () => {
      server.off("error", reject);
      logAcceptErrors(server, log);
      resolve();
    });
  });
  const address = server.address() as AddressInfo;
  const name = address.family === "IPv6" ? `[${address.address}]` : address.address;
  return {
    url: `http://${name}:${address.port}`,
    maxConnections,
    close(graceMs = DEFAULT_GRACE_MS) {
      app.emit("closing");
      return close(server, unused, graceMs);
    },
  };
}

/**
 * Logs errors of accepting connections, such as EMFILE. Node would end the process. Errors after the first of a minute are
 * not logged.
 */
export function logAcceptErrors(server: Server, log: Pick<Log, "error">): void {
  let loggedAt = Number.NEGATIVE_INFINITY;
  server.on("error", (error) => {
    if (performance.now() - loggedAt < ACCEPT_ERRORS_LOGGED_MS) return;
    loggedAt = performance.now();
    log.error({ err: toLoggableError(error) });
  });
}

async function close(server: Server, unused: ReadonlySet<Socket>, graceMs: number): Promise<void> {
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  // `server.close` closes idle connections only once. A kept-alive connection becomes idle again after its response.
  const sweep = setInterval(() => server.closeIdleConnections(), 20);
  await new Promise((resolve) => {
    server.close(resolve);
    for (const socket of unused) socket.destroy();
  });
  clearTimeout(cut);
  clearInterval(sweep);
}

// Koa never sees a request that Node cannot parse. It is answered with a problem like every other error.
function rejectMalformed(error: NodeJS.ErrnoException, socket: Socket, behindTls: boolean, log: Log): void {
  if (error.code === "ECONNRESET") return void socket.destroy();
  endWithProblem(malformedError(error.code), socket, behindTls, log);
}

function endWithProblem(error: HttpError, socket: Socket, behindTls: boolean, log: Log): void {
  if (!socket.writable) return void socket.destroy();
  const problem = toProblem(error);
  const body = JSON.stringify(problem);
  const requestId = randomUUID();
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    `Content-Type: ${PROBLEM_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...commonHeaders(requestId, behindTls).map(([name, value]) => `${name}: ${value}`),
    "Connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
  // Node no longer tracks the connection, and the client may never close it.
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
  log.info({ request_id: requestId, route: "none", status: problem.status, code: problem.code });
}

function malformedError(code: string | undefined): HttpError {
  if (code === "HPE_HEADER_OVERFLOW") {
    return new HttpError("headers_too_large", "The headers of the request are too large.");
  }
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") {
    return new HttpError("request_timeout", "The request took too long to arrive. Send it again.");
  }
  return new HttpError("bad_request", "The request is not valid HTTP/1.1.");
}
