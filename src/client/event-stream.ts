/** One block of a stream of Server-Sent Events. */
export interface Block {
  /** The last id received, in this block or an earlier one; empty before the first. */
  readonly id: string;
  /** The type of the event. */
  readonly event: string;
  /** `undefined` if the block has no data, and therefore no event. */
  readonly data: string | undefined;
  /** The reconnection time in milliseconds, if the block sets it. */
  readonly retry: number | undefined;
}

/**
 * Parses a stream of Server-Sent Events by the rules of the HTML standard ("9.2.6 Interpreting an event stream"). An incomplete
 * block at the end of the stream is discarded with its id, as the standard requires.
 */
export class EventStreamParser {
  readonly #decoder = new TextDecoder();
  #line = "";
  #endsInCr = false;
  #id = "";
  #event = "";
  #data: string[] = [];
  #retry: number | undefined;

  /** Consumes bytes, split at any position, and returns the blocks that they complete. */
  push(bytes: Uint8Array): readonly Block[] {
    const text = this.#decoder.decode(bytes, { stream: true });
    if (text === "") return [];
    // A line feed after a carriage return ends the same line, even if it arrives later.
    const lines = (this.#line + (this.#endsInCr ? text.replace(/^\n/, "") : text)).split(/\r\n|\r|\n/);
    this.#endsInCr = text.endsWith("\r");
    this.#line = lines.pop() ?? "";
    return lines.flatMap((line) => {
      if (line === "") return [this.#endBlock()];
      this.#addField(line);
      return [];
    });
  }

  #addField(line: string): void {
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#event = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    else if (field === "retry" && /^[0-9]+$/.test(value)) this.#retry = Number(value);
  }

  #endBlock(): Block {
    const block = {
      id: this.#id,
      event: this.#event || "message",
      data: this.#data.length > 0 ? this.#data.join("\n") : undefined,
      retry: this.#retry,
    };
    this.#event = "";
    this.#data = [];
    this.#retry = undefined;
    return block;
  }
}
