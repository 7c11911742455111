import { parseTitle, requireGroup, type Chat, type ChatId } from "../domain/chat.js";
import { MessagingError } from "../domain/errors.js";
import type { UserId } from "../domain/user.js";
import type { Ports } from "./ports.js";
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
