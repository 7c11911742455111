import type { UserRepository } from "../../application/ports.js";
import { ACCOUNT, createUserCache, CREDENTIALS, insertUser, USER } from "../sql/users.js";
import type { Statements } from "./database.js";

export function users({ row, rows, change }: Statements): UserRepository {
  const cache = createUserCache();
  return {
    async byId(id) {
      const cached = cache.get(id);
      if (cached !== undefined) return cached;
      const found = row(`SELECT ${USER.sql} FROM users WHERE id = ?`, id);
      const user = found && USER.decode(found);
      if (user !== undefined) cache.set(id, user);
      return user;
    },
    async byKey(key) {
      const found = row(`SELECT ${USER.sql} FROM users WHERE username_key = ?`, key);
      return found && USER.decode(found);
    },
    async account(key) {
      const found = row(`SELECT ${ACCOUNT.sql} FROM users WHERE username_key = ?`, key);
      return found && ACCOUNT.decode(found);
    },
    async accountById(id) {
      const found = row(`SELECT ${ACCOUNT.sql} FROM users WHERE id = ?`, id);
      return found && ACCOUNT.decode(found);
    },
    async credentials(key) {
      const found = row(`SELECT ${CREDENTIALS.sql} FROM users WHERE username_key = ?`, key);
      return found && CREDENTIALS.decode(found);
    },
    async list({ after, limit }) {
      const sql = `SELECT ${ACCOUNT.sql} FROM users WHERE id > ? ORDER BY id LIMIT ?`;
      return rows(sql, after ?? "", limit).map(ACCOUNT.decode);
    },
    async add(user, key, passwordDigest) {
      return change(...insertUser({ user, key, passwordDigest })) > 0;
    },
    async replacePassword(id, passwordDigest) {
      return change("UPDATE users SET password_digest = ? WHERE id = ?", passwordDigest, id) > 0;
    },
    async setDisplayName(id, displayName) {
      return change("UPDATE users SET display_name = ? WHERE id = ?", displayName, id) > 0;
    },
    async setDisabledAt(id, disabledAt) {
      return change("UPDATE users SET disabled_at = ? WHERE id = ?", disabledAt, id) > 0;
    },
  };
}
