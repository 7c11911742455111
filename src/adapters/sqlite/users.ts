import type { UserRepository } from "../../application/ports.js";
import {
  ACCOUNT,
  createUserCache,
  CREDENTIALS,
  DIRECTORY_ENTRY,
  INDEXED_USER,
  insertUser,
  MATCHING,
  matchingValues,
  USER,
  wordsIn,
} from "../sql/users.js";
import type { Account, UserId, UsernameKey } from "../../domain/user.js";
import type { Statements } from "./database.js";

export function users(statements: Statements): UserRepository {
  const { row, rows, change } = statements;
  const cache = createUserCache();

  async function account(key: UsernameKey): Promise<Account | undefined> {
    const found = row(`SELECT ${ACCOUNT.sql} FROM users WHERE username_key = ?`, key);
    return found && ACCOUNT.decode(found);
  }

  return {
    account,
    addressee: account,
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
    async matching(page) {
      return rows(MATCHING, ...matchingValues(page)).map(DIRECTORY_ENTRY.decode);
    },
    async add(user, key, passwordDigest) {
      if (change(...insertUser({ user, key, passwordDigest })) === 0) return false;
      indexUser(statements, user.id);
      return true;
    },
    async replacePassword(id, passwordDigest) {
      return change("UPDATE users SET password_digest = ? WHERE id = ?", passwordDigest, id) > 0;
    },
    async setDisplayName(id, displayName) {
      if (change("UPDATE users SET display_name = ? WHERE id = ?", displayName, id) === 0) return false;
      indexUser(statements, id);
      return true;
    },
    async setDisabledAt(id, disabledAt) {
      if (change("UPDATE users SET disabled_at = ? WHERE id = ?", disabledAt, id) === 0) return false;
      indexUser(statements, id);
      return true;
    },
  };
}

/** Stores the words by which the directory finds a user, in place of those before. */
export function indexUser({ row, change }: Statements, id: UserId): void {
  const words = wordsIn(row(`SELECT ${INDEXED_USER.sql} FROM users WHERE id = ?`, id)!);
  change("DELETE FROM user_words WHERE user_id = ?", id);
  for (const word of words) change("INSERT INTO user_words (word, user_id) VALUES (?, ?)", word, id);
}
