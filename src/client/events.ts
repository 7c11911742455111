import type { ChatEvent, Presence } from "./api.js";
import { backoff, isOutcomeUnknown, parseJson, toQuery } from "./call.js";
import type { Send } from "./connection.js";
import { onAbort, openDeadline, pause, type Deadline } from "./deadline.js";
import { EventStreamParser, type Block } from "./event-stream.js";
import { isOfType, noAnswer, PalaverError, problemIn, unexpectedAnswer } from "./problem.js";

export interface EventsOptions {
  /** The cursor of the last event that was processed, or of `sync`. Default: events from now on. */
  readonly after?: string | undefined;
  /** Closes the subscription, which then rejects with the reason of the signal. */
  readonly signal?: AbortSignal | undefined;
  /** Also yields typing and presence. They have no cursor, so a program that saves the cursor of each event asks for them. */
  readonly signals?: boolean | undefined;
  /**
   * Called with true when the server has accepted the stream, and with false when the stream is lost or could not be opened, before
   * each pause. It must not throw.
   */
  readonly onConnection?: ((isConnected: boolean) => void) | undefined;
}

const SIGNALS: ReadonlySet<string> = new Set(["typing", "presence"] satisfies ClientSignal["type"][]);

/** Some events were missed. Read the chats again, for example with `sync`. Events continue after this cursor. */
export interface Resync {
  readonly type: "resync";
  readonly cursor: string;
}

export type ClientEvent = ChatEvent | Resync;

/** A user types in a chat. */
export interface TypingSignal {
  readonly type: "typing";
  readonly chat_id: number;
  readonly user_id: string;
  readonly username: string;
  /** When the user no longer counts as typing, unless another signal or a message of the user comes before. */
  readonly expires_in_ms: number;
}

/** A p2p peer of the caller is online, or no longer. */
export interface PresenceSignal extends Presence {
  readonly type: "presence";
}

/** Comes between the events. It has no cursor: a subscription resumes from the cursor of the last event. */
export type ClientSignal = TypingSignal | PresenceSignal;

/** The server sends a heartbeat every 15 seconds. After three missing ones the connection counts as dead. */
const HEARTBEAT_TIMEOUT_MS = 45_000;

/** Until the server sends a reconnection time. */
const DEFAULT_RECONNECTION_MS = 3_000;

/** The abort reason of a subscription that was closed by `return`. */
const CLOSED = new Error("The subscription is closed.");

/**
 * Yields the events of the caller's chats in order, each once, from a stream that reconnects after failures.
 *
 * @throws TypeError at once if an option is invalid
 * @throws PalaverError an error that a retry can't fix: `not_signed_in` when the session has ended, `invalid_cursor`, …
 */
export function streamEvents(
  send: Send,
  options: EventsOptions = {},
): AsyncIterableIterator<ClientEvent | ClientSignal> {
  assertOptions(options);
  const controller = new AbortController();
  const events = readUntilClosed(send, options, controller);
  const finish = events.return.bind(events);
  // A generator queues `return` behind a pending `next`, so the connection is aborted first.
  return Object.assign(events, {
    return() {
      controller.abort(CLOSED);
      return finish(undefined);
    },
  });
}

/** @throws TypeError */
function assertOptions({ after, signal, signals, onConnection, ...others }: EventsOptions): void {
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw new TypeError(
      `Unknown option ${unknown}. The options are after, signal, signals and onConnection.`,
    );
  }
  if (after !== undefined && typeof after !== "string") {
    throw new TypeError(`Invalid after: ${String(after)}. Use the cursor of an event or of sync.`);
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError("Invalid signal. Use an AbortSignal.");
  }
  if (signals !== undefined && typeof signals !== "boolean") {
    throw new TypeError(`Invalid signals: ${String(signals)}. Use true or false.`);
  }
  if (onConnection !== undefined && typeof onConnection !== "function") {
    throw new TypeError(`Invalid onConnection: ${String(onConnection)}. Use a function.`);
  }
}

async function* readUntilClosed(
  send: Send,
  { signal, ...options }: EventsOptions,
  controller: AbortController,
): AsyncGenerator<ClientEvent | ClientSignal, undefined> {
  const removeListener = onAbort(signal, () => controller.abort(signal?.reason));
  try {
    return yield* readEvents(send, options, controller.signal);
  } catch (error) {
    if (controller.signal.reason === CLOSED) return undefined;
    throw error;
  } finally {
    removeListener();
  }
}

async function* readEvents(
  send: Send,
  { after, signals = false, onConnection }: Omit<EventsOptions, "signal">,
  signal: AbortSignal,
): AsyncGenerator<ClientEvent | ClientSignal, undefined> {
  let cursor = after;
  let reconnectionMs = DEFAULT_RECONNECTION_MS;
  for (let failures = 0; ; failures += 1) {
    signal.throwIfAborted();
    const heartbeat = openDeadline(HEARTBEAT_TIMEOUT_MS, signal);
    let retryAfter = 0;
    try {
      for await (const { id, event, data, retry } of readBlocks(send, cursor, heartbeat, onConnection)) {
        failures = 0;
        reconnectionMs = retry ?? reconnectionMs;
        const value = data === undefined ? undefined : (parseJson(data) as ChatEvent);
        cursor = id || cursor;
        const isSignal = SIGNALS.has(event);
        if (!value || (isSignal && !signals)) continue;
        heartbeat.suspend();
        if (isSignal) yield { ...value, type: event } as unknown as ClientSignal;
        else yield event === "resync" ? { type: event, cursor: value.cursor } : value;
        signal.throwIfAborted();
        heartbeat.extend();
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof PalaverError && isTransient(error))) throw error;
      retryAfter = error.retryAfter ?? 0;
    } finally {
      heartbeat.close();
    }
    onConnection?.(false);
    await pause(retryAfter + backoff(failures, reconnectionMs), signal);
  }
}

function isTransient(error: PalaverError): boolean {
  return isOutcomeUnknown(error) || error.status === 429 || error.status >= 500;
}

async function* readBlocks(
  send: Send,
  after: string | undefined,
  heartbeat: Deadline,
  onConnection: EventsOptions["onConnection"],
): AsyncGenerator<Block> {
  const query = toQuery(after === undefined ? [] : [["after", after]]);
  const response = await send(`/v1/events/stream${query}`, { signal: heartbeat.signal });
  if (!response.ok) throw problemIn(response, await response.text().catch(() => ""));
  if (!isOfType(response, "text/event-stream") || !response.body) {
    throw unexpectedAnswer(response, "no event stream");
  }
  onConnection?.(true);
  const parser = new EventStreamParser();
  const reader = response.body.getReader();
  for (;;) {
    const { value } = await reader.read().catch((cause: unknown) => {
      throw noAnswer(cause);
    });
    if (value === undefined) return;
    heartbeat.extend();
    yield* parser.push(value);
  }
}
