import { setTimeout as sleep } from "node:timers/promises";
import { MessagingError } from "../domain/errors.js";

/** How long a message waits for the index at most, if few wait. */
const INTERVAL_MS = 1_000;

/** Leaves most of the time to others while many messages wait: indexing a part takes a few milliseconds. */
const PAUSE_MS = 5;

/** Indexes the messages that wait for it, with pauses between two parts, until it is stopped. */
export type IndexWork = (pause: () => Promise<void>, isStopped: () => boolean) => Promise<void>;

/**
 * Lets the index of the texts follow the messages.
 *
 * @param onTrouble receives the first failure of a series. The next attempt is in a second.
 * @returns a function that stops it, and resolves once a part in progress has ended.
 */
export function startIndexing(work: IndexWork, onTrouble: (trouble: Error) => void): () => Promise<void> {
  let isStopped = false;
  let hasFailed = false;
  let timer: NodeJS.Timeout | undefined;
  let running = Promise.resolve();
  const stopping = new AbortController();
  // The end of a pause would never come where only the caller of the returned function waits for it.
  const pause = () =>
    sleep(PAUSE_MS, undefined, { ref: false, signal: stopping.signal }).catch(() => undefined);

  async function run(): Promise<void> {
    try {
      await work(pause, () => isStopped);
      hasFailed = false;
    } catch (cause) {
      // A store that cannot be written reports it itself.
      if (!hasFailed && !(cause instanceof MessagingError)) {
        onTrouble(
          new Error("Texts could not be indexed for the search. The next attempt is in a second.", { cause }),
        );
      }
      hasFailed = true;
    }
    if (!isStopped) timer = setTimeout(start, INTERVAL_MS).unref();
  }

  function start(): void {
    running = run();
  }

  start();
  return async () => {
    isStopped = true;
    stopping.abort();
    clearTimeout(timer);
    await running;
  };
}
