import { MessagingError } from "./errors.js";
import type { UserId } from "./ids.js";

/** The users that one message can mention. */
export const MAX_MENTIONS = 50;

/** A `mentionCount` of this number stands for more, too, so that counting takes bounded time. */
export const MAX_MENTION_COUNT = 500;

export const NO_MENTIONS: readonly UserId[] = Object.freeze([]);

/** @throws MessagingError `invalid_mention` */
export function assertMentionCount(count: number): void {
  if (count <= MAX_MENTIONS) return;
  throw new MessagingError(
    "invalid_mention",
    `More than ${MAX_MENTIONS} mentions. Mention fewer users in one message.`,
  );
}

/**
 * The users to mention, each once, in the order in which they are named.
 *
 * @param names usernames or user ids.
 * @param found the user that each name stands for; undefined unless the message may mention them.
 * @throws MessagingError `invalid_mention`, whose `errors` list each rejected name
 */
export function toMentions(
  names: readonly string[],
  found: readonly (UserId | undefined)[],
): readonly UserId[] {
  const errors = names.flatMap((name, index) => {
    if (found[index] !== undefined) return [];
    const shown = name.slice(0, MAX_NAME_LENGTH_IN_ERROR).toWellFormed();
    return { field: `mentions.${index}`, detail: `"${shown}" is not a participant of the chat.` };
  });
  if (errors.length === 0) return Object.freeze([...new Set(found as readonly UserId[])]);
  throw new MessagingError(
    "invalid_mention",
    "Some mentioned users are not participants of the chat. Mention participants alone.",
    { errors },
  );
}

/** In UTF-16 code units. A valid name has at most 64. */
const MAX_NAME_LENGTH_IN_ERROR = 64;
