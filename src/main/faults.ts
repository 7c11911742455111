import { AsyncLocalStorage } from "node:async_hooks";
import type { Socket } from "node:net";
import type { Store } from "../application/ports.js";
import { MessagingError } from "../domain/errors.js";

/** Over which connection that came which is being done, where it came over HTTP. */
export const connection = new AsyncLocalStorage<Socket>();

/** What whoever waits for an answer sees of a network that is cut. */
export function hangUp(message: string): Error {
  connection.getStore()?.destroy();
  return Object.assign(new Error(message), { code: "ECONNRESET" });
}

/** A store that fails when it is told to. */
export interface FaultyStore extends Store {
  failNextCommit(): void;
  loseNextAnswer(): void;
  /** Resolves when it has had nothing to do for a while. */
  settled(): Promise<void>;
}

/** For how many turns of the event loop nothing happens before nothing more is expected. */
const QUIET_TURNS = 5;

export function faultyStore(sound: Store): FaultyStore {
  let fails = false;
  let loses = false;
  let begun = 0;
  let underWay = 0;

  async function counted<T>(call: () => Promise<T>): Promise<T> {
    begun += 1;
    underWay += 1;
    try {
      return await call();
    } finally {
      underWay -= 1;
    }
  }

  return {
    async transaction(work) {
      if (fails) {
        fails = false;
        throw new MessagingError(
          "store_unavailable",
          "Nothing can be stored now: the test has asked for that.",
        );
      }
      const answer = await counted(() => sound.transaction(work));
      if (loses) {
        loses = false;
        throw hangUp("This was stored, and its answer is lost: the test has asked for that.");
      }
      return answer;
    },
    read: (work) => counted(() => sound.read(work)),
    subscribe: (wake) => sound.subscribe(wake),
    status: () => sound.status(),
    close: () => sound.close(),
    failNextCommit() {
      fails = true;
    },
    loseNextAnswer() {
      loses = true;
    },
    async settled() {
      let seen = begun;
      for (let quiet = 0; quiet < QUIET_TURNS; quiet += 1) {
        await new Promise(setImmediate);
        if (underWay > 0 || begun !== seen) quiet = 0;
        seen = begun;
      }
    },
  };
}
