import { MessagingError } from "../domain/errors.js";
import { usernameKey, type User, type UserId } from "../domain/user.js";
import type { UserReader } from "./ports.js";

/** @throws MessagingError `unknown_user` */
export async function getUser(users: UserReader, id: UserId): Promise<User> {
  return (await users.byId(id)) ?? refuse();
}

/** @throws MessagingError `unknown_user` */
export async function getUserByUsername(users: UserReader, username: string): Promise<User> {
  return (await users.byKey(usernameKey(username))) ?? refuse();
}

/**
 * By username or by id: the two never collide, since an id is longer.
 *
 * @throws MessagingError `unknown_user`
 */
export async function getUserByNameOrId(users: UserReader, nameOrId: string): Promise<User> {
  return (await users.byId(nameOrId as UserId)) ?? getUserByUsername(users, nameOrId);
}

function refuse(): never {
  throw new MessagingError("unknown_user", "There is no such user.");
}
