import { LRUCache } from "lru-cache";
import type { Slice } from "../../application/ports.js";
import type { ChatId } from "../../domain/chat.js";
import { lengthOf, type Message, type MessageId } from "../../domain/message.js";
import { reactionsLength, type Reactions } from "../../domain/reaction.js";

const MAX_MESSAGES_PER_CHAT = 256;
/** Of all chats together, in UTF-16 code units. */
const MAX_CACHED_CHARACTERS = 4_000_000;
/** The estimated size of a message without its text, mentions, metadata and reactions, in the same unit. */
const MESSAGE_OVERHEAD_CHARACTERS = 200;
/** The estimated size of a chat without its messages, in the same unit. With it, at most 10,000 chats are cached. */
const CHAT_OVERHEAD_CHARACTERS = 200;

interface Tail {
  /** The newest messages of the chat, oldest first. */
  readonly messages: Message[];
  /** Whether `messages` is the whole history of the chat. */
  readonly isComplete: boolean;
  readonly characters: number;
}

/**
 * A cache of the newest messages of the chats that were read or written last. They are read most, and decoding fifty texts
 * out of sql.js takes 140 µs.
 */
export class RecentMessages {
  // Given `max`, the cache would allocate all its entries at once.
  readonly #tails = new LRUCache<ChatId, Tail>({ maxSize: MAX_CACHED_CHARACTERS });

  /** The newest messages of the slice, oldest first; undefined where the cache does not hold all of them. */
  newest(id: ChatId, { after, upTo, limit }: Omit<Slice, "from">): readonly Message[] | undefined {
    const tail = this.#tails.get(id);
    if (tail === undefined || tail.messages.at(-1)!.id > upTo) return undefined;
    if (!tail.isComplete && tail.messages.length < limit) return undefined;
    return tail.messages
      .slice(Math.max(0, tail.messages.length - limit))
      .filter((message) => message.id > after);
  }

  last(id: ChatId): Message | undefined {
    return this.#tails.get(id)?.messages.at(-1);
  }

  /** @param message the new last message of its chat. */
  append(message: Message): void {
    const tail = this.#tails.get(message.chatId) ?? {
      messages: [],
      isComplete: message.seq === 1,
      characters: 0,
    };
    const { messages } = tail;
    messages.push(message);
    // Cutting half at a time keeps the amortized cost of an append constant.
    const cut = messages.length > MAX_MESSAGES_PER_CHAT ? messages.splice(0, MAX_MESSAGES_PER_CHAT / 2) : [];
    this.#store(message.chatId, {
      messages,
      isComplete: tail.isComplete && cut.length === 0,
      characters: tail.characters + charactersOf([message]) - charactersOf(cut),
    });
  }

  /**
   * Replaces the cached messages of a chat.
   *
   * @param messages the newest messages of the chat, oldest first. Longer lists are ignored.
   * @param isComplete whether they are the whole history of the chat.
   */
  set(id: ChatId, messages: readonly Message[], isComplete: boolean): void {
    if (messages.length === 0 || messages.length > MAX_MESSAGES_PER_CHAT) return;
    this.#store(id, { messages: [...messages], isComplete, characters: charactersOf(messages) });
  }

  /** Replaces the reactions to a message of the chat, if it is cached. The rest of the chat stays cached. */
  setReactions(id: ChatId, messageId: MessageId, reactions: Reactions): void {
    const tail = this.#tails.get(id);
    const index = tail?.messages.findLastIndex((message) => message.id === messageId) ?? -1;
    if (tail === undefined || index === -1) return;
    const before = tail.messages[index]!;
    tail.messages[index] = Object.freeze({ ...before, reactions });
    const added = reactionsLength(reactions) - reactionsLength(before.reactions);
    this.#store(id, { ...tail, characters: tail.characters + added });
  }

  delete(id: ChatId): void {
    this.#tails.delete(id);
  }

  clear(): void {
    this.#tails.clear();
  }

  #store(id: ChatId, tail: Tail): void {
    this.#tails.set(id, tail, { size: CHAT_OVERHEAD_CHARACTERS + tail.characters });
  }
}

function charactersOf(messages: readonly Message[]): number {
  return messages.reduce((sum, message) => sum + MESSAGE_OVERHEAD_CHARACTERS + lengthOf(message), 0);
}
