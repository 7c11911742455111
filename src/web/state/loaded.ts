import { signal, type ReadonlySignal } from "@preact/signals";
import { toFailure, type Failure } from "./failure.js";

/** A value that is read from the server. A reload keeps the value until the new one is there. */
export class Loaded<Value> {
  readonly #read: () => Promise<Value>;
  readonly #value = signal<Value | undefined>(undefined);
  readonly #failure = signal<Failure | undefined>(undefined);
  readonly #isLoading = signal(false);
  #reads = 0;

  /** @param read reads the value. Nothing is read before `load`. */
  constructor(read: () => Promise<Value>) {
    this.#read = read;
  }

  /** `undefined` until the first value is there. */
  get value(): ReadonlySignal<Value | undefined> {
    return this.#value;
  }

  /** Why the last read failed, or `undefined`. */
  get failure(): ReadonlySignal<Failure | undefined> {
    return this.#failure;
  }

  get isLoading(): ReadonlySignal<boolean> {
    return this.#isLoading;
  }

  /** Reads the value, also again. Never rejects. Of several reads at once, the last one counts. */
  async load(): Promise<void> {
    const read = (this.#reads += 1);
    this.#isLoading.value = true;
    try {
      const value = await this.#read();
      if (read !== this.#reads) return;
      this.#value.value = value;
      this.#failure.value = undefined;
    } catch (error) {
      if (read === this.#reads) this.#failure.value = toFailure(error);
    } finally {
      if (read === this.#reads) this.#isLoading.value = false;
    }
  }

  /** Reads the value, unless it is there or is being read. Never rejects. */
  async loadOnce(): Promise<void> {
    if (this.#value.peek() === undefined && !this.#isLoading.peek()) await this.load();
  }

  /** Reads the value again if it has been read. Never rejects. */
  async reload(): Promise<void> {
    if (this.#reads > 0) await this.load();
  }

  /** Changes the value in place, for instance by the response of a change. Does nothing before the first value. */
  update(change: (value: Value) => Value): void {
    if (this.#value.value !== undefined) this.#value.value = change(this.#value.value);
  }
}
