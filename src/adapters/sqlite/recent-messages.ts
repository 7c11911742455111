import { LRUCache } from "lru-cache";
import type { Slice } from "../../application/ports.js";
import type { ChatId } from "../../domain/chat.js";
import type { Message } from "../../domain/message.js";

/** Of how many chats a tail is kept, how many messages of each, and how many characters all of that may be. */
const MOST_TAILS = 10_000;
const LONGEST_TAIL = 256;
const MOST_CHARACTERS = 4_000_000;

/** What a message takes besides its text. */
const CHARACTERS_BESIDES = 200;

interface Tail {
  readonly messages: Message[];
  /** Whether there are none before them. */
  readonly whole: boolean;
  readonly characters: number;
}

/**
 * The newest messages of the chats that were written to or read last. They are read again and again, and to take the texts of
 * fifty of them out of sql.js takes 140 µs.
 */
export interface Tails {
  /** The newest in that slice, oldest first; undefined where they are not known. */
  newest(id: ChatId, slice: Omit<Slice, "from">): readonly Message[] | undefined;
  last(id: ChatId): Message | undefined;
  /** @param message behind all others of its chat. */
  lengthen(message: Message): void;
  /**
   * @param messages the newest of the chat, oldest first.
   * @param whole whether there are none before them.
   */
  keep(id: ChatId, messages: readonly Message[], whole: boolean): void;
  /** Something in it is no longer so. */
  drop(id: ChatId): void;
}

export function openTails(): Tails {
  const tails = new LRUCache<ChatId, Tail>({ max: MOST_TAILS, maxSize: MOST_CHARACTERS });

  function set(id: ChatId, tail: Tail): void {
    tails.set(id, tail, { size: tail.characters });
  }

  return {
    newest(id, { after, upTo, limit }) {
      const tail = tails.get(id);
      if (tail === undefined || tail.messages.at(-1)!.id > upTo) return undefined;
      if (!tail.whole && tail.messages.length < limit) return undefined;
      return tail.messages
        .slice(Math.max(0, tail.messages.length - limit))
        .filter((message) => message.id > after);
    },
    last(id) {
      return tails.get(id)?.messages.at(-1);
    },
    lengthen(message) {
      const before = tails.get(message.chatId) ?? { messages: [], whole: message.seq === 1, characters: 0 };
      const { messages } = before;
      messages.push(message);
      // By half at a time, so that each costs the same.
      const cut = messages.length > LONGEST_TAIL ? messages.splice(0, LONGEST_TAIL / 2) : [];
      set(message.chatId, {
        messages,
        whole: before.whole && cut.length === 0,
        characters: before.characters + charactersOf([message]) - charactersOf(cut),
      });
    },
    keep(id, messages, whole) {
      if (messages.length === 0 || messages.length > LONGEST_TAIL) return;
      set(id, { messages: [...messages], whole, characters: charactersOf(messages) });
    },
    drop(id) {
      tails.delete(id);
    },
  };
}

function charactersOf(messages: readonly Message[]): number {
  return messages.reduce((sum, { text }) => sum + CHARACTERS_BESIDES + text.length, 0);
}
