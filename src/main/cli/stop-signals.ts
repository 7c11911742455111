import type { EventEmitter } from "node:events";

/** A second Ctrl-C later than this ends the process at once. npm forwards signals that the process has got as well. */
const IMPATIENCE_MS = 2_000;

interface StopActions {
  /** Starts the orderly stop. Called once. */
  readonly stop: () => void;
  /** Ends the process immediately. */
  readonly endNow: () => void;
}

/**
 * Stops in order at the first SIGTERM or SIGINT. Further signals change nothing, except a SIGINT after more than two
 * seconds, which ends the process at once.
 *
 * @param now a monotonic clock, in milliseconds
 */
export function stopOnSignals(
  signals: Pick<EventEmitter, "on">,
  { stop, endNow }: StopActions,
  now: () => number = () => performance.now(),
): void {
  let stoppedAt: number | undefined;
  const onSignal = (isImpatient: boolean) => {
    if (stoppedAt === undefined) {
      stoppedAt = now();
      stop();
    } else if (isImpatient && now() - stoppedAt > IMPATIENCE_MS) {
      endNow();
    }
  };
  signals.on("SIGTERM", () => onSignal(false));
  signals.on("SIGINT", () => onSignal(true));
}
