import { createServer, STATUS_CODES, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { randomUUID } from "node:crypto";
import type Koa from "koa";
import type { Logger } from "pino";
import { everyAnswer } from "./app.js";
import { HttpError, PROBLEM_TYPE, problemOf } from "./problem.js";

/** A Koa application that listens. */
export interface HttpServer {
  /** For instance `http://127.0.0.1:12000`. */
  readonly url: string;
  /** Takes no more requests, answers those under way, and cuts what has not ended after `patience` milliseconds. */
  close(patience: number): Promise<void>;
}

/** How long a client may take over the head of a request, and over all of it, in milliseconds. */
const SLOWEST_REQUEST = 15_000;

/** How long a client that is refused may take to read why, in milliseconds. */
const LINGER = 1_000;

/** @throws Error of the system, for instance EADDRINUSE */
export async function listen(app: Koa, host: string, port: number, log: Logger): Promise<HttpServer> {
  const handle = app.callback();
  const answer = (...exchange: Parameters<typeof handle>) => void handle(...exchange);
  const server = createServer(
    {
      headersTimeout: SLOWEST_REQUEST,
      requestTimeout: SLOWEST_REQUEST,
      connectionsCheckingInterval: 1_000,
      // Node would refuse it without a problem. The application does.
      requireHostHeader: false,
    },
    answer,
  );
  server.on("checkExpectation", answer);
  server.on("clientError", (error, socket) => refuseUnparsed(error, socket as Socket, log));
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
  return { url: `http://${name}:${address.port}`, close: (patience) => close(server, silent, patience) };
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
function refuseUnparsed(error: NodeJS.ErrnoException, socket: Socket, log: Logger): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const problem = problemOf(unparsed(error.code));
  const body = JSON.stringify(problem);
  const requestId = randomUUID();
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    `Content-Type: ${PROBLEM_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...Object.entries(everyAnswer(requestId)).map(([name, value]) => `${name}: ${value}`),
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
