import { MessagingError } from "./errors.js";
import type { SessionId } from "./ids.js";
import { lineFault } from "./text.js";
import type { User } from "./user.js";

export type { SessionId };

/** Access of a browser (a cookie, from a login) or of a program (a token) to an account. */
export interface Session {
  readonly id: SessionId;
  readonly user: User;
  /** How requests carry the secret. */
  readonly kind: "cookie" | "token";
  /** The name that the user gave a token; null for a cookie. */
  readonly name: string | null;
  /** The `User-Agent` of the login; null for a token and if the login had none. */
  readonly userAgent: string | null;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Epoch milliseconds. Up to an hour old, see `markSeen`. */
  readonly lastSeenAt: number;
  /** Epoch milliseconds. The session is alive before this time. Using a cookie extends it, see `markSeen`. */
  readonly expiresAt: number;
}

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

/** The maximum lifetime of a cookie session. */
export const SESSION_LIFETIME_MS = 90 * DAY_MS;

/** The lifetime of a cookie session after its last use. */
const IDLE_TIMEOUT_MS = 14 * DAY_MS;

/** The lifetime of a token, used or not. */
const TOKEN_LIFETIME_MS = 365 * DAY_MS;

/** The maximum number of cookie sessions of a user, and separately of tokens. */
export const MAX_SESSIONS_PER_USER = 50;

/** In code points. */
export const MAX_TOKEN_NAME_LENGTH = 100;

/** In UTF-16 code units. A longer `User-Agent` is truncated. */
const MAX_USER_AGENT_LENGTH = 256;

/** A new cookie session. */
export function newSession(id: SessionId, user: User, userAgent: string | undefined, now: number): Session {
  return {
    id,
    user,
    kind: "cookie",
    name: null,
    userAgent: userAgent
      ? userAgent.replaceAll("\0", "").slice(0, MAX_USER_AGENT_LENGTH).toWellFormed()
      : null,
    createdAt: now,
    lastSeenAt: now,
    expiresAt: now + IDLE_TIMEOUT_MS,
  };
}

/**
 * A new token.
 *
 * @throws MessagingError `invalid_token_name` unless the name is one line of 1 to 100 code points, see `lineFault`.
 */
export function newToken(id: SessionId, user: User, name: string, now: number): Session {
  const fault = lineFault(name, MAX_TOKEN_NAME_LENGTH);
  if (fault !== undefined) throw new MessagingError("invalid_token_name", `The name of the token ${fault}`);
  return {
    id,
    user,
    kind: "token",
    name,
    userAgent: null,
    createdAt: now,
    lastSeenAt: now,
    expiresAt: now + TOKEN_LIFETIME_MS,
  };
}

/** Whether the session has not expired at `now`. */
export function isAlive(session: Session, now: number): boolean {
  return now < session.expiresAt;
}

/** @throws MessagingError `not_signed_in` if the session is undefined or has expired. */
export function assertAlive(session: Session | undefined, now: number): Session {
  if (session === undefined || !isAlive(session, now)) {
    throw new MessagingError("not_signed_in", "Not signed in, or the session has ended. Log in.");
  }
  return session;
}

/**
 * The session after a use at `now`. Returns the same object if `lastSeenAt` is less than an hour old, so that few requests
 * write. A cookie session expires 14 days after `lastSeenAt`, at most 90 days after the login.
 */
export function markSeen(session: Session, now: number): Session {
  if (now - session.lastSeenAt < HOUR_MS) return session;
  const expiresAt =
    session.kind === "token"
      ? session.expiresAt
      : Math.min(session.createdAt + SESSION_LIFETIME_MS, now + IDLE_TIMEOUT_MS);
  return { ...session, lastSeenAt: now, expiresAt };
}
