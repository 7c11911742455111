import type { ChatEvent } from "./api.js";
import { backoff, isLost, parseJson, search, unexpected } from "./call.js";
import { noAnswer, type Send } from "./connection.js";
import { onAbort, openDeadline, pause, type Deadline } from "./deadline.js";
import { eventStreamReader, type Block } from "./event-stream.js";
import { isOfType, PalaverError, problemIn } from "./problem.js";

export interface FollowOptions {
  /** The cursor of the last event that was dealt with, or of `sync`. Without it: from now on. */
  readonly after?: string | undefined;
  /** Ends the following, which then rejects with the reason of the signal. */
  readonly signal?: AbortSignal | undefined;
}

/** What happened since is not known as a whole any more: read the chats anew, by `sync` say. Events go on from this cursor. */
export interface Resync {
  readonly type: "resync";
  readonly cursor: string;
}

export type FollowedEvent = ChatEvent | Resync;

/** How long a server that lives may be silent, in milliseconds: three of its heartbeats. */
const SILENCE = 45_000;

/** How long to rest before the first try to connect again, in milliseconds, unless the server says. */
const RECONNECTION_TIME = 3_000;

/**
 * What happens in the caller's chats, as it happens, in order, each event once, over a stream that is opened anew whenever it
 * breaks.
 *
 * @throws PalaverError what no other try would mend: `not_signed_in` when the session has ended, `invalid_cursor`, …
 */
export function followEvents(
  send: Send,
  { after, signal }: FollowOptions = {},
): AsyncIterableIterator<FollowedEvent, undefined> {
  const following = new AbortController();
  const events = follow(send, after, following.signal);
  let ignore: (() => void) | undefined;
  let isOver = false;

  async function close(): Promise<IteratorReturnResult<undefined>> {
    isOver = true;
    ignore?.();
    following.abort();
    await events.return(undefined);
    return { done: true, value: undefined };
  }

  return {
    async next() {
      if (isOver) return close();
      try {
        signal?.throwIfAborted();
        ignore ??= onAbort(signal, () => following.abort(signal?.reason));
        return await events.next();
      } catch (error) {
        // What was closed while something was waited for has not failed.
        if (isOver) return close();
        await close();
        signal?.throwIfAborted();
        throw error;
      }
    },
    return: close,
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function* follow(
  send: Send,
  after: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<FollowedEvent, undefined> {
  let cursor = after;
  let reconnectionTime = RECONNECTION_TIME;
  for (let failures = 0; ; failures += 1) {
    const silence = openDeadline(SILENCE, signal);
    let asked = 0;
    try {
      for await (const { id, event, data, retry } of blocks(send, cursor, silence)) {
        failures = 0;
        reconnectionTime = retry ?? reconnectionTime;
        const told = data === undefined ? undefined : (parseJson(data) as ChatEvent);
        cursor = id || cursor;
        if (!told) continue;
        silence.suspend();
        yield event === "resync" ? { type: event, cursor: told.cursor } : told;
        silence.extend();
      }
    } catch (error) {
      if (!(error instanceof PalaverError && mayPass(error))) throw error;
      asked = error.retryAfter ?? 0;
    } finally {
      silence.close();
    }
    await pause(asked + backoff(failures, reconnectionTime), signal);
  }
}

function mayPass(error: PalaverError): boolean {
  return isLost(error) || error.status === 429 || error.status >= 500;
}

async function* blocks(send: Send, after: string | undefined, silence: Deadline): AsyncGenerator<Block> {
  const query = search(after === undefined ? [] : [["after", after]]);
  const response = await send(`/v1/events/stream${query}`, { signal: silence.signal });
  if (!response.ok) throw problemIn(response, await response.text().catch(() => ""));
  if (!isOfType(response, "text/event-stream") || !response.body) throw unexpected(response, "no events");
  const read = eventStreamReader();
  const reader = response.body.getReader();
  for (;;) {
    const { value } = await reader.read().catch((cause: unknown) => {
      throw noAnswer(cause);
    });
    if (value === undefined) return;
    silence.extend();
    yield* read(value);
  }
}
