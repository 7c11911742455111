/**
 * A map with any number of values for a key, each once. It can grow by thousands of keys without a long pause: it spreads them over
 * small tables, since a table that grows copies all of its entries at once, and a key with one value needs no set, which would be
 * one more object for the garbage collector to copy.
 */
export class Multimap<Key, Value extends object> {
  readonly #shardOf: (key: Key) => number | string;
  readonly #shards = new Map<number | string, Map<Key, Value | Set<Value>>>();

  /** @param shardOf the table of a key. At most a few thousand keys should share one. */
  constructor(shardOf: (key: Key) => number | string) {
    this.#shardOf = shardOf;
  }

  get isEmpty(): boolean {
    return this.#shards.size === 0;
  }

  has(key: Key, value: Value): boolean {
    const found = this.#found(key);
    return found instanceof Set ? found.has(value) : found === value;
  }

  /** The values of the key. Later changes can appear in them. */
  get(key: Key): Iterable<Value> {
    const found = this.#found(key);
    return found === undefined ? [] : found instanceof Set ? found : [found];
  }

  /** All values, in a new array: each once for each of its keys. */
  values(): Value[] {
    return Array.from(this.#shards.values(), (shard) => [...shard.values()])
      .flat()
      .flatMap((found) => (found instanceof Set ? [...found] : [found]));
  }

  /** Does nothing if the key has the value. */
  add(key: Key, value: Value): void {
    const id = this.#shardOf(key);
    const shard = this.#shards.get(id) ?? new Map<Key, Value | Set<Value>>();
    if (shard.size === 0) this.#shards.set(id, shard);
    const found = shard.get(key);
    if (found === undefined) shard.set(key, value);
    else if (found instanceof Set) found.add(value);
    else if (found !== value) shard.set(key, new Set([found, value]));
  }

  /** Does nothing if the key does not have the value. */
  delete(key: Key, value: Value): void {
    const id = this.#shardOf(key);
    const shard = this.#shards.get(id);
    const found = shard?.get(key);
    if (found instanceof Set) found.delete(value);
    if (found === value || (found instanceof Set && found.size === 0)) shard?.delete(key);
    if (shard?.size === 0) this.#shards.delete(id);
  }

  #found(key: Key): Value | Set<Value> | undefined {
    return this.#shards.get(this.#shardOf(key))?.get(key);
  }
}
