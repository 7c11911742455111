import type { MessageId } from "../../domain/message.js";
import type { SearchQuery, SearchWord } from "../../domain/search.js";

/** A message with the terms of its text. */
export interface IndexedMessage {
  readonly id: MessageId;
  readonly terms: ReadonlySet<string>;
}

/** Of messages and terms. Bounds the time that it takes to build a segment, which sorts the terms, to a few milliseconds. */
const MAX_ENTRIES = 8_000;

/**
 * Splits messages in ascending order of id into segments.
 *
 * @returns the segments, and the messages that do not fill another: at least the last one.
 */
export function toSegments(indexed: readonly IndexedMessage[]): {
  readonly segments: readonly SearchSegment[];
  readonly rest: readonly IndexedMessage[];
} {
  const segments: SearchSegment[] = [];
  let start = 0;
  let entries = 0;
  for (const [index, { terms }] of indexed.entries()) {
    if (index > start && entries + 1 + terms.size > MAX_ENTRIES) {
      segments.push(new SearchSegment(indexed.slice(start, index)));
      start = index;
      entries = 0;
    }
    entries += 1 + terms.size;
  }
  return { segments, rest: indexed.slice(start) };
}

/**
 * The terms of some hundred messages: the sorted terms in one string, and for each term the messages that have it. A sorted
 * vocabulary finds the terms of a prefix, and typed arrays take a tenth of the memory of maps.
 */
export class SearchSegment {
  readonly #ids: Float64Array;
  readonly #vocabulary: string;
  /** The start of each term in the vocabulary, and its end. */
  readonly #starts: Uint32Array;
  /** The start of the postings of each term, and their end. */
  readonly #postingStarts: Uint32Array;
  /** The indexes of the messages in `#ids`, ascending for each term. */
  readonly #postings: Uint16Array;

  /** @param indexed at least one message, in ascending order of id. */
  constructor(indexed: readonly IndexedMessage[]) {
    const postingsOf = new Map<string, number[]>();
    let size = 0;
    for (const [index, { terms }] of indexed.entries()) {
      for (const term of terms) {
        const postings = postingsOf.get(term);
        if (postings) postings.push(index);
        else postingsOf.set(term, [index]);
      }
      size += terms.size;
    }
    const terms = [...postingsOf.keys()].toSorted();
    this.#ids = new Float64Array(indexed.length);
    for (const [index, { id }] of indexed.entries()) this.#ids[index] = id;
    this.#vocabulary = terms.join("");
    this.#starts = new Uint32Array(terms.length + 1);
    this.#postingStarts = new Uint32Array(terms.length + 1);
    this.#postings = new Uint16Array(size);
    let end = 0;
    for (const [slot, term] of terms.entries()) {
      for (const posting of postingsOf.get(term)!) this.#postings[end++] = posting;
      this.#starts[slot + 1] = this.#starts[slot]! + term.length;
      this.#postingStarts[slot + 1] = end;
    }
  }

  get first(): number {
    return this.#ids[0]!;
  }

  get last(): number {
    return this.#ids.at(-1)!;
  }

  /** The number of pairs of a message and a term. */
  get size(): number {
    return this.#postings.length;
  }

  /** The messages that have each word, in ascending order of id. */
  find(query: SearchQuery): readonly number[] {
    const ranges = query.map((word) => this.#slotsOf(word));
    if (ranges.some(([start, end]) => start === end)) return [];
    /** For each message, the number of words from the first on that it has. */
    const counts = new Uint8Array(this.#ids.length);
    for (const [index, [start, end]] of ranges.entries()) {
      const to = this.#postingStarts[end]!;
      for (let at = this.#postingStarts[start]!; at < to; at += 1) {
        const posting = this.#postings[at]!;
        if (counts[posting] === index) counts[posting] = index + 1;
      }
    }
    const found: number[] = [];
    for (const [index, count] of counts.entries()) {
      if (count === query.length) found.push(this.#ids[index]!);
    }
    return found;
  }

  /** The messages that the segment was made of. */
  toIndexed(): readonly IndexedMessage[] {
    const terms = Array.from(this.#ids, () => new Set<string>());
    for (let slot = 0; slot < this.#starts.length - 1; slot += 1) {
      const term = this.#term(slot);
      for (const posting of this.#postings.subarray(
        this.#postingStarts[slot],
        this.#postingStarts[slot + 1],
      )) {
        terms[posting]!.add(term);
      }
    }
    return terms.map((each, index) => ({ id: this.#ids[index] as MessageId, terms: each }));
  }

  #term(slot: number): string {
    return this.#vocabulary.slice(this.#starts[slot], this.#starts[slot + 1]);
  }

  /** The terms of a word, from a slot on, up to the other one. */
  #slotsOf({ term, isPrefix }: SearchWord): readonly [start: number, end: number] {
    const start = this.#lowerBound(term);
    // No term has a code unit of this value, which is greater than all others.
    if (isPrefix) return [start, this.#lowerBound(`${term}\uffff`)];
    return [start, start < this.#starts.length - 1 && this.#term(start) === term ? start + 1 : start];
  }

  /** The first slot whose term is not less. */
  #lowerBound(term: string): number {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#term(middle) < term) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
