import type Koa from "koa";
import type { Context, Middleware } from "koa";
import { createSession } from "koa-session";
import type { Messaging } from "../../application/messaging.js";
import { MessagingError } from "../../domain/errors.js";
import { SESSION_LIFETIME_MS, type Session } from "../../domain/session.js";
import { HttpError } from "./problem.js";

/**
 * The session cookie, which holds the secret of a session. koa-session runs only where sessions start and end. All other
 * routes just read the cookie, which is faster and safer: a request that saves no session cannot revive an ended one.
 */
export interface SessionCookie {
  /** Sets the cookie to the secret of a new session, and ends the session of the request. */
  set(ctx: Context, secret: string): Promise<void>;
  /** Ends the session of the request and clears the cookie. */
  clear(ctx: Context): Promise<void>;
}

/** Returns the secret in the cookie of the request, or the empty string, which matches no session. */
export function cookieSecret(ctx: Context): string {
  return ctx.cookies.get(cookieName(ctx.app)) ?? "";
}

/**
 * Returns the credentials of the request: the token in `Authorization: Bearer …`, or else the cookie. Other schemes are
 * ignored, since a proxy in front may use them.
 *
 * @throws HttpError `two_credentials` for a cookie together with a token, which may belong to two users (RFC 6750, 3.1)
 */
export function credentials(ctx: Context): { readonly kind: Session["kind"]; readonly secret: string } {
  const cookie = cookieSecret(ctx);
  const bearer = /^Bearer(?: +(.*))?$/is.exec(ctx.get("Authorization").trim());
  if (bearer === null) return { kind: "cookie", secret: cookie };
  if (cookie !== "") {
    throw new HttpError(
      "two_credentials",
      "The request has a session cookie and a token. Send only one of them.",
    );
  }
  return { kind: "token", secret: bearer[1] ?? "" };
}

// `proxy` is set where a proxy in front terminates TLS. There the prefix makes browsers accept the cookie only from this
// host and only over TLS (RFC 6265bis, 4.1.3.2).
function cookieName({ proxy }: Pick<Koa, "proxy">): string {
  return proxy ? "__Host-palaver_session" : "palaver_session";
}

/** @param path the cookie's path. Behind TLS it is `/`, which the `__Host-` prefix requires. */
export function sessionCookie(app: Koa, messaging: Messaging, path = "/"): SessionCookie {
  const options = {
    key: cookieName(app),
    maxAge: SESSION_LIFETIME_MS,
    httpOnly: true,
    sameSite: "lax",
    secure: app.proxy,
    // Missing in the type of the options, but passed on to the cookie.
    path: app.proxy ? "/" : path,
    signed: false,
    genid: (ctx: Context) => String(ctx.state["secret"] ?? ""),
    store: {
      get: (secret: string) => messaging.authenticate({ secret, kind: "cookie" }).then(() => ({}), noSession),
      // The core has stored the session already. Storing nothing here also keeps ended sessions from being revived.
      set: async () => {},
      destroy: (secret: string) => messaging.logOut({ secret }),
    },
  };
  const koaSession = createSession(options, app) as Middleware;
  return {
    async set(ctx, secret) {
      // Koa sets secure cookies only over TLS, and the hop from the proxy is plain HTTP.
      ctx.cookies.secure = ctx.app.proxy;
      await koaSession(ctx, async () => {
        ctx.state["secret"] = secret;
        await (ctx["session"] as { regenerate(): Promise<void> }).regenerate();
      });
    },
    async clear(ctx) {
      ctx.cookies.secure = ctx.app.proxy;
      await koaSession(ctx, async () => {
        ctx["session"] = null;
      });
    },
  };
}

function noSession(error: unknown): undefined {
  if (error instanceof MessagingError && error.code === "not_signed_in") return undefined;
  throw error;
}
