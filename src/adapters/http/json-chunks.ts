import { Readable } from "node:stream";
import { nextTurn } from "./turns.js";

/** How many characters are gathered before a chunk is written. */
const CHUNK_LENGTH = 16 * 1024;

/**
 * The memory that a streamed body takes at most while its client does not read: a slice of its rows, and the chunks that wait in
 * the stream and in the response.
 */
export const STREAMED_BODY_BYTES = 256 * 1024;

/** A response body in chunks of JSON, read only as fast as the client reads. */
export class JsonChunks {
  readonly #chunks: AsyncIterator<string>;

  constructor(chunks: AsyncIterable<string>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /**
   * Reads the start of the body, so that an error in it can still become a problem; a later error cuts the body off.
   *
   * @returns the text of a body of one chunk, or a stream.
   */
  async start(): Promise<string | Readable> {
    const rest = this.#chunks;
    const first = await rest.next();
    const second = await rest.next();
    if (second.done) return first.done ? "" : first.value;
    async function* chunks() {
      try {
        for (let next = first; !next.done; next = await rest.next()) {
          yield next.value;
          if (next === first) yield second.value;
        }
      } finally {
        await rest.return?.();
      }
    }
    return Readable.from(chunks(), { objectMode: false, highWaterMark: CHUNK_LENGTH });
  }
}

/**
 * Serializes slices of items as one JSON array. Other requests run between slices, and a list of one slice waits for no turn.
 *
 * @param start the text before the first item
 * @param end the text behind the last item
 */
export async function* jsonArray<Item>(
  slices: AsyncIterable<readonly Item[]>,
  serialize: (item: Item) => string,
  start = "[",
  end = "]",
): AsyncGenerator<string> {
  let chunk = start;
  let separator = "";
  let isFirst = true;
  for await (const slice of slices) {
    if (!isFirst) await nextTurn();
    isFirst = false;
    for (const item of slice) {
      chunk += separator + serialize(item);
      separator = ",\n";
      if (chunk.length < CHUNK_LENGTH) continue;
      yield chunk;
      chunk = "";
    }
  }
  yield chunk + end;
}
