import { lastSeq, type ChatOverview, type ChatSummary } from "../domain/chat.js";
import { MessagingError } from "../domain/errors.js";
import type { Message } from "../domain/message.js";
import type { Session } from "../domain/session.js";
import { parseNewPassword, usernameKey, type Account } from "../domain/user.js";
import { listChats } from "./chats.js";
import type { Ports, UserReader } from "./ports.js";
import { endSessions, findLiveSessions } from "./sessions.js";
import { getUserByNameOrId } from "./users.js";

/*
 * What the operator of the service does, who acts outside of any user and any chat. None of it is in `Messaging`, so that
 * nothing that serves users can offer it. A `user` is named by username or by id.
 */

/** All but what gives access to sessions: the operator begins none. */
export type OperatorPorts = Omit<Ports, "secrets">;

/** How many users, chats or ids of messages are read at a time: others have their turn between two reads. */
const SLICE = 500;

export interface DisableUser {
  readonly user: string;
}

/**
 * Keeps a user out: ends all their sessions and tokens, and lets none begin. They stay in their chats, where others can go
 * on writing to them. A user who is disabled already stays so, since when they were.
 *
 * @throws MessagingError `unknown_user`
 */
export async function disableUser({ store, clock }: OperatorPorts, command: DisableUser): Promise<Account> {
  return store.transaction(async (repositories) => {
    const { users, sessions } = repositories;
    const account = await findAccount(users, command.user);
    if (account.disabledAt !== null) return account;
    const { user } = account;
    const disabledAt = clock.now();
    await users.setDisabledAt(user.id, disabledAt);
    await endSessions(repositories, await sessions.ofUser(user.id), disabledAt);
    return { user, disabledAt };
  });
}

export interface EnableUser {
  readonly user: string;
}

/**
 * Lets a user in again, who then has to log in.
 *
 * @throws MessagingError `unknown_user`
 */
export async function enableUser({ store }: OperatorPorts, command: EnableUser): Promise<Account> {
  return store.transaction(async ({ users }) => {
    const { user } = await findAccount(users, command.user);
    await users.setDisabledAt(user.id, null);
    return { user, disabledAt: null };
  });
}

export interface GetAccount {
  readonly user: string;
}

/** @throws MessagingError `unknown_user` */
export async function getAccount({ store }: OperatorPorts, { user }: GetAccount): Promise<Account> {
  return store.read(({ users }) => findAccount(users, user));
}

export interface ResetPassword {
  readonly user: string;
  readonly newPassword: string;
}

/**
 * Gives a user another password without asking for the one they have, and ends all their sessions and tokens.
 *
 * @throws MessagingError `unknown_user`, `invalid_password`, `refused_password`, `busy`
 */
export async function resetPassword(ports: OperatorPorts, command: ResetPassword): Promise<Account> {
  const { store, passwords, refusedPasswords, clock } = ports;
  await store.read(({ users }) => getUserByNameOrId(users, command.user));
  const digest = await passwords.hash(parseNewPassword(command.newPassword, refusedPasswords));
  return store.transaction(async (repositories) => {
    const { users, sessions } = repositories;
    const account = await findAccount(users, command.user);
    const { id } = account.user;
    await users.replacePassword(id, digest);
    await endSessions(repositories, await sessions.ofUser(id), clock.now());
    return account;
  });
}

export interface SessionsOf {
  readonly user: string;
}

/**
 * The live sessions and tokens of a user, the oldest first.
 *
 * @throws MessagingError `unknown_user`
 */
export async function sessionsOf(
  { store, clock }: OperatorPorts,
  command: SessionsOf,
): Promise<readonly Session[]> {
  return store.read(async (repositories) => {
    const user = await getUserByNameOrId(repositories.users, command.user);
    return findLiveSessions(repositories.sessions, user.id, clock.now());
  });
}

export interface RevokeSessions {
  readonly user: string;
  /** The id of the one session or token that is to end; without it, all of them do. */
  readonly sessionId?: string | undefined;
}

/**
 * Ends a session or a token of a user, or all of them, and what they have open.
 *
 * @returns those that ended.
 * @throws MessagingError `unknown_user`, `unknown_session`
 */
export async function revokeSessions(
  { store, clock }: OperatorPorts,
  { user: nameOrId, sessionId }: RevokeSessions,
): Promise<readonly Session[]> {
  return store.transaction(async (repositories) => {
    const user = await getUserByNameOrId(repositories.users, nameOrId);
    const now = clock.now();
    const all = await findLiveSessions(repositories.sessions, user.id, now);
    const ended = sessionId === undefined ? all : all.filter(({ id }) => id === sessionId);
    if (sessionId !== undefined && ended.length === 0) {
      throw new MessagingError("unknown_session", "This user has no such session or token.");
    }
    await endSessions(repositories, ended, now);
    return ended;
  });
}

