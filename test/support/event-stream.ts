import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "./client.js";

/** An event as a client gets it. */
export interface EventJson {
  readonly cursor: string;
  readonly type: string;
  readonly chat_id: number;
  readonly at: string;
  readonly message?: { readonly id: number; readonly message: string };
  readonly [field: string]: unknown;
}

/** One block of a stream of Server-Sent Events, with the fields that it has. */
export interface Frame {
  readonly id?: string;
  readonly event?: string;
  readonly data?: string;
  readonly retry?: string;
  /** A comment. */
  readonly ""?: string;
}

/** A stream of events that is read, or was. */
export interface EventStream {
  readonly headers: IncomingMessage["headers"];
  /** What is here whole, in the order in which it came. */
  readonly frames: readonly Frame[];
  /** Those of the frames that tell one. */
  readonly events: readonly EventJson[];
  /** Where a client goes on: the last id that is here whole, as `EventSource` counts it. */
  lastId(): string;
  /** Resolves when there are that many events, or when it has ended. */
  received(count: number): Promise<void>;
  /** Whether it was brought to its end in order, when it has ended. */
  readonly ended: Promise<boolean>;
  /** Reads no more for the time being, and then goes on. */
  pause(): void;
  resume(): void;
  leave(): void;
}

export interface OpenStream {
  readonly after?: string | undefined;
  readonly lastEventId?: string | undefined;
  /** Leaves after that many bytes, and has seen none behind them. */
  readonly cutAfter?: number;
}

/** Resolves when the head of the answer is here. */
export async function openStream(
  client: Pick<Client, "url" | "cookie">,
  { after, lastEventId, cutAfter = Number.POSITIVE_INFINITY }: OpenStream = {},
): Promise<EventStream> {
  const query = after === undefined ? "" : `?after=${after}`;
  const asking = request(`${client.url}/v1/events/stream${query}`, {
    agent: false,
    headers: { Cookie: client.cookie, ...(lastEventId ? { "Last-Event-ID": lastEventId } : {}) },
  });
  asking.end();
  const [response] = (await once(asking, "response")) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`The stream was answered with ${response.statusCode}.`);
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

/** All events after a cursor, by plain polling. */
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

/** How long something may take that has to happen, in milliseconds: less than a test may. */
const PATIENCE = 8_000;

/** Resolves when it holds. */
export async function until(holds: () => boolean): Promise<void> {
  for (const began = Date.now(); !holds(); await delay(1)) {
    if (Date.now() - began > PATIENCE) throw new Error(`It never came to this: ${String(holds)}`);
  }
}
