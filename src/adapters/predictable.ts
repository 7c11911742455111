import type { Clock, Ids, PasswordHasher, Secrets } from "../application/ports.js";

/** A clock that changes only when it is advanced. */
export interface ManualClock extends Clock {
  /**
   * Moves the clock, back if negative. Afterwards runs the work of `every` that is due, once.
   *
   * @throws TypeError unless it is a whole number of milliseconds
   */
  advance(milliseconds: number): void;
}

/** @param start epoch milliseconds. */
export function manualClock(start = Date.parse("2026-11-23T10:15:00.123Z")): ManualClock {
  let now = start;
  const works = new Set<{ dueAt: number; readonly interval: number; readonly work: () => void }>();
  return {
    now: () => now,
    every(interval, work) {
      const entry = { dueAt: now + interval, interval, work };
      works.add(entry);
      return () => void works.delete(entry);
    },
    advance(milliseconds) {
      if (!Number.isSafeInteger(milliseconds)) {
        throw new TypeError(`Invalid time: ${String(milliseconds)}. Use a whole number of milliseconds.`);
      }
      now += milliseconds;
      for (const entry of works) {
        if (entry.dueAt > now) continue;
        entry.dueAt = now + entry.interval;
        entry.work();
      }
    },
  };
}

/** Generates `id-…1`, `id-…2` and so on, unique only among the ids of one generator. */
export function sequentialIds(): Ids {
  let count = 0;
  return { next: () => `id-${String((count += 1)).padStart(33, "0")}` };
}

/** Generates `secret-1-…`, `secret-2-…` and so on, and codes in the same way. A digest contains its text. */
export function sequentialSecrets(): Secrets {
  let count = 0;
  let codes = 0;
  return {
    generate: () => `secret-${(count += 1)}`.padEnd(43, "-"),
    generateCode: () => `code-${(codes += 1)}`.padEnd(22, "-"),
    digests: (text) => [`digest of ${text}`],
  };
}

/**
 * Does not hash: a digest contains its password.
 *
 * @param scheme the prefix of each digest. Digests with another prefix are outdated.
 */
export function plaintextHasher(scheme = "plain"): PasswordHasher {
  return {
    hash: async (password) => `${scheme}:${password}`,
    verify: async (digest, password) => digest?.slice(digest.indexOf(":") + 1) === password,
    isOutdated: (digest) => !digest.startsWith(`${scheme}:`),
  };
}
