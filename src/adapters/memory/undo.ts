/** The inverse of each change of the running transaction. A rollback runs them from last to first. */
export type Undo = (() => void)[];

/** Sets a value, new or in place of another. */
export function put<Key, Value>(map: Map<Key, Value>, key: Key, value: Value, undo: Undo): void {
  if (map.has(key)) remove(map, key, undo);
  map.set(key, value);
  undo.push(() => map.delete(key));
}

/** Deletes a value, which must exist. */
export function remove<Key, Value>(map: Map<Key, Value>, key: Key, undo: Undo): void {
  const value = map.get(key)!;
  map.delete(key);
  undo.push(() => map.set(key, value));
}
