import { AsyncLocalStorage } from "node:async_hooks";
import type { Socket } from "node:net";
import type { Store } from "../application/ports.js";
import { MessagingError } from "../domain/errors.js";

/** The connection of the HTTP request that is being handled. */
export const connection = new AsyncLocalStorage<Socket>();

/** Cuts the connection of the current HTTP request, and returns the error that a caller in this process sees. */
export function hangUp(message: string): Error {
  connection.getStore()?.destroy();
  return Object.assign(new Error(message), { code: "ECONNRESET" });
}

/** A store with faults on demand. */
export interface FaultyStore extends Store {
  failNextCommit(): void;
  loseNextAnswer(): void;
  /** Resolves once the store has been idle for `QUIET_TURNS` turns of the event loop. */
  settled(): Promise<void>;
}

const QUIET_TURNS = 5;

export function faultyStore(sound: Store): FaultyStore {
  let failsNext = false;
  let losesNext = false;
  let started = 0;
  let pending = 0;

  async function counted<T>(call: () => Promise<T>): Promise<T> {
    started += 1;
    pending += 1;
    try {
      return await call();
    } finally {
      pending -= 1;
    }
  }

  return {
    async transaction(work, appendsTo) {
      if (failsNext) {
        failsNext = false;
        throw new MessagingError(
          "store_unavailable",
          "The store rejects this transaction, as the test requested.",
        );
      }
      const result = await counted(() => sound.transaction(work, appendsTo));
      if (losesNext) {
        losesNext = false;
        throw hangUp("The transaction is stored and its result is lost, as the test requested.");
      }
      return result;
    },
    read: (work) => counted(() => sound.read(work)),
    subscribe: (wake) => sound.subscribe(wake),
    status: () => sound.status(),
    close: () => sound.close(),
    failNextCommit() {
      failsNext = true;
    },
    loseNextAnswer() {
      losesNext = true;
    },
    async settled() {
      let seen = started;
      for (let quiet = 0; quiet < QUIET_TURNS; quiet += 1) {
        await new Promise(setImmediate);
        if (pending > 0 || started !== seen) quiet = 0;
        seen = started;
      }
    },
  };
}
