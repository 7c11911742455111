import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { Clock } from "../../application/ports.js";
import type { EventBatch, Subscription } from "../../application/events.js";
import type { ChatEvent } from "../../domain/event.js";
import { isAlive, markSeen, type Session, type SessionId } from "../../domain/session.js";
import { eventJson } from "./json/event.js";

/** How answers that stay open behave; each has a usual value. Times are in milliseconds. */
export interface StreamOptions {
  /** How often a stream that has nothing to tell shows that it lives. */
  readonly heartbeatMs?: number;
  /** How long a reader may leave its buffer full, or not take the end, before it is cut off. It resumes from where it was. */
  readonly stallTimeoutMs?: number;
}

/** What is to be sent over one stream. */
export interface Streamed {
  readonly session: Session;
  /** Notes that the session is in use. Rejects where it has ended. */
  renew(): Promise<Session>;
  /** What was told first, and what comes after it. */
  readonly first: EventBatch;
  readonly batches: Subscription;
  /** The client's cursor could not be served, and it is to read its chats anew. */
  readonly resync: boolean;
}

/** The streams of Server-Sent Events that are open at the moment, and the answers that wait for an event. */
export interface EventStreams {
  /** Answers with a stream, whose head is not written yet. */
  open(response: ServerResponse, streamed: Streamed): void;
  /** Resolves after that time, or when the client is gone, or when all ends. */
  wait(milliseconds: number, response: ServerResponse): Promise<void>;
  count(): number;
  /** Ends them all, in order: what was handed over is sent. None is opened any more. */
  close(): void;
}

/** Of one session; with one more, the oldest ends. */
const MAX_STREAMS_PER_SESSION = 5;

/** How many bytes wait for a reader before nothing more is taken for it. */
const BUFFER = 256 * 1024;

/** How many streams are written to in one go. */
const AT_ONCE = 20;

/** How often it is looked whether a session has expired, in milliseconds. */
const SWEEP = 500;

export function eventStreams(
  clock: Clock,
  { heartbeatMs = 15_000, stallTimeoutMs = 10_000 }: StreamOptions = {},
): EventStreams {
  const ofSession = new Map<SessionId, Set<ServerResponse>>();
  const streams = new Map<ServerResponse, Streamed>();
  const inLine: (() => void)[] = [];
  const waiting = new Set<() => void>();
  let closed = false;
  let timers: NodeJS.Timeout[] = [];

  function add(stream: ServerResponse, streamed: Streamed): void {
    const { session } = streamed;
    const own = ofSession.get(session.id) ?? new Set();
    const [oldest] = own;
    if (oldest && own.size >= MAX_STREAMS_PER_SESSION) end(oldest);
    ofSession.set(session.id, own.add(stream));
    streams.set(stream, streamed);
    if (timers.length === 0) {
      timers = [setInterval(showLife, heartbeatMs).unref(), setInterval(sweep, SWEEP).unref()];
    }
  }

  /** Nothing more is taken for it. */
  function forget(stream: ServerResponse): void {
    const streamed = streams.get(stream);
    if (!streamed) return;
    const { session, batches } = streamed;
    void batches.return?.();
    streams.delete(stream);
    const own = ofSession.get(session.id);
    own?.delete(stream);
    if (own?.size === 0) ofSession.delete(session.id);
    if (streams.size > 0) return;
    for (const timer of timers) clearInterval(timer);
    timers = [];
  }

  function end(stream: ServerResponse): void {
    forget(stream);
    stream.end();
    // Whoever does not read what was handed over never meets its end, and would keep all of it here.
    setTimeout(() => stream.destroy(), stallTimeoutMs).unref();
  }

  function showLife(): void {
    for (const stream of streams.keys()) {
      inTurn(() => {
        if (streams.has(stream) && stream.writableLength === 0) stream.write(":\n\n");
      });
    }
  }

  function sweep(): void {
    const now = clock.now();
    for (const [stream, streamed] of streams) {
      const { session } = streamed;
      const used = markSeen(session, now);
      if (!isAlive(session, now)) end(stream);
      else if (used !== session) renew(stream, { ...streamed, session: used });
    }
  }

  /** Whoever has a stream open uses their session. */
  function renew(stream: ServerResponse, streamed: Streamed): void {
    streams.set(stream, streamed);
    streamed.renew().then(
      (session) => streams.has(stream) && streams.set(stream, { ...streamed, session }),
      () => streams.has(stream) && end(stream),
    );
  }

  /** Writes to a stream when it is its turn: with a thousand of them, other requests would wait for all. */
  function inTurn(go: () => void): void {
    if (inLine.push(go) === 1) setImmediate(nextInLine);
  }

  function nextInLine(): void {
    for (const go of inLine.splice(0, AT_ONCE)) go();
    if (inLine.length > 0) setImmediate(nextInLine);
  }

  /** Hands over what comes until there is no more, the reader is gone, or does not read. */
  async function pump(stream: ServerResponse, { first, batches, resync }: Streamed): Promise<void> {
    stream.write(helloFrame(first, resync));
    for (let batch: EventBatch | undefined = first; batch; batch = (await batches.next()).value) {
      let pieces: readonly Buffer[] | undefined = piecesOf(batch.events);
      while (pieces) {
        if (!(await handOver(stream, pieces))) return;
        pieces = await handOverAtOnce(stream, batches);
      }
    }
    if (streams.has(stream)) end(stream);
  }

  /** @returns false where the reader is gone. */
  async function handOver(stream: ServerResponse, pieces: readonly Buffer[]): Promise<boolean> {
    if (isFull(stream)) await drained(stream);
    for (const piece of pieces) {
      if (!streams.has(stream)) return false;
      stream.write(piece);
      if (isFull(stream)) await drained(stream);
    }
    return true;
  }

  async function drained(stream: ServerResponse): Promise<void> {
    await once(stream, "drain", { signal: AbortSignal.timeout(stallTimeoutMs) });
  }

  /**
   * Hands over what happens each time when it is this one's turn, with what happens until then, as long as there is nothing to be
   * waited for. With promises in between, a delivery to one of a thousand took 22 µs of CPU where it takes 18.7.
   *
   * @returns what is to be handed over when the reader has taken what it has; undefined where that is to be asked for.
   */
  function handOverAtOnce(
    stream: ServerResponse,
    batches: Subscription,
  ): Promise<readonly Buffer[] | undefined> {
    return new Promise((resolve, reject) => {
      let over = false;
      const stop = (pieces: readonly Buffer[] | undefined) => {
        over = true;
        resolve(pieces);
      };
      const wake = () =>
        inTurn(() => {
          try {
            if (!over) tell();
          } catch (error) {
            // Others in line are not to suffer for it.
            reject(error);
          }
        });
      function tell(): void {
        const batch = batches.now(wake);
        if (batch === undefined) return stop(undefined);
        const pieces = piecesOf(batch.events);
        if (pieces.length > 1) return stop(pieces);
        const [piece] = pieces;
        if (piece && !stream.write(piece) && isFull(stream)) stop([]);
      }
      tell();
    });
  }

  return {
    open(stream, streamed) {
      if (stream.req.socket.destroyed) {
        void streamed.batches.return?.();
        return;
      }
      stream.once("close", () => forget(stream));
      add(stream, streamed);
      // Whatever ends it, the client resumes: there is nobody to tell why.
      pump(stream, streamed).catch(() => stream.destroy());
      if (closed || stream.req.method === "HEAD") end(stream);
    },
    async wait(milliseconds, response) {
      if (closed || response.req.socket.destroyed) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(finish, milliseconds);
        function finish() {
          clearTimeout(timer);
          response.off("close", finish);
          waiting.delete(finish);
          resolve();
        }
        waiting.add(finish);
        response.once("close", finish);
      });
    },
    count: () => streams.size,
    close() {
      closed = true;
      for (const stream of streams.keys()) end(stream);
      for (const finish of waiting) finish();
    },
  };
}

