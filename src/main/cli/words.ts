import { createReadStream, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { reservedKey } from "../../adapters/sql/usernames.js";
import type { ReservedName } from "../../adapters/sql/remnants.js";
import { usernameKey } from "../../domain/user.js";
import { jsonLine } from "./terminal.js";

/** In bytes. A shorter text is found anywhere, so that finding it proves nothing. */
const MIN_TEXT_BYTES = 8;
const MIN_NAME_BYTES = 3;

/** A text is found by its first bytes. Bounds the memory that the texts of a user take. */
const MAX_TEXT_BYTES = 64;

/** More than the bytes of any name, and than `MAX_TEXT_BYTES`. */
const OVERLAP_BYTES = 512;

/** How often the names and texts of a user were found. */
export interface Findings {
  readonly names: number;
  readonly texts: number;
}

/** The names and texts of a user, as they are searched for: as they are, and as JSON has them. */
export class Words {
  readonly #names: Buffer[] = [];
  /** The bytes of texts, by their first `MIN_TEXT_BYTES` bytes. */
  readonly #texts = new Map<string, Buffer[]>();
  /** A bit for each hash of such bytes, since most positions of a file match none. */
  readonly #filter = new Uint8Array(2 ** 20);
  /** How many names and texts are too short. */
  tooShort = 0;
  count = 0;

  addName(name: string): void {
    const forms = new Set([name, usernameKey(name), ...inJson(name)]);
    const found = [...forms]
      .map((form) => Buffer.from(form))
      .filter(({ length }) => length >= MIN_NAME_BYTES);
    this.#names.push(...found);
    if (found.length > 0) this.count += 1;
    else this.tooShort += 1;
  }

  addText(text: string): void {
    const start = text.slice(0, MAX_TEXT_BYTES);
    let isSearched = false;
    for (const form of new Set([start, ...inJson(start)])) {
      const bytes = wholeCharacters(Buffer.from(form).subarray(0, MAX_TEXT_BYTES));
      if (bytes.length < MIN_TEXT_BYTES) continue;
      isSearched = true;
      const window = bytes.toString("latin1", 0, MIN_TEXT_BYTES);
      const others = this.#texts.get(window) ?? [];
      if (others.some((other) => other.equals(bytes))) continue;
      this.#texts.set(window, [...others, bytes]);
      const hash = hashAt(bytes, 0);
      this.#filter[hash >>> 3]! |= 1 << (hash & 7);
    }
    if (isSearched) this.count += 1;
    else this.tooShort += 1;
  }

  /**
   * Counts them in bytes, at positions before `end`.
   *
   * @param onFound called with each. Returns false for one that does not count.
   */
  findIn(bytes: Buffer, end = bytes.length, onFound: (word: Buffer) => boolean = () => true): Findings {
    let names = 0;
    for (const name of this.#names) {
      for (let at = bytes.indexOf(name); at !== -1 && at < end; at = bytes.indexOf(name, at + 1)) {
        if (onFound(name)) names += 1;
      }
    }
    let texts = 0;
    const last = this.#texts.size === 0 ? 0 : Math.min(end, bytes.length - MIN_TEXT_BYTES + 1);
    for (let at = 0; at < last; at += 1) {
      const hash = hashAt(bytes, at);
      if ((this.#filter[hash >>> 3]! & (1 << (hash & 7))) === 0) continue;
      const candidates = this.#texts.get(bytes.toString("latin1", at, at + MIN_TEXT_BYTES)) ?? [];
      const text = candidates.find((each) => bytes.subarray(at, at + each.length).equals(each));
      if (text !== undefined && onFound(text)) texts += 1;
    }
    return { names, texts };
  }
}

/** The forms of a text in JSON of a log, and of an export. */
function inJson(text: string): readonly string[] {
  return [JSON.stringify(text).slice(1, -1), jsonLine(text).trimEnd().slice(1, -1)];
}

/** Without the bytes of a character that is cut. */
function wholeCharacters(bytes: Buffer): Buffer {
  let end = bytes.length;
  while (end > 0 && (bytes[end - 1]! & 0xc0) === 0x80) end -= 1;
  return end > 0 && bytes[end - 1]! >= 0xc0 ? bytes.subarray(0, end - 1) : bytes;
}

function hashAt(bytes: Buffer, at: number): number {
  const low = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  const high = bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24);
  return (Math.imul(low, 0x9e3779b1) ^ Math.imul(high, 0x85ebca6b)) >>> 9;
}

/**
 * Reads the names and texts of a user from an export of that user.
 *
 * @throws Error if it cannot be read, is the export of another user, or no export.
 */
export async function readWords(path: string, userId: string): Promise<Words> {
  const words = new Words();
  let hasAccount = false;
  for await (const line of linesOf(path)) {
    if (line === "") continue;
    const record = parseRecord(line, path);
    if (record["record"] === "account") {
      if (record["user_id"] !== userId) {
        throw new Error(`${path} is the export of the user ${String(record["user_id"])}.`);
      }
      hasAccount = true;
      for (const name of [record["username"], record["display_name"]]) {
        if (typeof name === "string") words.addName(name);
      }
    } else if (typeof record["message"] === "string" && record["message"] !== "") {
      words.addText(record["message"]);
      for (const text of stringsIn(record["metadata"])) words.addText(text);
    }
  }
  if (!hasAccount) throw new Error(`${path} is no export of a user. Use the output of \`palaver export\`.`);
  return words;
}

/**
 * The strings in metadata that are long enough to be searched for, as they are in its JSON, which the store has. The names of its
 * fields are those of a program, and not of the user.
 */
function* stringsIn(value: unknown): Generator<string> {
  if (typeof value === "string" && Buffer.byteLength(value) >= MIN_TEXT_BYTES) yield* new Set(inJson(value));
  if (typeof value !== "object" || value === null) return;
  for (const part of Object.values(value)) yield* stringsIn(part);
}

async function* linesOf(path: string): AsyncGenerator<string> {
  try {
    yield* createInterface({ input: createReadStream(path), crlfDelay: Infinity });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `The export ${path} could not be read: ${reason}. Use the output of \`palaver export\`.`,
      { cause },
    );
  }
}

function parseRecord(line: string, path: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(line) as Readonly<Record<string, unknown>>;
  } catch (cause) {
    throw new Error(`${path} is no export of a user. Use the output of \`palaver export\`.`, { cause });
  }
}

