import { createHmac, createSecretKey, randomBytes, type KeyObject } from "node:crypto";
import { v7 } from "uuid";
import type { Clock, Ids, Secrets } from "../application/ports.js";

export const systemClock: Clock = { now: () => Date.now() };

/** UUIDs of version 7 (RFC 9562): they grow with time, which keeps indexes compact. */
export const uuids: Ids = { next: () => v7() };

/**
 * Secrets of 256 random bits, stored as HMAC-SHA256 under a key: who steals the store gets no session.
 *
 * @param keys the first is for new secrets; those stored under the others are still found.
 */
export function keyedSecrets(keys: readonly [string, ...string[]]): Secrets {
  // Every request needs a digest, and with a text for a key it would take more than twice as long.
  const keyOf = (text: string) => createSecretKey(text, "utf8");
  const digest = (key: KeyObject, secret: string) =>
    createHmac("sha256", key).update(secret).digest("base64url");
  const [current, ...older] = [keyOf(keys[0]), ...keys.slice(1).map(keyOf)] as const;
  return {
    generate: () => randomBytes(32).toString("base64url"),
    digests: (secret) => [digest(current, secret), ...older.map((key) => digest(key, secret))],
  };
}
