import type pg from "pg";
import type { DatabaseStatus } from "../../application/ports.js";
import { Servers, statementsOf } from "./connection.js";
import { CHANNEL, type Relay } from "./relay.js";

/** A notification is only a hint. The relay runs this often, also for nodes that have died behind their commits. */
const POLL_INTERVAL_MS = 1_000;
const MAX_RECONNECT_DELAY_MS = 5_000;

/** An event has the time of the node that stored it, whose clock can be ahead. */
const MEASURE_OUTBOX = `SELECT count(*),
  greatest(0, coalesce(extract(epoch FROM clock_timestamp()) - min(at) / 1000.0, 0))::float8 FROM outbox`;

/**
 * Listens for new events of all nodes on a separate connection, and polls: a notification can be lost with the connection, and a
 * dead connection can stay silent.
 */
export class LogListener {
  readonly #servers: Servers;
  readonly #relay: Pick<Relay, "run">;
  readonly #onLast: (last: number) => void;
  readonly #onTrouble: (trouble: Error) => void;
  #client: pg.Client | undefined;
  /** Replaces the connection. */
  #drop: () => void = () => {};
  #poll: NodeJS.Timeout | undefined;
  #reconnect: NodeJS.Timeout | undefined;
  #failures = 0;
  #fault: string | undefined;
  #isStopped = false;
  #outbox: Pick<DatabaseStatus, "outboxRows" | "relayLagSeconds"> = { outboxRows: 0, relayLagSeconds: 0 };
  #isMeasuring = false;
  #polling: Promise<void> = Promise.resolve();

  /** @param onLast receives the id of the last event. */
  constructor(
    url: string,
    relay: Pick<Relay, "run">,
    onLast: (last: number) => void,
    onTrouble: (trouble: Error) => void,
  ) {
    this.#servers = new Servers(url);
    this.#relay = relay;
    this.#onLast = onLast;
    this.#onTrouble = onTrouble;
  }

  /** Why the last poll could not write; undefined if it could. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** The outbox as of the last poll at which the database could be reached. */
  get outbox(): Pick<DatabaseStatus, "outboxRows" | "relayLagSeconds"> {
    return this.#outbox;
  }

  /** Resolves once it listens, or has failed for the first time. */
  async start(): Promise<void> {
    this.#poll = setInterval(() => {
      void this.#measure();
      this.#polling = this.#runRelay();
    }, POLL_INTERVAL_MS).unref();
    await this.#connect();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#poll);
    clearTimeout(this.#reconnect);
    await this.#polling;
    await this.#client?.end().catch(() => {});
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

  async #runRelay(): Promise<void> {
    try {
      await this.#relay.run();
      this.#fault = undefined;
    } catch (cause) {
      this.#report("The database cannot be written. The next attempt is in a second.", cause);
      // A connection to a server that is gone, or no longer the primary, may show nothing of it.
      this.#drop();
    }
  }

  async #connect(): Promise<void> {
    if (this.#isStopped) return;
    const server = this.#servers.current;
    const client = this.#servers.client();
    this.#client = client;
    let hasFailed = false;
    const onFailure = (cause?: unknown) => {
      if (hasFailed) return;
      hasFailed = true;
      client.end().catch(() => {});
      if (this.#isStopped) return;
      this.#servers.leave(server);
      this.#failures += 1;
      const delay = Math.min(MAX_RECONNECT_DELAY_MS, 50 * 2 ** this.#failures) * (0.5 + Math.random() / 2);
      this.#reconnect = setTimeout(() => void this.#connect(), delay).unref();
      if (cause !== undefined)
        this.#report("The database cannot be reached. The next attempt follows.", cause);
    };
    this.#drop = () => onFailure();
    client.on("error", onFailure);
    client.on("end", () => onFailure());
    client.on("notification", ({ payload }) => this.#onLast(Number(payload)));
    try {
      await client.connect();
      await client.query(`LISTEN ${CHANNEL}`);
      this.#failures = 0;
    } catch (error) {
      onFailure(error);
    }
  }

  /** Reports the first failure of a series. The fault has no cause, which can name a host or a user: everybody may read it. */
  #report(message: string, cause: unknown): void {
    if (this.#fault === undefined) this.#onTrouble(new Error(message, { cause }));
    this.#fault = message;
  }
}
