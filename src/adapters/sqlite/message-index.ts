import type { MessageId } from "../../domain/message.js";
import { searchTerms, type SearchQuery } from "../../domain/search.js";
import { SearchSegment, toSegments, type IndexedMessage } from "./search-segment.js";

/** A message whose text is to be indexed. */
export interface IndexedText {
  readonly id: MessageId;
  readonly text: string;
}

/** Bounds the time of a call of `find`, however many messages the query matches. */
const MAX_SEGMENTS_PER_CALL = 500;
const MAX_POSTINGS_PER_CALL = 40_000;
const MAX_FOUND_PER_CALL = 400;

/**
 * An index of the texts of a store in the memory of this process, in segments in ascending order of id. It has no part in transactions:
 * what it finds is compared with the texts, so it can find too much, and a change that is rolled back does no harm.
 *
 * The index is not stored. A table of terms would double the size of the database, the snapshot and the log, and every start would
 * replay it. It is built after the start in less time than that.
 */
export class MessageIndex {
  #segments: SearchSegment[] = [];
  /** The last messages, which do not fill a segment. */
  #pending: readonly IndexedMessage[] = [];
  /** Whether the last segment has the pending messages. */
  #isFlushed = false;
  #indexedUpTo = 0;
  #readUpTo = 0;
  /** The messages that were changed or deleted since their segment was built. */
  readonly #changed = new Map<SearchSegment, Set<number>>();

  /** `find` finds messages up to this id. */
  get indexedUpTo(): number {
    return this.#indexedUpTo;
  }

  /** The messages up to this id have been added. */
  get readUpTo(): number {
    return this.#readUpTo;
  }

  /**
   * Adds the messages behind `readUpTo`.
   *
   * @param texts at least one, in ascending order of id.
   */
  add(texts: readonly IndexedText[]): void {
    this.#setPending([...this.#pending, ...texts.map(toIndexed)], texts.at(-1)!.id);
  }

  /**
   * Lets `find` find all messages that were added.
   *
   * @param upTo the greatest id so far. There are no messages behind those that were added.
   */
  flush(upTo: number): void {
    if (this.#indexedUpTo === upTo) return;
    if (this.#pending.length > 0 && !this.#isFlushed) this.#segments.push(new SearchSegment(this.#pending));
    this.#isFlushed = this.#pending.length > 0;
    this.#readUpTo = upTo;
    this.#indexedUpTo = upTo;
  }

  #setPending(pending: readonly IndexedMessage[], readUpTo: number): void {
    if (this.#isFlushed) this.#segments.pop();
    this.#isFlushed = false;
    const { segments, rest } = toSegments(pending);
    this.#segments.push(...segments);
    this.#pending = rest;
    this.#readUpTo = readUpTo;
    this.#indexedUpTo = (rest[0]?.id ?? readUpTo + 1) - 1;
  }

  /** Marks messages whose texts have changed or gone. `find` finds them for every query until they are read again. */
  change(ids: readonly number[]): void {
    for (const id of ids) {
      if (id > this.#readUpTo) continue;
      if (id > this.#indexedUpTo || id >= (this.#pending[0]?.id ?? Infinity)) {
        // They are read again with those behind them.
        const kept = this.#pending.filter((each) => each.id < id);
        this.#setPending(kept, id - 1);
        continue;
      }
      const segment = this.#segments[this.#indexOf(id)];
      if (segment === undefined || segment.first > id) continue;
      const changed = this.#changed.get(segment);
      if (changed) changed.add(id);
      else this.#changed.set(segment, new Set([id]));
    }
  }

  /** The changed messages of a segment, to be read again; undefined without one. */
  toRefresh(): readonly number[] | undefined {
    for (const changed of this.#changed.values()) return [...changed].slice(0, MAX_REFRESHED);
    return undefined;
  }

  /**
   * Replaces the terms of changed messages.
   *
   * @param ids from `toRefresh`.
   * @param texts those of them that exist, in ascending order of id.
   */
  refresh(ids: readonly number[], texts: readonly IndexedText[]): void {
    const [segment, changed] = this.#changed.entries().next().value!;
    for (const id of ids) changed.delete(id);
    const gone = new Set(ids);
    const kept = segment.toIndexed().filter(({ id }) => !gone.has(id));
    const indexed = [...kept, ...texts.map(toIndexed)].toSorted((one, other) => one.id - other.id);
    const { segments, rest } = toSegments(indexed);
    const built = rest.length > 0 ? [...segments, new SearchSegment(rest)] : segments;
    this.#segments.splice(this.#segments.indexOf(segment), 1, ...built);
    this.#changed.delete(segment);
    this.change([...changed]);
  }

  /**
   * The messages of a range that have the words of a query, and changed ones, in descending order of id.
   *
   * @returns the ids down to `reached`.
   */
  find(
    query: SearchQuery,
    after: number,
    upTo: number,
  ): { readonly ids: readonly number[]; readonly reached: number } {
    const ids: number[] = [];
    let postings = 0;
    let at = Math.min(this.#indexOf(upTo), this.#segments.length - 1);
    const end = at - MAX_SEGMENTS_PER_CALL;
    for (; at >= 0; at -= 1) {
      const segment = this.#segments[at]!;
      if (segment.first > upTo) continue;
      if (segment.last <= after) break;
      if (at === end || postings >= MAX_POSTINGS_PER_CALL || ids.length >= MAX_FOUND_PER_CALL) {
        return { ids, reached: segment.last };
      }
      const changed = this.#changed.get(segment);
      let found = segment.find(query);
      if (changed) found = [...new Set([...found, ...changed])].toSorted((one, other) => one - other);
      if (found.length > 0) postings += segment.size;
      for (const id of found.toReversed()) {
        if (id > upTo || id <= after) continue;
        if (ids.length === MAX_FOUND_PER_CALL) return { ids, reached: id };
        ids.push(id);
      }
    }
    return { ids, reached: after };
  }

  /** The index of the first segment with `last >= id`, by binary search. */
  #indexOf(id: number): number {
    let low = 0;
    let high = this.#segments.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#segments[middle]!.last < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Bounds the time that reading and comparing them takes. */
const MAX_REFRESHED = 100;

function toIndexed({ id, text }: IndexedText): IndexedMessage {
  return { id, terms: searchTerms(text) };
}
