import { LRUCache } from "lru-cache";
import type { SessionRepository } from "../../application/ports.js";
import type { Session } from "../../domain/session.js";
import { insertSession, SESSION } from "../sql/sessions.js";
import type { Statements } from "./database.js";

const MAX_CACHED_SESSIONS = 10_000;

export function sessions({ row, rows, change }: Statements): SessionRepository {
  // By digest, since every request looks one up. Given `max`, the cache would allocate all its entries at once.
  const cache = new LRUCache<string, Session>({ maxSize: MAX_CACHED_SESSIONS, sizeCalculation: () => 1 });

  /** Must run before the sessions of this WHERE clause are changed or removed. */
  function invalidate(where: string, ...values: (string | number)[]): void {
    for (const [digest] of rows(`SELECT digest FROM sessions WHERE ${where}`, ...values)) {
      cache.delete(digest as string);
    }
  }

  return {
    async byDigest(digest) {
      const cached = cache.get(digest);
      if (cached !== undefined) return cached;
      const found = row(
        `SELECT ${SESSION.sql} FROM sessions JOIN users ON users.id = sessions.user_id
         WHERE sessions.digest = (SELECT ?)`,
        digest,
      );
      const session = found && SESSION.decode(found);
      if (session !== undefined) cache.set(digest, session);
      return session;
    },
    async ofUser(id) {
      return rows(
        `SELECT ${SESSION.sql} FROM sessions CROSS JOIN users ON users.id = sessions.user_id
         WHERE sessions.user_id = (SELECT ?) ORDER BY sessions.created_at, sessions.id`,
        id,
      ).map(SESSION.decode);
    },
    async add(session, digest) {
      change(...insertSession({ session, digest }));
    },
    async touch({ id, lastSeenAt, expiresAt }) {
      invalidate("id = ?", id);
      const sql = "UPDATE sessions SET last_seen_at = ?, expires_at = ? WHERE id = ?";
      return change(sql, lastSeenAt, expiresAt, id) > 0;
    },
    async remove(id) {
      invalidate("id = ?", id);
      return change("DELETE FROM sessions WHERE id = ?", id) > 0;
    },
    async removeExpired(userId, now) {
      const expired = "user_id = ? AND expires_at <= ?";
      invalidate(expired, userId, now);
      change(`DELETE FROM sessions WHERE ${expired}`, userId, now);
    },
  };
}
