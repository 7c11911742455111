import type { LiveSignal } from "../domain/live-signal.js";

/** Signals that wait for one subscriber. Beyond that the oldest are dropped. */
const MAX_BUFFERED_SIGNALS = 100;

interface BufferedSignal {
  readonly signal: LiveSignal;
  /** How many events the subscriber had received, or had in its buffer, when the signal arrived. */
  readonly position: number;
}

/** The signals that wait for one subscriber, and how many of its buffered events come before each. */
export class SignalBuffer {
  /** By what they are about, so that a newer signal replaces an older one. In order of arrival. */
  readonly #signals = new Map<string, BufferedSignal>();
  /** How many events the subscriber has received since the buffer was empty. */
  #received = 0;

  get isEmpty(): boolean {
    return this.#signals.size === 0;
  }

  /** How many buffered events come before the first signal; undefined without one. */
  get eventsBefore(): number | undefined {
    for (const { position } of this.#signals.values()) return position - this.#received;
    return undefined;
  }

  /** @param eventsBefore how many events are buffered. */
  add(signal: LiveSignal, eventsBefore: number): void {
    if (this.isEmpty) this.#received = 0;
    const key = signal.type === "typing" ? `${signal.chatId} ${signal.user.id}` : signal.user.id;
    this.#signals.delete(key);
    this.#signals.set(key, { signal, position: this.#received + eventsBefore });
    if (this.#signals.size <= MAX_BUFFERED_SIGNALS) return;
    for (const oldest of this.#signals.keys()) {
      this.#signals.delete(oldest);
      return;
    }
  }

  /** Removes and returns the first signals, up to the next event. */
  take(): readonly LiveSignal[] {
    const taken: LiveSignal[] = [];
    const first = this.eventsBefore;
    for (const [key, { signal, position }] of this.#signals) {
      if (position - this.#received !== first) break;
      this.#signals.delete(key);
      taken.push(signal);
    }
    return taken;
  }

  /** Counts buffered events as received. */
  skip(events: number): void {
    this.#received += events;
  }

  clear(): void {
    this.#signals.clear();
  }
}
