import { setImmediate } from "node:timers/promises";

/**
 * How many turns a long response waits at most while clients connect. Node accepts one connection a turn, so long turns would keep
 * new clients out.
 */
const MAX_TURNS_FOR_CONNECTIONS = 100;

let last: Promise<void> = Promise.resolve();
let hasAccepted = false;

/** Call it for each new connection. */
export function noteConnection(): void {
  hasAccepted = true;
}

/**
 * Resolves in a later turn of the event loop, in which it resolves for no other caller. So many long responses together take no
 * longer in one turn than one of them. While clients connect, it waits some turns longer.
 */
export function nextTurn(): Promise<void> {
  last = last.then(waitTurn);
  return last;
}

async function waitTurn(): Promise<void> {
  for (let turn = 0; turn < MAX_TURNS_FOR_CONNECTIONS; turn += 1) {
    hasAccepted = false;
    await setImmediate();
    if (!hasAccepted) return;
  }
}
