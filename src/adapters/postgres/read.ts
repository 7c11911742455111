import { setTimeout as sleep } from "node:timers/promises";
import {
  isConnectionError,
  MAX_CONNECTION_ATTEMPTS,
  tooManyChanges,
  unavailable,
  type Pool,
} from "./connection.js";
import type { Relay } from "./relay.js";
import { Attempts, Scope } from "./scope.js";
import { translated } from "./transaction.js";

/** How often a read starts again on a later snapshot. Beyond that, its chats change faster than they can be read. */
const MAX_ATTEMPTS = 50;

/**
 * Runs work on one snapshot, at REPEATABLE READ. Runs it again on a later snapshot while events that this one reflects are not in
 * the log, and after a connection that failed. Work that reads one row begins no transaction.
 */
export async function runRead<T>(pool: Pool, relay: Relay, work: (scope: Scope) => Promise<T>): Promise<T> {
  const attempts = new Attempts();
  for (let failedConnections = 0; ;) {
    const connection = await pool.acquire();
    let hasBegun = false;
    const begin = () => {
      if (hasBegun) return;
      hasBegun = true;
      connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").catch(() => {});
    };
    // Nothing depends on the end of a read.
    const end = (command: "COMMIT" | "ROLLBACK") => {
      connection.execute(command).then(
        () => connection.release(false),
        () => connection.release(true),
      );
    };
    const scope = new Scope(connection, relay, attempts, begin);
    if (attempts.needsView) begin();
    try {
      const result = await work(scope);
      if (hasBegun) end("COMMIT");
      else connection.release(false);
      return result;
    } catch (error) {
      let fault = scope.fault?.error ?? error;
      if (hasBegun) end("ROLLBACK");
      else connection.release(isConnectionError(fault));
      if (attempts.needsView && !hasBegun) continue;
      if (attempts.isBehind) {
        if (attempts.count === MAX_ATTEMPTS) throw tooManyChanges();
        attempts.isBehind = false;
        attempts.count += 1;
        fault = await relay.run().catch((cause: unknown) => cause);
        // A transaction that is still open keeps the relay from settling what it has taken.
        if (attempts.count > 3) await sleep(attempts.count);
        if (fault === undefined) continue;
      }
      if (!isConnectionError(fault)) throw translated(fault);
      failedConnections += 1;
      if (failedConnections === MAX_CONNECTION_ATTEMPTS) throw unavailable(fault);
    }
  }
}
