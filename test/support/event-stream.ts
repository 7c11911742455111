import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "./client.js";

/** An event as a client receives it. */
export interface EventJson {
  readonly cursor: string;
  readonly type: string;
  readonly chat_id: number;
  readonly chat_kind: "group" | "p2p";
  readonly at: string;
  readonly message?: { readonly id: number; readonly message: string };
  readonly [field: string]: unknown;
}

/** One block of a stream of Server-Sent Events, by field. */
export interface Frame {
  readonly id?: string;
  readonly event?: string;
  readonly data?: string;
  readonly retry?: string;
  /** A comment. */
  readonly ""?: string;
}

/** A client of a stream of events. */
export interface EventStream {
  readonly headers: IncomingMessage["headers"];
  /** All complete frames received so far. */
  readonly frames: readonly Frame[];
  /** The events in these frames. */
  readonly events: readonly EventJson[];
  /** The cursor to resume from: the last complete id, as `EventSource` has it. */
  lastId(): string;
  /** Resolves when that many events are received, or when the stream has ended. */
  received(count: number): Promise<void>;
  /** Resolves at the end of the stream: true for an orderly end, false for a cut connection. */
  readonly ended: Promise<boolean>;
  /** Stops reading until `resume`. */
  pause(): void;
  resume(): void;
  /** Disconnects. */
  leave(): void;
}

export interface OpenStream {
  readonly after?: string | undefined;
  readonly lastEventId?: string | undefined;
  /** Disconnects after that many bytes, and ignores all bytes after them. */
  readonly cutAfter?: number;
  /** The address to connect from. */
  readonly localAddress?: string;
}

/** Resolves when the head of the response is received. */
export async function openStream(
  client: Pick<Client, "url" | "cookie">,
  { after, lastEventId, cutAfter = Number.POSITIVE_INFINITY, localAddress }: OpenStream = {},
): Promise<EventStream> {
  const query = after === undefined ? "" : `?after=${after}`;
  const outgoing = request(`${client.url}/v1/events/stream${query}`, {
    agent: false,
    ...(localAddress !== undefined && { localAddress }),
    headers: { Cookie: client.cookie, ...(lastEventId ? { "Last-Event-ID": lastEventId } : {}) },
  });
  outgoing.end();
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`The status of the stream is ${response.statusCode}.`);
  const frames: Frame[] = [];
  const events: EventJson[] = [];
  let left = cutAfter;
  let lastId = lastEventId ?? "";
  let pending = Buffer.alloc(0);
  let over = false;

  response.on("data", (bytes: Buffer) => {
    pending = Buffer.concat([pending, bytes.subarray(0, left)]);
    left -= Math.min(left, bytes.length);
    for (let end = pending.indexOf("\n\n"); end >= 0; end = pending.indexOf("\n\n")) {
      const frame = frameIn(pending.toString("utf8", 0, end));
      frames.push(frame);
      if (frame.id !== undefined) lastId = frame.id;
      if (frame.data !== undefined && frame.event !== "resync") {
        events.push(JSON.parse(frame.data) as EventJson);
      }
      pending = pending.subarray(end + 2);
    }
    if (left === 0) response.destroy();
  });
  response.on("error", () => {});
  const ended = new Promise<boolean>((resolve) => {
    response.once("close", () => {
      over = true;
      resolve(response.complete);
    });
  });
  return {
    headers: response.headers,
    frames,
    events,
    lastId: () => lastId,
    received: (count) => until(() => over || events.length >= count),
    ended,
    pause: () => void response.pause(),
    resume: () => void response.resume(),
    leave: () => void response.destroy(),
  };
}

function frameIn(block: string): Frame {
  return Object.fromEntries(block.split("\n").map((line) => /^([^:]*):? ?(.*)$/s.exec(line)!.slice(1, 3)));
}

/** All events after a cursor, read in pages. */
export async function eventsAfter(client: Client, cursor: string): Promise<EventJson[]> {
  const events: EventJson[] = [];
  for (let after = cursor; ;) {
    const { json } = await client.get(`/v1/events?after=${after}&limit=1000`);
    events.push(...(json["events"] as EventJson[]));
    if (json["has_more"] === false) return events;
    after = json["cursor"] as string;
  }
}

/** The cursor of now. */
export async function cursorOf(client: Client): Promise<string> {
  return (await client.get("/v1/sync")).json["cursor"] as string;
}

/** Less than the timeout of a test. */
const MAX_WAIT_MS = 8_000;

/** Resolves when the condition holds. Rejects after 8 seconds. */
export async function until(holds: () => boolean): Promise<void> {
  for (const began = Date.now(); !holds(); await delay(1)) {
    if (Date.now() - began > MAX_WAIT_MS) throw new Error(`This condition never held: ${String(holds)}`);
  }
}
