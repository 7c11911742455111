import { createHash } from "node:crypto";
import { isConnectionError, unavailable, type Pool, type Statements } from "./connection.js";
import { translated } from "./transaction.js";

/** Epoch milliseconds of the database, since the clocks of nodes differ. */
const NOW = "floor(extract(epoch FROM now()) * 1000)::bigint";

const HAS_ENDED = "known.count = 0 OR known.ends_at <= excluded.ends_at - $2";

/** Waits for other requests of the key, so that concurrent ones get different counts. Counts over the quota are rejected requests. */
const CONSUME = `
INSERT INTO request_counts AS known (key, count, ends_at) VALUES ($1, 1, ${NOW} + $2)
ON CONFLICT (key) DO UPDATE SET
  count = CASE WHEN ${HAS_ENDED} THEN 1 ELSE known.count + 1 END,
  ends_at = CASE WHEN ${HAS_ENDED} THEN excluded.ends_at ELSE known.ends_at END
RETURNING count, ends_at, least(ends_at - ${NOW}, $2)`;

/** Takes back the rejected requests too, since none of them was processed. `ends_at` identifies the window. */
const REFUND = "UPDATE request_counts SET count = least(count, $3) - 1 WHERE key = $1 AND ends_at = $2";

/** Skips rows that a request or another node has locked, so that it does not wait for them. */
const DELETE_ENDED = `
DELETE FROM request_counts WHERE key IN
  (SELECT key FROM request_counts WHERE ends_at <= ${NOW} ORDER BY ends_at LIMIT $1 FOR UPDATE SKIP LOCKED)`;

/** Each node deletes up to this many ended windows after half as many requests, so they do not accumulate. */
const DELETED_AT_ONCE = 1_000;

/**
 * Counts requests for all nodes on a database, in one statement each. Keys are stored as digests. A request that cannot be counted
 * is rejected. A refund that the database does not receive leaves the request counted until its window ends.
 *
 * @returns a function that opens the counter of a policy.
 */
export function sharedCounters(pool: Pool) {
  let consumed = 0;

  async function run<T>(work: (statements: Statements) => Promise<T>): Promise<T> {
    try {
      return await pool.run(work);
    } catch (error) {
      throw isConnectionError(error) ? unavailable(error) : translated(error);
    }
  }

  return (policy: string, quota: number, windowMs: number) => ({
    /** @throws MessagingError `store_unavailable` or `busy` */
    async consume(text: string) {
      const key = createHash("sha256").update(`${policy} ${text}`).digest("base64");
      const row = await run((statements) => statements.row(CONSUME, key, windowMs));
      const [count, endsAt, resetMs] = row as readonly [number, number, number];
      consumed += 1;
      if (consumed % (DELETED_AT_ONCE / 2) === 0) {
        // A later one deletes what a failure leaves.
        run((statements) => statements.change(DELETE_ENDED, DELETED_AT_ONCE)).catch(() => {});
      }
      return {
        quota: { exceeded: count > quota, remaining: Math.max(0, quota - count), resetMs },
        refund: async () => {
          if (count > quota) return;
          await run((statements) => statements.change(REFUND, key, endsAt, quota)).catch(() => {});
        },
      };
    },
  });
}
