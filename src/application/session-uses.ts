import type { SessionId } from "../domain/session.js";

/** Beyond that, the session that was used least recently is forgotten. */
const MAX_SESSIONS = 100_000;

/**
 * The last use of each session in this process, to the millisecond. The store has it to the hour, so that few requests write.
 * It decides which session a login ends.
 */
export class SessionUses {
  readonly #maxSessions: number;
  /** Epoch milliseconds, the least recently used session first. */
  readonly #lastUses = new Map<SessionId, number>();

  constructor(maxSessions = MAX_SESSIONS) {
    this.#maxSessions = maxSessions;
  }

  record(id: SessionId, now: number): void {
    this.#lastUses.delete(id);
    this.#lastUses.set(id, now);
    if (this.#lastUses.size <= this.#maxSessions) return;
    for (const oldest of this.#lastUses.keys()) {
      this.#lastUses.delete(oldest);
      return;
    }
  }

  /** Epoch milliseconds; undefined if no use is known. */
  lastUse(id: SessionId): number | undefined {
    return this.#lastUses.get(id);
  }
}
