import { signal, type ReadonlySignal } from "@preact/signals";
import type { Storage, Table } from "./ports.js";

/** The stored records of one user. A failure of the storage loses nothing but the record at the next reload, so it is a state. */
export class UserStorage {
  readonly #storage: Storage;
  readonly #userId: string;
  readonly #isFailing = signal(false);
  /** The records whose last write failed. */
  readonly #failed = new Set<string>();
  #isClosed = false;

  constructor(storage: Storage, userId: string) {
    this.#storage = storage;
    this.#userId = userId;
  }

  /** Whether there are records that could not be stored, or read. */
  get isFailing(): ReadonlySignal<boolean> {
    return this.#isFailing;
  }

  /** Returns no records if they cannot be read. */
  async list<Value>(table: Table): Promise<readonly Value[]> {
    try {
      return (await this.#storage.list(table, this.#userId)) as readonly Value[];
    } catch {
      this.#isFailing.value = true;
      return [];
    }
  }

  async put(table: Table, key: string, value: unknown): Promise<void> {
    await this.#attempt(`${table} ${key}`, () => this.#storage.put(table, this.#userId, key, value));
  }

  async delete(table: Table, key: string): Promise<void> {
    await this.#attempt(`${table} ${key}`, () => this.#storage.delete(table, this.#userId, key));
  }

  /** Writes nothing from now on, so that nothing is stored after the records of the user have been deleted. */
  close(): void {
    this.#isClosed = true;
  }

  async #attempt(record: string, write: () => Promise<void>): Promise<void> {
    if (this.#isClosed) return;
    try {
      await write();
      this.#failed.delete(record);
    } catch {
      this.#failed.add(record);
    }
    this.#isFailing.value = this.#failed.size > 0;
  }
}
