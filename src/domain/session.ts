import { MessagingError } from "./errors.js";
import type { SessionId } from "./ids.js";
import { textFault } from "./text.js";
import type { User } from "./user.js";

export type { SessionId };

/**
 * A user's stay: of a browser, from a login to its end, or of a program, which has a token in the place of a cookie.
 */
export interface Session {
  readonly id: SessionId;
  readonly user: User;
  /** How the secret comes along. */
  readonly kind: "cookie" | "token";
  /** What its owner calls a token; null for a cookie. */
  readonly name: string | null;
  /** What the browser called itself at the login; null where it did not say, and for a token. */
  readonly userAgent: string | null;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Epoch milliseconds, up to an hour behind. */
  readonly lastSeenAt: number;
  /** Epoch milliseconds; from then on it is dead. The use of a cookie puts it off, see `markSeen`. */
  readonly expiresAt: number;
}

const HOUR = 60 * 60 * 1000;
const DAY = 24 * HOUR;

/** How long a session lives at the most, in milliseconds. */
export const SESSION_LIFETIME_MS = 90 * DAY;

/** How long it lives without being used. */
const IDLE_TIME = 14 * DAY;

/** How long a token lives, used or not. */
const TOKEN_LIFETIME = 365 * DAY;

/** How many live sessions a user may have, and how many tokens besides. */
export const MAX_SESSIONS_PER_USER = 50;

/** In characters. */
export const MAX_TOKEN_NAME_LENGTH = 100;

/** Of what a browser calls itself, in UTF-16 code units; the rest is cut off. */
const MAX_USER_AGENT_LENGTH = 256;

/** The session that a login starts. */
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
    expiresAt: now + IDLE_TIME,
  };
}

/** @throws MessagingError `invalid_token_name` unless the name has 1 to 100 characters, something to be seen in it and no NUL */
export function newToken(id: SessionId, user: User, name: string, now: number): Session {
  const fault = textFault(name, MAX_TOKEN_NAME_LENGTH);
  if (fault !== undefined) throw new MessagingError("invalid_token_name", `The name of a token ${fault}.`);
  return {
    id,
    user,
    kind: "token",
    name,
    userAgent: null,
    createdAt: now,
    lastSeenAt: now,
    expiresAt: now + TOKEN_LIFETIME,
  };
}

export function isAlive(session: Session, now: number): boolean {
  return now < session.expiresAt;
}

/** @throws MessagingError `not_signed_in` where there is no session or it has expired. */
export function assertAlive(session: Session | undefined, now: number): Session {
  if (session === undefined || !isAlive(session, now)) {
    throw new MessagingError("not_signed_in", "You are not signed in, or your session has ended. Log in.");
  }
  return session;
}

/**
 * The session once it has been used. The very same one where its use was noted within the hour, so that few requests have
 * something to store. A cookie dies 14 days after the use that was noted last, and 90 days after the login.
 */
export function markSeen(session: Session, now: number): Session {
  if (now - session.lastSeenAt < HOUR) return session;
  const expiresAt =
    session.kind === "token"
      ? session.expiresAt
      : Math.min(session.createdAt + SESSION_LIFETIME_MS, now + IDLE_TIME);
  return { ...session, lastSeenAt: now, expiresAt };
}
