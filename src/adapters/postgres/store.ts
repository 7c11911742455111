import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { DatabaseStatus, Repositories, SignalChannel, Store } from "../../application/ports.js";
import type { ChatId } from "../../domain/chat.js";
import { isUnavailable } from "../../domain/errors.js";
import { Pool, type Statements } from "./connection.js";
import { openingError } from "./database-url.js";
import { sharedCounters } from "./limits.js";
import { LogListener } from "./listener.js";
import { runRead } from "./read.js";
import { Relay } from "./relay.js";
import { repositories } from "./repositories.js";
import { migrate } from "./schema.js";
import type { Scope } from "./scope.js";
import { NotifiedSignals } from "./signals.js";
import { SharedTransactions } from "./shared-transactions.js";
import { attemptOn, runTransaction, type Stored } from "./transaction.js";

export interface PostgresStore extends Store {
  /** The key of the digests of session secrets that all nodes share. Created once. */
  sessionKey(): Promise<string>;
  /** Carries signals between the nodes. */
  readonly signals: SignalChannel;
  /** Opens the counter of a policy of limits that all nodes share. */
  readonly openCounter: (policy: string, quota: number, windowMs: number) => SharedCounter;
}

/** Counts requests by key, in windows that begin with the first request of a key. */
export interface SharedCounter {
  /** @throws MessagingError `store_unavailable` or `busy` */
  consume(key: string): Promise<{
    readonly quota: { readonly exceeded: boolean; readonly remaining: number; readonly resetMs: number };
    /** Undoes the count. */
    readonly refund: () => Promise<void>;
  }>;
}

export interface PostgresOptions {
  /** How many connections carry transactions and reads. Defaults to 10. */
  readonly poolSize?: number | undefined;
  /** The URL to listen at, where the other one leads to a pooler in transaction mode, which loses notifications. */
  readonly directUrl?: string | undefined;
  /** Called once for each series of failures that the store recovers from by itself. By default, a process warning. */
  readonly onTrouble?: ((trouble: Error) => void) | undefined;
  /** Called with a sentence at the end of each such series. */
  readonly onRecovery?: ((notice: string) => void) | undefined;
}

const DEFAULT_POOL_SIZE = 10;

/** The connections that count requests, apart from the others, so that many logins do not delay messages. */
const COUNTER_POOL_SIZE = 2;

const CLOSE_TIMEOUT_MS = 5_000;

/**
 * Opens the store in a database, which any number of nodes share. Creates or migrates the schema.
 *
 * @param url `postgres://user:password@host:port/database`. Of several hosts, separated by commas, it uses the writable one.
 * @throws TypeError for an invalid URL
 * @throws Error if the database cannot be reached or written, is not in UTF-8, has tables of another program, or was migrated by a
 * newer version. The message names the database and its hosts, and not the password.
 */
