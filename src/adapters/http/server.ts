import { createServer, STATUS_CODES, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { randomUUID } from "node:crypto";
import type Koa from "koa";
import { networkOf } from "./address.js";
import { commonHeaders } from "./response.js";
import { usualLimits, type ConnectionLimits, type HttpServer } from "./connections.js";
import type { Log } from "./log.js";
import { HttpError, PROBLEM_TYPE, toProblem } from "./problem.js";

/** How long requests under way may take to end when the server closes, in milliseconds. */
const PATIENCE = 8_000;

/** How long a client that is refused may take to read why, in milliseconds. */
const LINGER = 1_000;

/**
 * @param app is told with `closing` to end the answers that stay open.
 * @throws Error of the system, for instance EADDRINUSE
 */
export async function listen(
  app: Koa,
  host: string,
  port: number,
  log: Log,
  given: Partial<ConnectionLimits> = {},
): Promise<HttpServer> {
  const limits = { ...usualLimits, ...given };
  const handle = app.callback();
  const answer = (...exchange: Parameters<typeof handle>) => void handle(...exchange);
  const server = createServer(
    {
      headersTimeout: limits.slowestRequest,
      requestTimeout: limits.slowestRequest,
      connectionsCheckingInterval: Math.min(1_000, limits.slowestRequest),
      // Node would refuse it without a problem. The application does.
      requireHostHeader: false,
    },
    answer,
  );
  server.timeout = limits.longestSilence;
  server.maxConnections = limits.mostConnections;
  if (!app.proxy) limitByAddress(server, limits.mostOfOneAddress);
  server.on("checkExpectation", answer);
  server.on("clientError", (error, socket) => refuseUnparsed(error, socket as Socket, app.proxy, log));
  // Node takes a connection for busy until its first request has been answered, even where none comes.
  const silent = new Set<Socket>();
  server.on("connection", (socket) => {
    silent.add(socket);
    socket.once("close", () => silent.delete(socket));
  });
  server.on("request", ({ socket }) => silent.delete(socket));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const address = server.address() as AddressInfo;
  const name = address.family === "IPv6" ? `[${address.address}]` : address.address;
  return {
    url: `http://${name}:${address.port}`,
    close(patience = PATIENCE) {
      app.emit("closing");
      return close(server, silent, patience);
    },
  };
}

function limitByAddress(server: Server, most: number): void {
  const counts = new Map<string, number>();
  server.on("connection", (socket: Socket) => {
    const network = networkOf(socket.remoteAddress ?? "");
    const count = (counts.get(network) ?? 0) + 1;
    if (count > most) {
      socket.destroy();
      return;
    }
    counts.set(network, count);
    socket.once("close", () => {
      const left = (counts.get(network) ?? 1) - 1;
      if (left > 0) counts.set(network, left);
      else counts.delete(network);
    });
  });
}

async function close(server: Server, silent: ReadonlySet<Socket>, patience: number): Promise<void> {
  const cut = setTimeout(() => server.closeAllConnections(), patience);
  // A connection that is kept alive is idle again after its answer, and nobody would close it.
  const sweep = setInterval(() => server.closeIdleConnections(), 20);
  await new Promise((resolve) => {
    server.close(resolve);
    for (const socket of silent) socket.destroy();
  });
  clearTimeout(cut);
  clearInterval(sweep);
}

// Node could make no request of it, so Koa never sees it. It gets a problem like every other error.
function refuseUnparsed(error: NodeJS.ErrnoException, socket: Socket, behindTls: boolean, log: Log): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const problem = toProblem(unparsed(error.code));
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
  // Node has let go of the connection, and the client may hold on to it for ever.
  setTimeout(() => socket.destroy(), LINGER).unref();
  log.info({ request_id: requestId, route: "none", status: problem.status, code: problem.code });
}

function unparsed(code: string | undefined): HttpError {
  if (code === "HPE_HEADER_OVERFLOW")
    return new HttpError("headers_too_large", "The head of the request is too long.");
  if (code === "ERR_HTTP_REQUEST_TIMEOUT")
    return new HttpError("request_timeout", "The request took too long to come.");
  return new HttpError("bad_request", "This is not valid HTTP/1.1.");
}
