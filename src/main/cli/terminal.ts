import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** A line of what a command gives, under the names that the HTTP API has for the same things. */
export type Row = Readonly<Record<string, string | number | null | readonly string[]>>;

/** What steers a terminal, turns around what stands beside it, can't be seen, or ends a line for some readers. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** One line of JSON, whatever it holds: what can't be printed as it is, is escaped. */
export function jsonLine(value: unknown): string {
  const escape = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  const escaped = (character: string) => character.split("").map(escape).join("");
  return `${JSON.stringify(value).replace(UNPRINTABLE, escaped)}\n`;
}

/** JSON lines: a row is one JSON object, in a line of its own. */
export async function* jsonLines(rows: AsyncIterable<Row>): AsyncGenerator<string> {
  for await (const row of rows) yield jsonLine(row);
}

/** How many rows are lined up with each other. */
const ROWS_OF_PAGE = 200;

/** Columns under the names of the fields. They are lined up page by page, so that a table of any length takes little memory. */
export async function* table(rows: AsyncIterable<Row>): AsyncGenerator<string> {
  let widths: readonly number[] = [];
  let page: string[][] = [];
  let begun = false;
  const linedUp = () => {
    widths = (page[0] ?? []).map((_, column) =>
      Math.max(widths[column] ?? 0, ...page.map((cells) => cells[column]!.length)),
    );
    const lines = page.map((cells) => cells.map((cell, column) => cell.padEnd(widths[column]!)).join("  "));
    page = [];
    return lines.map((line) => `${line.trimEnd()}\n`).join("");
  };
  for await (const row of rows) {
    if (!begun) page.push(Object.keys(row).map((name) => name.toUpperCase()));
    begun = true;
    page.push(Object.values(row).map(readable));
    if (page.length >= ROWS_OF_PAGE) yield linedUp();
  }
  if (page.length > 0) yield linedUp();
}

/** One row, a field a line. */
export async function* listing(rows: AsyncIterable<Row>): AsyncGenerator<string> {
  for await (const row of rows) {
    yield `${columns(Object.entries(row).map(([name, value]) => [name.replaceAll("_", " "), readable(value)]))}\n`;
  }
}

/** A sentence for each row. */
export function sentence(words: (fields: Readonly<Record<string, string | null>>) => string) {
  return async function* (rows: AsyncIterable<Row>): AsyncGenerator<string> {
    for await (const row of rows) {
      const fields = Object.entries(row).map(([name, value]) => [
        name,
        value === null ? null : readable(value),
      ]);
      yield `${words(Object.fromEntries(fields) as Record<string, string | null>)}\n`;
    }
  };
}

/** Names with what belongs to each, lined up. */
export function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`).join("\n");
}

function readable(value: Row[string]): string {
  const text = Array.isArray(value) ? value.join(" ") : String(value ?? "-");
  return text.replace(UNPRINTABLE, "\ufffd");
}

/**
 * Writes it as fast as it is read. Whoever has read enough of it may leave.
 *
 * @returns whether there was anything.
 * @throws Error where it can't be written.
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
      const words = `The output could not be written: ${why}. A change that was asked for was made.`;
      throw new Error(words, { cause: error });
    }
  }
  return any;
}

/** Where a password comes from: a terminal, where it is typed in, or anything else, of which it is the first line. */
export type PasswordSource = NodeJS.ReadableStream & { readonly isTTY?: boolean };

const NO_PASSWORD = "No password was given, so nothing was done.";
const NOT_UTF8 = "The password is not UTF-8 text, so nothing was done. Give it in UTF-8.";

/**
 * Reads a password. At a terminal it asks for it twice, and shows nothing of what is typed.
 *
 * @throws Error where none comes, it is not UTF-8, or the two differ.
 */
export async function readPassword(source: PasswordSource, prompts: NodeJS.WritableStream): Promise<string> {
  if (source.isTTY !== true) return firstLine(source);
  // With a terminal of its own, readline takes over the echo, which then goes nowhere.
  const unseen = new Writable({ write: (_chunk, _encoding, done) => done() });
  const typed = createInterface({ input: source, output: unseen, terminal: true, historySize: 0 });
  const lines = typed[Symbol.asyncIterator]();
  const ask = async (prompt: string) => {
    prompts.write(prompt);
    const { done, value } = await lines.next();
    prompts.write("\n");
    if (done === true) throw new Error(NO_PASSWORD);
    // Nobody types this character: it stands for bytes that could not be read.
    if (value.includes("\ufffd")) throw new Error(NOT_UTF8);
    return value;
  };
  try {
    const password = await ask("Password: ");
    if ((await ask("Once more: ")) !== password) {
      throw new Error("These were two different passwords, so nothing was done.");
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
