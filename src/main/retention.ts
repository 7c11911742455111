import type { Messaging } from "../application/messaging.js";
import type { Clock } from "../application/ports.js";

const INTERVAL_MS = 60 * 60 * 1_000;

/**
 * Deletes events older than `retentionMs`: immediately, then every hour.
 *
 * @param onTrouble receives each failure. The next run tries again.
 * @returns a function that stops it, and resolves once a run in progress has ended.
 * @throws RangeError if `retentionMs` is negative or not a number.
 */
export function startEventRetention(
  messaging: Pick<Messaging, "forgetEvents">,
  clock: Clock,
  retentionMs: number,
  onTrouble: (trouble: Error) => void,
): () => Promise<void> {
  // NaN would delete every event.
  if (!(retentionMs >= 0)) {
    throw new RangeError(`Invalid event retention ${retentionMs}. Use milliseconds, 0 or more.`);
  }
  let running = Promise.resolve();
  const run = () => {
    running = messaging.forgetEvents({ before: clock.now() - retentionMs }).then(
      () => {},
      (cause: unknown) =>
        onTrouble(new Error("Old events could not be deleted. The next attempt is in an hour.", { cause })),
    );
  };
  run();
  const timer = setInterval(run, INTERVAL_MS).unref();
  return () => {
    clearInterval(timer);
    return running;
  };
}
