import type { ChatId } from "../domain/chat.js";
import { toMentions } from "../domain/mention.js";
import type { UserId } from "../domain/user.js";
import type { ReadRepositories } from "./ports.js";
import { findUserByNameOrId } from "./users.js";

/**
 * Finds the users whom a message mentions, each once, in the order in which they are named.
 *
 * @param names usernames or user ids of participants.
 * @param kept users whom the message already mentions. They can stay without being participants any more.
 * @throws MessagingError `invalid_mention`
 */
export async function findMentioned(
  { chats, users }: Pick<ReadRepositories, "chats" | "users">,
  chatId: ChatId,
  names: readonly string[],
  kept: readonly UserId[] = [],
): Promise<readonly UserId[]> {
  const idOf = async (name: string): Promise<UserId | undefined> => {
    const user = await findUserByNameOrId(users, name);
    if (user === undefined || kept.includes(user.id)) return user?.id;
    return (await chats.ofParticipant(chatId, user.id))?.user.id;
  };
  return toMentions(names, await Promise.all(names.map(idOf)));
}
