import type { Context, Middleware } from "koa";
import { forwardedOf } from "./forwarded.js";
import { sendBody, JSON_TYPE } from "./response.js";
import { HttpError } from "./problem.js";

/** Methods that change no state. */
const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/** The response to a CORS preflight request, and the response headers that listed origins may read. */
const PREFLIGHT_HEADERS = {
  "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
  "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, X-Request-Id",
  "Access-Control-Max-Age": "7200",
};
const EXPOSED_HEADERS = "Idempotency-Replayed, Link, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id";

/**
 * Protects signed-in users from pages of other sites: implements CORS for the listed origins, and rejects requests of all
 * other sites that could change state.
 *
 * @param origins as browsers send them, such as `https://app.example.org`
 * @throws HttpError `cross_site`
 */
export function guardOrigin(origins: readonly string[]): Middleware {
  const trusted: ReadonlySet<string> = new Set(origins);
  return (ctx, next) => {
    const origin = ctx.get("Origin");
    if (trusted.size > 0) ctx.vary("Origin");
    if (trusted.has(origin)) {
      ctx.set({
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": EXPOSED_HEADERS,
      });
      if (ctx.method === "OPTIONS" && ctx.get("Access-Control-Request-Method") !== "") {
        ctx.set(PREFLIGHT_HEADERS);
        sendBody(ctx, 200, JSON_TYPE, "{}");
        return undefined;
      }
    } else if (!SAFE.has(ctx.method) && isCrossSite(ctx, origin)) {
      throw new HttpError(
        "cross_site",
        "The request comes from a page of another site. Add its origin to CORS_ORIGINS.",
      );
    }
    return next();
  };
}

/** `none` means that the user navigated here. Browsers that send neither header omit the cookie because of SameSite. */
function isCrossSite(ctx: Context, origin: string): boolean {
  const site = ctx.get("Sec-Fetch-Site");
  if (site !== "") return site !== "same-origin" && site !== "none";
  return origin !== "" && origin !== forwardedOf(ctx).origin;
}
