import type Koa from "koa";
import type { Context, Middleware } from "koa";
import { createSession } from "koa-session";
import type { Messaging } from "../../application/messaging.js";
import { MessagingError } from "../../domain/errors.js";
import { SESSION_LIFETIME_MS, type Session } from "../../domain/session.js";
import { HttpError } from "./problem.js";

/**
 * The session cookie, which holds the secret of a session. koa-session works where sessions begin and end; every other
 * route only reads the cookie, which is faster and safer: a request that saves no session can bring no dead one back.
 */
export interface SessionCookie {
  /** Hands the client this secret, and ends the session that it came with. */
  give(ctx: Context, secret: string): Promise<void>;
  /** Ends the session that the client came with, and takes the cookie from it. */
  take(ctx: Context): Promise<void>;
}

/** The secret of the cookie that the client came with; without one the empty text, which is no session's secret. */
export function cookieSecret(ctx: Context): string {
  return ctx.cookies.get(cookieName(ctx.app)) ?? "";
}

/**
 * What the client shows to say who it is: a token in `Authorization: Bearer …`, or else the cookie. Other schemes are
 * somebody else's, of a proxy in front say, and count for nothing.
 *
 * @throws HttpError `two_credentials` where it shows both, since they may be of two users (RFC 6750, 3.1).
 */
export function credentials(ctx: Context): { readonly kind: Session["kind"]; readonly secret: string } {
  const cookie = cookieSecret(ctx);
  const bearer = /^Bearer(?: +(.*))?$/is.exec(ctx.get("Authorization").trim());
  if (bearer === null) return { kind: "cookie", secret: cookie };
  if (cookie !== "") {
    throw new HttpError(
      "two_credentials",
      "The request has a session cookie and a token. Send one of the two.",
    );
  }
  return { kind: "token", secret: bearer[1] ?? "" };
}

// `proxy` is on where a proxy in front of us ends TLS. There the prefix makes browsers take the cookie only from this
// very host, and only over TLS (RFC 6265bis, 4.1.3.2).
function cookieName({ proxy }: Pick<Koa, "proxy">): string {
  return proxy ? "__Host-palaver_session" : "palaver_session";
}

/** @param path of what the cookie is for. Behind TLS it is for all of the host, since its name says so. */
export function sessionCookie(app: Koa, messaging: Messaging, path = "/"): SessionCookie {
  const options = {
    key: cookieName(app),
    maxAge: SESSION_LIFETIME_MS,
    httpOnly: true,
    sameSite: "lax",
    secure: app.proxy,
    // It goes to the cookie with all the others, though the type does not know it.
    path: app.proxy ? "/" : path,
    signed: false,
    genid: (ctx: Context) => String(ctx.state["secret"] ?? ""),
    store: {
      get: (secret: string) => messaging.authenticate({ secret, kind: "cookie" }).then(() => ({}), missing),
      // The core has stored the session before its secret gets here; nothing may make one, or make one live again.
      set: async () => {},
      destroy: (secret: string) => messaging.logOut({ secret }),
    },
  };
  const koaSession = createSession(options, app) as Middleware;
  return {
    async give(ctx, secret) {
      // The hop from the proxy is not TLS itself, and without this Koa would set no secure cookie over it.
      ctx.cookies.secure = ctx.app.proxy;
      await koaSession(ctx, async () => {
        ctx.state["secret"] = secret;
        await (ctx["session"] as { regenerate(): Promise<void> }).regenerate();
      });
    },
    async take(ctx) {
      ctx.cookies.secure = ctx.app.proxy;
      await koaSession(ctx, async () => {
        ctx["session"] = null;
      });
    },
  };
}

function missing(error: unknown): undefined {
  if (error instanceof MessagingError && error.code === "not_signed_in") return undefined;
  throw error;
}
