import type { ServerResponse } from "node:http";
import type { Context } from "koa";

/** The media type of JSON responses. */
export const JSON_TYPE = "application/json; charset=utf-8";

/** The headers that OWASP recommends for an API: responses are not cached, sniffed, framed, or run as pages. */
const SECURITY_HEADERS = Object.entries({
  "Cache-Control": "no-store",
  "Content-Security-Policy":
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
});
const TLS_SECURITY_HEADERS = [
  ...SECURITY_HEADERS,
  ["Strict-Transport-Security", "max-age=31536000; includeSubDomains"],
] as const;

/**
 * Returns the headers of every response.
 *
 * @param behindTls whether browsers connect over TLS. Then they must use nothing else for a year.
 */
export function commonHeaders(
  requestId: string,
  behindTls: boolean,
): readonly (readonly [name: string, value: string])[] {
  return [["X-Request-Id", requestId], ...(behindTls ? TLS_SECURITY_HEADERS : SECURITY_HEADERS)];
}

/**
 * Sends a response with head and body in one write, and keeps headers that `ctx.set` has set. An empty request takes 36 µs
 * this way and 48 µs through Koa, which sets each header by itself (measured on two slow cores).
 */
export function sendBody(ctx: Context, status: number, type: string, body: string | Buffer): void {
  const { res } = ctx;
  const head: (string | number)[] = ["Content-Type", type, "Content-Length", Buffer.byteLength(body)];
  for (const [name, value] of missingHeaders(ctx)) head.push(name, value);
  ctx.respond = false;
  res.writeHead(status, head);
  res.end(body);
}

/** Sets the common headers on a response that `sendBody` does not send. Keeps headers that `ctx.set` has set. */
export function setCommonHeaders(ctx: Context): void {
  for (const [name, value] of missingHeaders(ctx)) ctx.res.setHeader(name, value);
}

function missingHeaders({ state, app, res }: Context): readonly (readonly [name: string, value: string])[] {
  const all = commonHeaders(String(state["requestId"]), app.proxy);
  return res.getHeaderNames().length === 0 ? all : all.filter(([name]) => !res.hasHeader(name));
}

const releases = new WeakMap<ServerResponse, (() => void)[]>();

/**
 * Calls `release` once the response or its connection has closed. All calls for a response share one listener.
 *
 * @returns false, without a later call, if it has closed already.
 */
export function afterClose(response: ServerResponse, release: () => void): boolean {
  if (response.closed || response.req.socket.destroyed) return false;
  const given = releases.get(response);
  if (given) {
    given.push(release);
    return true;
  }
  const all = [release];
  releases.set(response, all);
  response.once("close", () => {
    for (const each of all) each();
  });
  return true;
}
