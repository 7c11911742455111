import { canRead } from "../domain/chat.js";
import { reactionChanged } from "../domain/event.js";
import { assertReactable, assertReadable, type Message, type MessageId } from "../domain/message.js";
import {
  assertCapacity,
  hasUnlistedSuccessor,
  MAX_LISTED_USERS,
  parseEmoji,
  withoutReaction,
  withReaction,
  type ListedReaction,
  type Reaction,
  type Reactions,
} from "../domain/reaction.js";
import type { UserId } from "../domain/user.js";
import { assertReachable } from "./messages.js";
import { invalidCursor, toPage } from "./pages.js";
import type { OwnMembership, Ports, ReadRepositories, Repositories } from "./ports.js";

export interface React {
  readonly by: UserId;
  readonly id: MessageId;
  /** One emoji: see `parseEmoji`. */
  readonly emoji: string;
}

/**
 * Adds a reaction of the caller to a message that the caller can read. Stores nothing if the caller has reacted with the emoji. The
 * policy `post` does not matter.
 *
 * @returns the reactions to the message.
 * @throws MessagingError `invalid_reaction`, `unknown_message`, `message_deleted`, `too_many_reactions`; in a p2p chat
 * `user_unavailable`, `blocked`
 */
export async function addReaction({ store, clock }: Ports, { by, id, emoji }: React): Promise<Reactions> {
  const parsed = parseEmoji(emoji);
  return store.transaction(async (repositories) => {
    const { message, membership } = await getReadable(repositories, by, id);
    assertReactable(message);
    await assertReachable(repositories, membership);
    assertCapacity(message.reactions, parsed);
    const reaction = { messageId: id, emoji: parsed, userId: by, at: clock.now() };
    if (!(await repositories.reactions.add(reaction))) return message.reactions;
    const reactions = withReaction(message.reactions, parsed, by);
    await repositories.messages.setReactions({ ...message, reactions });
    await repositories.events.append(reactionChanged("reaction.added", message, reaction));
    return reactions;
  });
}

/**
 * Removes a reaction of the caller to a message that the caller can read. Stores nothing if the caller has not reacted with the
 * emoji.
 *
 * @returns the reactions to the message.
 * @throws MessagingError `invalid_reaction`, `unknown_message`
 */
export async function removeReaction({ store, clock }: Ports, { by, id, emoji }: React): Promise<Reactions> {
  const parsed = parseEmoji(emoji);
  return store.transaction(async (repositories) => {
    const { message } = await getReadable(repositories, by, id);
    const reaction = { messageId: id, emoji: parsed, userId: by, at: clock.now() };
    return (await takeBack(repositories, message, reaction)) ?? message.reactions;
  });
}

/**
 * Removes a reaction, with the event.
 *
 * @param at when it is removed.
 * @returns the reactions that are left; undefined if the user has not reacted with the emoji.
 */
export async function takeBack(
  { reactions: all, messages, events }: Repositories,
  message: Message,
  reaction: Reaction,
): Promise<Reactions | undefined> {
  const { emoji, userId } = reaction;
  const isUsed = message.reactions.some((each) => each.emoji === emoji);
  if (!isUsed || !(await all.remove(reaction))) return undefined;
  const firstUsers = hasUnlistedSuccessor(message.reactions, emoji, userId)
    ? await all.firstUsers(message.id, emoji, MAX_LISTED_USERS)
    : undefined;
  const reactions = withoutReaction(message.reactions, emoji, userId, firstUsers);
  await messages.setReactions({ ...message, reactions });
  await events.append(reactionChanged("reaction.removed", message, reaction));
  return reactions;
}

async function getReadable(
  { chats, messages }: ReadRepositories,
  by: UserId,
  id: MessageId,
): Promise<{ readonly message: Message; readonly membership: OwnMembership }> {
  const found = await messages.byId(id);
  const membership = found && (await chats.ofParticipant(found.chatId, by));
  const isReadable = membership !== undefined && canRead(membership, found!);
  return { message: assertReadable(found, isReadable), membership: membership! };
}

export interface ListReactions {
  readonly by: UserId;
  readonly id: MessageId;
  /** 1 or more. */
  readonly limit: number;
  /** The `next` of the previous page; the first page by default. */
  readonly cursor?: string | undefined;
}

export interface ReactionPage {
  /** Oldest first. */
  readonly reactions: readonly ListedReaction[];
  /** The cursor of the next page; undefined on the last page. */
  readonly next: string | undefined;
}

/**
 * Lists the reactions to a message that the caller can read. Following `next` gives each reaction that stays once.
 *
 * @throws MessagingError `invalid_cursor`, `unknown_message`
 */
export async function listReactions({ store }: Ports, command: ListReactions): Promise<ReactionPage> {
  const { by, id, limit, cursor } = command;
  const after = cursor === undefined ? undefined : positionIn(cursor);
  return store.read(async (repositories) => {
    const { message } = await getReadable(repositories, by, id);
    if (message.reactions.length === 0) return { reactions: [], next: undefined };
    const found = await repositories.reactions.ofMessage(id, { after, limit: limit + 1 });
    const { items, next } = toPage(found, limit, ({ position }) => String(position));
    return { reactions: items, next };
  });
}

function positionIn(cursor: string): number {
  const position = /^[1-9]\d{0,15}$/.test(cursor) ? Number(cursor) : NaN;
  if (!Number.isSafeInteger(position)) throw invalidCursor();
  return position;
}
