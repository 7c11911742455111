import type { UserRepository } from "../../application/ports.js";
import type { UserId } from "../../domain/user.js";
import {
  ACCOUNT,
  CREDENTIALS,
  DIRECTORY_ENTRY,
  INDEXED_USER,
  insertUser,
  MATCHING,
  matchingValues,
  USER,
  wordsIn,
  type UserCache,
} from "../sql/users.js";
import type { Scope } from "./scope.js";

export function users(scope: Scope, cache: UserCache): UserRepository {
  /** Stores the words by which the directory finds a user, in place of those before, in a transaction that has changed the user. */
  async function index(id: UserId): Promise<void> {
    const words = wordsIn((await scope.row(`SELECT ${INDEXED_USER.sql} FROM users WHERE id = $1`, id))!);
    scope.send("DELETE FROM user_words WHERE user_id = $1", id);
    if (words.length > 0) {
      scope.send("INSERT INTO user_words (word, user_id) SELECT unnest($1::text[]), $2", words, id);
    }
  }

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
    async addressee(key) {
      if (!isStorable(key)) return undefined;
      const found = await scope.row(
        `SELECT ${ACCOUNT.sql} FROM users WHERE username_key = $1 FOR SHARE`,
        key,
      );
      return found && ACCOUNT.decode(found);
    },
    async matching(page) {
      return (await scope.rows(MATCHING, ...matchingValues(page))).map(DIRECTORY_ENTRY.decode);
    },
    async add(user, key, passwordDigest) {
      const added = (await scope.change(...insertUser({ user, key, passwordDigest }))) > 0;
      if (added) await index(user.id);
      return added;
    },
    async replacePassword(id, passwordDigest) {
      return (
        (await scope.change("UPDATE users SET password_digest = $1 WHERE id = $2", passwordDigest, id)) > 0
      );
    },
    async setDisplayName(id, displayName) {
      const sql = "UPDATE users SET display_name = $1 WHERE id = $2";
      const changed = (await scope.change(sql, displayName, id)) > 0;
      if (changed) await index(id);
      return changed;
    },
    async setDisabledAt(id, disabledAt) {
      const changed =
        (await scope.change("UPDATE users SET disabled_at = $1 WHERE id = $2", disabledAt, id)) > 0;
      if (changed) await index(id);
      return changed;
    },
  };
}

/** Whether PostgreSQL accepts the text. No text that it stores contains a zero character. */
function isStorable(text: string): boolean {
  return !text.includes("\0");
}
