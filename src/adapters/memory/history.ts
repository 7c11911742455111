import type { Slice } from "../../application/ports.js";

interface Numbered {
  readonly id: number;
}

/** A position in a history. */
interface Cursor<Item> {
  readonly history: readonly Item[];
  /** Items with an id up to this one are left out. */
  readonly start: number;
  at: number;
}

/**
 * Returns a slice of several histories, each in the order of its ids, merged by id. The cursors are a binary heap with the
 * next item on top, so that the cost is (histories + slice) × log(histories), independent of their lengths.
 *
 * @param lengthOf the length of an item, which `maxCharacters` bounds.
 * @param starts of each history, the id behind which it starts; 0 by default.
 */
export function sliceOf<Item extends Numbered>(
  histories: readonly (readonly Item[])[],
  { after, upTo, limit, from, maxCharacters = Infinity }: Slice,
  lengthOf: (item: Item) => number = () => 0,
  starts: readonly number[] = [],
): readonly Item[] {
  const forward = from === "oldest";
  const step = forward ? 1 : -1;
  /** The heap key: the id in the direction of reading; infinite at either end of a history. */
  const key = ({ history, start, at }: Cursor<Item>) => {
    const id = history[at]?.id;
    return id === undefined || id <= start ? Infinity : forward ? id : -id;
  };
  const heap = histories.map((history, index): Cursor<Item> => {
    const start = starts[index] ?? 0;
    const at = forward ? firstAfter(history, Math.max(after, start)) : firstAfter(history, upTo) - 1;
    return { history, start, at };
  });
  for (let index = heap.length >> 1; index >= 0; index -= 1) sink(heap, index, key);
  const slice: Item[] = [];
  let characters = 0;
  for (
    let cursor = heap[0];
    cursor !== undefined && slice.length < limit && characters < maxCharacters;
    cursor = heap[0]
  ) {
    const item = cursor.history[cursor.at];
    if (item === undefined || key(cursor) === Infinity || item.id <= after || item.id > upTo) break;
    slice.push(item);
    characters += lengthOf(item);
    cursor.at += step;
    sink(heap, 0, key);
  }
  return forward ? slice : slice.toReversed();
}

/** The index of the first item with a greater id, in a list in the order of the ids. */
export function firstAfter(history: readonly Numbered[], id: number): number {
  return indexBehind(history, id, (item) => item.id);
}

/** The index of the first item with a greater key, by binary search in a list in the order of the keys. */
export function indexBehind<Item>(
  items: readonly Item[],
  key: number,
  keyOf: (item: Item) => number,
): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keyOf(items[middle]!) <= key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Restores the heap order child an index. */
function sink<Item>(heap: Cursor<Item>[], index: number, key: (cursor: Cursor<Item>) => number): void {
  for (let parent = index; ;) {
    let next = parent;
    for (const child of [2 * parent + 1, 2 * parent + 2]) {
      if (child < heap.length && key(heap[child]!) < key(heap[next]!)) next = child;
    }
    if (next === parent) return;
    [heap[parent], heap[next]] = [heap[next]!, heap[parent]!];
    parent = next;
  }
}
