/**
 * Bounds deliveries to a number a second on average. One that is allowed may be larger than that: then none is allowed until the
 * average holds again.
 */
export class DeliveryBudget {
  readonly #perSecond: number;
  #left: number;
  /** Epoch milliseconds. */
  #refilledAt = -Infinity;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#left = perSecond;
  }

  /** Counts the deliveries and returns true, if the average allows them. */
  take(count: number, now: number): boolean {
    // A clock that goes back refills nothing.
    const elapsedMs = Math.max(now - this.#refilledAt, 0);
    this.#refilledAt = now;
    this.#left = Math.min(this.#left + (elapsedMs / 1_000) * this.#perSecond, this.#perSecond);
    if (this.#left <= 0) return false;
    this.#left -= count;
    return true;
  }
}
