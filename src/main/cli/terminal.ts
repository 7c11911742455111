import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** A row of a command, with the field names of the HTTP API. */
export type OutputRow = Readonly<Record<string, string | number | null | readonly string[]>>;

/** Characters that control a terminal, reverse or hide text, or end a line for some readers. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** Serializes a value as one line of JSON, with unprintable characters escaped. */
export function jsonLine(value: unknown): string {
  const escape = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  const escaped = (character: string) => character.split("").map(escape).join("");
  return `${JSON.stringify(value).replace(UNPRINTABLE, escaped)}\n`;
}

/** Formats each row as one line of JSON. */
export async function* jsonLines(rows: AsyncIterable<OutputRow>): AsyncGenerator<string> {
  for await (const row of rows) yield jsonLine(row);
}

/** Columns are aligned within a page. */
const PAGE_ROWS = 200;

/** Formats rows as columns under the field names, aligned page by page, so that the length of a table does not cost memory. */
export async function* table(rows: AsyncIterable<OutputRow>): AsyncGenerator<string> {
  let widths: readonly number[] = [];
  let page: string[][] = [];
  let started = false;
  const alignPage = () => {
    widths = (page[0] ?? []).map((_, column) =>
      Math.max(widths[column] ?? 0, ...page.map((cells) => cells[column]!.length)),
    );
    const lines = page.map((cells) => cells.map((cell, column) => cell.padEnd(widths[column]!)).join("  "));
    page = [];
    return lines.map((line) => `${line.trimEnd()}\n`).join("");
  };
  for await (const row of rows) {
    if (!started) page.push(Object.keys(row).map((name) => name.toUpperCase()));
    started = true;
    page.push(Object.values(row).map(readable));
    if (page.length >= PAGE_ROWS) yield alignPage();
  }
  if (page.length > 0) yield alignPage();
}

/** Formats each row as one line per field. */
export async function* listing(rows: AsyncIterable<OutputRow>): AsyncGenerator<string> {
  for await (const row of rows) {
    yield `${columns(Object.entries(row).map(([name, value]) => [name.replaceAll("_", " "), readable(value)]))}\n`;
  }
}

/** Formats each row as a sentence. */
export function sentence(words: (fields: Readonly<Record<string, string | null>>) => string) {
  return async function* (rows: AsyncIterable<OutputRow>): AsyncGenerator<string> {
    for await (const row of rows) {
      const fields = Object.entries(row).map(([name, value]) => [
        name,
        value === null ? null : readable(value),
      ]);
      yield `${words(Object.fromEntries(fields) as Record<string, string | null>)}\n`;
    }
  };
}

/** Formats pairs of a name and a text as two aligned columns. */
export function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`).join("\n");
}

function readable(value: OutputRow[string]): string {
  const text = Array.isArray(value) ? value.join(" ") : String(value ?? "-");
  return text.replace(UNPRINTABLE, "\ufffd");
}

/**
 * Writes text as fast as the reader of the output reads it. A reader that closes the output ends it without an error.
 *
 * @returns whether there was any text.
 * @throws Error if the output cannot be written.
 */
export async function print(
  text: AsyncIterable<string> | Iterable<string>,
  output: NodeJS.WritableStream,
): Promise<boolean> {
  let any = false;
  let fault: unknown;
  async function* watched() {
    try {
      for await (const part of text) {
        any = true;
        yield part;
      }
    } catch (error) {
      fault = error;
      throw error;
    }
  }
  try {
    await pipeline(watched, output, { end: false });
  } catch (error) {
    if (error === fault) throw error;
    if ((error as { readonly code?: unknown }).code !== "EPIPE") {
      const why = (error as Error).message;
      const words = `The output could not be written: ${why}. A requested change was made.`;
      throw new Error(words, { cause: error });
    }
  }
  return any;
}

/** The source of a password: a terminal, or any other stream, whose first line it is. */
export type PasswordSource = NodeJS.ReadableStream & { readonly isTTY?: boolean };

const NO_PASSWORD = "No password was given. Nothing was changed.";
const NOT_UTF8 = "The password is not UTF-8 text. Nothing was changed. Enter it in UTF-8.";

/**
 * Reads a password. At a terminal it prompts twice, and does not show what is typed.
 *
 * @throws Error if there is none, it is not UTF-8, or the two differ.
 */
export async function readPassword(source: PasswordSource, prompts: NodeJS.WritableStream): Promise<string> {
  if (source.isTTY !== true) return firstLine(source);
  // In terminal mode readline does the echo, and this output discards it.
  const discard = new Writable({ write: (_chunk, _encoding, done) => done() });
  const typed = createInterface({ input: source, output: discard, terminal: true, historySize: 0 });
  const lines = typed[Symbol.asyncIterator]();
  const ask = async (prompt: string) => {
    prompts.write(prompt);
    const { done, value } = await lines.next();
    prompts.write("\n");
    if (done === true) throw new Error(NO_PASSWORD);
    // The decoder inserts this character for bytes that are not UTF-8.
    if (value.includes("\ufffd")) throw new Error(NOT_UTF8);
    return value;
  };
  try {
    const password = await ask("Password: ");
    if ((await ask("Once more: ")) !== password) {
      throw new Error("The two passwords differ. Nothing was changed.");
    }
    return password;
  } finally {
    typed.close();
  }
}

async function firstLine(source: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of source) {
    chunks.push(Buffer.from(chunk));
    if (chunks.at(-1)!.includes("\n")) break;
  }
  const bytes = Buffer.concat(chunks);
  if (bytes.length === 0) throw new Error(NO_PASSWORD);
  const end = bytes.indexOf("\n");
  const line = end < 0 ? bytes : bytes.subarray(0, end);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(line).replace(/\r$/, "");
  } catch (error) {
    throw new Error(NOT_UTF8, { cause: error });
  }
}
