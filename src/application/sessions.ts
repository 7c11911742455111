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
import type { User, UserId } from "../domain/user.js";
import type { Ports, Repositories, SessionReader } from "./ports.js";
import type { SessionUses } from "./session-uses.js";

/** The ports, and the uses of sessions in this process. Without them, only the recorded uses count. */
export type PortsWithUses = Ports & { readonly sessionUses?: SessionUses | undefined };

/** A session and the secret that gives access to it. The secret cannot be retrieved again. */
export interface NewSession {
  readonly session: Session;
  readonly secret: string;
}

export interface Authenticate {
  readonly secret: string;
  /** Requires a session of this kind; any kind by default. */
  readonly kind?: Session["kind"] | undefined;
}

/**
 * Finds the live session with this secret, and records its use at most once an hour. Succeeds without recording the use if the
 * store cannot write. A session that has expired is removed, so that it stays ended if the clock goes back.
 *
 * @throws MessagingError `not_signed_in`, `busy`
 */
export async function authenticate(ports: PortsWithUses, { secret, kind }: Authenticate): Promise<Session> {
  const found = await ports.store.read(({ sessions }) => findSession(ports, sessions, secret));
  const now = ports.clock.now();
  if (found !== undefined && !isAlive(found, now)) await removeExpired(ports, found.user.id, now);
  const session = assertAlive(found, now);
  if (kind !== undefined && session.kind !== kind) return assertAlive(undefined, now);
  ports.sessionUses?.record(session.id, now);
  if (markSeen(session, now) === session) return session;
  return recordUse(ports, session, now).catch((error) => {
    if (error instanceof MessagingError && error.code !== "not_signed_in") return session;
    throw error;
  });
}

function recordUse({ store }: Ports, session: Session, now: number): Promise<Session> {
  return store.transaction(async ({ sessions }) => {
    const current = await getLiveSession(sessions, session, now);
    const used = markSeen(current, now);
    if (used !== current) await sessions.touch(used);
    return used;
  });
}

/** Removes the expired sessions of the user, unless the store cannot write. */
async function removeExpired({ store }: Ports, userId: UserId, now: number): Promise<void> {
  await store
    .transaction(({ sessions }) => sessions.removeExpired(userId, now))
    .catch((error) => {
      if (!(error instanceof MessagingError)) throw error;
    });
}

/** Returns or rejects as `work` does. If it rejects since the caller's session has expired, removes the session. */
export async function withLiveSession<T>(ports: Ports, by: Session, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof MessagingError && error.code === "not_signed_in") {
      await removeExpired(ports, by.user.id, ports.clock.now());
    }
    throw error;
  }
}

export interface LogOut {
  readonly secret: string;
}

/** Ends a session. Does nothing if the secret belongs to no session. */
export async function logOut(ports: Ports, { secret }: LogOut): Promise<void> {
  await ports.store.transaction(async (repositories) => {
    const session = await findSession(ports, repositories.sessions, secret);
    if (session) await endSessions(repositories, [session], ports.clock.now());
  });
}

export interface ListSessions {
  /** The session of the caller. */
  readonly by: Session;
}

/** The live cookie sessions of the caller, oldest first. */
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
 * Ends one of the caller's cookie sessions, which may be the session `by`.
 *
 * @throws MessagingError `unknown_session`
 */
export async function endSession({ store, clock }: Ports, { by, sessionId }: EndSession): Promise<void> {
  await store.transaction(async (repositories) => {
    const live = await findLiveSessions(repositories.sessions, by.user.id, clock.now());
    const session = live.find(({ id, kind }) => id === sessionId && kind === "cookie");
    if (session === undefined) {
      throw new MessagingError("unknown_session", "Unknown session. List your sessions for their ids.");
    }
    await endSessions(repositories, [session], clock.now());
  });
}

export interface EndOtherSessions {
  readonly by: Session;
}

/** Ends all of the caller's cookie sessions except `by`. Tokens stay alive. */
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
  readonly by: Session;
  readonly name: string;
}

/**
 * Creates a token that gives a program full access to the caller's account. A password change ends it.
 *
 * @throws MessagingError `invalid_token_name`, `too_many_tokens`, `not_signed_in` if the session `by` ends meanwhile
 */
export async function createToken(ports: Ports, { by, name }: CreateToken): Promise<NewSession> {
  return withLiveSession(ports, by, () =>
    addToken(ports, by.user, name, async ({ sessions }, now) => {
      // Otherwise a session that a password change has ended could leave a token behind.
      await getLiveSession(sessions, by, now);
    }),
  );
}

/**
 * Creates a token for a user.
 *
 * @param assertAllowed runs in the transaction, and throws if the user may not have a token.
 * @throws MessagingError `invalid_token_name`, `too_many_tokens`
 */
export async function addToken(
  { store, secrets, clock, ids }: Ports,
  user: User,
  name: string,
  assertAllowed: (repositories: Repositories, now: number) => Promise<void>,
): Promise<NewSession> {
  const now = clock.now();
  const session = newToken(ids.next() as SessionId, user, name, now);
  const secret = secrets.generate();
  await store.transaction(async (repositories) => {
    const { sessions } = repositories;
    await sessions.removeExpired(user.id, now);
    // Before `assertAllowed`: otherwise the user could be disabled on another node after it, and the token would stay alive.
    const all = await sessions.ofUser(user.id);
    await assertAllowed(repositories, now);
    if (all.filter(({ kind }) => kind === "token").length >= MAX_SESSIONS_PER_USER) {
      throw new MessagingError(
        "too_many_tokens",
        `The user already has ${MAX_SESSIONS_PER_USER} tokens. End one first.`,
      );
    }
    await sessions.add(session, secrets.digests(secret)[0]);
  });
  return { session, secret };
}

export interface ListTokens {
  readonly by: Session;
}

/** The live tokens of the caller, oldest first. */
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
    const live = await findLiveSessions(repositories.sessions, by.user.id, clock.now());
    const token = live.find(({ id, kind }) => id === tokenId && kind === "token");
    if (token === undefined) {
      throw new MessagingError("unknown_token", "Unknown token. List your tokens for their ids.");
    }
    await endSessions(repositories, [token], clock.now());
  });
}

/** Removes these sessions and appends a `SessionEnd` for each. Every session that does not expire ends here. */
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

/** The session with this secret, alive or expired, also if its digest was made with an older key. */
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

/**
 * The session of a caller as it is stored now.
 *
 * @throws MessagingError `not_signed_in` if it has ended.
 */
async function getLiveSession(sessions: SessionReader, { id, user }: Session, now: number): Promise<Session> {
  const all = await sessions.ofUser(user.id);
  return assertAlive(
    all.find((each) => each.id === id),
    now,
  );
}

/** The live sessions and tokens of a user, oldest first. */
export async function findLiveSessions(
  sessions: SessionReader,
  userId: UserId,
  now: number,
): Promise<readonly Session[]> {
  return (await sessions.ofUser(userId)).filter((session) => isAlive(session, now));
}
