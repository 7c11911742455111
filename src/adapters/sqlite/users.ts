import { setImmediate } from "node:timers/promises";
import { LRUCache } from "lru-cache";
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
import { numberIn, type Statements } from "./database.js";
import type { RecentMessages } from "./recent-messages.js";

/** Bounds the time for which other events of the process have to wait. */
const MAX_USERS_PER_TURN = 500;

const MAX_CACHED_ACCOUNTS = 10_000;

/**
 * @param recent cached messages, which have the names of their senders.
 * @param onErase called when a name goes.
 */
export function users(
  statements: Statements,
  recent: Pick<RecentMessages, "clear">,
  onErase: () => void,
): UserRepository {
  const { row, rows, change } = statements;
  // Given `max`, the cache would allocate all its entries at once.
  const cache = new LRUCache<UserId, Account>({ maxSize: MAX_CACHED_ACCOUNTS, sizeCalculation: () => 1 });

  function findAccount(id: UserId): Account | undefined {
    const cached = cache.get(id);
    if (cached !== undefined) return cached;
    const found = row(`SELECT ${ACCOUNT.sql} FROM users WHERE id = ?`, id);
    const decoded = found && ACCOUNT.decode(found);
    if (decoded !== undefined) cache.set(id, decoded);
    return decoded;
  }

  function reserved(key: UsernameKey): string {
    return reservedKey(String(row(SELECT_USERNAMES_KEY)![0]), key);
  }

  function isTaken(key: UsernameKey): boolean {
    return row("SELECT 1 FROM users WHERE username_key IN (?, ?)", key, reserved(key)) !== undefined;
  }

  async function account(key: UsernameKey): Promise<Account | undefined> {
    const found = row(`SELECT ${ACCOUNT.sql} FROM users WHERE username_key = ?`, key);
    return found && ACCOUNT.decode(found);
  }

  const accountById = async (id: UserId) => findAccount(id);

  /** @returns whether the statement has changed the user, whose words are then those of the directory. */
  function changeIndexed(id: UserId, statement: Change): boolean {
    cache.delete(id);
    const isChanged = change(...statement) > 0;
    if (isChanged) indexUser(statements, id);
    return isChanged;
  }

  return {
    account,
    accountById,
    lockedAccount: account,
    lockedAccountById: accountById,
    async byId(id) {
      return findAccount(id)?.user;
    },
    async accountsById(ids) {
      const found: Account[] = [];
      for (let index = 0; index < ids.length; index += MAX_USERS_PER_TURN) {
        if (index > 0) await setImmediate();
        const wanted = JSON.stringify(ids.slice(index, index + MAX_USERS_PER_TURN));
        const sql = `SELECT ${ACCOUNT.sql} FROM json_each(?) AS wanted CROSS JOIN users ON users.id = wanted.value`;
        found.push(...rows(sql, wanted).map(ACCOUNT.decode));
      }
      return found;
    },
    async byKey(key) {
      const found = row(`SELECT ${USER.sql} FROM users WHERE username_key = ?`, key);
      return found && USER.decode(found);
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
    async matching(page) {
      return rows(MATCHING, ...matchingValues(page)).map(DIRECTORY_ENTRY.decode);
    },
    async toErase() {
      const sql = "SELECT id FROM users WHERE deleted_at IS NOT NULL AND erased_at IS NULL LIMIT 1";
      return row(sql)?.[0] as UserId | undefined;
    },
    async add(user, key, passwordDigest) {
      return !isTaken(key) && changeIndexed(user.id, insertUser({ user, key, passwordDigest }));
    },
    async replacePassword(id, passwordDigest) {
      const sql = "UPDATE users SET password_digest = ? WHERE id = ? AND deleted_at IS NULL";
      return change(sql, passwordDigest, id) > 0;
    },
    async setDisplayName(id, displayName) {
      const sql = "UPDATE users SET display_name = ? WHERE id = ? AND deleted_at IS NULL";
      return changeIndexed(id, [sql, displayName, id]);
    },
    async setDisabledAt(id, disabledAt) {
      const sql = "UPDATE users SET disabled_at = ? WHERE id = ? AND deleted_at IS NULL";
      return changeIndexed(id, [sql, disabledAt, id]);
    },
    async delete(id, deletedAt) {
      const [key] = row("SELECT username_key FROM users WHERE id = ? AND deleted_at IS NULL", id) ?? [];
      if (key === undefined) return false;
      recent.clear();
      onErase();
      return changeIndexed(id, deleteUser(id, deletedAt, reserved(key as UsernameKey)));
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

/** Stores the words by which the directory finds a user, in place of those before. */
export function indexUser({ row, change }: Pick<Statements, "row" | "change">, id: UserId): void {
  const words = wordsIn(row(`SELECT ${INDEXED_USER.sql} FROM users WHERE id = ?`, id)!);
  change("DELETE FROM user_words WHERE user_id = ?", id);
  for (const word of words) change("INSERT INTO user_words (word, user_id) VALUES (?, ?)", word, id);
}
