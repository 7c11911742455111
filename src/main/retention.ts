import type { Messaging } from "../application/messaging.js";
import type { Clock } from "../application/ports.js";

const INTERVAL_MS = 60 * 60 * 1_000;

/** How long data is kept, in milliseconds. */
export interface Retention {
  readonly events: number;
  /** Undefined keeps all messages. */
  readonly messages?: number | undefined;
}

/** The work of a run. */
export interface RetentionWork extends Pick<Messaging, "forgetEvents" | "forgetMessages"> {
  deleteAbandonedChats(): Promise<unknown>;
  eraseDeletedUsers(): Promise<unknown>;
}

/**
 * Deletes older events and messages, chats without participants, and what remains of deleted users: immediately, then every hour.
 * None of these steps waits for another, or fails with it.
 *
 * @param onTrouble receives each failure. The next run tries again.
 * @returns a function that stops it, and resolves once a run in progress has ended.
 * @throws RangeError if a retention is negative or not a number.
 */
export function startRetention(
  work: RetentionWork,
  clock: Clock,
  { events, messages }: Retention,
  onTrouble: (trouble: Error) => void,
): () => Promise<void> {
  assertRetention("event", events);
  if (messages !== undefined) assertRetention("message", messages);
  const step = (failure: string, perform: () => Promise<unknown>) => {
    let running = Promise.resolve();
    const attempt = async () => {
      try {
        await perform();
      } catch (cause) {
        onTrouble(new Error(`${failure} The next attempt is in an hour.`, { cause }));
      }
    };
    return () => (running = running.then(attempt));
  };
  const steps = [
    step("Old events could not be deleted.", () => work.forgetEvents({ before: clock.now() - events })),
    step("A chat without participants could not be deleted.", () => work.deleteAbandonedChats()),
    step("A deleted user could not be erased.", () => work.eraseDeletedUsers()),
  ];
  if (messages !== undefined) {
    const forget = () => work.forgetMessages({ before: clock.now() - messages });
    steps.push(step("Old messages could not be deleted.", forget));
  }
  let running: Promise<unknown>;
  const run = () => {
    running = Promise.all(steps.map((start) => start()));
  };
  run();
  const timer = setInterval(run, INTERVAL_MS).unref();
  return async () => {
    clearInterval(timer);
    await running;
  };
}

/** NaN would delete everything. */
function assertRetention(what: string, retentionMs: number): void {
  if (retentionMs >= 0) return;
  throw new RangeError(`Invalid ${what} retention ${retentionMs}. Use milliseconds, 0 or more.`);
}
