import type { UserRepository } from "../../application/ports.js";
import type { Account, UserId, UsernameKey } from "../../domain/user.js";
import type { Change } from "../sql/columns.js";
import { reservedKey, SELECT_USERNAMES_KEY } from "../sql/usernames.js";
import {
  ACCOUNT,
  CREDENTIALS,
  deleteUser,
  DIRECTORY_ENTRY,
  INDEXED_USER,
  insertUser,
  MATCHING,
  matchingValues,
  USER,
  wordsIn,
} from "../sql/users.js";
import type { Scope } from "./scope.js";

/** The first key of the advisory locks under which one transaction at a time erases a user. */
const ERASURE_LOCK = 72_526_863;

/** Nothing of a user is kept in a node: another one can delete the user. */
export function users(scope: Scope): UserRepository {
  async function reserved(key: UsernameKey): Promise<string> {
    return reservedKey(String((await scope.row(SELECT_USERNAMES_KEY))![0]), key);
  }

  /** Stores the words by which the directory finds a user, in place of those before, in a transaction that has changed the user. */
  async function index(id: UserId): Promise<void> {
    const words = wordsIn((await scope.row(`SELECT ${INDEXED_USER.sql} FROM users WHERE id = $1`, id))!);
    scope.send("DELETE FROM user_words WHERE user_id = $1", id);
    if (words.length > 0) {
      scope.send("INSERT INTO user_words (word, user_id) SELECT unnest($1::text[]), $2", words, id);
    }
  }

  /** @returns whether the statement has changed the user, whose words are then those of the directory. */
  async function changeIndexed(id: UserId, statement: Change): Promise<boolean> {
    const isChanged = (await scope.change(...statement)) > 0;
    if (isChanged) await index(id);
    return isChanged;
  }

  async function findAccount(condition: string, value: string): Promise<Account | undefined> {
    if (!isStorable(value)) return undefined;
    const found = await scope.row(`SELECT ${ACCOUNT.sql} FROM users WHERE ${condition}`, value);
    return found && ACCOUNT.decode(found);
  }

  return {
    account: (key) => findAccount("username_key = $1", key),
    accountById: (id) => findAccount("id = $1", id),
    lockedAccount: (key) => findAccount("username_key = $1 FOR SHARE", key),
    lockedAccountById: (id) => findAccount("id = $1 FOR SHARE", id),
    async byId(id) {
      if (!isStorable(id)) return undefined;
      const found = await scope.row(`SELECT ${USER.sql} FROM users WHERE id = $1`, id);
      return found && USER.decode(found);
    },
    async accountsById(ids) {
      const sql = `SELECT ${ACCOUNT.sql} FROM users WHERE id = ANY ($1)`;
      return (await scope.rows(sql, ids.filter(isStorable))).map(ACCOUNT.decode);
    },
    async byKey(key) {
      if (!isStorable(key)) return undefined;
      const found = await scope.row(`SELECT ${USER.sql} FROM users WHERE username_key = $1`, key);
      return found && USER.decode(found);
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
    async matching(page) {
      return (await scope.rows(MATCHING, ...matchingValues(page))).map(DIRECTORY_ENTRY.decode);
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
      if ((await scope.row(sql, await reserved(key))) !== undefined) {
        await scope.change("DELETE FROM users WHERE id = $1", user.id);
        return false;
      }
      await index(user.id);
      return true;
    },
    async replacePassword(id, passwordDigest) {
      const sql = "UPDATE users SET password_digest = $1 WHERE id = $2 AND deleted_at IS NULL";
      return (await scope.change(sql, passwordDigest, id)) > 0;
    },
    async setDisplayName(id, displayName) {
      const sql = "UPDATE users SET display_name = $1 WHERE id = $2 AND deleted_at IS NULL";
      return changeIndexed(id, [sql, displayName, id]);
    },
    async setDisabledAt(id, disabledAt) {
      const sql = "UPDATE users SET disabled_at = $1 WHERE id = $2 AND deleted_at IS NULL";
      return changeIndexed(id, [sql, disabledAt, id]);
    },
    async delete(id, deletedAt) {
      const [key] =
        (await scope.row("SELECT username_key FROM users WHERE id = $1 AND deleted_at IS NULL", id)) ?? [];
      if (key === undefined) return false;
      // It writes the key, so it waits for all transactions that store something of the user, who has to exist for them.
      return changeIndexed(id, deleteUser(id, deletedAt, await reserved(key as UsernameKey)));
    },
    async isToErase(id) {
      // Not the row of the user: a send locks its chat and then the row, and an erasure locks chats behind this.
      if (!scope.attempts)
        await scope.row("SELECT pg_advisory_xact_lock($1, hashtext($2))", ERASURE_LOCK, id);
      const sql = "SELECT true FROM users WHERE id = $1 AND deleted_at IS NOT NULL AND erased_at IS NULL";
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
