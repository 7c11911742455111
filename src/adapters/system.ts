import { createHmac, createSecretKey, randomBytes, type KeyObject } from "node:crypto";
import { LRUCache } from "lru-cache";
import { v7 } from "uuid";
import type { Clock, Ids, Secrets } from "../application/ports.js";

/** The clock of the operating system. */
export const systemClock: Clock = {
  now: () => Date.now(),
  every(milliseconds, work) {
    const timer = setInterval(work, milliseconds).unref();
    return () => clearInterval(timer);
  },
};

/** Version 7 UUIDs (RFC 9562). They increase with time, which keeps indexes compact. */
export const uuids: Ids = { next: () => v7() };

/** The number of secrets whose digests are cached. */
const MAX_CACHED_SECRETS = 10_000;

/** The length of a generated secret: 32 bytes in base64url. */
const SECRET_LENGTH = 43;

/**
 * Generates secrets of 256 random bits. Digests are HMAC-SHA256, so that a stolen store gives access to no session.
 *
 * @param keys the current key, then older keys, whose digests are still found.
 */
export function keyedSecrets(keys: readonly [string, ...string[]]): Secrets {
  // A string as the key would more than double the time of a digest.
  const keyOf = (text: string) => createSecretKey(text, "utf8");
  const digest = (key: KeyObject, secret: string) =>
    createHmac("sha256", key).update(secret).digest("base64url");
  // Every request carries a secret, mostly a recent one, and an HMAC takes 14 of the about 140 µs of a send.
  const cache = new LRUCache<string, readonly [string, ...string[]]>({ max: MAX_CACHED_SECRETS });
  const [current, ...older] = [keyOf(keys[0]), ...keys.slice(1).map(keyOf)] as const;
  return {
    generate: () => randomBytes(32).toString("base64url"),
    generateCode: () => randomBytes(16).toString("base64url"),
    digests(secret) {
      const cached = cache.get(secret);
      if (cached !== undefined) return cached;
      const digests = [digest(current, secret), ...older.map((key) => digest(key, secret))] as const;
      if (secret.length === SECRET_LENGTH) cache.set(secret, digests);
      return digests;
    },
  };
}
