import { MessagingError } from "./errors.js";

/** A JSON object that programs store with a chat or a message. Palaver does not interpret it. */
export type Metadata = Readonly<Record<string, unknown>>;

/** Of its JSON in UTF-8. */
export const MAX_METADATA_BYTES = 4 * 1024;

/** How deep lists and objects may be nested, the metadata itself included. Other JSON parsers give up at 64 levels or more. */
export const MAX_METADATA_DEPTH = 32;

/**
 * Returns a frozen copy of the metadata.
 *
 * @throws MessagingError `invalid_metadata` unless it is a JSON object of well-formed Unicode, of at most `MAX_METADATA_BYTES` and
 * `MAX_METADATA_DEPTH`.
 */
export function parseMetadata(metadata: Metadata): Metadata {
  if (Array.isArray(metadata)) throw notJson();
  assertJson(metadata, 1, { left: MAX_METADATA_BYTES });
  const text = JSON.stringify(metadata);
  if (bytesOf(text) > MAX_METADATA_BYTES) throw tooLarge();
  return freezeMetadata(JSON.parse(text) as Metadata);
}

/** Whether both are equal as JSON, with their fields in the same order. */
export function isSameMetadata(one: Metadata | null, other: Metadata | null): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}

/** Freezes all of the metadata, which the readers of a stored value share. */
export function freezeMetadata(metadata: Metadata): Metadata {
  freezeDeep(metadata);
  return metadata;
}

function freezeDeep(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  for (const part of Object.values(value)) freezeDeep(part);
  Object.freeze(value);
}

/** @param values bounds the values that are visited: each takes a byte. */
function assertJson(value: unknown, depth: number, values: { left: number }): void {
  values.left -= 1;
  if (values.left < 0) throw tooLarge();
  if (typeof value === "string") return assertWellFormed(value);
  if (value === null || typeof value === "boolean") return;
  if (typeof value === "number" && Number.isFinite(value)) return;
  if (!isPlain(value)) throw notJson();
  if (depth > MAX_METADATA_DEPTH) throw tooDeep();
  for (const [name, part] of Object.entries(value)) {
    assertWellFormed(name);
    assertJson(part, depth + 1, values);
  }
}

function assertWellFormed(text: string): void {
  if (text.isWellFormed()) return;
  throw new MessagingError(
    "invalid_metadata",
    "The metadata contains an unpaired surrogate. Send well-formed Unicode.",
  );
}

/** Whether the value is a list, or an object without a class. */
function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** The length of a well-formed text in UTF-8. */
function bytesOf(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const codePoint = character.codePointAt(0)!;
    bytes += codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x1_0000 ? 3 : 4;
  }
  return bytes;
}

function notJson(): MessagingError {
  return new MessagingError(
    "invalid_metadata",
    "The metadata is not a JSON object. Use an object of strings, finite numbers, booleans, null, lists and objects.",
  );
}

function tooDeep(): MessagingError {
  return new MessagingError(
    "invalid_metadata",
    `The metadata has more than ${MAX_METADATA_DEPTH} levels of lists and objects. Use fewer.`,
  );
}

function tooLarge(): MessagingError {
  return new MessagingError(
    "invalid_metadata",
    `The metadata has more than ${MAX_METADATA_BYTES} bytes as JSON. Store less.`,
  );
}
