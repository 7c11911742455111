import {
  advanceReadSeq,
  MAX_INITIAL_PARTICIPANTS,
  parseTitle,
  readToEnd,
  assertGroup,
  assertMay,
  assertParticipant,
  canRead,
  startsAtJoin,
  successorOf,
  unreadCount,
  type Chat,
  type ChatId,
  type ChatOverview,
  type ChatSummary,
  type GroupMembership,
  type Participant,
} from "../domain/chat.js";
import { blockedBy, blockersOf } from "../domain/block.js";
import { changeSettings, settingsOf, type ChatSettingsChange } from "../domain/chat-settings.js";
import { MessagingError } from "../domain/errors.js";
import { chatChanged, chatCreated, type UserRef } from "../domain/event.js";
import { parseMetadata, type Metadata } from "../domain/metadata.js";
import { changePolicy, type PolicyChange, type Role } from "../domain/policy.js";
import type { User, UserId } from "../domain/user.js";
import type { PortsWithRankings, RankedSlice } from "./chat-ranking.js";
import { invalidCursor, toPage } from "./pages.js";
import type { ChatReader, ParticipantPosition, Ports, ReadRepositories, Repositories } from "./ports.js";
import { isFullSlice, joinSlices, MAX_SLICE_CHARACTERS, type Slices } from "./slices.js";
import {
  assertNotDeleted,
  findUserByNameOrId,
  getAvailableUser,
  getAvailableUsers,
  getCaller,
  getUserByNameOrId,
  unknownUser,
} from "./users.js";

export interface CreateGroupChat {
  readonly by: UserId;
  readonly title?: string | null | undefined;
  /** The usernames of other first participants, at most 100. The caller and a user who is named twice count once. */
  readonly participants?: readonly string[] | undefined;
}

/** A new group chat: the chat itself, and the chat as `getChat` returns it to the caller. */
export interface CreatedGroupChat extends Chat, ChatInFull {
  /** The first participants other than the caller. */
  readonly added: readonly User[];
}

/**
 * Creates a group chat with the caller as its owner and the named users as its members, or nothing if one of them cannot be added.
 *
 * @throws MessagingError `invalid_title`, `invalid_request` for too many participants; `unknown_user`, `user_unavailable` and
 * `blocked`, whose `errors` list each rejected name
 */
export async function createGroupChat(
  { store, clock }: Ports,
  command: CreateGroupChat,
): Promise<CreatedGroupChat> {
  const { by, participants: usernames = [] } = command;
  const title = command.title == null ? null : parseTitle(command.title);
  assertInitialCount(usernames.length);
  const now = clock.now();
  return store.transaction(async ({ chats, users, blocks, events }) => {
    const creator = await getCaller(users, by);
    const named = await getAvailableUsers({ users, blocks }, by, usernames, "participants");
    const others = new Map(named.map((user) => [user.id, user]));
    others.delete(creator.id);
    const added = [...others.values()];
    const chat = await chats.addGroup(title, now);
    await chats.addParticipant(chat.id, by, now, "owner");
    for (const { id } of added) await chats.addParticipant(chat.id, id, now);
    await events.append(chatCreated(chat, [creator, ...added]));
    const overview = assertParticipant(await chats.overview(chat.id, by));
    const page = await pageParticipants(chats, chat.id, undefined, MAX_PARTICIPANTS_IN_CHAT);
    return { ...chat, overview, ...page, added };
  });
}

function assertInitialCount(count: number): void {
  if (count <= MAX_INITIAL_PARTICIPANTS) return;
  const detail = `More than ${MAX_INITIAL_PARTICIPANTS} participants. Add the others later.`;
  throw new MessagingError("invalid_request", detail, { errors: [{ field: "participants", detail }] });
}

export interface ChangeChat {
  readonly by: UserId;
  readonly chatId: ChatId;
  /** Null removes the title. */
  readonly title?: string | null | undefined;
  /** The settings that change. */
  readonly policy?: PolicyChange | undefined;
  /** Null removes the metadata. */
  readonly metadata?: Metadata | null | undefined;
}

