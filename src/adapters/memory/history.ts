import type { Slice } from "../../application/ports.js";

interface Numbered {
  readonly id: number;
}

/** How far one history has been read. */
interface Cursor<Item> {
  readonly history: readonly Item[];
  at: number;
}

/**
 * The slice of several histories merged into one, each of them by growing id. Costs their number plus the slice, times a
 * logarithm, however long they are: the cursors stand in a binary heap, the one whose item comes next on top.
 */
export function sliceOf<Item extends Numbered>(
  histories: readonly (readonly Item[])[],
  { after, upTo, limit, from }: Slice,
): readonly Item[] {
  const forward = from === "oldest";
  const step = forward ? 1 : -1;
  /** How far from the end that the slice begins with; infinite where a history is read to its end. */
  const distance = ({ history, at }: Cursor<Item>) => {
    const id = history[at]?.id;
    return id === undefined ? Infinity : forward ? id : -id;
  };
  const heap = histories.map((history): Cursor<Item> => {
    return { history, at: forward ? firstAfter(history, after) : firstAfter(history, upTo) - 1 };
  });
  for (let place = heap.length >> 1; place >= 0; place -= 1) sink(heap, place, distance);
  const slice: Item[] = [];
  for (let cursor = heap[0]; cursor !== undefined && slice.length < limit; cursor = heap[0]) {
    const item = cursor.history[cursor.at];
    if (item === undefined || item.id <= after || item.id > upTo) break;
    slice.push(item);
    cursor.at += step;
    sink(heap, 0, distance);
  }
  return forward ? slice : slice.toReversed();
}

/** The place of the first item with a greater id, by halving. */
export function firstAfter(history: readonly Numbered[], id: number): number {
  let low = 0;
  let high = history.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (history[middle]!.id <= id) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Moves the cursor at this place down until none below it comes before it. */
function sink<Item>(heap: Cursor<Item>[], place: number, distance: (cursor: Cursor<Item>) => number): void {
  for (let above = place; ;) {
    let next = above;
    for (const below of [2 * above + 1, 2 * above + 2]) {
      if (below < heap.length && distance(heap[below]!) < distance(heap[next]!)) next = below;
    }
    if (next === above) return;
    [heap[above], heap[next]] = [heap[next]!, heap[above]!];
    above = next;
  }
}
