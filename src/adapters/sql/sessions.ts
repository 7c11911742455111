import type { Session } from "../../domain/session.js";
import { insertion, projection, valueAt } from "./columns.js";
import { USER } from "./users.js";

/** From `sessions`, joined with `users`. */
export const SESSION = projection<Session>(
  {
    id: "sessions.id",
    user: USER.columns,
    kind: "sessions.kind",
    name: "sessions.name",
    userAgent: "sessions.user_agent",
    createdAt: "sessions.created_at",
    lastSeenAt: "sessions.last_seen_at",
    expiresAt: "sessions.expires_at",
  },
  (row, at) =>
    Object.freeze({
      id: valueAt(row, at.id),
      user: USER.decodeAt(row, at.user),
      kind: valueAt(row, at.kind),
      name: valueAt(row, at.name),
      userAgent: valueAt(row, at.userAgent),
      createdAt: valueAt(row, at.createdAt),
      lastSeenAt: valueAt(row, at.lastSeenAt),
      expiresAt: valueAt(row, at.expiresAt),
    }),
);

export interface NewSession {
  readonly session: Session;
  readonly digest: string;
}

export const insertSession = insertion<NewSession>("sessions", {
  id: ({ session }) => session.id,
  digest: ({ digest }) => digest,
  user_id: ({ session }) => session.user.id,
  kind: ({ session }) => session.kind,
  name: ({ session }) => session.name,
  user_agent: ({ session }) => session.userAgent,
  created_at: ({ session }) => session.createdAt,
  last_seen_at: ({ session }) => session.lastSeenAt,
  expires_at: ({ session }) => session.expiresAt,
});
