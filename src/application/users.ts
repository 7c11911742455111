import { blockersOf } from "../domain/block.js";
import { MessagingError } from "../domain/errors.js";
import {
  assertAvailable,
  isAvailable,
  usernameKey,
  type Account,
  type User,
  type UserId,
} from "../domain/user.js";
import type { Repositories, UserReader, UserRepository } from "./ports.js";

/**
 * Finds the user on whose behalf a transaction writes, who is not deleted before its end: an erasure misses nothing of it.
 *
 * @throws MessagingError `unknown_user`; `not_signed_in` if the user is deleted.
 */
export async function getCaller(users: UserRepository, by: UserId): Promise<User> {
  return assertNotDeleted(await users.lockedAccountById(by));
}

/**
 * @param account of the caller.
 * @throws MessagingError as `getCaller`
 */
export function assertNotDeleted(account: Account | undefined): User {
  const { user, deletedAt } = account ?? unknownUser();
  if (deletedAt === null) return user;
  throw new MessagingError("not_signed_in", "This account is deleted.");
}

/**
 * Finds the user whose username has the same `usernameKey`.
 *
 * @throws MessagingError `unknown_user`
 */
export async function getUserByUsername(users: UserReader, username: string): Promise<User> {
  return (await users.byKey(usernameKey(username))) ?? unknownUser();
}

/**
 * Finds a user as `getUserByUsername` does, to add to a chat or to write to. Call it in the transaction that does so.
 *
 * @throws MessagingError `unknown_user`, `user_unavailable`
 */
export async function getAvailableUser(users: UserRepository, username: string): Promise<User> {
  return assertAvailable((await users.lockedAccount(usernameKey(username))) ?? unknownUser());
}

/**
 * Finds a user by id as `getAvailableUser` does.
 *
 * @throws MessagingError `unknown_user`, `user_unavailable`
 */
export async function getAvailableUserById(users: UserRepository, id: UserId): Promise<User> {
  return assertAvailable((await users.lockedAccountById(id)) ?? unknownUser());
}

/**
 * Finds users as `getAvailableUser` does, or none of them, to be added to a chat by a user that they have not blocked.
 *
 * @param field the field of the command that lists the names.
 * @throws MessagingError `unknown_user`; `user_unavailable` if all users exist, `blocked` if all are available. Its `errors` list
 * each rejected name.
 */
export async function getAvailableUsers(
  { users, blocks }: Pick<Repositories, "users" | "blocks">,
  by: UserId,
  usernames: readonly string[],
  field: string,
): Promise<readonly User[]> {
  const accounts: (Account | undefined)[] = [];
  for (const username of usernames) accounts.push(await users.lockedAccount(usernameKey(username)));
  const errorOf = (index: number, detailOf: (name: string) => string) => {
    const name = usernames[index]!.slice(0, MAX_NAME_LENGTH_IN_ERROR).toWellFormed();
    return { field: `${field}.${index}`, detail: detailOf(`"${name}"`) };
  };
  const errors = accounts.flatMap((account, index) => {
    if (account !== undefined && isAvailable(account)) return [];
    return errorOf(index, (name) =>
      account ? `${name} is not available.` : `No user has the name ${name}.`,
    );
  });
  if (accounts.includes(undefined)) {
    throw new MessagingError("unknown_user", "Unknown users. Check the usernames.", { errors });
  }
  if (errors.length > 0) {
    throw new MessagingError(
      "user_unavailable",
      "Some users are not available. Ask the operator of this service.",
      { errors },
    );
  }
  const found = accounts.map((account) => account!.user);
  const ids = found.map(({ id }) => id);
  const blockers = blockersOf(by, ids.length > 0 ? await blocks.between(by, ids) : []);
  const blocked = found.flatMap(({ id }, index) =>
    blockers.has(id) ? errorOf(index, (name) => `${name} does not accept additions to groups from you.`) : [],
  );
  if (blocked.length > 0) {
    throw new MessagingError("blocked", "Some users do not accept additions to groups from you.", {
      errors: blocked,
    });
  }
  return found;
}

/** In UTF-16 code units. A valid name has at most 64. */
const MAX_NAME_LENGTH_IN_ERROR = 64;

/** Finds a user by username or id. The two cannot be confused, since an id is longer than any username. */
export async function findUserByNameOrId(users: UserReader, nameOrId: string): Promise<User | undefined> {
  return (await users.byId(nameOrId as UserId)) ?? users.byKey(usernameKey(nameOrId));
}

/**
 * Finds a user as `findUserByNameOrId` does.
 *
 * @throws MessagingError `unknown_user`
 */
export async function getUserByNameOrId(users: UserReader, nameOrId: string): Promise<User> {
  return (await findUserByNameOrId(users, nameOrId)) ?? unknownUser();
}

/**
 * Finds the account of a user as `findUserByNameOrId` does.
 *
 * @throws MessagingError `unknown_user`
 */
export async function getAccountByNameOrId(users: UserReader, nameOrId: string): Promise<Account> {
  const byId = await users.accountById(nameOrId as UserId);
  return byId ?? (await users.account(usernameKey(nameOrId))) ?? unknownUser();
}

export function unknownUser(): never {
  throw new MessagingError("unknown_user", "Unknown user. Check the username or id.");
}
