import {
  p2pChat,
  type ChatId,
  type ChatOverview,
  type ChatSummary,
  type Participant,
} from "../domain/chat.js";
import { MAX_BLOCKS_PER_USER, type BlockedUser } from "../domain/block.js";
import { settingsOf, type ChatSettings } from "../domain/chat-settings.js";
import { MessagingError } from "../domain/errors.js";
import { unknownInvitation, type Invitation, type InvitationId } from "../domain/invitation.js";
import type { Message } from "../domain/message.js";
import type { Reaction } from "../domain/reaction.js";
import { changePolicy as policyAfter, type Policy, type PolicyChange } from "../domain/policy.js";
import type { Session } from "../domain/session.js";
import { parseNewPassword, parseUsername, type Account, type User } from "../domain/user.js";
import { assertUsernameFree, createAccount } from "./accounts.js";
import { ChatRankings } from "./chat-ranking.js";
import { deletePart, listChats, MAX_PARTICIPANTS_IN_CHAT, storeChat } from "./chats.js";
import { administrationChecks, bindUseCases, type Checks } from "./commands.js";
import { eraseUser } from "./erasure.js";
import { openOfChat } from "./invitations.js";
import type { ChatReader, Ports, UserReader } from "./ports.js";
import { addToken, endSessions, findLiveSessions, type NewSession } from "./sessions.js";
import { getAccountByNameOrId, getUserByNameOrId } from "./users.js";

/*
 * The use cases of the operator, who acts outside of any user and any chat. They are not part of `Messaging`, so that no
 * adapter for users can offer them. `user` is a username or an id.
 */

/** The ports of all use cases but `createUserToken`: only a token has a secret. */
export type OperatorPorts = Omit<Ports, "secrets">;

/** The number of users, chats or message ids per read. Other requests run between two reads. */
const SLICE_LENGTH = 500;

export interface AddUser {
  readonly username: string;
  readonly password: string;
}

/**
 * Creates an account, also under a username that is reserved.
 *
 * @throws MessagingError `invalid_username`, `invalid_password`, `refused_password`, `username_taken`, `busy`
 */
export async function addUser(ports: OperatorPorts, command: AddUser): Promise<User> {
  return createAccount(ports, command);
}

export interface CheckUsername {
  readonly username: string;
}

/**
 * Does nothing if `addUser` would accept the username, which another call can take meanwhile.
 *
 * @throws MessagingError `invalid_username`, `username_taken`
 */
export async function checkUsername({ store }: OperatorPorts, { username }: CheckUsername): Promise<void> {
  await assertUsernameFree(store, parseUsername(username));
}

export interface DisableUser {
  readonly user: string;
}

/**
 * Disables a user: ends all their sessions and tokens, and rejects new ones. The user stays in their chats. Others can write in
 * their groups, but not to them alone, and cannot add them to a group. A user who is already disabled keeps their `disabledAt`.
 *
 * @throws MessagingError `unknown_user`, `user_unavailable` if the user is deleted
 */
export async function disableUser({ store, clock }: OperatorPorts, command: DisableUser): Promise<Account> {
  return store.transaction(async (repositories) => {
    const { users, sessions } = repositories;
    const account = await findLiveAccount(users, command.user);
    if (account.disabledAt !== null) return account;
    const { user } = account;
    const disabledAt = clock.now();
    await users.setDisabledAt(user.id, disabledAt);
    await endSessions(repositories, await sessions.ofUser(user.id), disabledAt);
    return { ...account, disabledAt };
  });
}

export interface EnableUser {
  readonly user: string;
}

/**
 * Enables a disabled user, who can then log in.
 *
 * @throws MessagingError `unknown_user`, `user_unavailable` if the user is deleted
 */
export async function enableUser({ store }: OperatorPorts, command: EnableUser): Promise<Account> {
  return store.transaction(async ({ users }) => {
    const account = await findLiveAccount(users, command.user);
    await users.setDisabledAt(account.user.id, null);
    return { ...account, disabledAt: null };
  });
}

export interface GetAccount {
  readonly user: string;
}

/**
 * Returns the account of a user.
 *
 * @throws MessagingError `unknown_user`
 */
export async function getAccount({ store }: OperatorPorts, { user }: GetAccount): Promise<Account> {
  return store.read(({ users }) => getAccountByNameOrId(users, user));
}

