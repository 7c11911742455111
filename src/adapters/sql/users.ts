import type { DirectoryEntry, DirectoryPage } from "../../application/ports.js";
import { directoryWords, endOfPrefix } from "../../domain/directory.js";
import {
  DELETED_USERNAME,
  isAvailable,
  type Account,
  type User,
  type UserId,
  type UsernameKey,
} from "../../domain/user.js";
import { insertion, projection, valueAt, type Change, type Row } from "./columns.js";

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
  {
    user: USER.columns,
    displayName: "users.display_name",
    disabledAt: "users.disabled_at",
    deletedAt: "users.deleted_at",
  },
  (row, at) =>
    Object.freeze({
      user: USER.decodeAt(row, at.user),
      displayName: valueAt(row, at.displayName),
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
    `UPDATE users SET username = '${DELETED_USERNAME}', username_key = $1, password_digest = '', display_name = NULL,
       deleted_at = $2, disabled_at = NULL
     WHERE id = $3 AND deleted_at IS NULL`,
    reserved,
    deletedAt,
    id,
  ];
}

/** From `user_words`, joined with `users`. */
export const DIRECTORY_ENTRY = projection<DirectoryEntry>(
  { word: "user_words.word", account: ACCOUNT.columns },
  (row, at) => ({ word: valueAt(row, at.word), account: ACCOUNT.decodeAt(row, at.account) }),
);

/**
 * The entries of the directory before $1, the end of a prefix, and behind the word $2 of the user $3, at most $5. Of the words of a
 * user that begin with the prefix $4, only the first. SQLite numbers the parameters in the order in which they occur.
 */
export const MATCHING = `SELECT ${DIRECTORY_ENTRY.sql} FROM user_words CROSS JOIN users
  WHERE users.id = user_words.user_id AND user_words.word < $1 AND (user_words.word, user_words.user_id) > ($2, $3)
    AND NOT EXISTS (
      SELECT 1 FROM user_words AS earlier
      WHERE earlier.user_id = user_words.user_id AND earlier.word >= $4 AND earlier.word < user_words.word)
  ORDER BY user_words.word, user_words.user_id LIMIT $5`;

export function matchingValues({ prefix, after, limit }: DirectoryPage) {
  return [endOfPrefix(prefix), after?.word ?? prefix, after?.id ?? "", prefix, limit] as const;
}

/** A user whose words in the directory follow. */
export const INDEXED_USER = projection<{
  readonly key: UsernameKey;
  readonly displayName: string | null;
  readonly disabledAt: number | null;
  readonly deletedAt: number | null;
}>(
  { key: "username_key", displayName: "display_name", disabledAt: "disabled_at", deletedAt: "deleted_at" },
  (row, at) => ({
    key: valueAt(row, at.key),
    displayName: valueAt(row, at.displayName),
    disabledAt: valueAt(row, at.disabledAt),
    deletedAt: valueAt(row, at.deletedAt),
  }),
);

/** The words of a row of `INDEXED_USER`. Disabled and deleted users are not in the directory. */
export function wordsIn(row: Row): readonly string[] {
  const { key, displayName, ...states } = INDEXED_USER.decode(row);
  return isAvailable(states) ? directoryWords(key, displayName) : [];
}
