/** The quota that a key has left. */
export interface Quota {
  readonly exceeded: boolean;
  readonly remaining: number;
  /** The time until the whole quota is available again. */
  readonly resetMs: number;
}

/** A counted request, or one that exceeds the quota and was not counted. */
export interface Counted {
  readonly quota: Quota;
  /** Undoes the count. Call it at most once. Does nothing if the window that it was counted in has ended. Never fails. */
  readonly refund: () => void | Promise<void>;
}

/**
 * Counts requests by key in windows that begin with the first request of a key. A request over the quota is not counted, and
 * concurrent requests never exceed the quota.
 */
export interface RequestCounter {
  /** @throws MessagingError `store_unavailable` or `busy` if the request cannot be counted. It must then be rejected. */
  consume(key: string): Counted | Promise<Counted>;
}

/** Opens the counter of a policy. Counters that nodes share under one policy count together. */
export type OpenCounter = (policy: string, quota: number, windowMs: number) => RequestCounter;

interface Window {
  count: number;
  readonly endsAt: number;
}

/**
 * The counter of this process.
 *
 * At most `maxKeys` keys are counted. Beyond that, the key with the lowest count is forgotten, so that requests under many new
 * keys displace only each other, and never a key whose quota is used up. If the quota of every key is used up, a new key is
 * rejected until the first window ends.
 */
export class Counter implements RequestCounter {
  readonly #quota: number;
  readonly #windowMs: number;
  readonly #maxKeys: number;
  readonly #now: () => number;
  /** All windows have the same length, so the order of insertion is the order in which they end. */
  readonly #windows = new Map<string, Window>();
  /** The keys by their count, least recently counted first. */
  readonly #keysByCount: readonly Set<string>[];

  /** @param now whole milliseconds of a clock that never goes back. Fractions would make a window seem longer than it is. */
  constructor(quota: number, windowMs: number, maxKeys: number, now: () => number = monotonicNow) {
    this.#quota = quota;
    this.#windowMs = windowMs;
    this.#maxKeys = maxKeys;
    this.#now = now;
    this.#keysByCount = Array.from({ length: quota + 1 }, () => new Set<string>());
  }

  consume(key: string): Counted {
    const now = this.#now();
    this.#forgetEnded(now);
    const window = this.#windows.get(key) ?? this.#add(key, now);
    if (window === undefined) return rejected(this.#firstEnd() - now);
    if (window.count >= this.#quota) return rejected(window.endsAt - now);
    this.#setCount(key, window, window.count + 1);
    return {
      quota: { exceeded: false, remaining: this.#quota - window.count, resetMs: window.endsAt - now },
      refund: () => {
        if (this.#windows.get(key) === window) this.#setCount(key, window, window.count - 1);
      },
    };
  }

  /** @returns undefined if the quota of every key is used up. */
  #add(key: string, now: number): Window | undefined {
    if (this.#windows.size >= this.#maxKeys && !this.#forgetLowest()) return undefined;
    const window = { count: 0, endsAt: now + this.#windowMs };
    this.#windows.set(key, window);
    return window;
  }

  #setCount(key: string, window: Window, count: number): void {
    this.#keysByCount[window.count]!.delete(key);
    window.count = count;
    if (count === 0) this.#windows.delete(key);
    else this.#keysByCount[count]!.add(key);
  }

  #forgetLowest(): boolean {
    for (const keys of this.#keysByCount.slice(0, this.#quota)) {
      for (const key of keys) return this.#forget(key, keys);
    }
    return false;
  }

  #forgetEnded(now: number): void {
    for (const [key, { count, endsAt }] of this.#windows) {
      if (endsAt > now) return;
      this.#forget(key, this.#keysByCount[count]!);
    }
  }

  #forget(key: string, keys: Set<string>): true {
    keys.delete(key);
    this.#windows.delete(key);
    return true;
  }

  #firstEnd(): number {
    for (const { endsAt } of this.#windows.values()) return endsAt;
    return 0;
  }
}

function monotonicNow(): number {
  return Math.floor(performance.now());
}

function rejected(resetMs: number): Counted {
  return { quota: { exceeded: true, remaining: 0, resetMs }, refund() {} };
}
