/** What one block of a stream of Server-Sent Events tells. */
export interface Block {
  /** The last id that was sent, in this block or before it; the empty text before there is one. */
  readonly id: string;
  /** The type of the event. */
  readonly event: string;
  /** Undefined where the block has no data, and so no event. */
  readonly data: string | undefined;
  /** How long to wait before connecting again, in milliseconds, where the block says so. */
  readonly retry: number | undefined;
}

/**
 * Reads a stream of Server-Sent Events, by the rules of the HTML standard ("9.2.6 Interpreting an event stream").
 *
 * @returns takes the bytes as they come, cut anywhere, and gives the blocks that they end. What is left at the end of the
 * stream is no block: its id must not count.
 */
export function eventStreamReader(): (bytes: Uint8Array) => readonly Block[] {
  const decoder = new TextDecoder();
  let text = "";
  let endsInCr = false;
  let id = "";
  let event = "";
  let data: string[] = [];
  let retry: number | undefined;

  function take(line: string): void {
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") data.push(value);
    else if (field === "event") event = value;
    else if (field === "id" && !value.includes("\0")) id = value;
    else if (field === "retry" && /^[0-9]+$/.test(value)) retry = Number(value);
  }

  function end(): Block {
    const block = {
      id,
      event: event || "message",
      data: data.length > 0 ? data.join("\n") : undefined,
      retry,
    };
    event = "";
    data = [];
    retry = undefined;
    return block;
  }

  return (bytes) => {
    const more = decoder.decode(bytes, { stream: true });
    if (more === "") return [];
    // A line feed that follows upon a carriage return belongs to it, also where it comes later.
    const lines = (text + (endsInCr ? more.replace(/^\n/, "") : more)).split(/\r\n|\r|\n/);
    endsInCr = more.endsWith("\r");
    text = lines.pop() ?? "";
    return lines.flatMap((line) => {
      if (line === "") return [end()];
      take(line);
      return [];
    });
  };
}
