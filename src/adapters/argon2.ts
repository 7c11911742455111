import { availableParallelism } from "node:os";
import { argon2id, hash, needsRehash, verify } from "argon2";
import pLimit from "p-limit";
import type { PasswordHasher } from "../application/ports.js";
import { MessagingError } from "../domain/errors.js";

/** OWASP's first recommendation for argon2id (Password Storage Cheat Sheet): 19 MiB, two passes, one lane. */
const parameters = { type: argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1, hashLength: 32 };

/**
 * Hashing takes some 20 ms of a core, in a pool of threads that others need too. So a core is left free, and whoever
 * would wait behind more than `longestQueue` others is told to come back.
 */
export function argon2Hasher(longestQueue = 64): PasswordHasher {
  const limit = pLimit(Math.max(1, availableParallelism() - 1));
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    if (limit.pendingCount >= longestQueue) {
      throw new MessagingError("busy", "Too many people are signing in just now. Try again in a moment.");
    }
    return limit(work);
  };
  // Of a password that nobody has: who does not exist is checked against it, at the same cost.
  const nobody = hash(crypto.randomUUID(), parameters);
  return {
    hash: async (password) => inTurn(() => hash(password, parameters)),
    verify: async (digest, password) =>
      inTurn(async () => (await verify(digest ?? (await nobody), password)) && digest !== undefined),
    isOutdated: (digest) => !digest.startsWith("$argon2id$") || needsRehash(digest, parameters),
  };
}
