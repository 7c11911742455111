import { DEFAULT_CHAT_SETTINGS } from "../domain/chat-settings.js";
import type { ChatId } from "../domain/chat.js";
import { MessagingError } from "../domain/errors.js";
import { messageChanged, userChanged } from "../domain/event.js";
import { tombstone } from "../domain/message.js";
import type { Reaction } from "../domain/reaction.js";
import type { Session } from "../domain/session.js";
import type { Account, UserId } from "../domain/user.js";
import { confirmPassword } from "./accounts.js";
import { deleteAbandonedSlice, deleteReactionSlice, endMembership, peerIn } from "./chats.js";
import type { JoinPosition, Ports, ReactionSlice, Repositories, Slice } from "./ports.js";
import { takeBack } from "./reactions.js";
import { endSessions, withLiveSession } from "./sessions.js";
import { getUserByNameOrId } from "./users.js";

/*
 * The erasure of a user is many transactions. The first one deletes the user: it ends all access and removes the name. The others
 * remove what is left, a bounded part each. They can be repeated from the beginning, so a crash loses nothing: `eraseDeletedUsers`
 * begins again.
 */

type ErasurePorts = Pick<Ports, "store" | "clock">;

export interface EraseAccount {
  /** The session of the caller. */
  readonly by: Session;
  readonly password: string;
}

/**
 * Erases the account of the caller, as the operator's `eraseUser` does. When it resolves, the user is deleted, and the rest is
 * erased, too, unless it is large: then the erasure goes on in the background.
 *
 * @throws MessagingError `wrong_password`, `busy`, `not_signed_in` if the session of the caller ends meanwhile
 */
export async function eraseAccount(ports: Ports, { by, password }: EraseAccount): Promise<void> {
  const { store, clock } = ports;
  const { id } = by.user;
  const assertConfirmed = await confirmPassword(ports, by, password);
  const begin = async (repositories: Repositories) => {
    const now = clock.now();
    await assertConfirmed(repositories, now);
    await deleteUser(repositories, id, now);
  };
  await withLiveSession(ports, by, () => store.transaction(begin));
  await eraseSmall(ports, id);
}

export interface EraseUser {
  /** A username or an id. */
  readonly user: string;
}

export interface ErasedUser {
  readonly account: Account;
  /** Whether nothing of the user remains. Otherwise the erasure goes on in the background, and at the next start. */
  readonly isErased: boolean;
}

/**
 * Erases a user. Their sessions and tokens end, their names, password, blocks, invitations, settings and read markers go, they
 * leave their group chats, their reactions are removed, and the texts of their messages are deleted; p2p chats stay for the other
 * user. Others see `deleted` as the username. Nobody gets the username again. If the user is deleted, continues the erasure.
 *
 * @throws MessagingError `unknown_user`
 */
export async function eraseUser(ports: ErasurePorts, command: EraseUser): Promise<ErasedUser> {
  const { store, clock } = ports;
  const account = await store.transaction(async (repositories) => {
    const { id } = await getUserByNameOrId(repositories.users, command.user);
    await deleteUser(repositories, id, clock.now());
    return (await repositories.users.accountById(id))!;
  });
  return { account, isErased: await eraseSmall(ports, account.user.id) };
}

/** The first transaction. Does nothing if the user is deleted. */
async function deleteUser(repositories: Repositories, id: UserId, now: number): Promise<void> {
  const { users, sessions, events } = repositories;
  if (!(await users.delete(id, now))) return;
  await endSessions(repositories, await sessions.ofUser(id), now);
  await events.append(userChanged(id, "user.deleted", now));
}

/** How many transactions the caller of an erasure waits for. */
const MAX_AWAITED_TRANSACTIONS = 30;

/**
 * Erases what remains of a deleted user, in a bounded number of transactions. A larger erasure goes on in the background; if it
 * fails there, the next run of `eraseDeletedUsers` continues, and reports its own failures.
 *
 * @returns whether nothing of the user remains.
 */
async function eraseSmall(ports: ErasurePorts, id: UserId): Promise<boolean> {
  const steps = eraseRest(ports, id);
  try {
    for (let step = 1; step <= MAX_AWAITED_TRANSACTIONS; step += 1) {
      if ((await steps.next()).done === true) return true;
    }
  } catch (error) {
    // The user is deleted, and `eraseDeletedUsers` continues.
    if (error instanceof MessagingError) return false;
    throw error;
  }
  runToEnd(steps).catch(() => {});
  return false;
}

/**
 * Continues the erasure of all deleted users with remaining data.
 *
 * @param isStopped asked between two transactions; true leaves the rest to the next call.
 */
export async function eraseDeletedUsers(
  ports: ErasurePorts,
  isStopped: () => boolean = () => false,
): Promise<void> {
  const next = () => ports.store.read(({ users }) => users.toErase());
  for (let id = await next(); id !== undefined && !isStopped(); id = await next()) {
    await runToEnd(eraseRest(ports, id), isStopped);
  }
}

async function runToEnd(steps: AsyncGenerator<void>, isStopped = () => false): Promise<void> {
  while (!isStopped() && (await steps.next()).done !== true);
}

/** What one transaction erases at most. Others wait for it. */
const MAX_CHATS = 20;
const MAX_ROWS = 300;
const MAX_MESSAGE_IDS = 100;
const MAX_REACTIONS = 50;

/**
 * Erases what remains of a deleted user. Yields after each transaction.
 *
 * The chats come first: each is locked once, so that a message that the user was sending when they were deleted is stored before the
 * messages are searched for.
 */
