import type { UserRepository } from "../../application/ports.js";
import type { Account, User, UserId } from "../../domain/user.js";
import type { Row, Statements } from "./database.js";

/** What `userOf` takes. */
export const USER = "users.id, users.username, users.created_at";
const ACCOUNT = `${USER}, users.disabled_at`;

export function users({ row, rows, change }: Statements): UserRepository {
  return {
    async byId(id) {
      const found = row(`SELECT ${USER} FROM users WHERE id = ?`, id);
      return found && userOf(found);
    },
    async byKey(key) {
      const found = row(`SELECT ${USER} FROM users WHERE username_key = ?`, key);
      return found && userOf(found);
    },
    async credentials(key) {
      const found = row(`SELECT ${ACCOUNT}, password_digest FROM users WHERE username_key = ?`, key);
      return found && { ...accountOf(found), passwordDigest: found[4] as string };
    },
    async list({ after, limit }) {
      return rows(`SELECT ${ACCOUNT} FROM users WHERE id > ? ORDER BY id LIMIT ?`, after ?? "", limit).map(
        accountOf,
      );
    },
    async add(user, key, passwordDigest) {
      return (
        change(
          `INSERT INTO users (id, username, username_key, password_digest, created_at) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (username_key) DO NOTHING`,
          user.id,
          user.username,
          key,
          passwordDigest,
          user.createdAt,
        ) > 0
      );
    },
    async replacePassword(id, passwordDigest) {
      return change("UPDATE users SET password_digest = ? WHERE id = ?", passwordDigest, id) > 0;
    },
    async setDisabledAt(id, disabledAt) {
      return change("UPDATE users SET disabled_at = ? WHERE id = ?", disabledAt, id) > 0;
    },
  };
}

function accountOf(found: Row): Account {
  return { user: userOf(found), disabledAt: found[3] as number | null };
}

export function userOf([id, username, createdAt]: Row): User {
  return { id: id as UserId, username: username as string, createdAt: createdAt as number };
}
