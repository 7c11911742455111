import type { Clock, Ids, PasswordHasher, Secrets } from "../application/ports.js";

/** A clock that stands still until it is moved. */
export interface HandMovedClock extends Clock {
  advance(milliseconds: number): void;
}

/** @param start epoch milliseconds */
export function handMovedClock(start = Date.parse("2026-11-23T10:15:00.123Z")): HandMovedClock {
  let now = start;
  return {
    now: () => now,
    advance(milliseconds) {
      now += milliseconds;
    },
  };
}

/** `id-…1`, `id-…2` and so on: unique in one world only. */
export function countedIds(): Ids {
  let count = 0;
  return { next: () => `id-${String((count += 1)).padStart(33, "0")}` };
}

/** `secret-1-…`, `secret-2-…` and so on, which hide nothing. */
export function countedSecrets(): Secrets {
  let count = 0;
  return {
    generate: () => `secret-${(count += 1)}`.padEnd(43, "-"),
    digests: (text) => [`digest of ${text}`],
  };
}

/**
 * Takes no time, and hides nothing.
 *
 * @param scheme stands before each digest. One with another scheme is outdated.
 */
export function plainPasswords(scheme = "plain"): PasswordHasher {
  return {
    hash: async (password) => `${scheme}:${password}`,
    verify: async (digest, password) => digest?.slice(digest.indexOf(":") + 1) === password,
    isOutdated: (digest) => !digest.startsWith(`${scheme}:`),
  };
}
