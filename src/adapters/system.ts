import { createHmac, createSecretKey, randomBytes, type KeyObject } from "node:crypto";
import { LRUCache } from "lru-cache";
import { v7 } from "uuid";
import type { Clock, Ids, Secrets } from "../application/ports.js";

export const systemClock: Clock = { now: () => Date.now() };

/** UUIDs of version 7 (RFC 9562): they grow with time, which keeps indexes compact. */
export const uuids: Ids = { next: () => v7() };

/** How many secrets are remembered, with their digests. */
const MOST_SECRETS = 10_000;

/** How long a secret is that is made here: 32 bytes in base64url. */
const SECRET_LENGTH = 43;

/**
 * Secrets of 256 random bits, stored as HMAC-SHA256 under a key: who steals the store gets no session.
 *
 * @param keys the first is for new secrets; those stored under the others are still found.
 */
export function keyedSecrets(keys: readonly [string, ...string[]]): Secrets {
  // With a text for a key, a digest would take more than twice as long.
  const keyOf = (text: string) => createSecretKey(text, "utf8");
  const digest = (key: KeyObject, secret: string) =>
    createHmac("sha256", key).update(secret).digest("base64url");
  // Every request shows a secret, mostly one that was just shown, and an HMAC takes 14 µs of the some 140 of a send.
  const remembered = new LRUCache<string, readonly [string, ...string[]]>({ max: MOST_SECRETS });
  const [current, ...older] = [keyOf(keys[0]), ...keys.slice(1).map(keyOf)] as const;
  return {
    generate: () => randomBytes(32).toString("base64url"),
    digests(secret) {
      const known = remembered.get(secret);
      if (known !== undefined) return known;
      const digests = [digest(current, secret), ...older.map((key) => digest(key, secret))] as const;
      if (secret.length === SECRET_LENGTH) remembered.set(secret, digests);
      return digests;
    },
  };
}
