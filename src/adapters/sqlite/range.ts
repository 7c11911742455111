import { setImmediate } from "node:timers/promises";
import type { Slice } from "../../application/ports.js";

/** Ids that one statement visits, in one or two milliseconds. */
const MAX_VISITED_IDS = 500;

/**
 * Reads a slice of a range of ids part by part, in the direction of the slice, until it is full. Other events of the process have
 * their turn in between.
 *
 * @param read returns the items of a part in the direction of the slice.
 * @returns the items in that direction.
 */
export async function scanRange<Item>(
  { after, upTo, limit, from, maxCharacters = Infinity }: Slice,
  lengthOf: (item: Item) => number,
  read: (part: Slice & { readonly maxCharacters: number }) => readonly Item[],
): Promise<readonly Item[]> {
  const found: Item[] = [];
  let characters = 0;
  for (let visited = 0; visited < upTo - after; visited += MAX_VISITED_IDS) {
    if (visited > 0) await setImmediate();
    const part =
      from === "oldest"
        ? { after: after + visited, upTo: Math.min(after + visited + MAX_VISITED_IDS, upTo) }
        : { after: Math.max(upTo - visited - MAX_VISITED_IDS, after), upTo: upTo - visited };
    const left = limit - found.length;
    const items = read({ ...part, from, limit: left, maxCharacters: maxCharacters - characters });
    found.push(...items);
    characters += items.reduce((sum, item) => sum + lengthOf(item), 0);
    if (found.length >= limit || characters >= maxCharacters) break;
  }
  return found;
}
