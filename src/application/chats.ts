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
import type { ChatPage, Ports } from "./ports.js";
import { getUser, getUserByNameOrId, getUserByUsername } from "./users.js";

export interface CreateGroupChat {
  readonly by: UserId;
  readonly title?: string | null | undefined;
}

/**
 * Makes a group chat with the caller as its first participant.
 *
 * @throws MessagingError `invalid_title`, `unknown_user`
 */
export async function createGroupChat({ store, clock }: Ports, command: CreateGroupChat): Promise<Chat> {
  const title = command.title == null ? null : parseTitle(command.title);
  const now = clock.now();
  return store.transaction(async ({ chats, users, events }) => {
    const creator = await getUser(users, command.by);
    const chat = await chats.addGroup(title, now);
    await chats.addParticipant(chat.id, creator.id, now);
    await events.append(chatCreated(chat, [creator]));
    return chat;
  });
}

export interface RenameChat {
  readonly by: UserId;
  readonly chatId: ChatId;
  readonly title: string | null;
}

/**
 * Gives a group chat another title, or none.
 *
 * @throws MessagingError `invalid_title`, `not_a_participant`, `p2p_chat`
 */
export async function renameChat({ store, clock }: Ports, command: RenameChat): Promise<void> {
  const title = command.title === null ? null : parseTitle(command.title);
  await store.transaction(async ({ chats, events }) => {
    const { id: chatId, title: before } = assertGroup(await chats.ofParticipant(command.chatId, command.by));
    if (before === title) return;
    await chats.rename(chatId, title);
    await events.append(chatChanged(chatId, { type: "chat.renamed", title }, clock.now()));
  });
}

export interface AddParticipant {
  readonly by: UserId;
  readonly chatId: ChatId;
  readonly username: string;
}

/**
 * Lets somebody into a group chat; they see its whole history.
 *
 * @returns who that is.
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
    // First those who are there are told: the one who comes is told how they find the chat, and nothing from before.
    await events.append(chatChanged(chatId, change, at));
    if (!(await chats.addParticipant(chatId, id, at))) {
      throw new MessagingError("already_participant", "This user is a participant of the chat already.");
    }
    const found = assertParticipant(await chats.overview(chatId, id));
    const own = { ...change, overview: { ...found, lastMessage: null } };
    await events.append({
      ...chatChanged(chatId, own, at, { user: id, includesRemoved: false }),
      messageId: found.lastMessage?.id ?? null,
    });
    return user;
  });
}

export interface RemoveParticipant {
  readonly by: UserId;
  readonly chatId: ChatId;
  /** A username or a user id; the caller's own means to leave. */
  readonly user: string;
}

/**
 * Takes somebody out of a group chat; they see nothing of it from then on.
 *
 * @returns who that is.
 * @throws MessagingError `not_a_participant`, `p2p_chat`, `unknown_user`, `user_not_in_chat`
 */
export async function removeParticipant({ store, clock }: Ports, command: RemoveParticipant): Promise<User> {
  return store.transaction(async ({ chats, users, events }) => {
    const { id: chatId } = assertGroup(await chats.ofParticipant(command.chatId, command.by));
    const user = await getUserByNameOrId(users, command.user);
    const { id, username } = user;
    const overview = await chats.overview(chatId, id);
    if (!overview || !(await chats.removeParticipant(chatId, id))) {
      throw new MessagingError("user_not_in_chat", "This user is not a participant of the chat.");
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
  /** Where the page before this one ended; without it, the first page. */
  readonly cursor?: string | undefined;
}

/** A page of somebody's chats. */
export interface ChatList {
  readonly chats: readonly ChatOverview[];
  /** The cursor of the next page; undefined where there is none. */
  readonly next: string | undefined;
}

/**
 * The caller's chats, last active first. Their order stays that of the first page while messages arrive, so that who pages
 * meets each chat once.
 *
 * @throws MessagingError `invalid_cursor`
 */
export async function listChats(
  { store }: Pick<Ports, "store">,
  { by, limit, cursor }: ListChats,
): Promise<ChatList> {
  const place = cursor === undefined ? undefined : parseCursor(cursor);
  return store.read(async ({ chats, messages }) => {
    const { asOf, after } = place ?? { asOf: await messages.lastId(), after: undefined };
    const found = await chats.ofUser(by, { asOf, after, limit: limit + 1 });
    const page = found.slice(0, limit);
    const last = page.at(-1);
    const next = last && found.length > limit ? [asOf, last.activity, last.chat.id].join(".") : undefined;
    return { chats: page, next };
  });
}

function parseCursor(cursor: string): Pick<ChatPage, "asOf" | "after"> {
  const parts = /^\d+\.\d+\.\d+$/.test(cursor) ? cursor.split(".").map(Number) : [];
  const [asOf, activity, chatId] = parts;
  if (asOf === undefined || activity === undefined || !parts.every(Number.isSafeInteger)) {
    throw new MessagingError(
      "invalid_cursor",
      "This is no cursor. Take the one that came with the page before.",
    );
  }
  return { asOf, after: { activity, chatId: chatId as ChatId } };
}

export interface GetChat {
  readonly by: UserId;
  readonly chatId: ChatId;
}

/**
 * One chat of the caller, and who is in it, in the order in which they joined.
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
  /** Of the last message that the caller has read. */
  readonly seq: number;
}

/**
 * Notes how far the caller has read. It never moves back, and never past the last message.
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
    const { id, username } = await getUser(users, by);
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