/** How many different words are compared with a keyed digest. */
const MAX_DIGESTED_WORDS = 500_000;

/** Recognises the name of a deleted user among the words of texts, by its keyed digest. */
export class NameFinder {
  readonly #name: ReservedName;
  readonly #seen = new Set<string>();
  found: string | undefined;
  /** Whether there were more words than are compared. */
  isIncomplete = false;

  constructor(name: ReservedName) {
    this.#name = name;
  }

  findIn(text: string): void {
    if (this.found !== undefined) return;
    for (const [word] of text.matchAll(/[\p{L}\p{Nd}](?:[\p{L}\p{M}\p{Nd}._-]*[\p{L}\p{M}\p{Nd}])?/gu)) {
      if (word.length > 64 || this.#seen.has(word)) continue;
      if (this.#seen.size === MAX_DIGESTED_WORDS) {
        this.isIncomplete = true;
        return;
      }
      this.#seen.add(word);
      if (reservedKey(this.#name.digestKey, usernameKey(word)) === this.#name.reserved) {
        this.found = word;
        return;
      }
    }
  }
}

/** The paths of all files at a path: itself, or those below a directory. */
export function filesAt(path: string): readonly string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() || entry.isFile() ? filesAt(join(path, entry.name)) : [],
  );
}

/**
 * Reads a file in parts, each of which begins with the end of the one before.
 *
 * @param onPart called with each part, and the position before which a word that begins there is in no other part.
 */
export async function readParts(path: string, onPart: (bytes: Buffer, end: number) => void): Promise<void> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) {
    const bytes = Buffer.concat([rest, chunk as Buffer]);
    const end = Math.max(0, bytes.length - OVERLAP_BYTES);
    onPart(bytes, end);
    rest = bytes.subarray(end);
  }
  onPart(rest, rest.length);
}
