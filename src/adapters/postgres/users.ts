import type { UserRepository } from "../../application/ports.js";
import type { UserId, UsernameKey } from "../../domain/user.js";
import { reservedKey, SELECT_USERNAMES_KEY } from "../sql/usernames.js";
import { ACCOUNT, CREDENTIALS, deleteUser, insertUser, USER } from "../sql/users.js";
import type { Scope } from "./scope.js";

/** Nothing of a user is kept in a node: another one can delete the user. */
export function users(scope: Scope): UserRepository {
  async function reserved(key: UsernameKey): Promise<string> {
    return reservedKey(String((await scope.row(SELECT_USERNAMES_KEY))![0]), key);
  }

  return {
    async byId(id) {
      if (!isStorable(id)) return undefined;
      const found = await scope.row(`SELECT ${USER.sql} FROM users WHERE id = $1`, id);
      return found && USER.decode(found);
    },
    async accountById(id) {
      if (!isStorable(id)) return undefined;
      const found = await scope.row(`SELECT ${ACCOUNT.sql} FROM users WHERE id = $1`, id);
      return found && ACCOUNT.decode(found);
    },
    async byIds(ids) {
      const sql = `SELECT ${USER.sql} FROM users WHERE id = ANY ($1)`;
      return (await scope.rows(sql, ids.filter(isStorable))).map(USER.decode);
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
    async credentials(key) {
      if (!isStorable(key)) return undefined;
      const lock = scope.attempts ? "" : "FOR NO KEY UPDATE";
      const found = await scope.row(
        `SELECT ${CREDENTIALS.sql} FROM users WHERE username_key = $1 ${lock}`,
        key,
      );
      return found && CREDENTIALS.decode(found);
    },
    async isTaken(key) {
      const keys = [key, await reserved(key)];
      return (await scope.row("SELECT true FROM users WHERE username_key = ANY($1)", keys)) !== undefined;
    },
    async list({ after, limit }) {
      const sql = `SELECT ${ACCOUNT.sql} FROM users WHERE id > $1 ORDER BY id LIMIT $2`;
      return (await scope.rows(sql, after ?? "", limit)).map(ACCOUNT.decode);
    },
    async toErase() {
      const found = await scope.row(
        "SELECT id FROM users WHERE deleted_at IS NOT NULL AND erased_at IS NULL ORDER BY id LIMIT 1",
      );
      return found?.[0] as UserId | undefined;
    },
    async add(user, key, passwordDigest) {
      const added = await scope.change(...insertUser({ user, key, passwordDigest }));
      if (added === 0) return false;
      // Behind the insertion, which waits for a transaction that deletes a user with the key.
      const sql = "SELECT true FROM users WHERE username_key = $1";
      if ((await scope.row(sql, await reserved(key))) === undefined) return true;
      await scope.change("DELETE FROM users WHERE id = $1", user.id);
      return false;
    },
    async replacePassword(id, passwordDigest) {
      const sql = "UPDATE users SET password_digest = $1 WHERE id = $2 AND deleted_at IS NULL";
      return (await scope.change(sql, passwordDigest, id)) > 0;
    },
    async setDisabledAt(id, disabledAt) {
      const sql = "UPDATE users SET disabled_at = $1 WHERE id = $2 AND deleted_at IS NULL";
      return (await scope.change(sql, disabledAt, id)) > 0;
    },
    async delete(id, deletedAt) {
      const [key] =
        (await scope.row("SELECT username_key FROM users WHERE id = $1 AND deleted_at IS NULL", id)) ?? [];
      if (key === undefined) return false;
      // It writes the key, so it waits for all transactions that store something of the user, who has to exist for them.
      return (await scope.change(...deleteUser(id, deletedAt, await reserved(key as UsernameKey)))) > 0;
    },
    async isToErase(id) {
      const lock = scope.attempts ? "" : "FOR NO KEY UPDATE";
      const sql = `SELECT true FROM users WHERE id = $1 AND deleted_at IS NOT NULL AND erased_at IS NULL ${lock}`;
      return (await scope.row(sql, id)) !== undefined;
    },
    async endErasure(id, erasedAt) {
      scope.send("UPDATE users SET erased_at = $1 WHERE id = $2 AND deleted_at IS NOT NULL", erasedAt, id);
    },
  };
}

/** Whether PostgreSQL accepts the text. No text that it stores contains a zero character. */
function isStorable(text: string): boolean {
  return !text.includes("\0");
}
