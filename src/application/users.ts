import { MessagingError } from "../domain/errors.js";
import { assertAvailable, usernameKey, type Account, type User, type UserId } from "../domain/user.js";
import type { UserReader } from "./ports.js";

/** @throws MessagingError `unknown_user` */
export async function getUserById(users: UserReader, id: UserId): Promise<User> {
  return (await users.byId(id)) ?? unknownUser();
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
export async function getAvailableUser(users: UserReader, username: string): Promise<User> {
  return assertAvailable((await users.account(usernameKey(username))) ?? unknownUser());
}

/**
 * Finds a user by id as `getAvailableUser` does.
 *
 * @throws MessagingError `unknown_user`, `user_unavailable`
 */
export async function getAvailableUserById(users: UserReader, id: UserId): Promise<User> {
  const { username } = await getUserById(users, id);
  return getAvailableUser(users, username);
}

/**
 * Finds users as `getAvailableUser` does, or none of them.
 *
 * @param field the field of the command that lists the names.
 * @throws MessagingError `unknown_user`, or `user_unavailable` if all users exist. Its `errors` list each rejected name.
 */
export async function getAvailableUsers(
  users: UserReader,
  usernames: readonly string[],
  field: string,
): Promise<readonly User[]> {
  const accounts: (Account | undefined)[] = [];
  for (const username of usernames) accounts.push(await users.account(usernameKey(username)));
  const errors = accounts.flatMap((account, index) => {
    if (account?.disabledAt === null) return [];
    const name = usernames[index]!.slice(0, MAX_NAME_LENGTH_IN_ERROR).toWellFormed();
    const detail = account ? `"${name}" is not available.` : `No user has the name "${name}".`;
    return [{ field: `${field}.${index}`, detail }];
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
  return accounts.map((account) => account!.user);
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

export function unknownUser(): never {
  throw new MessagingError("unknown_user", "Unknown user. Check the username or id.");
}