/**
 * Changes the title, the policy and the metadata of a group chat, or nothing if the caller may not change one of them. Does
 * nothing if all are equal.
 *
 * @throws MessagingError `invalid_title`, `invalid_metadata`, `not_a_participant`, `p2p_chat`, `not_allowed`
 */
export async function changeChat({ store, clock }: Ports, command: ChangeChat): Promise<void> {
  const title = command.title == null ? command.title : parseTitle(command.title);
  const metadata = command.metadata == null ? command.metadata : parseMetadata(command.metadata);
  const { by, chatId, policy = {} } = command;
  await store.transaction(async (repositories) => {
    const membership = assertGroup(await repositories.chats.ofParticipant(chatId, by));
    if (title !== undefined) assertMay(membership, "rename");
    if (command.policy !== undefined || metadata !== undefined) assertMay(membership, "configure");
    const { chat } = membership;
    const after = {
      ...chat,
      policy: changePolicy(chat.policy, policy),
      ...(title !== undefined && { title }),
      ...(metadata !== undefined && { metadata }),
    };
    await storeChat(repositories, chat, after, clock.now());
  });
}

type Group = GroupMembership["chat"];

/** Stores the changes of a group chat, if any, with their events. */
export async function storeChat(
  { chats, events }: Repositories,
  before: Group,
  after: Group,
  at: number,
): Promise<void> {
  const { id: chatId, title, policy, metadata } = after;
  const isRenamed = title !== before.title;
  const isChanged = !isSame([policy, metadata], [before.policy, before.metadata]);
  if (isRenamed || isChanged) await chats.update(after);
  if (isRenamed) await events.append(chatChanged(chatId, { type: "chat.renamed", title }, at));
  if (isChanged) await events.append(chatChanged(chatId, { type: "chat.changed", policy, metadata }, at));
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

export interface RenameChat extends Pick<ChangeChat, "by" | "chatId"> {
  /** Null removes the title. */
  readonly title: string | null;
}

/** As `changeChat`, for the title alone. */
export async function renameChat(ports: Ports, { by, chatId, title }: RenameChat): Promise<void> {
  await changeChat(ports, { by, chatId, title });
}

export interface AddParticipant {
  readonly by: UserId;
  readonly chatId: ChatId;
  readonly username: string;
}

/**
 * Adds a user to a group chat as a member, with nothing unread. The policy decides which messages the user can read.
 *
 * @returns the added user.
 * @throws MessagingError `not_a_participant`, `p2p_chat`, `not_allowed`, `unknown_user`, `user_unavailable`, `blocked`,
 * `already_participant`
 */
export async function addParticipant({ store, clock }: Ports, command: AddParticipant): Promise<User> {
  return store.transaction(async (repositories) => {
    const { chats, users, blocks } = repositories;
    const membership = assertGroup(await chats.overview(command.chatId, command.by));
    assertMay(membership, "add");
    const user = await getAvailableUser(users, command.username);
    const found = await blocks.between(command.by, [user.id]);
    if (blockersOf(command.by, found).has(user.id)) throw blockedBy();
    await joinGroup(repositories, { ...membership, user, at: clock.now() });
    return user;
  });
}

/** A user who joins a group chat. */
interface Join extends Pick<ChatOverview & GroupMembership, "chat" | "participantCount"> {
  readonly user: UserRef;
  readonly at: number;
}

/**
 * Adds a user to a group chat as a member who has nothing unread, with the events of it. The policy decides which messages the user
 * can read.
 *
 * @param join the chat before, as any of its participants sees it.
 * @throws MessagingError `already_participant`
 */
export async function joinGroup(
  { chats, messages, events }: Repositories,
  { chat, participantCount: before, user: { id }, at }: Join,
): Promise<void> {
  const { id: chatId } = chat;
  const change = { type: "participant.added", user: { id }, participantCount: before + 1 } as const;
  // Appended before the user joins, so that only the other participants receive it; the user receives the overview.
  await events.append(chatChanged(chatId, change, at));
  const historyStart = startsAtJoin(chat) ? await messages.lastId() : 0;
  if (!(await chats.addParticipant(chatId, id, at, "member", historyStart))) {
    throw new MessagingError("already_participant", "This user is already a participant of the chat.");
  }
  const found = assertParticipant(await chats.overview(chatId, id));
  const overview = readToEnd(found);
  if (overview.readSeq !== found.readSeq) await chats.setRead(chatId, id, overview.readSeq);
  const added = { ...change, overview: { ...overview, lastMessage: null } };
  await events.append({
    ...chatChanged(chatId, added, at, { user: id, includesRemoved: false }),
    messageId: overview.lastMessage?.id ?? null,
  });
}

export interface RemoveParticipant {
  readonly by: UserId;
  readonly chatId: ChatId;
  /** A username or user id. The caller's own leaves the chat. */
  readonly user: string;
}

/**
 * Removes a user from a group chat. The user loses access to all of it. The owner is followed by the first admin, or else the
 * first participant. A chat without participants is deleted, in the background where it is large.
 *
 * @returns the removed user.
 * @throws MessagingError `not_a_participant`, `p2p_chat`, `unknown_user`, `not_allowed`, `user_not_in_chat`
 */
export async function removeParticipant({ store, clock }: Ports, command: RemoveParticipant): Promise<User> {
  let isAbandoned = false;
  const removed = await store.transaction(async (repositories) => {
    const { chats, users } = repositories;
    const membership = assertGroup(await chats.ofParticipant(command.chatId, command.by));
    const user = await findUserByNameOrId(users, command.user);
    const isLeaving = user?.id === command.by;
    if (!isLeaving) assertMay(membership, "remove");
    if (user === undefined) return unknownUser();
    const overview = await chats.overview(membership.chat.id, user.id);
    if (overview === undefined) throw userNotInChat();
    if (!isLeaving && overview.role === "owner") assertMay(membership, "removeOwner");
    const { id: chatId } = overview.chat;
    const isEmpty = await endMembership(repositories, user, overview, clock.now());
    isAbandoned = isEmpty && !(await deleteSlice(repositories, chatId));
    return user;
  });
  // What a failure leaves is deleted by the next call of `deleteAbandonedChats`.
  if (isAbandoned) deleteAbandonedChats({ store }).catch(() => {});
  return removed;
}

/**
 * Removes a participant from a group chat, with the events, and gives it another owner if it has none.
 *
 * @param overview the chat as the participant sees it.
 * @returns whether the chat has no participants, so that it has to be deleted.
 */
export async function endMembership(
  repositories: Repositories,
  { id }: UserRef,
  { chat, role, participantCount: before }: ChatOverview,
  at: number,
): Promise<boolean> {
  const participantCount = before - 1;
  await removeFromChat(repositories, { chatId: chat.id, participantCount, user: { id }, at });
  if (role === "owner") await appointSuccessor(repositories, chat.id, at);
  return participantCount === 0;
}

/** The removal of a participant. */
interface Removal {
  readonly chatId: ChatId;
  /** The number of participants after it. */
  readonly participantCount: number;
  readonly user: UserRef;
  readonly at: number;
  /** Given if the chat is being deleted. */
  readonly chatKind?: Chat["kind"];
}

/** Removes a participant from a chat, with the events of it. */
async function removeFromChat(
  { chats, events }: Repositories,
  { chatId, user: { id }, at, ...counted }: Removal,
  notifiesOthers = true,
): Promise<void> {
  await chats.removeParticipant(chatId, id);
  const change = { type: "participant.removed", user: { id }, ...counted } as const;
  if (notifiesOthers) await events.append(chatChanged(chatId, change, at));
  await events.append(chatChanged(chatId, change, at, { user: id, includesRemoved: true }));
}

function userNotInChat(): MessagingError {
  return new MessagingError(
    "user_not_in_chat",
    "This user is not a participant of the chat. Check the username or id.",
  );
}

/**
 * Gives an owner to a group chat whose owner has just been removed. Does nothing in a chat without participants. A deleted user, who
 * is removed soon, follows only where all participants are deleted.
 */
async function appointSuccessor(repositories: Repositories, chatId: ChatId, at: number): Promise<void> {
  const { chats } = repositories;
  const found = [await chats.oldest(chatId, "admin"), await chats.oldest(chatId)];
  const candidates = found.filter((each) => each !== undefined);
  const successor =
    successorOf(candidates) ?? (await chats.participants(chatId, { after: undefined, limit: 1 }))[0];
  if (successor) await storeRole(repositories, chatId, successor, "owner", at);
}

async function storeRole(
  { chats, events }: Repositories,
  chatId: ChatId,
  { id }: UserRef,
  role: Role,
  at: number,
): Promise<void> {
  await chats.setRole(chatId, id, role);
  const change = { type: "participant.role_changed", user: { id }, role } as const;
  await events.append(chatChanged(chatId, change, at));
}

export interface SetRole {
  readonly by: UserId;
  readonly chatId: ChatId;
  /** A username or user id. */
  readonly user: string;
  readonly role: Role;
}

/**
 * Sets the role of a participant of a group chat. The owner who makes another participant the owner becomes an admin. Does
 * nothing if the role is equal.
 *
 * @returns the user with that role.
 * @throws MessagingError `not_a_participant`, `p2p_chat`, `not_allowed`, `unknown_user`, `user_not_in_chat`
 */
export async function setRole({ store, clock }: Ports, command: SetRole): Promise<User> {
  const { by, chatId, role } = command;
  return store.transaction(async (repositories) => {
    const { chats, users } = repositories;
    const membership = assertGroup(await chats.ofParticipant(chatId, by));
    const user = await getUserByNameOrId(users, command.user);
    const found = await chats.ofParticipant(chatId, user.id);
    const isEqual = found?.role === role;
    // A caller who has passed ownership on can repeat the call.
    const isRepeated = isEqual && role === "owner" && membership.role === "admin";
    if (!isRepeated) assertMay(membership, "appoint");
    if (found === undefined) throw userNotInChat();
    if (isEqual) return user;
    if (user.id === by) {
      throw new MessagingError(
        "not_allowed",
        "A group chat has an owner. Make another participant the owner, and you become an admin.",
      );
    }
    const at = clock.now();
    if (role === "owner") await storeRole(repositories, chatId, { id: by }, "admin", at);
    await storeRole(repositories, chatId, user, role, at);
    return user;
  });
}

/** Returns the other user of a p2p chat; undefined in a chat with oneself. */
export async function peerIn(
  chats: Pick<ChatReader, "participants">,
  chatId: ChatId,
  userId: UserId,
): Promise<UserId | undefined> {
  const both = await chats.participants(chatId, { after: undefined, limit: 2 });
  return both.find(({ id }) => id !== userId)?.id;
}

/** Bounds the time for which other transactions have to wait. */
const MAX_DELETED_PER_TRANSACTION = 300;

/**
 * Deletes a part of a chat without participants: its events, its messages with the reactions to them, its invitations, then its read
 * markers and itself.
 *
 * @returns whether the chat is deleted.
 */
async function deleteSlice(
  { chats, messages, reactions, invitations, events }: Repositories,
  id: ChatId,
): Promise<boolean> {
  let left = MAX_DELETED_PER_TRANSACTION;
  left -= await events.deleteOfChat(id, left);
  if (left > 0) left -= await messages.deleteOfChat(id, left);
  if (left > 0) left -= await reactions.deleteOfDeleted(left);
  if (left > 0) {
    const all = await invitations.ofChat(id);
    if (all.length > 0) await invitations.remove(all.map((each) => each.id));
    left -= all.length;
  }
  if (left > 0) left -= await chats.delete(id, left);
  return left > 0;
}

/** Deletes a part of the reactions to deleted messages. Returns whether none remains. */
export async function deleteReactionSlice({ reactions }: Repositories): Promise<boolean> {
  return (await reactions.deleteOfDeleted(MAX_DELETED_PER_TRANSACTION)) < MAX_DELETED_PER_TRANSACTION;
}

const MAX_REMOVED_PER_TRANSACTION = 50;

/**
 * Removes a part of the participants of a chat that is being deleted, or deletes a part of a chat without participants. The owner
 * of a group goes last, so that nobody else becomes its owner.
 *
 * @returns the number of participants that are left, and whether the chat is deleted.
 */
export async function deletePart(
  repositories: Repositories,
  { chat: { id: chatId, kind }, participantCount }: ChatSummary,
  at: number,
): Promise<{ readonly participantsLeft: number; readonly isDeleted: boolean }> {
  if (participantCount === 0) {
    return { participantsLeft: 0, isDeleted: await deleteSlice(repositories, chatId) };
  }
  const { chats } = repositories;
  const slice = { after: undefined, limit: MAX_REMOVED_PER_TRANSACTION + 1 };
  const found = await chats.participants(chatId, slice);
  const isRest = found.length <= MAX_REMOVED_PER_TRANSACTION;
  const removed = isRest
    ? found
    : found.filter(({ role }) => role !== "owner").slice(0, MAX_REMOVED_PER_TRANSACTION);
  let participantsLeft = participantCount;
  for (const user of removed) {
    participantsLeft -= 1;
    const counted = { participantCount: participantsLeft, chatKind: kind };
    // All are removed: of each part, the others receive the last event, which has their number.
    const notifiesOthers = user === removed.at(-1);
    await removeFromChat(repositories, { chatId, user, at, ...counted }, notifiesOthers);
  }
  if (isRest) await chats.releasePair(chatId);
  return { participantsLeft, isDeleted: false };
}

/** Deletes all chats without participants, and the rest of the reactions to deleted messages, in many transactions. */
export async function deleteAbandonedChats(ports: Pick<Ports, "store">): Promise<void> {
  while (await deleteAbandonedSlice(ports));
}

/**
 * Deletes a part of the reactions to deleted messages, or of a chat without participants, in one transaction. Returns false if there
 * is neither.
 */
export async function deleteAbandonedSlice({ store }: Pick<Ports, "store">): Promise<boolean> {
  return store.transaction(async (repositories) => {
    if (!(await deleteReactionSlice(repositories))) return true;
    const id = await repositories.chats.abandoned();
    if (id !== undefined) await deleteSlice(repositories, id);
    return id !== undefined;
  });
}

export interface ListChats {
  readonly by: UserId;
  /** 1 or more. */
  readonly limit: number;
  /** The `next` of the previous page; the first page by default. */
  readonly cursor?: string | undefined;
}

/** A page of the caller's chats. */
export interface ChatPage {
  readonly chats: readonly ChatOverview[];
  /** The cursor of the next page; undefined on the last page. */
  readonly next: string | undefined;
}

/**
 * Lists the caller's chats, most recently active first. Later pages keep the order of the first page while new messages
 * arrive, so that each chat is on one page.
 *
 * @throws MessagingError `invalid_cursor`
 */
export async function listChats(
  ports: Pick<PortsWithRankings, "store" | "rankings">,
  command: ListChats,
): Promise<ChatPage> {
  const { first, rest, next } = await sliceChats(ports, command);
  return { chats: await joinSlices({ first, rest }), next };
}

/** Chats whose last messages are read slice by slice. Chats that the caller leaves meanwhile are left out. */
export type ChatSlices = Slices<ChatOverview>;

/**
 * The page that `listChats` returns, in slices of bounded size.
 *
 * @throws MessagingError `invalid_cursor`
 */
export async function sliceChats(
  { store, rankings }: Pick<PortsWithRankings, "store" | "rankings">,
  { by, limit, cursor }: ListChats,
): Promise<ChatSlices & Pick<ChatPage, "next">> {
  const { asOf, after } = cursor === undefined ? {} : parseCursor(cursor);
  return rankings.readPage(store, by, { asOf, after, limit }, async (repositories, page) => {
    const next = page.next && [page.asOf, page.next.activity, page.next.chatId].join(".");
    return { ...(await sliceOverviews(store, repositories, by, page.chats)), next };
  });
}

const MAX_SLICE_CHATS = 200;

/**
 * Adds the texts of the last messages to overviews without texts, in slices of bounded size. The first slice is read from the
 * given repositories, so that it is of the same view as the overviews.
 */
export async function sliceOverviews(
  store: Ports["store"],
  repositories: ReadRepositories,
  by: UserId,
  overviews: readonly ChatOverview[],
): Promise<ChatSlices> {
  let position = 0;
  const readSlice = async ({ messages }: ReadRepositories) => {
    const wanted = overviews.slice(position, position + MAX_SLICE_CHATS);
    const ids = wanted.flatMap(({ lastMessage }) => lastMessage?.id ?? []);
    const found = ids.length === 0 ? [] : await messages.byIds(ids, { maxCharacters: MAX_SLICE_CHARACTERS });
    const lastId = found.at(-1)?.id;
    const end = isFullSlice(found)
      ? 1 + wanted.findIndex(({ lastMessage }) => lastMessage?.id === lastId)
      : wanted.length;
    position += end;
    const byId = new Map(found.map((message) => [message.id, message]));
    return wanted.slice(0, end).map((overview): ChatOverview => {
      const { lastMessage } = overview;
      return { ...overview, lastMessage: (lastMessage && byId.get(lastMessage.id)) ?? null };
    });
  };
  async function* rest() {
    while (position < overviews.length) {
      yield await store.read(async (later) => {
        const slice = await readSlice(later);
        // A user who was removed meanwhile may not see later edits, and one who has joined again since, none of what is hidden.
        const own: ChatOverview[] = [];
        for (const overview of slice) {
          const membership = await later.chats.ofParticipant(overview.chat.id, by);
          const { lastMessage } = overview;
          if (membership === undefined) continue;
          const isHidden = lastMessage !== null && !canRead(membership, lastMessage);
          own.push(isHidden ? { ...overview, lastMessage: null } : overview);
        }
        return own;
      });
    }
  }
  const first = await readSlice(repositories);
  return { first, rest: position < overviews.length ? rest() : undefined };
}

function parseCursor(cursor: string): Pick<RankedSlice, "asOf" | "after"> {
  const parts = /^\d+\.\d+\.\d+$/.test(cursor) ? cursor.split(".").map(Number) : [];
  const [asOf, activity, chatId] = parts;
  if (asOf === undefined || activity === undefined || !parts.every(Number.isSafeInteger)) {
    throw invalidCursor();
  }
  return { asOf, after: { activity, chatId: chatId as ChatId } };
}

export interface GetChat {
  readonly by: UserId;
  readonly chatId: ChatId;
}

/** A chat of the caller and its first participants. */
export interface ChatInFull extends ParticipantPage {
  readonly overview: ChatOverview;
}

/** In the order in which they joined. */
export interface ParticipantPage {
  readonly participants: readonly Participant[];
  /** The cursor of the next participants; undefined behind the last. */
  readonly next: string | undefined;
}

/** The number of participants that `getChat` returns. */
export const MAX_PARTICIPANTS_IN_CHAT = 100;

/**
 * One chat of the caller and the first 100 of its participants. `listParticipants` continues from `next`.
 *
 * @throws MessagingError `not_a_participant`
 */
export async function getChat({ store }: Ports, { by, chatId }: GetChat): Promise<ChatInFull> {
  return store.read(async ({ chats }) => {
    const overview = assertParticipant(await chats.overview(chatId, by));
    return { overview, ...(await pageParticipants(chats, chatId, undefined, MAX_PARTICIPANTS_IN_CHAT)) };
  });
}

export interface ListParticipants {
  readonly by: UserId;
  readonly chatId: ChatId;
  /** 1 or more. */
  readonly limit: number;
  /** The `next` of the previous page or of `getChat`; the first page by default. */
  readonly cursor?: string | undefined;
}

/**
 * Lists the participants of a chat of the caller, in the order in which they joined.
 *
 * @throws MessagingError `invalid_cursor`, `not_a_participant`
 */
export async function listParticipants(
  { store }: Ports,
  { by, chatId, limit, cursor }: ListParticipants,
): Promise<ParticipantPage> {
  const after = cursor === undefined ? undefined : parseParticipantCursor(cursor);
  return store.read(async ({ chats }) => {
    assertParticipant(await chats.ofParticipant(chatId, by));
    return pageParticipants(chats, chatId, after, limit);
  });
}

async function pageParticipants(
  chats: ChatReader,
  chatId: ChatId,
  after: ParticipantPosition | undefined,
  limit: number,
): Promise<ParticipantPage> {
  const found = await chats.participants(chatId, { after, limit: limit + 1 });
  const { items, next } = toPage(found, limit, ({ joinedAt, id }) => `${joinedAt}.${id}`);
  return { participants: items, next };
}

function parseParticipantCursor(cursor: string): ParticipantPosition {
  const [, joinedAt, id] = /^(\d{1,15})\.([\w-]{1,64})$/.exec(cursor) ?? [];
  if (joinedAt === undefined || id === undefined) throw invalidCursor();
  return { joinedAt: Number(joinedAt), id: id as UserId };
}

export interface MarkRead {
  readonly by: UserId;
  readonly chatId: ChatId;
  /** The `seq` of the last message that the caller has read. */
  readonly seq: number;
}

/**
 * Records how far the caller has read: never decreases, never exceeds the last message. In a p2p chat the other participant
 * is notified; in a group chat only the caller is.
 *
 * @throws MessagingError `not_a_participant`
 */
export async function markRead(
  { store, clock }: Ports,
  { by, chatId, seq }: MarkRead,
): Promise<ChatOverview> {
  return store.transaction(async (repositories) => {
    const { chats, events } = repositories;
    const before = await getOwnOverview(repositories, chatId, by);
    const readSeq = advanceReadSeq(before, seq);
    if (readSeq === before.readSeq) return before;
    await chats.setRead(chatId, by, readSeq);
    const after = assertParticipant(await chats.overview(chatId, by));
    const change = {
      type: "chat.read",
      user: { id: by },
      readSeq,
      unreadCount: unreadCount(after),
      mentionCount: after.mentionCount,
    } as const;
    const to = after.chat.kind === "p2p" ? "participants" : { user: by, includesRemoved: false };
    await events.append(chatChanged(chatId, change, clock.now(), to));
    return after;
  });
}

/**
 * The chat as its participant sees it, who is not deleted.
 *
 * @throws MessagingError `not_a_participant`, `not_signed_in`
 */
async function getOwnOverview(
  { chats, users }: Repositories,
  chatId: ChatId,
  by: UserId,
): Promise<ChatOverview> {
  // A store can serve both in one round trip. The chat comes first, since a store can lock it: an erasure does so with each chat of
  // a deleted user, and finds what was written before.
  const [overview, account] = await Promise.all([chats.overview(chatId, by), users.accountById(by)]);
  const own = assertParticipant(overview);
  assertNotDeleted(account);
  return own;
}

export interface ChangeChatSettings extends ChatSettingsChange {
  readonly by: UserId;
  readonly chatId: ChatId;
}

/**
 * Changes the caller's own settings of a chat, which other participants do not see. Does nothing if all are equal. See
 * `isArchived` for what brings an archived chat back.
 *
 * @returns the chat with the settings after the change.
 * @throws MessagingError `not_a_participant`, `invalid_request`
 */
export async function changeChatSettings(
  { store, clock }: Ports,
  command: ChangeChatSettings,
): Promise<ChatOverview> {
  const { by, chatId } = command;
  return store.transaction(async (repositories) => {
    const { chats, events } = repositories;
    const before = await getOwnOverview(repositories, chatId, by);
    const settings = changeSettings(before, command);
    if (settings === before.settings) return before;
    await chats.setSettings(chatId, by, settings);
    const after = { ...before, settings };
    const { lastSeq } = after;
    const change = { type: "chat.settings_changed", settings: settingsOf(after), lastSeq } as const;
    await events.append(chatChanged(chatId, change, clock.now(), { user: by, includesRemoved: false }));
    return after;
  });
}
