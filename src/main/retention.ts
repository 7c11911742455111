import type { Messaging } from "../application/messaging.js";
import type { Clock } from "../application/ports.js";

const HOUR = 60 * 60 * 1_000;

/**
 * Forgets events that are older than `retention`, in milliseconds: now and every hour.
 *
 * @param onTrouble is told where that failed. It is tried again.
 * @returns what ends it.
 */
export function forgetOldEvents(
  messaging: Pick<Messaging, "forgetEvents">,
  clock: Clock,
  retention: number,
  onTrouble: (trouble: Error) => void,
): () => Promise<void> {
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
