import { MessagingError } from "../domain/errors.js";

/** A part of a list, and the cursor of the next part: undefined on the last page. */
interface Page<Item> {
  readonly items: readonly Item[];
  readonly next: string | undefined;
}

/**
 * The first `limit` items.
 *
 * @param found in the order of the list, at least `limit + 1` unless there are fewer.
 * @param cursorOf the cursor behind an item.
 */
export function toPage<Item>(
  found: readonly Item[],
  limit: number,
  cursorOf: (last: Item) => string,
): Page<Item> {
  const items = found.slice(0, limit);
  return { items, next: found.length > limit ? cursorOf(items.at(-1)!) : undefined };
}

export function invalidCursor(): MessagingError {
  return new MessagingError("invalid_cursor", "Invalid cursor. Use the one from the previous page.");
}
