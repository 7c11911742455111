import { MessagingError } from "../domain/errors.js";
import {
  MAX_SESSIONS_PER_USER,
  newSession,
  assertAlive,
  type Session,
  type SessionId,
} from "../domain/session.js";
import {
  passwordFault,
  parseNewPassword,
  parsePassword,
  parseUsername,
  usernameKey,
  type Account,
  type Password,
  type User,
  type UserId,
} from "../domain/user.js";
import type { PasswordHasher, Ports, Repositories } from "./ports.js";
import { endSessions, findSession, type NewSession } from "./sessions.js";

export interface RegisterUser {
  readonly username: string;
  readonly password: string;
}

/**
 * Makes an account. It does not log in.
 *
 * @throws MessagingError `invalid_username`, `invalid_password`, `refused_password`, `username_taken`, `busy`
 */
export async function registerUser(ports: Omit<Ports, "secrets">, command: RegisterUser): Promise<User> {
  const { store, passwords, refusedPasswords, clock, ids } = ports;
  const key = parseUsername(command.username);
  const password = parseNewPassword(command.password, refusedPasswords);
  if (await store.read(({ users }) => users.byKey(key))) throw usernameTaken();
  const passwordDigest = await passwords.hash(password);
  const user: User = { id: ids.next() as UserId, username: command.username, createdAt: clock.now() };
  return store.transaction(async ({ users }) => {
    if (!(await users.add(user, key, passwordDigest))) throw usernameTaken();
    return user;
  });
}

export interface LogIn {
  readonly username: string;
  readonly password: string;
  /** The secret of the session that this one takes the place of, if the caller came with one. */
  readonly replaces?: string | undefined;
  /** What the browser calls itself. */
  readonly userAgent?: string | undefined;
}

/**
 * Starts a session, always a new one, and ends the one it replaces in the same step; also the oldest of that user, where
 * there would be more than 50.
 *
 * @throws MessagingError `invalid_password`, `wrong_credentials`, `account_disabled`, `busy`
 */
export async function logIn(ports: Ports, command: LogIn): Promise<NewSession> {
  const { store, passwords, secrets, clock, ids } = ports;
  const key = usernameKey(command.username);
  const password = parsePassword(command.password);
  const found = await store.read(({ users }) => users.credentials(key));
  const right = await passwords.verify(found?.passwordDigest, password);
  if (found === undefined || !right) throw wrongCredentials(found?.user.id);
  const { user, passwordDigest } = found;
  const newDigest = passwords.isOutdated(passwordDigest)
    ? await hashUnlessBusy(passwords, password)
    : undefined;
  const now = clock.now();
  const session = newSession(ids.next() as SessionId, user, command.userAgent, now);
  const secret = secrets.generate();
  await store.transaction(async (repositories) => {
    const { users, sessions } = repositories;
    // Or whoever knew the old password could get in past its change, which ended all sessions.
    const current = await users.credentials(key);
    if (current?.passwordDigest !== passwordDigest) throw wrongCredentials(user.id);
    requireEnabled(current);
    if (newDigest !== undefined) await users.replacePassword(user.id, newDigest);
    const replaced = command.replaces && (await findSession(ports, sessions, command.replaces));
    if (replaced && replaced.kind === "cookie") await endSessions(repositories, [replaced], now);
    await sessions.removeExpired(user.id, now);
    await makeRoom(repositories, user.id, now);
    await sessions.add(session, secrets.digests(secret)[0]);
  });
  return { session, secret };
}

/** Ends the oldest sessions of the user, so that with one more there are no more than there may be. */
async function makeRoom(repositories: Repositories, userId: UserId, now: number): Promise<void> {
  const all = await repositories.sessions.ofUser(userId);
  const own = all.filter(({ kind }) => kind === "cookie");
  await endSessions(repositories, own.slice(0, Math.max(0, own.length - MAX_SESSIONS_PER_USER + 1)), now);
}

export interface ChangePassword {
  /** The session that asks, which lives on. */
  readonly by: Session;
  readonly currentPassword: string;
  readonly newPassword: string;
}

/**
 * Gives the caller another password, and ends all their other sessions and tokens.
 *
 * @throws MessagingError `invalid_password` and `refused_password` of the new one, `wrong_password` of the current one,
 * `busy`, `not_signed_in` where the caller's session ends meanwhile
 */
export async function changePassword(ports: Ports, command: ChangePassword): Promise<void> {
  const { store, passwords, refusedPasswords, clock } = ports;
  const { by, currentPassword } = command;
  const key = usernameKey(by.user.username);
  const newPassword = parseNewPassword(command.newPassword, refusedPasswords);
  if (passwordFault(currentPassword) !== undefined) throw wrongPassword(by.user.id);
  const found = await store.read(({ users }) => users.credentials(key));
  if (!(await passwords.verify(found?.passwordDigest, parsePassword(currentPassword)))) {
    throw wrongPassword(by.user.id);
  }
  const newDigest = await passwords.hash(newPassword);
  await store.transaction(async (repositories) => {
    const { users, sessions } = repositories;
    const all = await sessions.ofUser(by.user.id);
    const now = clock.now();
    assertAlive(
      all.find(({ id }) => id === by.id),
      now,
    );
    const current = await users.credentials(key);
    if (current?.passwordDigest !== found?.passwordDigest) throw wrongPassword(by.user.id);
    await users.replacePassword(by.user.id, newDigest);
    await endSessions(
      repositories,
      all.filter(({ id }) => id !== by.id),
      now,
    );
  });
}

/** A digest of the old kind is no reason to turn somebody away: undefined, and the next login tries again. */
async function hashUnlessBusy(passwords: PasswordHasher, password: Password): Promise<string | undefined> {
  return passwords.hash(password).catch((error) => {
    if (error instanceof MessagingError && error.code === "busy") return undefined;
    throw error;
  });
}

function usernameTaken(): MessagingError {
  return new MessagingError("username_taken", "This username is in use. Choose another one.");
}

function wrongCredentials(account: UserId | undefined): MessagingError {
  return new MessagingError("wrong_credentials", "There is no such user, or this is not their password.", {
    account,
  });
}

function requireEnabled({ user, disabledAt }: Account): void {
  if (disabledAt === null) return;
  throw new MessagingError("account_disabled", "This account is disabled. Ask those who run this service.", {
    account: user.id,
  });
}

function wrongPassword(account: UserId): MessagingError {
  return new MessagingError("wrong_password", "This is not your password.", { account });
}
