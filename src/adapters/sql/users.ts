import {
  DELETED_USERNAME,
  type Account,
  type User,
  type UserId,
  type UsernameKey,
} from "../../domain/user.js";
import { insertion, projection, valueAt, type Change } from "./columns.js";

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
  { user: USER.columns, disabledAt: "users.disabled_at", deletedAt: "users.deleted_at" },
  (row, at) =>
    Object.freeze({
      user: USER.decodeAt(row, at.user),
      disabledAt: valueAt(row, at.disabledAt),
      deletedAt: valueAt(row, at.deletedAt),
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

/**
 * The statement that deletes a user.
 *
 * @param reserved the `reservedKey` of their key.
 */
export function deleteUser(id: UserId, deletedAt: number, reserved: string): Change {
  return [
    `UPDATE users SET username = '${DELETED_USERNAME}', username_key = $1, password_digest = '', deleted_at = $2, disabled_at = NULL
     WHERE id = $3 AND deleted_at IS NULL`,
    reserved,
    deletedAt,
    id,
  ];
}
