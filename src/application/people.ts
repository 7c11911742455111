import { userChanged } from "../domain/event.js";
import { parseDisplayName, profileOf, usernameKey, type Profile, type UserId } from "../domain/user.js";
import { invalidCursor, toPage } from "./pages.js";
import type { DirectoryPosition, Ports } from "./ports.js";
import { getAccountByNameOrId, getCaller, unknownUser } from "./users.js";

export interface GetProfile {
  /** A username or an id. */
  readonly user: string;
}

/**
 * A user as other users see them.
 *
 * @throws MessagingError `unknown_user`
 */
export async function getProfile({ store }: Ports, { user }: GetProfile): Promise<Profile> {
  return profileOf(await store.read(({ users }) => getAccountByNameOrId(users, user)));
}

export interface UpdateProfile {
  readonly by: UserId;
  /** Null removes the display name. */
  readonly displayName: string | null;
}

/**
 * Changes the display name of the caller. The caller, and each user who shares a p2p chat with them, receives an event. Does nothing
 * if the name is equal.
 *
 * @returns the caller as other users see them.
 * @throws MessagingError `invalid_display_name`
 */
export async function updateProfile({ store, clock }: Ports, command: UpdateProfile): Promise<Profile> {
  const { by } = command;
  const displayName = command.displayName === null ? null : parseDisplayName(command.displayName);
  return store.transaction(async ({ users, events }) => {
    const before = profileOf((await users.accountById(by)) ?? unknownUser());
    if (before.displayName === displayName) return before;
    // A user who is deleted meanwhile has no name again.
    if (!(await users.setDisplayName(by, displayName))) await getCaller(users, by);
    await events.append(userChanged(by, "user.updated", clock.now()));
    return { ...before, displayName };
  });
}

export interface FindUsers {
  /** The beginning of a username or of a word of a display name, in any form with the same `usernameKey`. */
  readonly prefix: string;
  /** 1 or more. */
  readonly limit: number;
  /** The `next` of the previous page; the first page by default. */
  readonly cursor?: string | undefined;
}

export interface ProfilePage {
  readonly users: readonly Profile[];
  /** The cursor of the next page; undefined on the last page. */
  readonly next: string | undefined;
}

/**
 * Finds the active users whose username, or a word of whose display name, begins with the prefix, by the first such word. A user
 * who changes their display name between two pages can be on both or on none of them.
 *
 * @throws MessagingError `invalid_cursor`
 */
export async function findUsers(
  { store }: Ports,
  { prefix, limit, cursor }: FindUsers,
): Promise<ProfilePage> {
  const after = cursor === undefined ? undefined : parseCursor(cursor);
  const key = usernameKey(prefix);
  // No word has them, and no store has to store them.
  if (!key.isWellFormed() || key.includes("\0")) return { users: [], next: undefined };
  if (after !== undefined && !after.word.startsWith(key)) throw invalidCursor();
  const found = await store.read(({ users }) => users.matching({ prefix: key, after, limit: limit + 1 }));
  const { items, next } = toPage(found, limit, ({ account, word }) => `${account.user.id}.${word}`);
  return { users: items.map(({ account }) => profileOf(account)), next };
}

function parseCursor(cursor: string): DirectoryPosition {
  const [, id, word] = /^([\w-]{1,64})\.([^\0]{1,256})$/su.exec(cursor) ?? [];
  if (id === undefined || word === undefined || !cursor.isWellFormed()) throw invalidCursor();
  return { id: id as UserId, word };
}
