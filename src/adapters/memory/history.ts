import type { Slice } from "../../application/ports.js";
import type { Message } from "../../domain/message.js";

/** How far one history has been read. */
interface Cursor {
  readonly history: readonly Message[];
  at: number;
}

/**
 * The slice of several histories merged into one, each of them by growing id. Costs their number plus the slice, times a
 * logarithm, however long they are: the cursors stand in a binary heap, the one with the oldest message on top.
 */
export function sliceOf(
  histories: readonly (readonly Message[])[],
  { after, upTo, limit }: Slice,
): readonly Message[] {
  const heap = histories.map((history): Cursor => ({ history, at: firstAfter(history, after) }));
  for (let place = heap.length >> 1; place >= 0; place -= 1) sink(heap, place);
  const slice: Message[] = [];
  for (let cursor = heap[0]; cursor !== undefined && slice.length < limit; cursor = heap[0]) {
    const message = cursor.history[cursor.at];
    if (message === undefined || message.id > upTo) break;
    slice.push(message);
    cursor.at += 1;
    sink(heap, 0);
  }
  return slice;
}

/** The place of the first message with a greater id, by halving. */
function firstAfter(history: readonly Message[], id: number): number {
  let low = 0;
  let high = history.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (history[middle]!.id <= id) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Moves the cursor at this place down until none below it has an older message. */
function sink(heap: Cursor[], place: number): void {
  for (let above = place; ;) {
    let oldest = above;
    for (const below of [2 * above + 1, 2 * above + 2]) {
      if (below < heap.length && nextId(heap[below]!) < nextId(heap[oldest]!)) oldest = below;
    }
    if (oldest === above) return;
    [heap[above], heap[oldest]] = [heap[oldest]!, heap[above]!];
    above = oldest;
  }
}

/** Infinity where a history is read to its end. */
function nextId({ history, at }: Cursor): number {
  return history[at]?.id ?? Infinity;
}