export interface ResetPassword {
  readonly user: string;
  readonly newPassword: string;
}

/**
 * Sets the password of a user without the current one, and ends all their sessions and tokens.
 *
 * @throws MessagingError `unknown_user`, `user_unavailable` if the user is deleted, `invalid_password`, `refused_password`, `busy`
 */
export async function resetPassword(ports: OperatorPorts, command: ResetPassword): Promise<Account> {
  const { store, passwords, refusedPasswords, clock } = ports;
  await store.read(({ users }) => findLiveAccount(users, command.user));
  const digest = await passwords.hash(parseNewPassword(command.newPassword, refusedPasswords));
  return store.transaction(async (repositories) => {
    const { users, sessions } = repositories;
    const account = await findLiveAccount(users, command.user);
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
 * Lists the live sessions and tokens of a user, the oldest first.
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

export interface CreateUserToken {
  readonly user: string;
  readonly name: string;
}

/**
 * Creates a token that gives a program full access to the account of a user. A password change ends it.
 *
 * @throws MessagingError `unknown_user`, `user_unavailable` if the user is deleted, `account_disabled`, `invalid_token_name`,
 * `too_many_tokens`
 */
export async function createUserToken(ports: Ports, command: CreateUserToken): Promise<NewSession> {
  const { user } = await getAccount(ports, command);
  return addToken(ports, user, command.name, async ({ users }) => {
    const { disabledAt } = await findLiveAccount(users, user.id);
    if (disabledAt !== null) {
      throw new MessagingError("account_disabled", "The account is disabled. Enable it first.");
    }
  });
}

export interface TokensOf {
  readonly user: string;
}

/**
 * Lists the live tokens of a user, the oldest first.
 *
 * @throws MessagingError `unknown_user`
 */
export async function tokensOf(ports: OperatorPorts, command: TokensOf): Promise<readonly Session[]> {
  return (await sessionsOf(ports, command)).filter(({ kind }) => kind === "token");
}

export interface RevokeTokens {
  readonly user: string;
  /** The id of one token. Without it, all of them end. */
  readonly tokenId?: string | undefined;
}

/**
 * Ends one or all tokens of a user, together with their open streams. Sessions stay alive.
 *
 * @returns the tokens that ended.
 * @throws MessagingError `unknown_user`, `unknown_token`
 */
export async function revokeTokens(
  ports: OperatorPorts,
  { user, tokenId }: RevokeTokens,
): Promise<readonly Session[]> {
  return revoke(ports, user, tokenId, {
    includes: ({ kind }) => kind === "token",
    unknown: () =>
      new MessagingError("unknown_token", "Unknown token of this user. List them for their ids."),
  });
}

export interface RevokeSessions {
  readonly user: string;
  /** The id of one session or token. Without it, all of them end. */
  readonly sessionId?: string | undefined;
}

/**
 * Ends one or all sessions and tokens of a user, together with their open streams.
 *
 * @returns the sessions and tokens that ended.
 * @throws MessagingError `unknown_user`, `unknown_session`
 */
export async function revokeSessions(
  ports: OperatorPorts,
  { user, sessionId }: RevokeSessions,
): Promise<readonly Session[]> {
  return revoke(ports, user, sessionId, {
    includes: () => true,
    unknown: () =>
      new MessagingError(
        "unknown_session",
        "Unknown session or token of this user. List them for their ids.",
      ),
  });
}

interface Revocation {
  /** Whether the session can be ended. */
  readonly includes: (session: Session) => boolean;
  /** The error if none of these has the id. */
  readonly unknown: () => MessagingError;
}

/** Ends the included sessions of a user, or the one with the id. */
async function revoke(
  { store, clock }: OperatorPorts,
  nameOrId: string,
  wantedId: string | undefined,
  { includes, unknown }: Revocation,
): Promise<readonly Session[]> {
  return store.transaction(async (repositories) => {
    const user = await getUserByNameOrId(repositories.users, nameOrId);
    const now = clock.now();
    const live = (await findLiveSessions(repositories.sessions, user.id, now)).filter(includes);
    const ended = wantedId === undefined ? live : live.filter(({ id }) => id === wantedId);
    if (wantedId !== undefined && ended.length === 0) throw unknown();
    await endSessions(repositories, ended, now);
    return ended;
  });
}

/** Lists all users by id, which is the order of registration, in slices that are read on demand. */
export function listUsers({ store }: OperatorPorts): AsyncGenerator<readonly Account[]> {
  return slices((after: Account | undefined) =>
    store.read(({ users }) => users.list({ after: after?.user.id, limit: SLICE_LENGTH })),
  );
}

/** Lists all chats by id, in slices that are read on demand. */
export function listAllChats({ store }: OperatorPorts): AsyncGenerator<readonly ChatSummary[]> {
  return slices((after: ChatSummary | undefined) =>
    store.read(({ chats }) => chats.list({ after: after?.chat.id, limit: SLICE_LENGTH })),
  );
}

export interface ShowChat {
  readonly chatId: ChatId;
}

/** A chat as the operator sees it, with its first participants. */
export interface ShownChat extends ChatSummary {
  /** In the order in which they joined, at most 100. */
  readonly participants: readonly Participant[];
}

/**
 * Returns a chat and the first of its participants.
 *
 * @throws MessagingError `unknown_chat`
 */
export async function showChat({ store }: OperatorPorts, { chatId }: ShowChat): Promise<ShownChat> {
  return store.read(async ({ chats }) => {
    const summary = await getSummary(chats, chatId);
    const slice = { after: undefined, limit: MAX_PARTICIPANTS_IN_CHAT };
    return { ...summary, participants: await chats.participants(chatId, slice) };
  });
}

export interface ChangePolicy {
  readonly chatId: ChatId;
  /** The settings that change. */
  readonly policy: PolicyChange;
}

/**
 * Changes settings of the policy of a group chat, as its owner could. Does nothing if they are equal.
 *
 * @returns the policy after the change.
 * @throws MessagingError `unknown_chat`, `p2p_chat`
 */
export async function changePolicy(
  { store, clock }: OperatorPorts,
  { chatId, policy: change }: ChangePolicy,
): Promise<Policy> {
  return store.transaction(async (repositories) => {
    const { chat } = await getSummary(repositories.chats, chatId);
    if (chat.policy === null) throw p2pChat();
    const before = { ...chat, policy: chat.policy };
    const policy = policyAfter(before.policy, change);
    await storeChat(repositories, before, { ...before, policy }, clock.now());
    return policy;
  });
}

export interface DeleteChat {
  readonly chatId: ChatId;
}

/** The state of a chat that is being deleted. */
export interface ChatDeletion {
  readonly chatId: ChatId;
  readonly participantsLeft: number;
  readonly isDeleted: boolean;
}

/** The number of transactions between two records of a deletion. */
const DELETIONS_PER_RECORD = 50;

/**
 * Deletes a chat with its messages. First removes all participants, each with the events of a removal. The deletion goes on slice
 * by slice, as far as the records are read, so that other requests run in between; the last record says that the chat is
 * deleted. A deletion that was interrupted can be repeated. A chat without participants is deleted at the next start at the latest.
 *
 * @throws MessagingError `unknown_chat`, at the first record
 */
export async function* deleteChat(
  { store, clock }: OperatorPorts,
  { chatId }: DeleteChat,
): AsyncGenerator<ChatDeletion> {
  for (let count = 1, isKnown = false; ; count += 1) {
    const at = clock.now();
    const part = await store.transaction(async (repositories) => {
      const summary = await repositories.chats.summary(chatId);
      return summary && deletePart(repositories, summary, at);
    });
    if (part === undefined && !isKnown) unknownChat();
    isKnown = true;
    // Another process can have deleted the rest.
    const state = part ?? { participantsLeft: 0, isDeleted: true };
    if (state.isDeleted || count % DELETIONS_PER_RECORD === 0) yield { chatId, ...state };
    if (state.isDeleted) return;
  }
}

async function getSummary(chats: ChatReader, chatId: ChatId): Promise<ChatSummary> {
  const summary = await chats.summary(chatId);
  return summary ?? unknownChat();
}

function unknownChat(): never {
  throw new MessagingError("unknown_chat", "Unknown chat. List the chats for their ids.");
}

export interface InvitationsOf {
  readonly chatId: ChatId;
}

/**
 * Lists the invitations to a chat that are neither expired nor used up, oldest first. A p2p chat has none.
 *
 * @throws MessagingError `unknown_chat`
 */
export async function invitationsOf(
  { store, clock }: OperatorPorts,
  { chatId }: InvitationsOf,
): Promise<readonly Invitation[]> {
  return store.read(async ({ chats, invitations }) => {
    await getSummary(chats, chatId);
    return openOfChat(invitations, chatId, clock.now());
  });
}

export interface RevokeInvitation {
  readonly invitationId: InvitationId;
}

/**
 * Revokes an invitation. Users who have joined with it stay.
 *
 * @returns the invitation before.
 * @throws MessagingError `unknown_invitation`
 */
export async function revokeInvitation(
  { store }: OperatorPorts,
  { invitationId }: RevokeInvitation,
): Promise<Invitation> {
  return store.transaction(async ({ invitations }) => {
    const found = await invitations.byId(invitationId);
    if (found === undefined) throw unknownInvitation();
    await invitations.remove([invitationId]);
    return found;
  });
}

async function* slices<Item>(
  read: (after: Item | undefined) => Promise<readonly Item[]>,
): AsyncGenerator<readonly Item[]> {
  for (let slice = await read(undefined); slice.length > 0; slice = await read(slice.at(-1))) yield slice;
}

export interface ExportUser {
  readonly user: string;
}

/** A chat as one of its participants sees it, without the texts and the read positions of others. */
export interface OwnChat extends Omit<
  ChatOverview,
  | "lastMessage"
  | "lastSentAt"
  | "peerReadSeq"
  | "deletedSinceRead"
  | "mentionCount"
  | "historyStart"
  | "settings"
> {
  readonly settings: ChatSettings;
}

/** A record of an export. */
export type UserRecord =
  | { readonly account: Account }
  | { readonly session: Session }
  | { readonly block: BlockedUser }
  | { readonly chat: OwnChat }
  | { readonly invitation: Invitation }
  | { readonly message: Message }
  | { readonly reaction: Reaction };

/**
 * Exports the data held about a user: the account, the live sessions and tokens, the users that they have blocked, their chats, the
 * invitations that they created, every message that they sent, the oldest first, and their reactions, by message; including those of
 * chats that they have left. Excludes messages of others and the digests of the password and of secrets. Records are read on demand; changes after the first record may be included or not.
 *
 * @throws MessagingError `unknown_user`, at the first record
 */
export async function* exportUser(ports: OperatorPorts, command: ExportUser): AsyncGenerator<UserRecord> {
  const { store, clock } = ports;
  const { account, sessions, blocks, upTo } = await store.read(async (repositories) => {
    const found = await getAccountByNameOrId(repositories.users, command.user);
    return {
      account: found,
      sessions: await findLiveSessions(repositories.sessions, found.user.id, clock.now()),
      blocks: await repositories.blocks.ofUser(found.user.id, {
        after: undefined,
        limit: MAX_BLOCKS_PER_USER,
      }),
      upTo: await repositories.messages.lastId(),
    };
  });
  yield { account };
  for (const session of sessions) yield { session };
  for (const block of blocks) yield { block };
  const by = account.user.id;
  const rankings = new ChatRankings();
  let cursor: string | undefined;
  do {
    const page = await listChats({ store, rankings }, { by, limit: SLICE_LENGTH, cursor });
    for (const overview of page.chats) {
      const { chat, role, withUsername, participantCount, readSeq, lastSeq } = overview;
      const settings = settingsOf(overview);
      yield { chat: { chat, role, withUsername, participantCount, readSeq, lastSeq, settings } };
    }
    cursor = page.next;
  } while (cursor !== undefined);
  const invitations = slices((after: Invitation | undefined) =>
    store.read((all) => all.invitations.byInviter(by, { after: after?.id, limit: SLICE_LENGTH })),
  );
  for await (const slice of invitations) for (const invitation of slice) yield { invitation };
  for (let after = 0; after < upTo; after += SLICE_LENGTH) {
    const span = { after, upTo: Math.min(after + SLICE_LENGTH, upTo) };
    for (const message of await store.read(({ messages }) => messages.sentBy(by, span))) yield { message };
  }
  const reactions = slices((after: Reaction | undefined) =>
    store.read((all) => all.reactions.ofUser(by, { after, limit: SLICE_LENGTH })),
  );
  for await (const slice of reactions) for (const reaction of slice) yield { reaction };
}

/** Counts over the whole store. */
export interface Statistics {
  readonly users: number;
  /** Included in `users`. */
  readonly disabledUsers: number;
  /** Included in `users`. */
  readonly deletedUsers: number;
  readonly groupChats: number;
  readonly p2pChats: number;
  /** Including deleted messages, of which tombstones remain. */
  readonly messages: number;
  /** Events that are still in the log. */
  readonly events: number;
  /** Live sessions, without tokens. */
  readonly sessions: number;
  readonly tokens: number;
}

/** Counts slice by slice, so that other requests run in between. Changes made meanwhile may be counted or not. */
export async function countStatistics(ports: OperatorPorts): Promise<Statistics> {
  const { store, clock } = ports;
  const counts = {
    users: 0,
    disabledUsers: 0,
    deletedUsers: 0,
    groupChats: 0,
    p2pChats: 0,
    messages: 0,
    sessions: 0,
    tokens: 0,
  };
  for await (const accounts of listUsers(ports)) {
    const now = clock.now();
    counts.users += accounts.length;
    counts.deletedUsers += accounts.filter(({ deletedAt }) => deletedAt !== null).length;
    counts.disabledUsers += accounts.filter(({ disabledAt }) => disabledAt !== null).length;
    await store.read(async (repositories) => {
      for (const { user } of accounts) {
        const live = await findLiveSessions(repositories.sessions, user.id, now);
        const tokens = live.filter(({ kind }) => kind === "token").length;
        counts.tokens += tokens;
        counts.sessions += live.length - tokens;
      }
    });
  }
  for await (const summaries of listAllChats(ports)) {
    for (const summary of summaries) {
      counts[summary.chat.kind === "group" ? "groupChats" : "p2pChats"] += 1;
      counts.messages += summary.lastSeq - summary.forgottenSeq;
    }
  }
  const { first, last } = await store.read(({ events }) => events.bounds());
  return { ...counts, events: last - first + 1 };
}

const useCases = {
  addUser,
  checkUsername,
  disableUser,
  enableUser,
  getAccount,
  resetPassword,
  sessionsOf,
  revokeSessions,
  createUserToken,
  tokensOf,
  revokeTokens,
  eraseUser,
  listUsers,
  listAllChats,
  showChat,
  changePolicy,
  deleteChat,
  invitationsOf,
  revokeInvitation,
  exportUser,
  countStatistics,
};

/** The operator's use cases: each is a method that takes its command, if it has one. */
export type Administration = {
  readonly [Name in keyof typeof useCases]: (typeof useCases)[Name] extends (
    ports: Ports,
    ...command: infer Command
  ) => infer Result
    ? (...command: Command) => Result
    : never;
};

type CommandOf<Name extends keyof Administration> =
  Parameters<Administration[Name]> extends readonly [infer Command] ? Command : Record<string, never>;

/** Lacks no use case and no field of any command, or the assignment does not compile. */
const checksOfUseCases: { readonly [Name in keyof Administration]: Checks<CommandOf<Name>> } =
  administrationChecks;

/** The use cases that return no promise, and therefore throw. */
const SYNCHRONOUS: ReadonlySet<string> = new Set<keyof Administration>([
  "listUsers",
  "listAllChats",
  "deleteChat",
  "exportUser",
]);

/**
 * Binds the operator's use cases to these ports. They check no permissions: the caller decides who is the operator. Each
 * rejects a command with a missing field, a field of another type or an unknown field as `invalid_request`.
 */
export function createAdministration(ports: Ports): Administration {
  const binding = { checks: checksOfUseCases, synchronous: SYNCHRONOUS, allowsUnknown: false };
  return bindUseCases(useCases, ports, binding) as Administration;
}

/** @throws MessagingError `unknown_user`, `user_unavailable` if the user is deleted */
async function findLiveAccount(users: UserReader, nameOrId: string): Promise<Account> {
  const account = await getAccountByNameOrId(users, nameOrId);
  if (account.deletedAt === null) return account;
  throw new MessagingError("user_unavailable", "This user is deleted.");
}
