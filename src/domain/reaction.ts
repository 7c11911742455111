import { MessagingError } from "./errors.js";
import type { MessageId, UserId } from "./ids.js";
import { isLongerThan, lineFault } from "./text.js";
import type { User } from "./user.js";

/** A valid emoji, or another visible character: one grapheme cluster, exactly as it was sent. */
export type Emoji = string & { readonly emoji: true };

/** A user reacts to a message with an emoji. */
export interface Reaction {
  readonly messageId: MessageId;
  readonly emoji: Emoji;
  readonly userId: UserId;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** A reaction in the list of all reactions to a message. */
export interface ListedReaction {
  readonly emoji: Emoji;
  readonly user: Pick<User, "id" | "username">;
  /** Epoch milliseconds. */
  readonly at: number;
  /** The position in the list. A later reaction has a greater one. */
  readonly position: number;
}

/** The reactions to a message with one emoji. */
export interface EmojiCount {
  readonly emoji: Emoji;
  /** 1 or more. */
  readonly count: number;
  /** The first users, oldest reaction first: at most `MAX_LISTED_USERS`. */
  readonly userIds: readonly UserId[];
}

/**
 * The reactions to a message, by emoji, in the order in which each emoji was first used. An emoji without reactions is left out, and
 * comes last when it is used again.
 */
export type Reactions = readonly EmojiCount[];

export const NO_REACTIONS: Reactions = Object.freeze([]);

/** The number of emoji that users can react with to one message. */
export const MAX_EMOJI_PER_MESSAGE = 20;

/** The number of users that a message names for each emoji. The list of all reactions has the others. */
export const MAX_LISTED_USERS = 20;

/** In code points. */
export const MAX_EMOJI_LENGTH = 32;

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/**
 * @throws MessagingError `invalid_reaction` unless the text is one visible grapheme cluster of at most 32 code points, without white
 * space, control characters and unpaired surrogates, that does not begin with a combining mark.
 */
export function parseEmoji(text: string): Emoji {
  const fault = emojiFault(text);
  if (fault !== undefined) throw new MessagingError("invalid_reaction", `The reaction ${fault}`);
  return text as Emoji;
}

function emojiFault(text: string): string | undefined {
  if (isLongerThan(text, MAX_EMOJI_LENGTH)) return "is longer than one emoji. Use one emoji.";
  const fault = lineFault(text, MAX_EMOJI_LENGTH);
  if (fault !== undefined) return fault;
  if (/\p{White_Space}/u.test(text)) return "contains white space. Remove it.";
  if (/^\p{M}/u.test(text)) return "begins with a combining mark. Put a character before it.";
  if ([...graphemes.segment(text)].length > 1) return "is more than one character. Use one emoji.";
  return undefined;
}

/**
 * The reactions with one more.
 *
 * @param userId a user who has not reacted with the emoji.
 * @throws MessagingError `too_many_reactions`
 */
export function withReaction(reactions: Reactions, emoji: Emoji, userId: UserId): Reactions {
  const known = reactions.find((each) => each.emoji === emoji);
  if (known === undefined) {
    assertCapacity(reactions, emoji);
    return [...reactions, { emoji, count: 1, userIds: [userId] }];
  }
  const { count, userIds } = known;
  const listed = count < MAX_LISTED_USERS ? [...userIds, userId] : userIds;
  return replaced(reactions, { emoji, count: count + 1, userIds: listed });
}

/**
 * Checks that a user can react to a message with the emoji.
 *
 * @throws MessagingError `too_many_reactions`
 */
export function assertCapacity(reactions: Reactions, emoji: Emoji): void {
  if (reactions.length < MAX_EMOJI_PER_MESSAGE || reactions.some((each) => each.emoji === emoji)) return;
  throw new MessagingError(
    "too_many_reactions",
    `This message has ${MAX_EMOJI_PER_MESSAGE} different reactions. Use one of them.`,
  );
}

/** Whether a message names another user when it loses a reaction of this user: one who reacted later. */
export function hasUnlistedSuccessor(reactions: Reactions, emoji: Emoji, userId: UserId): boolean {
  const known = reactions.find((each) => each.emoji === emoji);
  return known !== undefined && known.count > MAX_LISTED_USERS && known.userIds.includes(userId);
}

/**
 * The reactions without one.
 *
 * @param userId a user who has reacted with the emoji.
 * @param firstUsers where `hasUnlistedSuccessor`, the first users who have reacted with the emoji, without this one: at most
 * `MAX_LISTED_USERS`.
 */
export function withoutReaction(
  reactions: Reactions,
  emoji: Emoji,
  userId: UserId,
  firstUsers?: readonly UserId[],
): Reactions {
  const known = reactions.find((each) => each.emoji === emoji);
  if (known === undefined || known.count === 1) return reactions.filter((each) => each.emoji !== emoji);
  const userIds = firstUsers ?? known.userIds.filter((id) => id !== userId);
  return replaced(reactions, { emoji, count: known.count - 1, userIds });
}

function replaced(reactions: Reactions, changed: EmojiCount): Reactions {
  return reactions.map((each) => (each.emoji === changed.emoji ? changed : each));
}

/** The reactions that a list of all of them adds up to, if each emoji was always used since its first reaction in the list. */
export function summarize(list: Iterable<Pick<Reaction, "emoji" | "userId">>): Reactions {
  const found = new Map<Emoji, { emoji: Emoji; count: number; userIds: UserId[] }>();
  for (const { emoji, userId } of list) {
    const counted = found.get(emoji) ?? { emoji, count: 0, userIds: [] };
    found.set(emoji, counted);
    counted.count += 1;
    if (counted.userIds.length < MAX_LISTED_USERS) counted.userIds.push(userId);
  }
  return [...found.values()];
}

/** More than the length of the rest of an `EmojiCount` as JSON. */
const EMOJI_COUNT_OVERHEAD = 100;

/** The length that reactions take, in UTF-16 code units: at least that of their JSON in code points. */
export function reactionsLength(reactions: Reactions): number {
  let length = 0;
  for (const { emoji, userIds } of reactions) {
    length += EMOJI_COUNT_OVERHEAD + emoji.length;
    // With quotation marks and a comma.
    for (const id of userIds) length += id.length + 3;
  }
  return length;
}
