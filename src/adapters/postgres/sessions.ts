import type { SessionRepository } from "../../application/ports.js";
import { insertSession, SESSION } from "../sql/sessions.js";
import type { Scope } from "./scope.js";

export function sessions(scope: Scope): SessionRepository {
  return {
    async byDigest(digest) {
      const found = await scope.lookUp(
        `SELECT ${SESSION.sql} FROM sessions JOIN users ON users.id = sessions.user_id WHERE sessions.digest = $1`,
        digest,
      );
      return found && SESSION.decode(found);
    },
    async ofUser(id) {
      scope.lockUser(id);
      const found = await scope.rows(
        `SELECT ${SESSION.sql} FROM sessions JOIN users ON users.id = sessions.user_id
         WHERE sessions.user_id = $1 ORDER BY sessions.created_at, sessions.id`,
        id,
      );
      return found.map(SESSION.decode);
    },
    async add(session, digest) {
      scope.send(...insertSession({ session, digest }));
    },
    async touch({ id, lastSeenAt, expiresAt }) {
      const sql = "UPDATE sessions SET last_seen_at = $1, expires_at = $2 WHERE id = $3";
      return (await scope.change(sql, lastSeenAt, expiresAt, id)) > 0;
    },
    async remove(id) {
      return (await scope.change("DELETE FROM sessions WHERE id = $1", id)) > 0;
    },
    async removeExpired(userId, now) {
      await scope.change("DELETE FROM sessions WHERE user_id = $1 AND expires_at <= $2", userId, now);
    },
  };
}
