import { randomInt } from "node:crypto";
import type pg from "pg";
import type { DatabaseStatus } from "../../application/ports.js";
import { Servers, statementsOf } from "./connection.js";
import { describeDatabase, reasonOf } from "./database-url.js";
import { CHANNEL, type Relay } from "./relay.js";
import { SERVERS_LOCK } from "./schema.js";
import { SIGNAL_CHANNEL } from "./signals.js";

/** A notification is only a hint. The relay runs this often, also for nodes that have died behind their commits. */
const POLL_INTERVAL_MS = 1_000;
const MAX_RECONNECT_DELAY_MS = 5_000;

/** An event has the time of the node that stored it, whose clock can be ahead. */
const MEASURE_OUTBOX = `SELECT count(*),
  greatest(0, coalesce(extract(epoch FROM clock_timestamp()) - min(at) / 1000.0, 0))::float8 FROM outbox`;

/** Everybody may read it, so it names no host or user. */
const FAULT = "The database cannot be written. The next attempt follows within a second.";

/** The first key of the lock by which two connections find out that they share a database. The second one is random. */
const IDENTITY_LOCK = 72_526_862;

/** Holds the lock until the end of the transaction, so that a pooler in transaction mode does not keep it. */
const HOLD_LOCK = "SELECT pg_advisory_xact_lock($1, $2)";

/** Locks of other databases do not count. */
const IS_LOCK_HELD = "SELECT NOT pg_try_advisory_xact_lock($1, $2)";

/** The connection that listens leads to another database than the pool. */
export class OtherDatabaseError extends Error {
  override readonly name = "OtherDatabaseError";
}

/** A series of failures, of which the start and the end are reported. */
class Outage {
  #startedAt: number | undefined;

  get isOngoing(): boolean {
    return this.#startedAt !== undefined;
  }

  /** @returns whether this is the start. */
  start(): boolean {
    if (this.isOngoing) return false;
    this.#startedAt = performance.now();
    return true;
  }

  /** @returns how many seconds it took; undefined if there was none. */
  end(): string | undefined {
    if (this.#startedAt === undefined) return undefined;
    const seconds = ((performance.now() - this.#startedAt) / 1_000).toFixed(1);
    this.#startedAt = undefined;
    return seconds;
  }
}

export interface ListenerOptions {
  /** The URL of the pool, which the reports name. */
  readonly url: string;
  /** The URL to listen at, if it is another one. */
  readonly directUrl?: string | undefined;
  readonly relay: Pick<Relay, "run">;
  /** Reads a row on a connection of the pool. */
  readonly row: (sql: string, ...values: number[]) => Promise<readonly unknown[] | undefined>;
  /** Receives the id of the last event. */
  readonly onLast: (last: number) => void;
  /** Receives what nodes `notify`, also this one. */
  readonly onSignals?: (payload: string) => void;
  /** Called once for each series of failures. */
  readonly onTrouble: (trouble: Error) => void;
  /** Called at the end of each series of failures, with a sentence. */
  readonly onRecovery: (notice: string) => void;
}

/**
 * Listens for new events of all nodes on a separate connection, and polls: a notification can be lost with the connection, and a
 * dead connection can stay silent.
 *
 * The polls alone decide whether the database can be written. A connection that cannot listen while it can is a separate trouble:
 * events of other nodes come with the polls.
 */
export class LogListener {
  readonly #servers: Servers;
  readonly #options: ListenerOptions;
  #client: pg.Client | undefined;
  /** Replaces the connection. */
  #drop: () => void = () => {};
  #poll: NodeJS.Timeout | undefined;
  #reconnect: NodeJS.Timeout | undefined;
  /** How often in a row no connection could listen. */
  #failures = 0;
  /** How often in a row no connection could listen while the database could be written. */
  #failuresAlone = 0;
  readonly #outage = new Outage();
  readonly #deafness = new Outage();
  #isStopped = false;
  #outbox: Pick<DatabaseStatus, "outboxRows" | "relayLagSeconds"> = { outboxRows: 0, relayLagSeconds: 0 };
  #isMeasuring = false;
  #polling: Promise<unknown> = Promise.resolve();

  constructor(options: ListenerOptions) {
    this.#servers = new Servers(options.directUrl ?? options.url);
    this.#options = options;
  }

  /** Why the last poll could not write; undefined if it could. */
  get fault(): string | undefined {
    return this.#outage.isOngoing ? FAULT : undefined;
  }

  /** The outbox as of the last poll at which the database could be reached. */
  get outbox(): Pick<DatabaseStatus, "outboxRows" | "relayLagSeconds"> {
    return this.#outbox;
  }

  /**
   * Resolves once it listens, or has failed for the first time. The caller stops it in any case.
   *
   * @throws OtherDatabaseError
   */
  async start(): Promise<void> {
    // Neither timer is unreferenced: a program that waits for events runs on while the database is away.
    this.#poll = setInterval(() => {
      void this.#measure();
      this.#polling = this.#runRelay();
    }, POLL_INTERVAL_MS);
    const error = await this.#connect();
    if (error instanceof OtherDatabaseError) throw error;
  }

  /**
   * Sends payloads to all nodes, in one transaction, on the connection that listens: that connection takes none from other work.
   *
   * @throws Error if it is lost
   */
  async notify(payloads: readonly string[]): Promise<void> {
    await this.#client?.query(
      `SELECT pg_notify(${SIGNAL_CHANNEL}, payload) FROM unnest($1::text[]) AS payload`,
      [payloads],
    );
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#poll);
    clearTimeout(this.#reconnect);
    await this.#polling;
    await this.#client?.end();
  }

  /** Uses the connection that listens: it is free while the pool is exhausted and the relay waits. */
  async #measure(): Promise<void> {
    const client = this.#client;
    if (client === undefined || this.#isMeasuring) return;
    this.#isMeasuring = true;
    try {
      const [outboxRows, relayLagSeconds] = (await statementsOf(client).row(MEASURE_OUTBOX))!;
      this.#outbox = { outboxRows: Number(outboxRows), relayLagSeconds: Number(relayLagSeconds) };
    } catch {
      // The loss of the connection is reported, and the next poll measures again.
    } finally {
      this.#isMeasuring = false;
    }
  }

  /** @returns whether the database can be written. */
  async #runRelay(): Promise<boolean> {
    const { relay, url, onTrouble, onRecovery } = this.#options;
    try {
      await relay.run();
    } catch (cause) {
      if (!this.#isStopped && this.#outage.start()) {
        const reason = reasonOf(cause);
        onTrouble(
          new Error(
            `The database ${describeDatabase(url)} cannot be written: ${reason} Palaver tries again each second.`,
            { cause },
          ),
        );
      }
      // A connection to a server that is gone, or no longer the primary, may show nothing of it.
      this.#drop();
      return false;
    }
    const seconds = this.#outage.end();
    if (seconds !== undefined)
      onRecovery(`The database ${describeDatabase(url)} can be written again, after ${seconds} s.`);
    return true;
  }

