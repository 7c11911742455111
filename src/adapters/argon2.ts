import { availableParallelism } from "node:os";
import { argon2id, hash, needsRehash, verify } from "argon2";
import pLimit from "p-limit";
import type { PasswordHasher } from "../application/ports.js";
import { MessagingError } from "../domain/errors.js";

/** A configuration that OWASP recommends for argon2id (Password Storage Cheat Sheet): 19 MiB, two passes, one lane. */
const parameters = { type: argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1, hashLength: 32 };

/**
 * Hashes with argon2id. A hash takes about 20 ms of a core on libuv's threads, so the hasher leaves one core free.
 *
 * @param maxQueueLength the number of waiting calls from which further calls throw `busy`.
 */
export function argon2Hasher(maxQueueLength = 64): PasswordHasher {
  const limit = pLimit(Math.max(1, availableParallelism() - 1));
  const withConcurrencyLimit = <T>(work: () => Promise<T>): Promise<T> => {
    if (limit.pendingCount >= maxQueueLength) {
      throw new MessagingError("busy", "Too many password checks in progress. Try again in a moment.");
    }
    return limit(work);
  };
  // The digest of a random password, verified in the place of a missing digest at the same cost.
  const dummyDigest = hash(crypto.randomUUID(), parameters);
  return {
    hash: async (password) => withConcurrencyLimit(() => hash(password, parameters)),
    verify: async (digest, password) =>
      withConcurrencyLimit(
        async () => (await verify(digest ?? (await dummyDigest), password)) && digest !== undefined,
      ),
    isOutdated: (digest) => !digest.startsWith("$argon2id$") || needsRehash(digest, parameters),
  };
}
