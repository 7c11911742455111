import type { UserRepository } from "../../application/ports.js";
import { ACCOUNT, CREDENTIALS, insertUser, USER, type UserCache } from "../sql/users.js";
import type { Scope } from "./scope.js";

export function users(scope: Scope, cache: UserCache): UserRepository {
  return {
    async byId(id) {
      const cached = cache.get(id);
      if (cached !== undefined) return cached;
      if (!isStorable(id)) return undefined;
      const found = await scope.row(`SELECT ${USER.sql} FROM users WHERE id = $1`, id);
      const user = found && USER.decode(found);
      // A user that a transaction adds can still be rolled back.
      if (user !== undefined && !scope.hasWritten) cache.set(id, user);
      return user;
    },
    async byKey(key) {
      if (!isStorable(key)) return undefined;
      const found = await scope.row(`SELECT ${USER.sql} FROM users WHERE username_key = $1`, key);
      return found && USER.decode(found);
    },
    async account(key) {
      if (!isStorable(key)) return undefined;
      const found = await scope.row(`SELECT ${ACCOUNT.sql} FROM users WHERE username_key = $1`, key);
      return found && ACCOUNT.decode(found);
    },
    async accountById(id) {
      if (!isStorable(id)) return undefined;
      const found = await scope.row(`SELECT ${ACCOUNT.sql} FROM users WHERE id = $1`, id);
      return found && ACCOUNT.decode(found);
    },
    async credentials(key) {
      if (!isStorable(key)) return undefined;
      const lock = scope.attempts ? "" : "FOR NO KEY UPDATE";
      const found = await scope.row(
        `SELECT ${CREDENTIALS.sql} FROM users WHERE username_key = $1 ${lock}`,
        key,
      );
      return found && CREDENTIALS.decode(found);
    },
    async list({ after, limit }) {
      const sql = `SELECT ${ACCOUNT.sql} FROM users WHERE id > $1 ORDER BY id LIMIT $2`;
      return (await scope.rows(sql, after ?? "", limit)).map(ACCOUNT.decode);
    },
    async add(user, key, passwordDigest) {
      return (await scope.change(...insertUser({ user, key, passwordDigest }))) > 0;
    },
    async replacePassword(id, passwordDigest) {
      return (
        (await scope.change("UPDATE users SET password_digest = $1 WHERE id = $2", passwordDigest, id)) > 0
      );
    },
    async setDisplayName(id, displayName) {
      return (await scope.change("UPDATE users SET display_name = $1 WHERE id = $2", displayName, id)) > 0;
    },
    async setDisabledAt(id, disabledAt) {
      return (await scope.change("UPDATE users SET disabled_at = $1 WHERE id = $2", disabledAt, id)) > 0;
    },
  };
}

/** Whether PostgreSQL accepts the text. No text that it stores contains a zero character. */
function isStorable(text: string): boolean {
  return !text.includes("\0");
}
