import type { SessionRepository } from "../../application/ports.js";
import type { Session, SessionId } from "../../domain/session.js";
import type { Row, Statements } from "./database.js";
import { USER, userOf } from "./users.js";

const SESSION = `sessions.id, sessions.kind, sessions.name, sessions.user_agent, sessions.created_at,
  sessions.last_seen_at, sessions.expires_at, ${USER}`;

export function sessions({ row, rows, change }: Statements): SessionRepository {
  return {
    async byDigest(digest) {
      const found = row(
        `SELECT ${SESSION} FROM sessions JOIN users ON users.id = sessions.user_id
         WHERE sessions.digest = (SELECT ?)`,
        digest,
      );
      return found && sessionOf(found);
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
      return change("DELETE FROM sessions WHERE id = ?", id) > 0;
    },
    async removeExpired(userId, now) {
      change("DELETE FROM sessions WHERE user_id = ? AND expires_at <= ?", userId, now);
    },
  };
}

function sessionOf([id, kind, name, userAgent, createdAt, lastSeenAt, expiresAt, ...user]: Row): Session {
  return {
    id: id as SessionId,
    user: userOf(user),
    kind: kind as Session["kind"],
    name: name as string | null,
    userAgent: userAgent as string | null,
    createdAt: createdAt as number,
    lastSeenAt: lastSeenAt as number,
    expiresAt: expiresAt as number,
  };
}
