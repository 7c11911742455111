import {
  advanceReadSeq,
  parseTitle,
  assertGroup,
  assertParticipant,
  unreadCount,
  type Chat,
  type ChatId,
  type ChatOverview,
  type Participant,
} from "../domain/chat.js";
import { MessagingError } from "../domain/errors.js";
import { chatChanged, chatCreated } from "../domain/event.js";
import type { User, UserId } from "../domain/user.js";
import type { ChatSlice, Ports } from "./ports.js";
import { getUserById, getUserByNameOrId, getUserByUsername } from "./users.js";

export interface CreateGroupChat {
  readonly by: UserId;
  readonly title?: string | null | undefined;
}

/**
 * Creates a group chat with the caller as its only participant.
 *
 * @throws MessagingError `invalid_title`, `unknown_user`
 */
export async function createGroupChat({ store, clock }: Ports, command: CreateGroupChat): Promise<Chat> {
  const title = command.title == null ? null : parseTitle(command.title);
  const now = clock.now();
  return store.transaction(async ({ chats, users, events }) => {
    const creator = await getUserById(users, command.by);
    const chat = await chats.addGroup(title, now);
    await chats.addParticipant(chat.id, creator.id, now);
    await events.append(chatCreated(chat, [creator]));
    return chat;
  });
}

export interface RenameChat {
  readonly by: UserId;
  readonly chatId: ChatId;
  /** Null removes the title. */
  readonly title: string | null;
}

/**
 * Changes or removes the title of a group chat. Does nothing if the title is equal.
 *
 * @throws MessagingError `invalid_title`, `not_a_participant`, `p2p_chat`
 */
export async function renameChat({ store, clock }: Ports, command: RenameChat): Promise<void> {
  const title = command.title === null ? null : parseTitle(command.title);
  await store.transaction(async ({ chats, events }) => {
    const chat = assertGroup(await chats.ofParticipant(command.chatId, command.by));
    if (chat.title === title) return;
    await chats.rename(chat.id, title);
    await events.append(chatChanged(chat.id, { type: "chat.renamed", title }, clock.now()));
  });
}

export interface AddParticipant {
  readonly by: UserId;
  readonly chatId: ChatId;
  readonly username: string;
}

/**
 * Adds a user to a group chat. The user can read its whole history.
 *
 * @returns the added user.
 * @throws MessagingError `not_a_participant`, `p2p_chat`, `unknown_user`, `already_participant`
 */
export async function addParticipant({ store, clock }: Ports, command: AddParticipant): Promise<User> {
  return store.transaction(async ({ chats, users, events }) => {
    const { chat, participantCount } = assertParticipant(await chats.overview(command.chatId, command.by));
    const { id: chatId } = assertGroup(chat);
    const user = await getUserByUsername(users, command.username);
    const { id, username } = user;
    const at = clock.now();
    const change = {
      type: "participant.added",
      user: { id, username },
      participantCount: participantCount + 1,
    } as const;
    // Appended before the user joins, so that only the other participants receive it; the user receives the overview.
    await events.append(chatChanged(chatId, change, at));
    if (!(await chats.addParticipant(chatId, id, at))) {
      throw new MessagingError("already_participant", "This user is already a participant of the chat.");
    }
    const overview = assertParticipant(await chats.overview(chatId, id));
    const added = { ...change, overview: { ...overview, lastMessage: null } };
    await events.append({
      ...chatChanged(chatId, added, at, { user: id, includesRemoved: false }),
      messageId: overview.lastMessage?.id ?? null,
    });
    return user;
  });
}

export interface RemoveParticipant {
  readonly by: UserId;
  readonly chatId: ChatId;
  /** A username or user id. The caller's own leaves the chat. */
  readonly user: string;
}

/**
 * Removes a user from a group chat. The user loses access to all of it.
 *
 * @returns the removed user.
 * @throws MessagingError `not_a_participant`, `p2p_chat`, `unknown_user`, `user_not_in_chat`
 */
export async function removeParticipant({ store, clock }: Ports, command: RemoveParticipant): Promise<User> {
  return store.transaction(async ({ chats, users, events }) => {
    const { id: chatId } = assertGroup(await chats.ofParticipant(command.chatId, command.by));
    const user = await getUserByNameOrId(users, command.user);
    const { id, username } = user;
    const overview = await chats.overview(chatId, id);
    if (!overview || !(await chats.removeParticipant(chatId, id))) {
      throw new MessagingError(
        "user_not_in_chat",
        "This user is not a participant of the chat. Check the username or id.",
      );
    }
    const participantCount = overview.participantCount - 1;
    const change = { type: "participant.removed", user: { id, username }, participantCount } as const;
    const at = clock.now();
    await events.append(chatChanged(chatId, change, at));
    await events.append(chatChanged(chatId, change, at, { user: id, includesRemoved: true }));
    return user;
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
  { store }: Pick<Ports, "store">,
  { by, limit, cursor }: ListChats,
): Promise<ChatPage> {
  const start = cursor === undefined ? undefined : parseCursor(cursor);
  return store.read(async ({ chats, messages }) => {
    const { asOf, after } = start ?? { asOf: await messages.lastId(), after: undefined };
    const found = await chats.ofUser(by, { asOf, after, limit: limit + 1 });
    const page = found.slice(0, limit);
    const last = page.at(-1);
    const next = last && found.length > limit ? [asOf, last.activity, last.chat.id].join(".") : undefined;
    return { chats: page, next };
  });
}

function parseCursor(cursor: string): Pick<ChatSlice, "asOf" | "after"> {
  const parts = /^\d+\.\d+\.\d+$/.test(cursor) ? cursor.split(".").map(Number) : [];
  const [asOf, activity, chatId] = parts;
  if (asOf === undefined || activity === undefined || !parts.every(Number.isSafeInteger)) {
    throw new MessagingError("invalid_cursor", "Invalid cursor. Use the one from the previous page.");
  }
  return { asOf, after: { activity, chatId: chatId as ChatId } };
}

export interface GetChat {
  readonly by: UserId;
  readonly chatId: ChatId;
}

/**
 * One chat of the caller and its participants, in the order in which they joined.
 *
 * @throws MessagingError `not_a_participant`
 */
export async function getChat(
  { store }: Ports,
  { by, chatId }: GetChat,
): Promise<{ readonly overview: ChatOverview; readonly participants: readonly Participant[] }> {
  return store.read(async ({ chats }) => {
    const overview = assertParticipant(await chats.overview(chatId, by));
    return { overview, participants: await chats.participants(chatId) };
  });
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
  return store.transaction(async ({ chats, users, events }) => {
    const before = assertParticipant(await chats.overview(chatId, by));
    const readSeq = advanceReadSeq(before, seq);
    if (readSeq === before.readSeq) return before;
    await chats.setRead(chatId, by, readSeq);
    const after = assertParticipant(await chats.overview(chatId, by));
    const { id, username } = await getUserById(users, by);
    const change = {
      type: "chat.read",
      user: { id, username },
      readSeq,
      unreadCount: unreadCount(after),
    } as const;
    const to = after.chat.kind === "p2p" ? "participants" : { user: by, includesRemoved: false };
    await events.append(chatChanged(chatId, change, clock.now(), to));
    return after;
  });
}
