import { setImmediate } from "node:timers/promises";
import { LRUCache } from "lru-cache";
import type { UserRepository } from "../../application/ports.js";
import type { Account, User, UserId, UsernameKey } from "../../domain/user.js";
import { reservedKey, SELECT_USERNAMES_KEY } from "../sql/usernames.js";
import { ACCOUNT, CREDENTIALS, deleteUser, insertUser, USER } from "../sql/users.js";
import { numberIn, type Statements } from "./database.js";
import type { RecentMessages } from "./recent-messages.js";

/** Bounds the time for which other events of the process have to wait. */
const MAX_USERS_PER_TURN = 500;

const MAX_CACHED_ACCOUNTS = 10_000;

/** @param recent cached messages, which have the names of their senders. */
export function users(
  { row, rows, change }: Statements,
  recent: Pick<RecentMessages, "clear">,
): UserRepository {
  // Given `max`, the cache would allocate all its entries at once.
  const cache = new LRUCache<UserId, Account>({ maxSize: MAX_CACHED_ACCOUNTS, sizeCalculation: () => 1 });

  function findAccount(id: UserId): Account | undefined {
    const cached = cache.get(id);
    if (cached !== undefined) return cached;
    const found = row(`SELECT ${ACCOUNT.sql} FROM users WHERE id = ?`, id);
    const account = found && ACCOUNT.decode(found);
    if (account !== undefined) cache.set(id, account);
    return account;
  }

  function reserved(key: UsernameKey): string {
    return reservedKey(String(row(SELECT_USERNAMES_KEY)![0]), key);
  }

  function isTaken(key: UsernameKey): boolean {
    return row("SELECT 1 FROM users WHERE username_key IN (?, ?)", key, reserved(key)) !== undefined;
  }

  return {
    async byId(id) {
      return findAccount(id)?.user;
    },
    async accountById(id) {
      return findAccount(id);
    },
    async byIds(ids) {
      const found: User[] = [];
      for (let index = 0; index < ids.length; index += MAX_USERS_PER_TURN) {
        if (index > 0) await setImmediate();
        const wanted = JSON.stringify(ids.slice(index, index + MAX_USERS_PER_TURN));
        const sql = `SELECT ${USER.sql} FROM json_each(?) AS wanted CROSS JOIN users ON users.id = wanted.value`;
        found.push(...rows(sql, wanted).map(USER.decode));
      }
      return found;
    },
    async byKey(key) {
      const found = row(`SELECT ${USER.sql} FROM users WHERE username_key = ?`, key);
      return found && USER.decode(found);
    },
    async account(key) {
      const found = row(`SELECT ${ACCOUNT.sql} FROM users WHERE username_key = ?`, key);
      return found && ACCOUNT.decode(found);
    },
    async credentials(key) {
      const found = row(`SELECT ${CREDENTIALS.sql} FROM users WHERE username_key = ?`, key);
      return found && CREDENTIALS.decode(found);
    },
    async isTaken(key) {
      return isTaken(key);
    },
    async list({ after, limit }) {
      const sql = `SELECT ${ACCOUNT.sql} FROM users WHERE id > ? ORDER BY id LIMIT ?`;
      return rows(sql, after ?? "", limit).map(ACCOUNT.decode);
    },
    async toErase() {
      const sql = "SELECT id FROM users WHERE deleted_at IS NOT NULL AND erased_at IS NULL LIMIT 1";
      return row(sql)?.[0] as UserId | undefined;
    },
    async add(user, key, passwordDigest) {
      return !isTaken(key) && change(...insertUser({ user, key, passwordDigest })) > 0;
    },
    async replacePassword(id, passwordDigest) {
      const sql = "UPDATE users SET password_digest = ? WHERE id = ? AND deleted_at IS NULL";
      return change(sql, passwordDigest, id) > 0;
    },
    async setDisabledAt(id, disabledAt) {
      cache.delete(id);
      const sql = "UPDATE users SET disabled_at = ? WHERE id = ? AND deleted_at IS NULL";
      return change(sql, disabledAt, id) > 0;
    },
    async delete(id, deletedAt) {
      const [key] = row("SELECT username_key FROM users WHERE id = ? AND deleted_at IS NULL", id) ?? [];
      if (key === undefined) return false;
      cache.delete(id);
      recent.clear();
      return change(...deleteUser(id, deletedAt, reserved(key as UsernameKey))) > 0;
    },
    async isToErase(id) {
      const sql = "SELECT count(*) FROM users WHERE id = ? AND deleted_at IS NOT NULL AND erased_at IS NULL";
      return numberIn(row(sql, id)) > 0;
    },
    async endErasure(id, erasedAt) {
      change("UPDATE users SET erased_at = ? WHERE id = ? AND deleted_at IS NOT NULL", erasedAt, id);
    },
  };
}
