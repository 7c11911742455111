import type { Messaging } from "../application/messaging.js";
import type { Clock } from "../application/ports.js";

const HOUR = 60 * 60 * 1_000;

/**
 * Forgets events that are older than `retention`, in milliseconds: now and every hour.
 *
 * @param onTrouble is told where that failed. It is tried again.
 * @returns what ends it.
 * @throws RangeError where `retention` is none.
 */
export function forgetOldEvents(
  messaging: Pick<Messaging, "forgetEvents">,
  clock: Clock,
  retention: number,
  onTrouble: (trouble: Error) => void,
): () => Promise<void> {
  // What is no time would forget everything.
  if (!(retention >= 0))
    throw new RangeError(`Events are kept for milliseconds, 0 or more, and not for ${retention}.`);
  let underWay = Promise.resolve();
  const forget = () => {
    underWay = messaging.forgetEvents({ before: clock.now() - retention }).then(
      () => {},
      (cause: unknown) =>
        onTrouble(new Error("Old events could not be forgotten. It will be tried again.", { cause })),
    );
  };
  forget();
  const hourly = setInterval(forget, HOUR).unref();
  return () => {
    clearInterval(hourly);
    return underWay;
  };
}
