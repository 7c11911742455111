import { MessagingError } from "../domain/errors.js";
import {
  MAX_SESSIONS_PER_USER,
  newSession,
  assertAlive,
  type Session,
  type SessionId,
} from "../domain/session.js";
import {
  assertNotReserved,
  passwordFault,
  parseNewPassword,
  parsePassword,
  parseUsername,
  usernameKey,
  type Account,
  type Password,
  type User,
  type UserId,
  type UsernameKey,
} from "../domain/user.js";
import type { PasswordHasher, Ports, Repositories, Store } from "./ports.js";
import {
  endSessions,
  findSession,
  withLiveSession,
  type NewSession,
  type PortsWithUses,
} from "./sessions.js";
import { getUserByNameOrId } from "./users.js";

/** Stored as the digest of an account without a password. No hasher returns it. */
const NO_PASSWORD = "*";

export interface RegisterUser {
  readonly username: string;
  readonly password: string;
}

/**
 * Creates an account without logging in.
 *
 * @throws MessagingError `registration_closed`, `invalid_username`, `username_reserved`, `invalid_password`, `refused_password`, `username_taken`,
 * `busy`
 */
export async function registerUser(ports: Ports, command: RegisterUser): Promise<User> {
  if (ports.registration === "closed") {
    throw new MessagingError(
      "registration_closed",
      "Registration is closed. Ask the operator for an account.",
    );
  }
  assertNotReserved(parseUsername(command.username));
  return createAccount(ports, command);
}

/**
 * Creates an account, also under a reserved username and while registration is closed.
 *
 * @throws MessagingError as `registerUser`, except `registration_closed` and `username_reserved`
 */
export async function createAccount(ports: Omit<Ports, "secrets">, command: RegisterUser): Promise<User> {
  const { store, passwords, refusedPasswords, clock, ids } = ports;
  const key = parseUsername(command.username);
  const password = parseNewPassword(command.password, refusedPasswords);
  await assertUsernameFree(store, key);
  const passwordDigest = await passwords.hash(password);
  const user: User = { id: ids.next() as UserId, username: command.username, createdAt: clock.now() };
  return store.transaction(async ({ users }) => {
    if (!(await users.add(user, key, passwordDigest))) throw usernameTaken();
    return user;
  });
}

/** @throws MessagingError `username_taken` */
export async function assertUsernameFree({ read }: Pick<Store, "read">, key: UsernameKey): Promise<void> {
  if (await read(({ users }) => users.isTaken(key))) throw usernameTaken();
}

export interface EnsureUser {
  readonly username: string;
}

/**
 * Returns the account without a password that has this username or an equivalent one, and creates it if it does not exist:
 * for an application that authenticates its users itself. No login opens such an account. Concurrent calls return the same one.
 *
 * @throws MessagingError `invalid_username`, `username_reserved`; `username_taken` if the account has a password, since it
 * may belong to another person, and if a deleted user had the username
 */
export async function ensureUser(ports: Ports, { username }: EnsureUser): Promise<User> {
  const { store, clock, ids } = ports;
  const key = usernameKey(username);
  const existing = await store.read(({ users }) => users.credentials(key));
  if (existing) return withoutPassword(existing);
  assertNotReserved(parseUsername(username));
  const user: User = { id: ids.next() as UserId, username, createdAt: clock.now() };
  return store.transaction(async ({ users }) => {
    if (await users.add(user, key, NO_PASSWORD)) return user;
    const taken = await users.credentials(key);
    // A deleted user had the key.
    if (taken === undefined) throw usernameTaken();
    return withoutPassword(taken);
  });
}

function withoutPassword({ user, passwordDigest }: Credentials): User {
  if (passwordDigest !== NO_PASSWORD) throw usernameTaken();
  return user;
}

type Credentials = Account & { readonly passwordDigest: string };

/** The digest to verify a password against: undefined without an account or a password, which takes the same time. */
function digestOf(credentials: Credentials | undefined): string | undefined {
  return credentials?.passwordDigest === NO_PASSWORD ? undefined : credentials?.passwordDigest;
}

export interface GetUser {
  /** A username or an id. */
  readonly user: string;
}

/**
 * Finds a user by a username, in any equivalent form, or by an id.
 *
 * @throws MessagingError `unknown_user`
 */
export async function getUser({ store }: Ports, { user }: GetUser): Promise<User> {
  return store.read(({ users }) => getUserByNameOrId(users, user));
}

export interface LogIn {
  readonly username: string;
  readonly password: string;
  /** The secret of a session to end in the same transaction. Ignored if it names a token or no session. */
  readonly replaces?: string | undefined;
  /** The `User-Agent` of the browser. */
  readonly userAgent?: string | undefined;
}

/**
 * Starts a new cookie session. The same transaction ends the session that it replaces, and the least recently
 * used session of a user who would otherwise have more than 50.
 *
 * @throws MessagingError `invalid_password`, `wrong_credentials`, `account_disabled`, `busy`
 */
