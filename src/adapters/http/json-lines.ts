import { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";

/** The media type of JSON Lines: one JSON value a line. */
export const JSON_LINES_TYPE = "application/jsonl";

/** How many characters are gathered before a chunk is written. */
const CHUNK_LENGTH = 16 * 1024;

/**
 * Serializes rows as JSON Lines. Rows are read only as fast as the client reads, and other requests run between chunks.
 * Awaits the first row, so that an error before it rejects here, where it can still become a problem; a later error cuts
 * the body off.
 */
export async function toJsonLines(rows: AsyncIterable<unknown>): Promise<Readable> {
  const iterator = rows[Symbol.asyncIterator]();
  const first = await iterator.next();
  async function* chunks() {
    try {
      let chunk = "";
      for (let next = first; !next.done; next = await iterator.next()) {
        chunk += `${JSON.stringify(next.value)}\n`;
        if (chunk.length < CHUNK_LENGTH) continue;
        yield chunk;
        chunk = "";
        await setImmediate();
      }
      if (chunk !== "") yield chunk;
    } finally {
      await iterator.return?.();
    }
  }
  return Readable.from(chunks(), { objectMode: false });
}
