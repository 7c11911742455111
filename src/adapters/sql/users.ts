import { LRUCache } from "lru-cache";
import type { Account, User, UserId, UsernameKey } from "../../domain/user.js";
import { insertion, projection, valueAt } from "./columns.js";

export const USER = projection<User>(
  { id: "users.id", username: "users.username", createdAt: "users.created_at" },
  (row, at) =>
    Object.freeze({
      id: valueAt(row, at.id),
      username: valueAt(row, at.username),
      createdAt: valueAt(row, at.createdAt),
    }),
);

export const ACCOUNT = projection<Account>(
  { user: USER.columns, displayName: "users.display_name", disabledAt: "users.disabled_at" },
  (row, at) => ({
    user: USER.decodeAt(row, at.user),
    displayName: valueAt(row, at.displayName),
    disabledAt: valueAt(row, at.disabledAt),
  }),
);

export interface Credentials extends Account {
  readonly passwordDigest: string;
}

export const CREDENTIALS = projection<Credentials>(
  { ...ACCOUNT.columns, passwordDigest: "users.password_digest" },
  (row, at) => ({ ...ACCOUNT.decodeAt(row, at), passwordDigest: valueAt(row, at.passwordDigest) }),
);

export interface NewUser {
  readonly user: User;
  readonly key: UsernameKey;
  readonly passwordDigest: string;
}

export const insertUser = insertion<NewUser>(
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

/** Users that this process has read. A `User` never changes, so no write has to invalidate its entry. */
export type UserCache = LRUCache<UserId, User>;

export function createUserCache(): UserCache {
  // Given `max`, the cache would allocate all its entries at once.
  return new LRUCache({ maxSize: MAX_CACHED_USERS, sizeCalculation: () => 1 });
}
