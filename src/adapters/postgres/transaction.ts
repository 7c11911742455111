import { setTimeout as sleep } from "node:timers/promises";
import { MessagingError } from "../../domain/errors.js";
import {
  incarnationOf,
  isConnectionError,
  MAX_CONNECTION_ATTEMPTS,
  sqlState,
  tooManyChanges,
  unavailable,
  type Connection,
  type Pool,
} from "./connection.js";
import type { Relay } from "./relay.js";
import { RacedError, Scope } from "./scope.js";

/** How often the work of a transaction runs at most. */
const MAX_ATTEMPTS = 10;
const MAX_RETRY_DELAY_MS = 50;

/** How long the outcome of a lost commit is looked up before the caller is answered that it is unknown. */
const LOOK_UP_TIMEOUT_MS = 10_000;
const LOOK_UP_DELAY_MS = 100;

/** A result, and whether anything was stored. */
export interface Stored<T> {
  readonly result: T;
  readonly hasWritten: boolean;
}

/**
 * Runs work in one transaction at READ COMMITTED. Runs it again after a serialization failure, a deadlock, a race for a unique
 * value, and a connection that failed before the commit.
 *
 * @param onRetry called before each further attempt.
 */
export async function runTransaction<T>(
  pool: Pool,
  relay: Relay,
  work: (scope: Scope) => Promise<T>,
  onRetry: () => void,
): Promise<Stored<T>> {
  let failedConnections = 0;
  for (let attempt = 1; ; attempt += 1) {
    const connection = await pool.acquire();
    try {
      return await attemptOn(connection, pool, relay, work);
    } catch (error) {
      if (isConnectionError(error)) {
        failedConnections += 1;
        if (failedConnections === MAX_CONNECTION_ATTEMPTS) throw unavailable(error);
      } else if (!isRetryable(error)) {
        throw translated(error);
      } else if (attempt === MAX_ATTEMPTS) {
        // The error of a unique value that is in use, and not in a race, is the result.
        if (sqlState(error) === UNIQUE_VIOLATION) throw error;
        throw tooManyChanges(error);
      }
      onRetry();
      await sleep(Math.random() * Math.min(MAX_RETRY_DELAY_MS, 2 ** attempt));
    }
  }
}

const UNIQUE_VIOLATION = "23505";
/** Serialization failures, deadlocks, and unique violations: another transaction has stored the value since this one looked. */
const RETRYABLE: ReadonlySet<unknown> = new Set(["40001", "40P01", UNIQUE_VIOLATION]);

function isRetryable(error: unknown): boolean {
  return error instanceof RacedError || RETRYABLE.has(sqlState(error));
}

/** Errors with which the database rejects writes, as those of the port. */
export function translated(error: unknown): unknown {
  switch (sqlState(error)) {
    // A full disk; a lock or statement that takes too long.
    case "53100":
      return unavailable(error);
    case "53300":
    case "55P03":
    case "57014":
      return new MessagingError("busy", "The database is busy. Try again in a moment.", { cause: error });
    default:
      return error;
  }
}

/** Runs work in one transaction at READ COMMITTED, once. Releases the connection. */
export async function attemptOn<T>(
  connection: Connection,
  pool: Pool,
  relay: Relay,
  work: (scope: Scope) => Promise<T>,
): Promise<Stored<T>> {
  const scope = new Scope(connection, relay);
  // The transaction has its id before it takes any id or number from a sequence, see `relay.ts`.
  const begun = connection.begin();
  begun.catch(() => {});
  let result: T;
  let id: string;
  try {
    result = await work(scope);
    // Known before the commit is sent, so that its outcome can be looked up.
    id = await begun;
  } catch (error) {
    const fault = scope.fault?.error ?? error;
    await rollBack(connection, fault);
    throw fault;
  }
  const committed = connection.execute("COMMIT");
  committed.catch(() => {});
  try {
    await scope.settled();
    const { command } = await committed;
    connection.release(false);
    // PostgreSQL answers a COMMIT of a failed transaction with ROLLBACK.
    if (command !== "COMMIT") throw scope.fault?.error ?? new Error("The transaction was rolled back.");
  } catch (error) {
    if (!isConnectionError(error)) throw error;
    connection.release(true);
    if (!scope.hasWritten) throw error;
    if (!(await isCommitted(pool, relay, id, connection.incarnation))) throw error;
  }
  return { result, hasWritten: scope.hasWritten };
}

async function rollBack(connection: Connection, fault: unknown): Promise<void> {
  try {
    await connection.execute("ROLLBACK");
    connection.release(isConnectionError(fault));
  } catch {
    connection.release(true);
  }
}

/**
 * Looks up whether a transaction was committed whose connection failed before the answer.
 *
 * @param incarnation of the server when the connection was opened. After a crash or a failover, another transaction can have the
 * id.
 * @throws MessagingError `outcome_unknown`
 */
async function isCommitted(
  pool: Pool,
  relay: Relay,
  id: string,
  incarnation: string | undefined,
): Promise<boolean> {
  let cause: unknown;
  for (
    const end = performance.now() + LOOK_UP_TIMEOUT_MS;
    performance.now() < end;
    await sleep(LOOK_UP_DELAY_MS)
  ) {
    try {
      const status = await lookUp(pool, id, incarnation);
      if (status === "aborted") return false;
      if (status === undefined) break;
      if (status === "committed") {
        // Commits once more, so that a synchronous standby has the transaction, too, when the caller gets the response.
        await relay.run();
        return true;
      }
    } catch (error) {
      cause = error;
    }
  }
  throw new MessagingError(
    "outcome_unknown",
    "The connection to the database failed, and the change may have been stored. Repeat the request with its idempotency key, or check before you repeat it.",
    { cause },
  );
}

/** The status of a transaction; undefined if it cannot be known. */
function lookUp(pool: Pool, id: string, incarnation: string | undefined): Promise<unknown> {
  return pool.run(async (connection) => {
    const current = await incarnationOf(connection);
    if (incarnation === undefined || current !== incarnation) return undefined;
    const found = await connection.row("SELECT pg_xact_status($1::xid8)", id);
    return found?.[0] ?? undefined;
  });
}
