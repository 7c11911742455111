/** A time in epoch milliseconds for each key, in the order in which they were set. */
export class Times<Key> {
  readonly #times = new Map<Key, number>();

  get size(): number {
    return this.#times.size;
  }

  get(key: Key): number | undefined {
    return this.#times.get(key);
  }

  /** @param max how many keys are kept. Beyond that the one that was set first is removed. */
  set(key: Key, time: number, max = Infinity): void {
    this.#times.delete(key);
    this.#times.set(key, time);
    if (this.#times.size > max) this.removeOldest(() => true, 1);
  }

  delete(key: Key): boolean {
    return this.#times.delete(key);
  }

  /** Removes and returns keys from the one that was set first on, up to the first whose time is not old. */
  removeOldest(isOld: (time: number) => boolean, limit = Infinity): readonly Key[] {
    const removed: Key[] = [];
    for (const [key, time] of this.#times) {
      if (removed.length >= limit || !isOld(time)) break;
      this.#times.delete(key);
      removed.push(key);
    }
    return removed;
  }
}
