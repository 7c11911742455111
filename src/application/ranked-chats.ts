import type { ChatActivity } from "./ports.js";

/** Chats of a chunk, on average. A chunk that grows to twice as many is split. */
const CHUNK_LENGTH = 256;

/** Compares two chats in the order of a list: last active first, then in descending order of id. */
function compare(one: ChatActivity, other: ChatActivity): number {
  return other.activity - one.activity || other.chatId - one.chatId;
}

/**
 * Chats in the order of a list. Not changed once made. They are in chunks, of which a change copies only those that it concerns:
 * copying all of 50,000 chats for a few new messages would take milliseconds.
 */
export class RankedChats {
  readonly length: number;
  readonly #chunks: readonly (readonly ChatActivity[])[];

  constructor(chunks: readonly (readonly ChatActivity[])[] = []) {
    this.#chunks = chunks;
    this.length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  /** The first `limit` chats behind the given one; from the start by default. */
  behind(chat: ChatActivity | undefined, limit: number): readonly ChatActivity[] {
    const found: ChatActivity[] = [];
    for (let index = chat ? this.#chunkOf(chat) : 0; index < this.#chunks.length; index += 1) {
      for (const each of this.#chunks[index]!) {
        if (found.length === limit) return found;
        if (chat === undefined || compare(chat, each) < 0) found.push(each);
      }
    }
    return found;
  }

  /** The chats without `removed` and with `added`. */
  move(removed: readonly ChatActivity[], added: readonly ChatActivity[]): RankedChats {
    const changes = new Map<number, { readonly removed: ChatActivity[]; readonly added: ChatActivity[] }>();
    const changesOf = (chat: ChatActivity) => {
      const index = this.#chunkOf(chat);
      const known = changes.get(index) ?? { removed: [], added: [] };
      changes.set(index, known);
      return known;
    };
    for (const chat of removed) changesOf(chat).removed.push(chat);
    for (const chat of added) changesOf(chat).added.push(chat);
    if (changes.size === 0) return this;
    // A change of an empty ranking is one of a chunk that does not exist yet.
    const chunks = this.#chunks.length === 0 ? [[]] : this.#chunks;
    return new RankedChats(
      chunks.flatMap((chunk, index) => {
        const change = changes.get(index);
        if (change === undefined) return [chunk];
        const without = new Set(change.removed.map(({ chatId }) => chatId));
        const kept = chunk.filter(({ chatId }) => !without.has(chatId));
        return split([...kept, ...change.added].toSorted(compare));
      }),
    );
  }

  /** The index of the first chunk that does not end before the chat, or of the last chunk, by binary search. */
  #chunkOf(chat: ChatActivity): number {
    let low = 0;
    let high = Math.max(0, this.#chunks.length - 1);
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compare(this.#chunks[middle]!.at(-1)!, chat) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Splits a chunk that has become too long. An empty one disappears. */
function split(chunk: readonly ChatActivity[]): (readonly ChatActivity[])[] {
  if (chunk.length > 0 && chunk.length < 2 * CHUNK_LENGTH) return [chunk];
  const count = Math.ceil(chunk.length / CHUNK_LENGTH);
  return Array.from({ length: count }, (_, index) =>
    chunk.slice(index * CHUNK_LENGTH, (index + 1) * CHUNK_LENGTH),
  );
}