  /** @returns the error if it cannot listen. */
  async #connect(): Promise<unknown> {
    if (this.#isStopped) return undefined;
    const server = this.#servers.current;
    const client = this.#servers.client();
    this.#client = client;
    let hasFailed = false;
    const onFailure = () => {
      if (hasFailed) return;
      hasFailed = true;
      client.end().catch(() => {});
      if (this.#isStopped) return;
      this.#servers.leave(server);
      this.#failures += 1;
      const delay = Math.min(MAX_RECONNECT_DELAY_MS, 50 * 2 ** this.#failures) * (0.5 + Math.random() / 2);
      this.#reconnect = setTimeout(() => void this.#connect(), delay);
    };
    const onLoss = () => {
      if (hasFailed) return;
      onFailure();
      // Does not wait for the next poll to find out whether the database is lost, too.
      if (!this.#isStopped) void this.#runRelay();
    };
    this.#drop = onFailure;
    client.on("notification", ({ channel, payload = "" }) => {
      if (channel.startsWith("palaver_signals_")) this.#options.onSignals?.(payload);
      else this.#options.onLast(Number(payload));
    });
    // Until it listens, each failure rejects a statement, too.
    client.on("error", () => {});
    try {
      await client.connect();
      await this.#listen(client);
    } catch (error) {
      onFailure();
      void this.#report(error);
      return error;
    }
    client.on("error", onLoss);
    client.on("end", onLoss);
    this.#failures = 0;
    this.#failuresAlone = 0;
    const seconds = this.#deafness.end();
    if (seconds !== undefined) {
      this.#options.onRecovery(`The connection that waits for events is open again, after ${seconds} s.`);
    }
    return undefined;
  }

  /** @throws OtherDatabaseError if it would wait for the events of another database. */
  async #listen(client: pg.Client): Promise<void> {
    const lock = [IDENTITY_LOCK, randomInt(2 ** 31)] as const;
    await client.query("BEGIN");
    await client.query(HOLD_LOCK, [...lock]);
    const [isHeld] = (await this.#options.row(IS_LOCK_HELD, ...lock))!;
    // Fails if the connection, and the lock with it, was lost meanwhile.
    const listen = [CHANNEL, SIGNAL_CHANNEL].map((channel) => `EXECUTE format('LISTEN %I', ${channel});`);
    await client.query(`DO $$ BEGIN ${listen.join(" ")} END $$; COMMIT`);
    if (isHeld !== true) {
      throw new OtherDatabaseError(
        this.#options.directUrl === undefined
          ? "The hosts of DATABASE_URL lead to different databases. Use a primary and its standbys."
          : "DATABASE_DIRECT_URL (`directUrl`) leads to another database than DATABASE_URL. Use the same server and database.",
      );
    }
    // Held until the connection ends: a copy into the database waits for it.
    const [isLocked] = (await statementsOf(client).row(
      `SELECT pg_try_advisory_lock_shared(${SERVERS_LOCK})`,
    ))!;
    if (!isLocked) throw new Error("A copy fills the database.");
  }

  /** Reports that it cannot listen, unless the database cannot be written either, or another server has not been tried. */
  async #report(error: unknown): Promise<void> {
    if (!(await this.#runRelay())) this.#failuresAlone = 0;
    else this.#failuresAlone += 1;
    if (this.#isStopped || this.#failuresAlone <= this.#servers.count || !this.#deafness.start()) return;
    const { url, directUrl, onTrouble } = this.#options;
    const to = describeDatabase(directUrl ?? url);
    const setting = directUrl === undefined ? "DATABASE_URL" : "DATABASE_DIRECT_URL (`directUrl`)";
    onTrouble(
      new Error(
        `The connection that waits for events (LISTEN) to ${to} cannot be opened: ${reasonOf(error)} Check ${setting}. Meanwhile, events of other nodes come up to a second late.`,
        { cause: error },
      ),
    );
  }
}
