import type { Messaging } from "../application/messaging.js";
import type { Clock } from "../application/ports.js";

const INTERVAL_MS = 60 * 60 * 1_000;

/** How long data is kept, in milliseconds. */
export interface Retention {
  readonly events: number;
  /** Undefined keeps all messages. */
  readonly messages?: number | undefined;
}

/**
 * Deletes older events and messages: immediately, then every hour.
 *
 * @param onTrouble receives each failure. The next run tries again.
 * @returns a function that stops it, and resolves once a run in progress has ended.
 * @throws RangeError if a retention is negative or not a number.
 */
export function startRetention(
  messaging: Pick<Messaging, "forgetEvents" | "forgetMessages">,
  clock: Clock,
  { events, messages }: Retention,
  onTrouble: (trouble: Error) => void,
): () => Promise<void> {
  assertRetention("event", events);
  if (messages !== undefined) assertRetention("message", messages);
  let running = Promise.resolve();
  const attempt = (what: string, forget: Promise<unknown>) =>
    forget.then(
      () => {},
      (cause: unknown) =>
        onTrouble(new Error(`Old ${what} could not be deleted. The next attempt is in an hour.`, { cause })),
    );
  const forget = async () => {
    const now = clock.now();
    await attempt("events", messaging.forgetEvents({ before: now - events }));
    if (messages === undefined) return;
    await attempt("messages", messaging.forgetMessages({ before: now - messages }));
  };
  const run = () => {
    running = running.then(forget);
  };
  run();
  const timer = setInterval(run, INTERVAL_MS).unref();
  return () => {
    clearInterval(timer);
    return running;
  };
}

/** NaN would delete everything. */
function assertRetention(what: string, retentionMs: number): void {
  if (retentionMs >= 0) return;
  throw new RangeError(`Invalid ${what} retention ${retentionMs}. Use milliseconds, 0 or more.`);
}
