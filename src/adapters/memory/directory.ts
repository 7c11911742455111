import type { DirectoryPosition } from "../../application/ports.js";
import { endOfPrefix } from "../../domain/directory.js";
import type { UserId } from "../../domain/user.js";
import type { Undo } from "./undo.js";

/** The words of all active users, sorted by code point and then by user. */
export class Directory {
  readonly #entries: DirectoryPosition[] = [];
  readonly #undo: Undo;

  constructor(undo: Undo) {
    this.#undo = undo;
  }

  add(id: UserId, words: readonly string[]): void {
    for (const word of words) {
      const index = this.#indexBehind({ id, word });
      this.#entries.splice(index, 0, { id, word });
      this.#undo.push(() => this.#entries.splice(index, 1));
    }
  }

  remove(id: UserId, words: readonly string[]): void {
    for (const word of words) {
      const index = this.#indexBehind({ id, word }) - 1;
      const removed = this.#entries.splice(index, 1);
      this.#undo.push(() => this.#entries.splice(index, 0, ...removed));
    }
  }

  /** The positions behind `after` whose words begin with the prefix, each only once it is needed. */
  *behind(prefix: string, after: DirectoryPosition | undefined): Generator<DirectoryPosition> {
    const end = endOfPrefix(prefix);
    for (
      let index = this.#indexBehind(after ?? { word: prefix, id: "" as UserId });
      index < this.#entries.length && compare(this.#entries[index]!.word, end) < 0;
      index += 1
    ) {
      yield this.#entries[index]!;
    }
  }

  /** The index of the first entry behind a position, by binary search. */
  #indexBehind(position: DirectoryPosition): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const entry = this.#entries[middle]!;
      const difference = compare(entry.word, position.word);
      if (difference < 0 || (difference === 0 && entry.id <= position.id)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Compares by code point, as databases do: surrogates come behind all other code units. */
export function compare(one: string, other: string): number {
  const length = Math.min(one.length, other.length);
  for (let index = 0; index < length; index += 1) {
    const [left, right] = [one.charCodeAt(index), other.charCodeAt(index)];
    if (left === right) continue;
    const isSurrogate = (unit: number) => unit >= 0xd800 && unit < 0xe000;
    if (isSurrogate(left) !== isSurrogate(right)) return isSurrogate(left) ? 1 : -1;
    return left - right;
  }
  return one.length - other.length;
}
