import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** A line of what a command gives, under the names that the HTTP API has for the same things. */
export type Row = Readonly<Record<string, string | number | null>>;

/** One line of JSON, whatever it holds: what would steer a terminal, or end a line for some readers, is escaped. */
export function jsonLine(value: unknown): string {
  const escape = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return `${JSON.stringify(value).replace(/[\u007f-\u009f\u2028\u2029]/g, escape)}\n`;
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
  yield begun ? linedUp() : "There is none.\n";
}

/** One row, a field a line. */
export async function* listing(rows: AsyncIterable<Row>): AsyncGenerator<string> {
  for await (const row of rows) {
    yield `${columns(Object.entries(row).map(([name, value]) => [name.replaceAll("_", " "), readable(value)]))}\n`;
  }
}

/** A sentence for each row. */
export function sentence(words: (row: Row) => string): (rows: AsyncIterable<Row>) => AsyncGenerator<string> {
  return async function* (rows) {
    for await (const row of rows) yield `${words(row)}\n`;
  };
}

/** Names with what belongs to each, lined up. */
export function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`).join("\n");
}

/** What users wrote must not steer the terminal, nor turn around what stands beside it. */
function readable(value: Row[string]): string {
  return String(value ?? "-").replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "\ufffd");
}

/** Writes it as fast as it is read. Whoever has read enough of it may leave. */
export async function print(text: AsyncIterable<string>, output: NodeJS.WritableStream): Promise<void> {
  try {
    await pipeline(text, output, { end: false });
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== "EPIPE") throw error;
  }
}

/** Where a password comes from: a terminal, where it is typed in, or anything else, of which it is the first line. */
export type PasswordSource = NodeJS.ReadableStream & { readonly isTTY?: boolean };

/**
 * Reads a password. At a terminal it asks for it twice, and shows nothing of what is typed.
 *
 * @throws Error where none comes, or the two differ.
 */
export async function readPassword(source: PasswordSource, prompts: NodeJS.WritableStream): Promise<string> {
  const atTerminal = source.isTTY === true;
  // With a terminal of its own, readline takes over the echo, which then goes nowhere.
  const unseen = new Writable({ write: (_chunk, _encoding, done) => done() });
  const typed = createInterface({ input: source, output: unseen, terminal: atTerminal, historySize: 0 });
  const lines = typed[Symbol.asyncIterator]();
  const ask = async (prompt: string) => {
    if (atTerminal) prompts.write(prompt);
    const { done, value } = await lines.next();
    if (atTerminal) prompts.write("\n");
    if (done === true) throw new Error("No password was given, so nothing was done.");
    return value;
  };
  try {
    const password = await ask("Password: ");
    if (atTerminal && (await ask("Once more: ")) !== password) {
      throw new Error("These were two different passwords, so nothing was done.");
    }
    return password;
  } finally {
    typed.close();
  }
}
