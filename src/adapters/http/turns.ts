import { setImmediate } from "node:timers/promises";

let last: Promise<void> = Promise.resolve();

/**
 * Resolves in a later turn of the event loop, in which it resolves for no other caller. So many long responses together take no
 * longer in one turn than one of them.
 */
export function nextTurn(): Promise<void> {
  last = last.then(() => setImmediate());
  return last;
}
