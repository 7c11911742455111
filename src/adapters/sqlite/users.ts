import { LRUCache } from "lru-cache";
import type { UserRepository } from "../../application/ports.js";
import type { Account, User, UserId } from "../../domain/user.js";
import type { Row, Statements } from "./database.js";

/** What `userOf` takes. */
export const USER = "users.id, users.username, users.created_at";
const ACCOUNT = `${USER}, users.disabled_at`;

/** How many users are remembered. */
const MOST_USERS = 10_000;

export function users({ row, rows, change }: Statements): UserRepository {
  /** Nothing of a user ever changes. */
  const remembered = new LRUCache<UserId, User>({ max: MOST_USERS });
  return {
    async byId(id) {
      const known = remembered.get(id);
      if (known !== undefined) return known;
      const found = row(`SELECT ${USER} FROM users WHERE id = ?`, id);
      const user = found && userOf(found);
      if (user !== undefined) remembered.set(id, user);
      return user;
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
  return Object.freeze({ id: id as UserId, username: username as string, createdAt: createdAt as number });
}
