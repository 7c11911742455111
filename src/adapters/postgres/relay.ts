import { SCHEMA_ID, type Pool } from "./connection.js";

/** The expression for the channel on which the nodes of a store are notified of the id of its last event. */
export const CHANNEL = `'palaver_events_' || ${SCHEMA_ID}`;

/** Bounds the time for which the log is locked. */
const MAX_MOVED = 1_000;

/**
 * Noted before the transaction has an id: every id or number up to these was taken by a transaction with a smaller id than its
 * id, since each takes its id first.
 */
const NOTE_TAKEN = `SELECT
  set_config('palaver.message_id', (SELECT last_value - (NOT is_called)::int FROM message_ids)::text, true),
  set_config('palaver.event_number', (SELECT last_value - (NOT is_called)::int FROM event_numbers)::text, true)`;

/** One relay at a time. What follows reads a snapshot with all that was moved before. */
const LOCK_LOG = "SELECT FROM event_log FOR UPDATE";

/**
 * Whether every transaction up to the noted one that has taken an id or a number has ended, so that nobody will see another one
 * up to the noted ones. It locks their sequence until it ends. Most often no older transaction at all is open on the server, which
 * costs less to find out. The relay itself reads the sequences, so its locks have the id of this database.
 */
const HAS_SETTLED = `next_transaction < pg_snapshot_xmin(pg_current_snapshot()) OR NOT EXISTS (
    SELECT FROM locks AS taken JOIN locks AS transactions USING (virtualtransaction)
    WHERE taken.relation IN ('message_ids'::regclass, 'event_numbers'::regclass) AND taken.mode = 'RowExclusiveLock'
      AND taken.database IN (SELECT database FROM locks WHERE pid = pg_backend_pid() AND relation = 'message_ids'::regclass)
      AND transactions.locktype = 'transactionid' AND transactions.mode = 'ExclusiveLock'
      AND age(transactions.transactionid) >= age(next_transaction::xid)
  )`;

/** The numbers of one chat are in commit order, so that its events keep their order in each batch and from batch to batch. */
const MOVE = `WITH moved AS (
    DELETE FROM outbox WHERE number IN (SELECT number FROM outbox ORDER BY number LIMIT ${MAX_MOVED}) RETURNING *
  ), added AS (
    INSERT INTO events (id, number, chat_id, user_id, outside, at, what, message_id)
    SELECT event_log.last + row_number() OVER (ORDER BY number), number, chat_id, user_id, outside, at, what, message_id
    FROM moved CROSS JOIN event_log
    RETURNING id
  ), locks AS MATERIALIZED (
    SELECT * FROM pg_locks
  ), settled AS MATERIALIZED (
    SELECT ${HAS_SETTLED} AS now FROM event_log
  )
  UPDATE event_log SET last = last + (SELECT count(*) FROM added),
    settled_message = CASE WHEN settled.now THEN next_message ELSE settled_message END,
    settled_number = CASE WHEN settled.now THEN next_number ELSE settled_number END,
    next_message = CASE WHEN settled.now THEN current_setting('palaver.message_id')::bigint ELSE next_message END,
    next_number = CASE WHEN settled.now THEN current_setting('palaver.event_number')::bigint ELSE next_number END,
    next_transaction = CASE WHEN settled.now THEN pg_current_xact_id() ELSE next_transaction END
  FROM settled
  RETURNING last, (SELECT count(*) FROM added), epoch,
    (SELECT pg_notify(${CHANNEL}, event_log.last::text) WHERE EXISTS (SELECT FROM added))::text`;

/**
 * Moves the events of committed transactions from the outbox to the log, in one order for all nodes. A reader of the log never
 * finds a smaller id later: ids are assigned here, by one relay at a time, and not in the transactions, which commit in any order.
 */
export class Relay {
  readonly #pool: Pool;
  readonly #onRun: (last: number, epoch: string) => void;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  /** @param onRun receives the id of the last event, and the epoch of the log, after each run. */
  constructor(pool: Pool, onRun: (last: number, epoch: string) => void) {
    this.#pool = pool;
    this.#onRun = onRun;
  }

  /** Resolves once a run that started after this call has moved what was committed before. Calls share runs. */
  run(): Promise<void> {
    if (this.#running === undefined) return this.#start();
    this.#next ??= this.#running.catch(() => {}).then(() => this.#start());
    return this.#next;
  }

  #start(): Promise<void> {
    this.#next = undefined;
    const running = this.#move().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  async #move(): Promise<void> {
    for (let isFull = true; isFull;) {
      const connection = await this.#pool.acquire();
      try {
        const statements = [
          connection.execute(`BEGIN ISOLATION LEVEL READ COMMITTED; ${NOTE_TAKEN}; ${LOCK_LOG}`),
          connection.row(MOVE),
          connection.execute("COMMIT"),
        ] as const;
        for (const statement of statements) statement.catch(() => {});
        const [, moved] = await Promise.all(statements);
        connection.release(false);
        const [last, count, epoch] = moved as readonly [number, number, string, unknown];
        this.#onRun(last, epoch);
        isFull = count === MAX_MOVED;
      } catch (error) {
        connection.release(true);
        throw error;
      }
    }
  }
}
