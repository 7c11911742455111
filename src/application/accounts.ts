import { MessagingError } from "../domain/errors.js";
import { SESSION_LIFETIME, requireAlive, type Session, type SessionId } from "../domain/session.js";
import { parsePassword, parseUsername, usernameKey, type User, type UserId } from "../domain/user.js";
import type { Ports, SessionReader } from "./ports.js";

export interface RegisterUser {
  readonly username: string;
  readonly password: string;
}

/**
 * Makes an account. It does not log in.
 *
 * @throws MessagingError `invalid_username`, `invalid_password`, `username_taken`, `busy`
 */
export async function registerUser(ports: Ports, command: RegisterUser): Promise<User> {
  const { store, passwords, clock, ids } = ports;
  const key = parseUsername(command.username);
  const password = parsePassword(command.password);
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
}

/** A session with the secret that gives access to it, which nobody can be told a second time. */
export interface NewSession {
  readonly session: Session;
  readonly secret: string;
}

/**
 * Starts a session, always a new one, and ends the one it replaces in the same step.
 *
 * @throws MessagingError `invalid_password`, `wrong_credentials`, `busy`
 */
export async function logIn(ports: Ports, command: LogIn): Promise<NewSession> {
  const { store, passwords, secrets, clock, ids } = ports;
  const key = usernameKey(command.username);
  const password = parsePassword(command.password);
  const found = await store.read(({ users }) => users.credentials(key));
  const right = await passwords.verify(found?.passwordDigest, password);
  if (found === undefined || !right) {
    throw new MessagingError("wrong_credentials", "There is no such user, or this is not their password.");
  }
  const now = clock.now();
  const session: Session = {
    id: ids.next() as SessionId,
    user: found.user,
    createdAt: now,
    expiresAt: now + SESSION_LIFETIME,
  };
  const secret = secrets.generate();
  await store.transaction(async ({ sessions }) => {
    const replaced = command.replaces && (await findSession(ports, sessions, command.replaces));
    if (replaced) await sessions.remove(replaced.id);
    await sessions.removeExpired(found.user.id, now);
    await sessions.add(session, secrets.digests(secret)[0]);
  });
  return { session, secret };
}

export interface Authenticate {
  readonly secret: string;
}

/**
 * Whose session this is.
 *
 * @throws MessagingError `not_signed_in`
 */
export async function authenticate(ports: Ports, { secret }: Authenticate): Promise<Session> {
  const session = await ports.store.read(({ sessions }) => findSession(ports, sessions, secret));
  return requireAlive(session, ports.clock.now());
}

export interface LogOut {
  readonly secret: string;
}

/** Ends a session, for good and at once. One that has ended already stays so. */
export async function logOut(ports: Ports, { secret }: LogOut): Promise<void> {
  await ports.store.transaction(async ({ sessions }) => {
    const session = await findSession(ports, sessions, secret);
    if (session) await sessions.remove(session.id);
  });
}

async function findSession(
  { secrets }: Ports,
  sessions: SessionReader,
  secret: string,
): Promise<Session | undefined> {
  for (const digest of secrets.digests(secret)) {
    const session = await sessions.byDigest(digest);
    if (session) return session;
  }
  return undefined;
}

function usernameTaken(): MessagingError {
  return new MessagingError("username_taken", "This username is in use. Choose another one.");
}
