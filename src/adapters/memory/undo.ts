/** How to take back what a transaction has changed so far: one step a change, the last one first. */
export type Undo = (() => void)[];

/** Puts a value in the place of whatever was there. */
export function put<Key, Value>(map: Map<Key, Value>, key: Key, value: Value, undo: Undo): void {
  if (map.has(key)) take(map, key, undo);
  map.set(key, value);
  undo.push(() => map.delete(key));
}

/** Takes out a value that is there. */
export function take<Key, Value>(map: Map<Key, Value>, key: Key, undo: Undo): void {
  const value = map.get(key)!;
  map.delete(key);
  undo.push(() => map.set(key, value));
}
