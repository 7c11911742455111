import type { UserId } from "../domain/user.js";
import type { ReadRepositories } from "./ports.js";

/** Beyond that, a list over all chats of a user costs less if a store visits a range of ids instead of each chat. */
const MAX_VISITED_CHATS = 500;

/** The length of the range of ids that a page of such a list visits. */
export const MAX_RANGE_LENGTH = 5_000;

/** Whether lists over all chats of the user should set `scansRange`. */
export function hasManyChats({ chats }: Pick<ReadRepositories, "chats">, userId: UserId): Promise<boolean> {
  return chats.hasMoreThan(userId, MAX_VISITED_CHATS);
}
