import { z } from "zod";
import {
  MAX_LISTED_USERS,
  type ListedReaction,
  type Reaction,
  type Reactions,
} from "../../../domain/reaction.js";
import * as field from "./fields.js";
import { timeJson } from "./time.js";
import { userJson, userSchema } from "./user.js";

const emoji = z.string().meta({
  description: "The emoji, exactly as it was sent.",
  examples: ["👍"],
});

const emojiCountSchema = z
  .object({
    emoji,
    count: z
      .int()
      .min(1)
      .meta({ description: "The number of users who react with it.", examples: [1] }),
    user_ids: z.array(field.userId).meta({
      description: `The first ${MAX_LISTED_USERS} of these users. \`listReactions\` has all.`,
    }),
  })
  .meta({ id: "EmojiCount", description: "The reactions to a message with one emoji." });

export const reactionsSchema = z.array(emojiCountSchema).meta({
  description:
    "The reactions to the message by emoji, in the order in which each was first used. An emoji that nobody uses any more is left out.",
  examples: [[]],
});

export const messageReactionsSchema = z
  .object({ reactions: reactionsSchema })
  .meta({ id: "MessageReactions", description: "The reactions to a message." });

export function reactionsJson(reactions: Reactions): z.output<typeof reactionsSchema> {
  return reactions.map(({ emoji: each, count, userIds }) => ({ emoji: each, count, user_ids: [...userIds] }));
}

export const listedReactionSchema = z
  .object({ emoji, ...userSchema.shape, at: field.time })
  .meta({ id: "Reaction", description: "A user reacts to a message." });

export function listedReactionJson(reaction: ListedReaction): z.output<typeof listedReactionSchema> {
  return { emoji: reaction.emoji, ...userJson(reaction.user), at: timeJson(reaction.at) };
}

/** A reaction of a user in an export. */
export const ownReactionSchema = z.object({ message_id: field.messageId, emoji, at: field.time });

export function ownReactionJson(reaction: Reaction): z.output<typeof ownReactionSchema> {
  return { message_id: reaction.messageId, emoji: reaction.emoji, at: timeJson(reaction.at) };
}

export const reactionEventShape = {
  message_id: field.messageId,
  emoji,
  ...userSchema.shape,
  reactions: reactionsSchema,
};