async function* eraseRest(ports: ErasurePorts, id: UserId): AsyncGenerator<void> {
  const { store, clock } = ports;
  /** @returns undefined if another process has erased the user. */
  const run = <T>(work: (repositories: Repositories, now: number) => Promise<T>) =>
    store.transaction(async (repositories) =>
      (await repositories.users.isToErase(id)) ? work(repositories, clock.now()) : undefined,
    );

  for (let after: JoinPosition | undefined, isLast = false; !isLast;) {
    const left = await run((repositories, now) => leaveChats(repositories, id, after, now));
    if (left === undefined) return;
    after = left.at(-1);
    isLast = left.length < MAX_CHATS;
    yield;
  }
  for (let isLast = false; !isLast;) {
    const count = await run(async ({ chats, blocks, invitations }) => {
      const markers = await chats.deleteRead(id, MAX_ROWS);
      const rows = markers + (await blocks.deleteOfUser(id, MAX_ROWS - markers));
      const own = await invitations.byInviter(id, { after: undefined, limit: MAX_ROWS - rows });
      await invitations.remove(own.map((invitation) => invitation.id));
      return rows + own.length;
    });
    if (count === undefined) return;
    isLast = count < MAX_ROWS;
    yield;
  }
  for (let after: Reaction | undefined, isLast = false; !isLast;) {
    const removed = await run((repositories, now) => eraseReactions(repositories, id, after, now));
    if (removed === undefined) return;
    after = removed.at(-1);
    isLast = removed.length < MAX_REACTIONS;
    yield;
  }
  while (await deleteAbandonedSlice(ports)) yield;
  const lastId = await store.read(({ messages }) => messages.lastId());
  for (let after = 0; after < lastId; after += MAX_MESSAGE_IDS) {
    const range = { after, upTo: Math.min(after + MAX_MESSAGE_IDS, lastId) };
    const count = await run((repositories, now) => eraseMessages(repositories, id, range, now));
    if (count === undefined) return;
    yield;
  }
  // Those to the deleted messages, and the user's own to messages that were deleted meanwhile.
  while ((await run(deleteReactionSlice)) === false) yield;
  await run(({ users }, now) => users.endErasure(id, now));
}

/**
 * Removes the user from some of their group chats, from the chat with themselves, and from p2p chats whose other user is deleted, too.
 * Others find them in their p2p chats.
 */
async function leaveChats(
  repositories: Repositories,
  id: UserId,
  after: JoinPosition | undefined,
  now: number,
): Promise<readonly JoinPosition[]> {
  const { chats, users } = repositories;
  const slice = await chats.ofUser(id, { asOf: 0, after, limit: MAX_CHATS });
  for (const chatId of inLockOrder(slice)) {
    const overview = await chats.overview(chatId, id);
    if (overview === undefined) continue;
    if (overview.chat.kind === "group") {
      await endMembership(repositories, { id }, overview, now);
      continue;
    }
    const peer = await peerIn(chats, chatId, id);
    if (peer !== undefined && (await users.accountById(peer))?.deletedAt === null) {
      await chats.setSettings(chatId, id, DEFAULT_CHAT_SETTINGS);
    } else {
      await chats.removeParticipant(chatId, id);
      if (peer !== undefined) await chats.removeParticipant(chatId, peer);
    }
  }
  return slice;
}

/** The chats of the items, each once, in one order for all transactions: a store can lock them, and two erasures wait for each other. */
function inLockOrder(items: readonly { readonly chatId: ChatId }[]): readonly ChatId[] {
  return [...new Set(items.map(({ chatId }) => chatId))].toSorted((one, other) => one - other);
}

/** Removes some of the user's reactions, except those to messages of chats that are being deleted. */
async function eraseReactions(
  repositories: Repositories,
  id: UserId,
  after: ReactionSlice["after"],
  now: number,
): Promise<readonly Reaction[]> {
  const { messages, reactions } = repositories;
  const slice = await reactions.ofUser(id, { after, limit: MAX_REACTIONS });
  const ids = [...new Set(slice.map(({ messageId }) => messageId))];
  const kept = await lockChats(repositories, await messages.byIds(ids, {}));
  for (const reaction of slice) {
    const message = await messages.byId(reaction.messageId);
    if (message === undefined || !kept.has(message.chatId)) continue;
    await takeBack(repositories, message, { ...reaction, at: now });
  }
  return slice;
}

/** Locks the chats of the items, so that they are not deleted meanwhile. Returns those that are not being deleted. */
async function lockChats(
  { chats }: Repositories,
  items: readonly { readonly chatId: ChatId }[],
): Promise<ReadonlySet<ChatId>> {
  const kept = new Set<ChatId>();
  for (const chatId of inLockOrder(items)) {
    if (((await chats.summary(chatId))?.participantCount ?? 0) > 0) kept.add(chatId);
  }
  return kept;
}

/** Deletes the texts of the user's messages in a range of ids, except those of chats that are being deleted. */
async function eraseMessages(
  repositories: Repositories,
  id: UserId,
  range: Pick<Slice, "after" | "upTo">,
  now: number,
): Promise<number> {
  const { messages, events } = repositories;
  const sent = await messages.sentBy(id, range);
  const kept = await lockChats(repositories, sent);
  for (const message of sent.filter(({ chatId }) => kept.has(chatId))) {
    const deleted = tombstone(message, now);
    await messages.erase(deleted);
    if (deleted !== message) await events.append(messageChanged("message.deleted", deleted, now));
  }
  return sent.length;
}
