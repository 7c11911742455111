import {
  furthestRead,
  parseTitle,
  requireGroup,
  requireParticipant,
  type Chat,
  type ChatId,
  type ChatOverview,
  type Participant,
} from "../domain/chat.js";
import { MessagingError } from "../domain/errors.js";
import type { UserId } from "../domain/user.js";
import type { ChatPage, Ports } from "./ports.js";
import { requireUser, requireUserNamed } from "./users.js";

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
  return store.transaction(async ({ chats, users }) => {
    const creator = await requireUser(users, command.by);
    const chat = await chats.addGroup(title, now);
    await chats.addParticipant(chat.id, creator.id, now);
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
export async function renameChat({ store }: Ports, command: RenameChat): Promise<void> {
  const title = command.title === null ? null : parseTitle(command.title);
  await store.transaction(async ({ chats }) => {
    const chat = requireGroup(await chats.ofParticipant(command.chatId, command.by));
    if (chat.title !== title) await chats.rename(chat.id, title);
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
 * @throws MessagingError `not_a_participant`, `p2p_chat`, `unknown_user`, `already_participant`
 */
export async function addParticipant({ store, clock }: Ports, command: AddParticipant): Promise<void> {
  await store.transaction(async ({ chats, users }) => {
    const chat = requireGroup(await chats.ofParticipant(command.chatId, command.by));
    const user = await requireUserNamed(users, command.username);
    if (!(await chats.addParticipant(chat.id, user.id, clock.now()))) {
      throw new MessagingError("already_participant", "This user is a participant of the chat already.");
    }
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
 * @throws MessagingError `not_a_participant`, `p2p_chat`, `unknown_user`, `user_not_in_chat`
 */
export async function removeParticipant({ store }: Ports, command: RemoveParticipant): Promise<void> {
  await store.transaction(async ({ chats, users }) => {
    const chat = requireGroup(await chats.ofParticipant(command.chatId, command.by));
    const user = (await users.byId(command.user as UserId)) ?? (await requireUserNamed(users, command.user));
    if (!(await chats.removeParticipant(chat.id, user.id))) {
      throw new MessagingError("user_not_in_chat", "This user is not a participant of the chat.");
    }
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
export async function listChats({ store }: Ports, { by, limit, cursor }: ListChats): Promise<ChatList> {
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
    const overview = requireParticipant(await chats.overview(chatId, by));
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
export async function markRead({ store }: Ports, { by, chatId, seq }: MarkRead): Promise<ChatOverview> {
  return store.transaction(async ({ chats }) => {
    const before = requireParticipant(await chats.overview(chatId, by));
    const readSeq = furthestRead(before, seq);
    if (readSeq === before.readSeq) return before;
    await chats.setRead(chatId, by, readSeq);
    return requireParticipant(await chats.overview(chatId, by));
  });
}
