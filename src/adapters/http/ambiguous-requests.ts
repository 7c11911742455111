import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Middleware } from "koa";
import { HttpError } from "./problem.js";

/** Far below the count at which Node silently drops further headers. */
const MAX_HEADERS = 100;

/** Connections that have carried an ambiguous request. Nothing further on them is processed. */
const rejectedSockets = new WeakSet<Socket>();

/**
 * Guards against request smuggling: rejects every request that a proxy in front could parse differently than Node. A
 * request must have exactly one Host (RFC 9112, 3.2), at most one Authorization and Content-Type, no Transfer-Encoding but `chunked` and that only in HTTP/1.1 (6.1),
 * and a valid target. After a rejection the connection is closed.
 *
 * @throws HttpError `bad_request`, `headers_too_large`
 */
export const rejectAmbiguousRequests: Middleware = ({ req }, next) => {
  const error = rejectedSockets.has(req.socket)
    ? closingError("An earlier request on this connection was rejected. Open a new connection.")
    : ambiguityOf(req);
  if (error === undefined) return next();
  // Pipelined requests may have arrived already.
  rejectedSockets.add(req.socket);
  throw error;
};

function ambiguityOf({ rawHeaders, headers, httpVersion, url = "" }: IncomingMessage): HttpError | undefined {
  const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  const countOf = (wanted: string) => names.filter((name) => name === wanted).length;
  if (countOf("host") > 1 || (countOf("host") === 0 && httpVersion === "1.1")) {
    return closingError("A request must have exactly one Host header.");
  }
  // Node uses the first one, and others the last.
  const repeated = ["Authorization", "Content-Type"].find((name) => countOf(name.toLowerCase()) > 1);
  if (repeated !== undefined) return closingError(`A request must have at most one ${repeated} header.`);
  const encoding = headers["transfer-encoding"];
  if (encoding !== undefined && (encoding.toLowerCase() !== "chunked" || httpVersion !== "1.1")) {
    return closingError("Unsupported Transfer-Encoding. Use chunked, in HTTP/1.1.");
  }
  if (!url.startsWith("/") && !URL.canParse(url)) {
    return closingError("Invalid request target. It must be a path or an absolute URL.");
  }
  if (rawHeaders.length > 2 * MAX_HEADERS) {
    return closingError(`The request has more than ${MAX_HEADERS} headers.`, "headers_too_large");
  }
  return undefined;
}

function closingError(detail: string, code: "bad_request" | "headers_too_large" = "bad_request"): HttpError {
  return new HttpError(code, detail, { headers: { Connection: "close" } });
}
