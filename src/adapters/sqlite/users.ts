import { LRUCache } from "lru-cache";
import type { UserRepository } from "../../application/ports.js";
import type { Account, User, UserId, UsernameKey } from "../../domain/user.js";
import { insertion, projection, valueAt } from "./columns.js";
import type { Statements } from "./database.js";

export const USER = projection<User>(
  { id: "users.id", username: "users.username", createdAt: "users.created_at" },
  (row, at) =>
    Object.freeze({
      id: valueAt(row, at.id),
      username: valueAt(row, at.username),
      createdAt: valueAt(row, at.createdAt),
    }),
);

const ACCOUNT = projection<Account>({ user: USER.columns, disabledAt: "users.disabled_at" }, (row, at) => ({
  user: USER.decodeAt(row, at.user),
  disabledAt: valueAt(row, at.disabledAt),
}));

interface Credentials extends Account {
  readonly passwordDigest: string;
}

const CREDENTIALS = projection<Credentials>(
  { ...ACCOUNT.columns, passwordDigest: "users.password_digest" },
  (row, at) => ({ ...ACCOUNT.decodeAt(row, at), passwordDigest: valueAt(row, at.passwordDigest) }),
);

interface NewUser {
  readonly user: User;
  readonly key: UsernameKey;
  readonly passwordDigest: string;
}

const insertUser = insertion<NewUser>(
  "users",
  {
    id: ({ user }) => user.id,
    username: ({ user }) => user.username,
    username_key: ({ key }) => key,
    password_digest: ({ passwordDigest }) => passwordDigest,
    created_at: ({ user }) => user.createdAt,
  },
  "ON CONFLICT (username_key) DO NOTHING",
);

const MAX_CACHED_USERS = 10_000;

export function users({ row, rows, change }: Statements): UserRepository {
  // A `User` never changes, so no write has to invalidate its entry. Given `max`, the cache would allocate all its entries
  // at once.
  const cache = new LRUCache<UserId, User>({ maxSize: MAX_CACHED_USERS, sizeCalculation: () => 1 });
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
    async setDisabledAt(id, disabledAt) {
      return change("UPDATE users SET disabled_at = ? WHERE id = ?", disabledAt, id) > 0;
    },
  };
}
