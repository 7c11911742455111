import { MessagingError } from "../domain/errors.js";
import { assertAvailable, usernameKey, type User, type UserId } from "../domain/user.js";
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
  return assertAvailable((await users.credentials(usernameKey(username))) ?? unknownUser());
}

/**
 * Finds a user by username or id. The two cannot be confused, since an id is longer than any username.
 *
 * @throws MessagingError `unknown_user`
 */
export async function getUserByNameOrId(users: UserReader, nameOrId: string): Promise<User> {
  return (await users.byId(nameOrId as UserId)) ?? getUserByUsername(users, nameOrId);
}

function unknownUser(): never {
  throw new MessagingError("unknown_user", "Unknown user. Check the username or id.");
}