export async function logIn(ports: PortsWithUses, command: LogIn): Promise<NewSession> {
  const { store, passwords, secrets, clock, ids } = ports;
  const key = usernameKey(command.username);
  const password = parsePassword(command.password);
  const found = await store.read(({ users }) => users.credentials(key));
  const matches = await passwords.verify(digestOf(found), password);
  if (found === undefined || !matches) throw wrongCredentials(found?.user.id);
  const { user, passwordDigest } = found;
  const newDigest = passwords.isOutdated(passwordDigest)
    ? await hashUnlessBusy(passwords, password)
    : undefined;
  const now = clock.now();
  const session = newSession(ids.next() as SessionId, user, command.userAgent, now);
  const secret = secrets.generate();
  await store.transaction(async (repositories) => {
    const { users, sessions } = repositories;
    // Otherwise the old password could start a session after a password change that ended all sessions.
    const current = await users.credentials(key);
    if (current?.passwordDigest !== passwordDigest) throw wrongCredentials(user.id);
    assertEnabled(current);
    if (newDigest !== undefined) await users.replacePassword(user.id, newDigest);
    const replaced = command.replaces && (await findSession(ports, sessions, command.replaces));
    if (replaced && replaced.kind === "cookie") await endSessions(repositories, [replaced], now);
    await sessions.removeExpired(user.id, now);
    await evictLeastRecentlyUsed(ports, repositories, user.id, now);
    await sessions.add(session, secrets.digests(secret)[0]);
  });
  return { session, secret };
}

/**
 * Ends the least recently used cookie sessions of the user, so that one more stays within `MAX_SESSIONS_PER_USER`. Of sessions
 * used at the same time, the oldest ends.
 */
async function evictLeastRecentlyUsed(
  { sessionUses }: PortsWithUses,
  repositories: Repositories,
  userId: UserId,
  now: number,
): Promise<void> {
  const all = await repositories.sessions.ofUser(userId);
  const cookies = all.filter(({ kind }) => kind === "cookie");
  const lastUse = ({ id, lastSeenAt }: Session) => Math.max(lastSeenAt, sessionUses?.lastUse(id) ?? 0);
  const leastRecent = cookies.toSorted((one, two) => lastUse(one) - lastUse(two));
  const excess = Math.max(0, cookies.length - MAX_SESSIONS_PER_USER + 1);
  await endSessions(repositories, leastRecent.slice(0, excess), now);
}

export interface ChangePassword {
  /** The session of the caller, which stays alive. */
  readonly by: Session;
  readonly currentPassword: string;
  readonly newPassword: string;
}

/**
 * Replaces the password of the caller and ends all their other sessions and their tokens.
 *
 * @throws MessagingError `invalid_password` or `refused_password` for the new password, `wrong_password` for the current one,
 * `busy`, `not_signed_in` if the session of the caller ends meanwhile
 */
export async function changePassword(ports: Ports, command: ChangePassword): Promise<void> {
  const { store, passwords, refusedPasswords, clock } = ports;
  const { by } = command;
  const newPassword = parseNewPassword(command.newPassword, refusedPasswords);
  const assertConfirmed = await confirmPassword(ports, by, command.currentPassword);
  const newDigest = await passwords.hash(newPassword);
  const change = async (repositories: Repositories) => {
    const now = clock.now();
    const all = await assertConfirmed(repositories, now);
    await repositories.users.replacePassword(by.user.id, newDigest);
    await endSessions(
      repositories,
      all.filter(({ id }) => id !== by.id),
      now,
    );
  };
  await withLiveSession(ports, by, () => store.transaction(change));
}

/**
 * Checks the password of the caller before a change that needs it.
 *
 * @returns what checks in the transaction, at `now`, that neither the password nor the session has ended meanwhile. It returns all
 * sessions of the caller, and throws the same errors.
 * @throws MessagingError `wrong_password`, `busy`, `not_signed_in`
 */
export async function confirmPassword(
  { store, passwords }: Ports,
  by: Session,
  password: string,
): Promise<(repositories: Repositories, now: number) => Promise<readonly Session[]>> {
  const { id, username } = by.user;
  const key = usernameKey(username);
  if (passwordFault(password) !== undefined) throw wrongPassword(id);
  const found = await store.read(({ users }) => users.credentials(key));
  if (!(await passwords.verify(digestOf(found), parsePassword(password)))) throw wrongPassword(id);
  return async ({ users, sessions }, now) => {
    // The sessions come first, since a store can lock them: the password then stays until the end of the transaction.
    const all = await sessions.ofUser(id);
    assertAlive(
      all.find((each) => each.id === by.id),
      now,
    );
    const current = await users.credentials(key);
    if (current?.passwordDigest !== found?.passwordDigest) throw wrongPassword(id);
    return all;
  };
}

/** Returns undefined if the hasher is busy: an outdated digest must not fail a login, and the next login tries again. */
async function hashUnlessBusy(passwords: PasswordHasher, password: Password): Promise<string | undefined> {
  return passwords.hash(password).catch((error) => {
    if (error instanceof MessagingError && error.code === "busy") return undefined;
    throw error;
  });
}

function usernameTaken(): MessagingError {
  return new MessagingError("username_taken", "Username already taken. Choose another.");
}

function wrongCredentials(account: UserId | undefined): MessagingError {
  return new MessagingError("wrong_credentials", "Wrong username or password. Check both.", {
    account,
  });
}

function assertEnabled({ user, disabledAt }: Account): void {
  if (disabledAt === null) return;
  throw new MessagingError("account_disabled", "Account disabled. Contact the operator of this service.", {
    account: user.id,
  });
}

function wrongPassword(account: UserId): MessagingError {
  return new MessagingError("wrong_password", "Wrong password. Enter your current password.", { account });
}
