import type { ChatId } from "../domain/chat.js";
import { toMentions } from "../domain/mention.js";
import type { UserId } from "../domain/user.js";
import type { ReadRepositories, UserReader } from "./ports.js";
import { findUserByNameOrId } from "./users.js";

/**
 * Finds the users that a message mentions, each once, in the order in which they are named.
 *
 * @param names usernames or user ids of participants.
 * @param kept users that the message already mentions. They can stay without being participants any more.
 * @throws MessagingError `invalid_mention`
 */
export async function findMentioned(
  { chats, users }: Pick<ReadRepositories, "chats" | "users">,
  chatId: ChatId,
  names: readonly string[],
  kept: readonly UserId[] = [],
): Promise<readonly UserId[]> {
  const isAllowed = async (id: UserId) =>
    kept.includes(id) || (await chats.ofParticipant(chatId, id)) !== undefined;
  return findAllowed(users, names, isAllowed);
}

/**
 * As `findMentioned`, for the first message of a chat that is going to have these participants.
 *
 * @throws MessagingError `invalid_mention`
 */
export async function assertMentions(
  users: UserReader,
  participants: readonly UserId[],
  names: readonly string[],
): Promise<void> {
  await findAllowed(users, names, async (id) => participants.includes(id));
}

async function findAllowed(
  users: UserReader,
  names: readonly string[],
  isAllowed: (id: UserId) => Promise<boolean>,
): Promise<readonly UserId[]> {
  const idOf = async (name: string): Promise<UserId | undefined> => {
    const user = await findUserByNameOrId(users, name);
    return user !== undefined && (await isAllowed(user.id)) ? user.id : undefined;
  };
  return toMentions(names, await Promise.all(names.map(idOf)));
}
