import { createHmac } from "node:crypto";
import type { UsernameKey } from "../../domain/user.js";

/** The row of `digest_keys` with the key of `reservedKey`. */
export const USERNAMES_KEY = "usernames";

/** The query for the key of `reservedKey`, 256 random bits in hexadecimal digits that the store keeps. */
export const SELECT_USERNAMES_KEY = `SELECT key FROM digest_keys WHERE name = '${USERNAMES_KEY}'`;

const RESERVED = "HMAC-SHA-256 ";

/**
 * The value of `username_key` that keeps the key of a deleted user reserved, without revealing it. It has upper-case letters, so no
 * username leads to it.
 */
export function reservedKey(digestKey: string, key: UsernameKey): string {
  return `${RESERVED}${createHmac("sha256", Buffer.from(digestKey, "hex")).update(key).digest("hex")}`;
}

/** Whether the value of a `username_key` is that of a deleted user. */
export function isReservedKey(usernameKey: string): boolean {
  return usernameKey.startsWith(RESERVED);
}
