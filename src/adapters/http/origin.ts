import type { Context, Middleware } from "koa";
import { sendText, JSON_TYPE } from "./response.js";
import { HttpError } from "./problem.js";

/** Methods that change nothing here. */
const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/** What a page of a listed origin may send, beyond what every page may, and what it may read of an answer. */
const preflightAnswer = {
  "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
  "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, X-Request-Id",
  "Access-Control-Max-Age": "7200",
};
const READABLE = "Idempotency-Replayed, Link, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id";

/**
 * What pages of other sites may do with a browser whose user is signed in here: read nothing and change nothing, unless
 * their origin is listed.
 *
 * @param listed origins, each as a browser writes it: `https://app.example.org`.
 * @throws HttpError `cross_site`
 */
export function guardOrigin(listed: readonly string[]): Middleware {
  const trusted: ReadonlySet<string> = new Set(listed);
  return (ctx, next) => {
    const origin = ctx.get("Origin");
    if (trusted.size > 0) ctx.vary("Origin");
    if (trusted.has(origin)) {
      ctx.set({
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": READABLE,
      });
      if (ctx.method === "OPTIONS" && ctx.get("Access-Control-Request-Method") !== "") {
        ctx.set(preflightAnswer);
        sendText(ctx, 200, JSON_TYPE, "{}");
        return undefined;
      }
    } else if (!SAFE.has(ctx.method) && isFromElsewhere(ctx, origin)) {
      throw new HttpError(
        "cross_site",
        "This request comes from a page of another site. Its origin must be listed in CORS_ORIGINS.",
      );
    }
    return next();
  };
}

/** `none` is the user's own doing. A browser that sends neither header sends no cookie of ours along either: SameSite. */
function isFromElsewhere(ctx: Context, origin: string): boolean {
  const site = ctx.get("Sec-Fetch-Site");
  if (site !== "") return site !== "same-origin" && site !== "none";
  return origin !== "" && origin !== `${ctx.protocol}://${ctx.host}`;
}
