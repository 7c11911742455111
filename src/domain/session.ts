import { MessagingError } from "./errors.js";
import type { User } from "./user.js";

/** An opaque string: the name of a session, which gives no access. What gives access is its secret. */
export type SessionId = string & { readonly sessionId: true };

/** A user's stay, from a login to its end. */
export interface Session {
  readonly id: SessionId;
  readonly user: User;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Epoch milliseconds; from then on it is dead. */
  readonly expiresAt: number;
}

/** How long a session lives at the most, in milliseconds. */
export const SESSION_LIFETIME = 90 * 24 * 60 * 60 * 1000;

/** @throws MessagingError `not_signed_in` where there is no session or it has expired. */
export function requireAlive(session: Session | undefined, now: number): Session {
  if (session === undefined || session.expiresAt <= now) {
    throw new MessagingError("not_signed_in", "You are not signed in, or your session has ended. Log in.");
  }
  return session;
}
