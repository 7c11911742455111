import { MessagingError } from "../domain/errors.js";
import {
  MAX_SESSIONS_PER_USER,
  isAlive,
  newToken,
  assertAlive,
  markSeen,
  type Session,
  type SessionId,
} from "../domain/session.js";
import type { UserId } from "../domain/user.js";
import type { Ports, Repositories, SessionReader } from "./ports.js";

/** A session with the secret that gives access to it, which nobody can be told a second time. */
export interface NewSession {
  readonly session: Session;
  readonly secret: string;
}

export interface Authenticate {
  readonly secret: string;
  /** The kind that the session must be of, where that matters. */
  readonly kind?: Session["kind"] | undefined;
}

/**
 * Whose session this is. Notes that it was used, at most once an hour; where that can't be stored, it is not noted.
 *
 * @throws MessagingError `not_signed_in`, `busy`
 */
export async function authenticate(ports: Ports, { secret, kind }: Authenticate): Promise<Session> {
  const found = await ports.store.read(({ sessions }) => findSession(ports, sessions, secret));
  const now = ports.clock.now();
  const session = assertAlive(found, now);
  if (kind !== undefined && session.kind !== kind) return assertAlive(undefined, now);
  if (markSeen(session, now) === session) return session;
  return noteUse(ports, session, now).catch((error) => {
    if (error instanceof MessagingError && error.code !== "not_signed_in") return session;
    throw error;
  });
}

function noteUse({ store }: Ports, { id, user }: Session, now: number): Promise<Session> {
  return store.transaction(async ({ sessions }) => {
    const own = await findLiveSessions(sessions, user.id, now);
    const current = assertAlive(
      own.find((each) => each.id === id),
      now,
    );
    const used = markSeen(current, now);
    if (used !== current) await sessions.touch(used);
    return used;
  });
}

export interface LogOut {
  readonly secret: string;
}

/** Ends a session, for good and at once. One that has ended already stays so. */
export async function logOut(ports: Ports, { secret }: LogOut): Promise<void> {
  await ports.store.transaction(async (repositories) => {
    const session = await findSession(ports, repositories.sessions, secret);
    if (session) await endSessions(repositories, [session], ports.clock.now());
  });
}

export interface ListSessions {
  /** The session that asks. */
  readonly by: Session;
}

/** The live sessions of the caller, without the tokens, the oldest first. */
export async function listSessions(
  { store, clock }: Ports,
  { by }: ListSessions,
): Promise<readonly Session[]> {
  const live = await store.read(({ sessions }) => findLiveSessions(sessions, by.user.id, clock.now()));
  return live.filter(({ kind }) => kind === "cookie");
}

export interface EndSession {
  readonly by: Session;
  readonly sessionId: SessionId;
}

/**
 * Ends one of the caller's sessions; it may be the one that asks.
 *
 * @throws MessagingError `unknown_session`
 */
export async function endSession({ store, clock }: Ports, { by, sessionId }: EndSession): Promise<void> {
  await store.transaction(async (repositories) => {
    const own = await findLiveSessions(repositories.sessions, by.user.id, clock.now());
    const session = own.find(({ id, kind }) => id === sessionId && kind === "cookie");
    if (session === undefined) throw new MessagingError("unknown_session", "You have no such session.");
    await endSessions(repositories, [session], clock.now());
  });
}

export interface EndOtherSessions {
  readonly by: Session;
}

/** Ends all of the caller's sessions but the one that asks. Tokens live on. */
export async function endOtherSessions({ store, clock }: Ports, { by }: EndOtherSessions): Promise<void> {
  await store.transaction(async (repositories) => {
    const all = await repositories.sessions.ofUser(by.user.id);
    await endSessions(
      repositories,
      all.filter(({ kind, id }) => kind === "cookie" && id !== by.id),
      clock.now(),
    );
  });
}

export interface CreateToken {
  /** The session that asks. */
  readonly by: Session;
  readonly name: string;
}

/**
 * Makes a token, with which a program can do all that its owner can. It ends with a change of the password.
 *
 * @throws MessagingError `invalid_token_name`, `too_many_tokens`, `not_signed_in` where the caller's session ends meanwhile
 */
export async function createToken(ports: Ports, { by, name }: CreateToken): Promise<NewSession> {
  const { store, secrets, clock, ids } = ports;
  const now = clock.now();
  const session = newToken(ids.next() as SessionId, by.user, name, now);
  const secret = secrets.generate();
  await store.transaction(async ({ sessions }) => {
    await sessions.removeExpired(by.user.id, now);
    const all = await sessions.ofUser(by.user.id);
    // Or whoever has lost the session to a change of the password would be left with a token.
    assertAlive(
      all.find(({ id }) => id === by.id),
      now,
    );
    if (all.filter(({ kind }) => kind === "token").length >= MAX_SESSIONS_PER_USER) {
      throw new MessagingError(
        "too_many_tokens",
        `You have ${MAX_SESSIONS_PER_USER} tokens already. End one of them first.`,
      );
    }
    await sessions.add(session, secrets.digests(secret)[0]);
  });
  return { session, secret };
}

export interface ListTokens {
  readonly by: Session;
}

/** The live tokens of the caller, the oldest first. */
export async function listTokens({ store, clock }: Ports, { by }: ListTokens): Promise<readonly Session[]> {
  const live = await store.read(({ sessions }) => findLiveSessions(sessions, by.user.id, clock.now()));
  return live.filter(({ kind }) => kind === "token");
}

export interface EndToken {
  readonly by: Session;
  readonly tokenId: SessionId;
}

/**
 * Ends one of the caller's tokens.
 *
 * @throws MessagingError `unknown_token`
 */
export async function endToken({ store, clock }: Ports, { by, tokenId }: EndToken): Promise<void> {
  await store.transaction(async (repositories) => {
    const own = await findLiveSessions(repositories.sessions, by.user.id, clock.now());
    const token = own.find(({ id, kind }) => id === tokenId && kind === "token");
    if (token === undefined) throw new MessagingError("unknown_token", "You have no such token.");
    await endSessions(repositories, [token], clock.now());
  });
}

/** Every end of a session, but the one by the clock, comes through here, and ends what the session has open. */
export async function endSessions(
  { sessions, events }: Repositories,
  ended: readonly Session[],
  at: number,
): Promise<void> {
  for (const { id, user } of ended) {
    await sessions.remove(id);
    await events.append({ sessionId: id, userId: user.id, at });
  }
}

/** The session with this secret, under whichever key it was stored, dead or alive. */
export async function findSession(
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

/** The sessions and tokens of that user that are alive, the oldest first. */
export async function findLiveSessions(
  sessions: SessionReader,
  userId: UserId,
  now: number,
): Promise<readonly Session[]> {
  return (await sessions.ofUser(userId)).filter((session) => isAlive(session, now));
}
