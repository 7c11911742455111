import {
  NO_REACTIONS,
  summarize,
  type EmojiCount,
  type ListedReaction,
  type Reaction,
  type Reactions,
} from "../../domain/reaction.js";
import { projection, valueAt, type Change } from "./columns.js";

/** From `reactions`. */
export const REACTION = projection<Reaction>(
  {
    messageId: "reactions.message_id",
    emoji: "reactions.emoji",
    userId: "reactions.user_id",
    at: "reactions.at",
  },
  (row, at) => ({
    messageId: valueAt(row, at.messageId),
    emoji: valueAt(row, at.emoji),
    userId: valueAt(row, at.userId),
    at: valueAt(row, at.at),
  }),
);

/** From `reactions`, joined with the `users` who have reacted. */
export const LISTED_REACTION = projection<ListedReaction>(
  {
    emoji: "reactions.emoji",
    user: { id: "users.id", username: "users.username" },
    at: "reactions.at",
    position: "reactions.position",
  },
  (row, at) => ({
    emoji: valueAt(row, at.emoji),
    user: { id: valueAt(row, at.user.id), username: valueAt(row, at.user.username) },
    at: valueAt(row, at.at),
    position: valueAt(row, at.position),
  }),
);

/** The condition of the reactions to messages that exist and are not deleted. The rows of the others go in slices. */
export const IS_KEPT =
  "NOT EXISTS (SELECT 1 FROM deleted_reactions WHERE deleted_reactions.message_id = reactions.message_id)";

/**
 * The statement that stores the reactions of a message.
 *
 * @param column the value of `encodeReactions`.
 */
export function updateReactions(id: number, column: string | null): Change {
  return ["UPDATE messages SET reactions = $1 WHERE id = $2", column, id];
}

/**
 * The statement that leaves the reactions to some of the `messages`, which are deleted after it, to `deleteOfDeleted`.
 *
 * @param condition of the messages.
 */
export function discardReactions(condition: string): string {
  return `INSERT INTO deleted_reactions SELECT id FROM messages WHERE ${condition} AND reactions IS NOT NULL`;
}

/** The value of the column `messages.reactions`: JSON, or null without reactions. */
export function encodeReactions(reactions: Reactions): string | null {
  if (reactions.length === 0) return null;
  return JSON.stringify(reactions.map(({ emoji, count, userIds }) => ({ emoji, count, userIds })));
}

export function decodeReactions(column: string | null): Reactions {
  if (column === null) return NO_REACTIONS;
  const reactions = JSON.parse(column) as EmojiCount[];
  for (const each of reactions) {
    Object.freeze(each.userIds);
    Object.freeze(each);
  }
  return Object.freeze(reactions);
}

/**
 * Whether a stored summary of the reactions to a message is that of all of them. The order of the emoji does not follow from them.
 *
 * @param list all reactions to the message, oldest first.
 */
export function isSummaryOf(
  column: string | null,
  list: readonly Pick<Reaction, "emoji" | "userId">[],
): boolean {
  const sorted = (reactions: Reactions) =>
    JSON.stringify(
      reactions
        .map(({ emoji, count, userIds }) => [emoji, count, userIds] as const)
        .toSorted(([one], [other]) => (one < other ? -1 : 1)),
    );
  return sorted(decodeReactions(column)) === sorted(summarize(list));
}

/** The deleted messages of which `deleteOfDeleted` deletes the reactions by one statement. */
export const MAX_DISCARDED_MESSAGES = 100;
