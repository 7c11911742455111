import type { ReactionRepository, UserReader } from "../../application/ports.js";
import type { MessageId } from "../../domain/ids.js";
import type { Emoji, ListedReaction, Reaction } from "../../domain/reaction.js";
import { compare } from "./directory.js";
import { indexBehind } from "./history.js";
import { put, remove, type Undo } from "./undo.js";

interface StoredReaction extends Reaction {
  readonly position: number;
}

/** The reactions to one message. */
interface OfMessage {
  /** In the order of their positions. */
  readonly list: StoredReaction[];
  /** By emoji, in the same order. */
  readonly byEmoji: Map<Emoji, StoredReaction[]>;
  /** By emoji and user. */
  readonly byUser: Map<string, StoredReaction>;
}

export interface MemoryReactions extends ReactionRepository {
  /** Leaves the reactions to a message to `deleteOfDeleted`. */
  discard(id: MessageId): void;
}

export function reactionRepository(users: UserReader, undo: Undo): MemoryReactions {
  const byMessage = new Map<MessageId, OfMessage>();
  /** Of messages that were deleted. */
  const discarded = new Map<MessageId, OfMessage>();
  const positionOf = ({ position }: StoredReaction) => position;
  const keyOf = ({ emoji, userId }: Pick<Reaction, "emoji" | "userId">) => `${emoji} ${userId}`;

  function insert(list: StoredReaction[], reaction: StoredReaction): void {
    list.push(reaction);
    undo.push(() => list.pop());
  }

  function removeFrom(list: StoredReaction[], { position }: StoredReaction): void {
    const index = indexBehind(list, position, positionOf) - 1;
    const [removed] = list.splice(index, 1);
    undo.push(() => list.splice(index, 0, removed!));
  }

  return {
    async ofMessage(id, { after = 0, limit }) {
      const list = byMessage.get(id)?.list ?? [];
      const start = indexBehind(list, after, positionOf);
      const page: ListedReaction[] = [];
      for (const { emoji, userId, at, position } of list.slice(start, start + limit)) {
        const username = (await users.byId(userId))!.username;
        page.push({ emoji, user: { id: userId, username }, at, position });
      }
      return page;
    },
    async firstUsers(id, emoji, limit) {
      const list = byMessage.get(id)?.byEmoji.get(emoji) ?? [];
      return list.slice(0, limit).map(({ userId }) => userId);
    },
    async ofUser(userId, { after, limit }) {
      const own = [...byMessage.values()].flatMap(({ list }) =>
        list.filter((each) => each.userId === userId),
      );
      const isAfter = ({ messageId, emoji }: Reaction) =>
        after === undefined ||
        messageId > after.messageId ||
        (messageId === after.messageId && compare(emoji, after.emoji) > 0);
      return own
        .filter(isAfter)
        .toSorted((one, other) => one.messageId - other.messageId || compare(one.emoji, other.emoji))
        .slice(0, limit)
        .map(({ messageId, emoji, at }) => ({ messageId, emoji, userId, at }));
    },
    async add({ messageId, emoji, userId, at }) {
      let ofMessage = byMessage.get(messageId);
      if (ofMessage === undefined) {
        ofMessage = { list: [], byEmoji: new Map(), byUser: new Map() };
        put(byMessage, messageId, ofMessage, undo);
      }
      const { list, byEmoji, byUser } = ofMessage;
      const position = (list.at(-1)?.position ?? 0) + 1;
      const reaction = Object.freeze({ messageId, emoji, userId, at, position });
      if (byUser.has(keyOf(reaction))) return false;
      if (!byEmoji.has(emoji)) put(byEmoji, emoji, [], undo);
      insert(list, reaction);
      insert(byEmoji.get(emoji)!, reaction);
      put(byUser, keyOf(reaction), reaction, undo);
      return true;
    },
    async remove({ messageId, emoji, userId }) {
      const { list, byEmoji, byUser } = byMessage.get(messageId) ?? {};
      const reaction = byUser?.get(keyOf({ emoji, userId }));
      if (reaction === undefined) return false;
      removeFrom(list!, reaction);
      removeFrom(byEmoji!.get(emoji)!, reaction);
      remove(byUser!, keyOf(reaction), undo);
      return true;
    },
    async deleteOfDeleted(limit) {
      let left = limit;
      for (const [id, { list }] of Array.from(discarded)) {
        const deleted = list.splice(Math.max(0, list.length - left));
        undo.push(() => list.push(...deleted));
        left -= deleted.length;
        if (left === 0) break;
        remove(discarded, id, undo);
      }
      return limit - left;
    },
    discard(id) {
      const ofMessage = byMessage.get(id);
      if (ofMessage === undefined) return;
      remove(byMessage, id, undo);
      put(discarded, id, ofMessage, undo);
    },
  };
}