/** An event is written out once, however many streams it goes to. They share its bytes. */
const written = new WeakMap<ChatEvent, Buffer>();

function frameOf(event: ChatEvent): Buffer {
  const known = written.get(event);
  if (known !== undefined) return known;
  const data = JSON.stringify(eventJson(event));
  const frame = Buffer.from(`id: ${event.cursor}\nevent: ${event.type}\ndata: ${data}\n\n`);
  written.set(event, frame);
  return frame;
}

/**
 * The first thing that is sent, at once. Where there are events to come, each brings its own id: who is cut off before them
 * must not go on behind them.
 */
function helloFrame({ events, cursor }: EventBatch, resync: boolean): string {
  const place = events.length === 0 ? `id: ${cursor}\n` : "";
  const event = resync ? `event: resync\ndata: ${JSON.stringify({ cursor })}\n` : "";
  return `retry: 3000\n${place}${event}\n`;
}

function isFull(stream: ServerResponse): boolean {
  return stream.writableLength >= BUFFER;
}

/** Subscribers of the same chats are sent the same events: the pieces are made for the first of them, and shared. */
let latest: { readonly events: readonly ChatEvent[]; readonly pieces: readonly Buffer[] } | undefined;

function piecesOf(events: readonly ChatEvent[]): readonly Buffer[] {
  const known =
    latest?.events.length === events.length && latest.events.every((event, index) => event === events[index]);
  if (!latest || !known) latest = { events, pieces: [...split(events)] };
  return latest.pieces;
}

/** Splits events into pieces of at most a quarter of the buffer. A longer event is a piece by itself. */
function* split(events: readonly ChatEvent[]): Generator<Buffer> {
  let frames: Buffer[] = [];
  let size = 0;
  for (const frame of events.map(frameOf)) {
    if (size > 0 && size + frame.length > BUFFER / 4) {
      yield Buffer.concat(frames, size);
      frames = [];
      size = 0;
    }
    frames.push(frame);
    size += frame.length;
  }
  if (size > 0) yield Buffer.concat(frames, size);
}
