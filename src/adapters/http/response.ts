import type { Context } from "koa";

/** The media type of most answers. */
export const JSON_TYPE = "application/json; charset=utf-8";

/**
 * What OWASP asks of an API: no answer is a page, may be kept, may be taken for anything but what it says it is, or may be
 * shown in a page.
 */
const ALWAYS = Object.entries({
  "Cache-Control": "no-store",
  "Content-Security-Policy":
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
});
const BEHIND_TLS = [...ALWAYS, ["Strict-Transport-Security", "max-age=31536000; includeSubDomains"]] as const;

/**
 * The headers that every answer has.
 *
 * @param behindTls whether browsers reach us by TLS; then they are to come by nothing else for a year.
 */
export function commonHeaders(
  requestId: string,
  behindTls: boolean,
): readonly (readonly [name: string, value: string])[] {
  return [["X-Request-Id", requestId], ...(behindTls ? BEHIND_TLS : ALWAYS)];
}

/**
 * Answers with a text that is ready, head and body in one go. That takes 36 µs where Koa, which takes each header by itself,
 * takes 48 (a request that does nothing, on two slow cores). What the answer has been given by `ctx.set` stands.
 */
export function sendText(ctx: Context, status: number, type: string, text: string): void {
  const { res } = ctx;
  const head: (string | number)[] = ["Content-Type", type, "Content-Length", Buffer.byteLength(text)];
  for (const [name, value] of missing(ctx)) head.push(name, value);
  ctx.respond = false;
  res.writeHead(status, head);
  res.end(text);
}

/** Gives an answer that is written in another way the headers that every answer has. What `ctx.set` has given it stands. */
export function setCommonHeaders(ctx: Context): void {
  for (const [name, value] of missing(ctx)) ctx.res.setHeader(name, value);
}

function missing({ state, app, res }: Context): readonly (readonly [name: string, value: string])[] {
  const all = commonHeaders(String(state["requestId"]), app.proxy);
  return res.getHeaderNames().length === 0 ? all : all.filter(([name]) => !res.hasHeader(name));
}