export async function openPostgresStore(url: string, options: PostgresOptions = {}): Promise<PostgresStore> {
  const { poolSize = DEFAULT_POOL_SIZE, directUrl, onTrouble = warn, onRecovery = () => {} } = options;
  const pool = new Pool(url, poolSize, () => {});
  const counterPool = new Pool(url, COUNTER_POOL_SIZE, () => {});
  const subscribers = new Set<() => void>();
  let last = -1;
  let epoch: string | undefined;
  let hasFailedReads = false;
  const wakeAll = () => {
    for (const wake of subscribers) wake();
  };
  const onLast = (position: number) => {
    if (position <= last) return;
    last = position;
    wakeAll();
  };
  const onRun = (position: number, current: string) => {
    // The log may be that of an earlier moment.
    if (epoch !== undefined && epoch !== current) last = -1;
    epoch = current;
    if (position <= last && !hasFailedReads) return;
    hasFailedReads = false;
    last = Math.max(last, position);
    wakeAll();
  };
  const relay = new Relay(pool, onRun);
  const row: Statements["row"] = (sql, ...values) => pool.run((connection) => connection.row(sql, ...values));
  const signals = new NotifiedSignals((payloads) => listener.notify(payloads));
  const onSignals = (payload: string) => signals.receive(payload);
  const listener: LogListener = new LogListener({
    url,
    directUrl,
    relay,
    row,
    onLast,
    onSignals,
    onTrouble,
    onRecovery,
  });
  try {
    await pool.run(migrate);
    await relay.run();
    await listener.start();
  } catch (error) {
    await listener.stop();
    await pool.end();
    throw openingError(url, error);
  }
  const counts = { transactions: 0, commits: 0, retries: 0 };
  const inProgress = new Set<Promise<unknown>>();
  let closing: Promise<void> | undefined;

  function tracked<T>(work: () => Promise<T>): Promise<T> {
    if (closing !== undefined) return Promise.reject(new Error("The store is closed."));
    const running = work();
    const settled = running.catch(() => {}).finally(() => inProgress.delete(settled));
    inProgress.add(settled);
    return running;
  }

  async function run<T>(attempts: () => Promise<Stored<T>>): Promise<Stored<T>> {
    const stored = await attempts();
    if (stored.hasWritten) {
      counts.commits += 1;
      // The listener's poll moves what a failure leaves.
      relay.run().catch(() => {});
    }
    return stored;
  }

  const onRetry = () => void (counts.retries += 1);
  const runAlone = <T>(work: (scope: Scope) => Promise<T>) =>
    run(() => runTransaction(pool, relay, work, onRetry));
  const shared = new SharedTransactions(
    (work) => run(async () => attemptOn(await pool.acquire(), pool, relay, work)),
    (work) => {
      onRetry();
      return runAlone(work);
    },
  );

  async function transaction<T>(
    work: (repositories: Repositories) => Promise<T>,
    appendsTo: ChatId | undefined,
  ): Promise<T> {
    const inScope = (scope: Scope) => work(repositories(scope));
    const stored = appendsTo === undefined ? runAlone(inScope) : shared.run(appendsTo, inScope);
    const { result, hasWritten } = await stored;
    if (hasWritten) counts.transactions += 1;
    return result;
  }

  async function read<T>(work: (repositories: Repositories) => Promise<T>): Promise<T> {
    try {
      return await runRead(pool, relay, (scope) => work(repositories(scope)));
    } catch (error) {
      // The next relay that runs wakes the subscribers, of which one may have read.
      hasFailedReads ||= isUnavailable(error);
      throw error;
    }
  }

  function databaseStatus(): DatabaseStatus {
    const { total, idle, waiting } = pool.counts;
    return {
      connections: { used: total - idle, idle, waiting },
      retries: counts.retries,
      ...listener.outbox,
    };
  }

  return {
    transaction: (work, appendsTo) => tracked(() => transaction(work, appendsTo)),
    read: (work) => tracked(() => read(work)),
    subscribe(wake) {
      const subscriber = () => wake();
      subscribers.add(subscriber);
      return () => void subscribers.delete(subscriber);
    },
    status: () => ({
      fault: listener.fault,
      transactions: counts.transactions,
      commits: counts.commits,
      database: databaseStatus(),
    }),
    signals,
    openCounter: sharedCounters(counterPool),
    sessionKey: () =>
      pool.run(async (connection) => {
        await connection.change(
          "INSERT INTO settings (name, value) VALUES ('session_key', $1) ON CONFLICT DO NOTHING",
          randomBytes(32).toString("base64url"),
        );
        const [key] = (await connection.row("SELECT value FROM settings WHERE name = 'session_key'"))!;
        return key as string;
      }),
    close() {
      closing ??= (async () => {
        await Promise.all(inProgress);
        const end = async () => {
          signals.close();
          await listener.stop();
          await relay.run().catch(() => {});
          await Promise.all([pool.end(), counterPool.end()]);
        };
        // A server that is gone without a trace ends no connection. The timer keeps the process until then.
        const timer = new AbortController();
        const timeout = sleep(CLOSE_TIMEOUT_MS, undefined, { signal: timer.signal });
        await Promise.race([end(), timeout]).finally(() => timer.abort());
      })();
      return closing;
    },
  };
}

function warn(trouble: Error): void {
  process.emitWarning(trouble);
}
