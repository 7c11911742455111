import type pg from "pg";
import { Servers } from "./connection.js";
import { CHANNEL, type Relay } from "./relay.js";

/** A notification is only a hint. The relay runs this often, also for nodes that have died behind their commits. */
const POLL_INTERVAL_MS = 1_000;
const MAX_RECONNECT_DELAY_MS = 5_000;

/**
 * Listens for new events of all nodes on a connection of its own, and polls: a notification can be lost with the connection, and a
 * dead connection can stay silent.
 */
export class LogListener {
  readonly #servers: Servers;
  readonly #relay: Relay;
  readonly #onLast: (last: number) => void;
  readonly #onTrouble: (trouble: Error) => void;
  #client: pg.Client | undefined;
  #poll: NodeJS.Timeout | undefined;
  #reconnect: NodeJS.Timeout | undefined;
  #failures = 0;
  #fault: string | undefined;
  #isStopped = false;
  #polling: Promise<void> = Promise.resolve();

  /** @param onLast receives the id of the last event. */
  constructor(
    url: string,
    relay: Relay,
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

  /** Resolves once it listens, or has failed for the first time. */
  async start(): Promise<void> {
    this.#poll = setInterval(() => {
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

  async #runRelay(): Promise<void> {
    try {
      await this.#relay.run();
      this.#fault = undefined;
    } catch (cause) {
      this.#report("The database cannot be written. The next attempt is in a second.", cause);
    }
  }

  async #connect(): Promise<void> {
    if (this.#isStopped) return;
    const client = this.#servers.client();
    this.#client = client;
    let hasFailed = false;
    const onFailure = (cause?: unknown) => {
      if (hasFailed) return;
      hasFailed = true;
      client.end().catch(() => {});
      if (this.#isStopped) return;
      this.#servers.next();
      this.#failures += 1;
      const delay = Math.min(MAX_RECONNECT_DELAY_MS, 50 * 2 ** this.#failures) * (0.5 + Math.random() / 2);
      this.#reconnect = setTimeout(() => void this.#connect(), delay).unref();
      if (cause !== undefined)
        this.#report("The database cannot be reached. The next attempt follows.", cause);
    };
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

  /** Reports the first failure of a series. */
  #report(message: string, cause: unknown): void {
    if (this.#fault === undefined) this.#onTrouble(new Error(message, { cause }));
    this.#fault = `${message} Cause: ${cause instanceof Error ? cause.message : String(cause)}`;
  }
}
