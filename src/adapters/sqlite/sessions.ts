import { LRUCache } from "lru-cache";
import type { SessionRepository } from "../../application/ports.js";
import type { Session, SessionId } from "../../domain/session.js";
import type { Row, Statements } from "./database.js";
import { USER, userOf } from "./users.js";

const SESSION = `sessions.id, sessions.kind, sessions.name, sessions.user_agent, sessions.created_at,
  sessions.last_seen_at, sessions.expires_at, ${USER}`;

/** How many sessions are remembered. */
const MOST_SESSIONS = 10_000;

export function sessions({ row, rows, change }: Statements): SessionRepository {
  /** By their digests. Every request asks for one. */
  const remembered = new LRUCache<string, Session>({ max: MOST_SESSIONS });

  /** What is changed or removed of those is not remembered. */
  function forget(which: string, ...values: (string | number)[]): void {
    for (const [digest] of rows(`SELECT digest FROM sessions WHERE ${which}`, ...values)) {
      remembered.delete(digest as string);
    }
  }

  return {
    async byDigest(digest) {
      const known = remembered.get(digest);
      if (known !== undefined) return known;
      const found = row(
        `SELECT ${SESSION} FROM sessions JOIN users ON users.id = sessions.user_id
         WHERE sessions.digest = (SELECT ?)`,
        digest,
      );
      const session = found && sessionOf(found);
      if (session !== undefined) remembered.set(digest, session);
      return session;
    },
    async ofUser(id) {
      return rows(
        `SELECT ${SESSION} FROM sessions CROSS JOIN users ON users.id = sessions.user_id
         WHERE sessions.user_id = (SELECT ?) ORDER BY sessions.created_at, sessions.id`,
        id,
      ).map(sessionOf);
    },
    async add(session, digest) {
      change(
        `INSERT INTO sessions (id, digest, user_id, kind, name, user_agent, created_at, last_seen_at, expires_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        session.id,
        digest,
        session.user.id,
        session.kind,
        session.name,
        session.userAgent,
        session.createdAt,
        session.lastSeenAt,
        session.expiresAt,
      );
    },
    async touch({ id, lastSeenAt, expiresAt }) {
      forget("id = ?", id);
      return (
        change(
          "UPDATE sessions SET last_seen_at = ?, expires_at = ? WHERE id = ?",
          lastSeenAt,
          expiresAt,
          id,
        ) > 0
      );
    },
    async remove(id) {
      forget("id = ?", id);
      return change("DELETE FROM sessions WHERE id = ?", id) > 0;
    },
    async removeExpired(userId, now) {
      const expired = "user_id = ? AND expires_at <= ?";
      forget(expired, userId, now);
      change(`DELETE FROM sessions WHERE ${expired}`, userId, now);
    },
  };
}

function sessionOf([id, kind, name, userAgent, createdAt, lastSeenAt, expiresAt, ...user]: Row): Session {
  return Object.freeze({
    id: id as SessionId,
    user: userOf(user),
    kind: kind as Session["kind"],
    name: name as string | null,
    userAgent: userAgent as string | null,
    createdAt: createdAt as number,
    lastSeenAt: lastSeenAt as number,
    expiresAt: expiresAt as number,
  });
}