/** All users, by id, so that who came first is first. In slices, each of which is read when it is asked for. */
export function listUsers({ store }: OperatorPorts): AsyncGenerator<readonly Account[]> {
  return slices((after: Account | undefined) =>
    store.read(({ users }) => users.list({ after: after?.user.id, limit: SLICE })),
  );
}

/** All chats, by id. In slices, each of which is read when it is asked for. */
export function listAllChats({ store }: OperatorPorts): AsyncGenerator<readonly ChatSummary[]> {
  return slices((after: ChatSummary | undefined) =>
    store.read(({ chats }) => chats.list({ after: after?.chat.id, limit: SLICE })),
  );
}

async function* slices<Item>(
  read: (after: Item | undefined) => Promise<readonly Item[]>,
): AsyncGenerator<readonly Item[]> {
  for (let slice = await read(undefined); slice.length > 0; slice = await read(slice.at(-1))) yield slice;
}

export interface ExportUser {
  readonly user: string;
}

/** A chat as one of its participants sees it, with nothing of what others wrote there. */
export interface OwnChat extends Omit<ChatOverview, "lastMessage" | "deletedSinceRead"> {
  readonly lastSeq: number;
}

/** A piece of what is known of a user. */
export type UserRecord =
  | { readonly account: Account }
  | { readonly session: Session }
  | { readonly chat: OwnChat }
  | { readonly message: Message };

/**
 * What is held about a user: the account, the live sessions and tokens, their chats as they see them, and every message that
 * they sent, oldest first, also to chats that they have left. What others wrote is theirs and is not in it; nor is what the
 * password and the secrets are known by. Little is read ahead; what the user does after the first record may be in it or not.
 *
 * @throws MessagingError `unknown_user`, when the first record is taken
 */
export async function* exportUser(ports: OperatorPorts, command: ExportUser): AsyncGenerator<UserRecord> {
  const { store, clock } = ports;
  const { account, sessions, upTo } = await store.read(async (repositories) => {
    const found = await findAccount(repositories.users, command.user);
    return {
      account: found,
      sessions: await findLiveSessions(repositories.sessions, found.user.id, clock.now()),
      upTo: await repositories.messages.lastId(),
    };
  });
  yield { account };
  for (const session of sessions) yield { session };
  const by = account.user.id;
  let cursor: string | undefined;
  do {
    const page = await listChats(ports, { by, limit: SLICE, cursor });
    for (const overview of page.chats) {
      const { chat, withUsername, participantCount, readSeq } = overview;
      yield { chat: { chat, withUsername, participantCount, readSeq, lastSeq: lastSeq(overview) } };
    }
    cursor = page.next;
  } while (cursor !== undefined);
  for (let after = 0; after < upTo; after += SLICE) {
    const span = { after, upTo: Math.min(after + SLICE, upTo) };
    for (const message of await store.read(({ messages }) => messages.sentBy(by, span))) yield { message };
  }
}

/** How much there is. */
export interface Statistics {
  readonly users: number;
  /** Of the users. */
  readonly disabledUsers: number;
  readonly groupChats: number;
  readonly p2pChats: number;
  /** Those that were deleted count, since their places stay. */
  readonly messages: number;
  /** Those that can still be read. */
  readonly events: number;
  /** Live ones, without tokens. */
  readonly sessions: number;
  readonly tokens: number;
}

/** Counts what there is, slice by slice, so that others have their turn; what comes meanwhile may be counted or not. */
export async function countStatistics(ports: OperatorPorts): Promise<Statistics> {
  const { store, clock } = ports;
  const stock = {
    users: 0,
    disabledUsers: 0,
    groupChats: 0,
    p2pChats: 0,
    messages: 0,
    sessions: 0,
    tokens: 0,
  };
  for await (const accounts of listUsers(ports)) {
    const now = clock.now();
    stock.users += accounts.length;
    stock.disabledUsers += accounts.filter(({ disabledAt }) => disabledAt !== null).length;
    await store.read(async (repositories) => {
      for (const { user } of accounts) {
        const live = await findLiveSessions(repositories.sessions, user.id, now);
        const tokens = live.filter(({ kind }) => kind === "token").length;
        stock.tokens += tokens;
        stock.sessions += live.length - tokens;
      }
    });
  }
  for await (const summaries of listAllChats(ports)) {
    for (const summary of summaries) {
      stock[summary.chat.kind === "group" ? "groupChats" : "p2pChats"] += 1;
      stock.messages += summary.lastSeq;
    }
  }
  const { first, last } = await store.read(({ events }) => events.bounds());
  return { ...stock, events: last - first + 1 };
}

async function findAccount(users: UserReader, nameOrId: string): Promise<Account> {
  const { username } = await getUserByNameOrId(users, nameOrId);
  const { user, disabledAt } = (await users.credentials(usernameKey(username)))!;
  return { user, disabledAt };
}
