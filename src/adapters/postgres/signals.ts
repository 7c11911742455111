import { randomUUID } from "node:crypto";
import type { SignalChannel } from "../../application/ports.js";
import type { NodeSignal } from "../../domain/live-signal.js";
import { SCHEMA_ID } from "./connection.js";

/** The expression for the channel on which the nodes of a store send signals to each other. */
export const SIGNAL_CHANNEL = `'palaver_signals_' || ${SCHEMA_ID}`;

/** A transaction with a notification takes a lock of the whole server in its commit, so signals share transactions. */
const INTERVAL_MS = 200;

/** PostgreSQL allows 8,000 bytes. */
const MAX_PAYLOAD_BYTES = 7_900;

/** The payloads of one transaction. */
const MAX_PAYLOADS = 20;

/** Signals that wait for a transaction. Beyond that the oldest are dropped. */
const MAX_WAITING = 1_000;

interface Waiting {
  readonly json: string;
  readonly bytes: number;
}

/**
 * Signals by NOTIFY, outside of all other transactions. Signals that are published while a transaction runs, or soon after the last
 * one, share the next one.
 */
export class NotifiedSignals implements SignalChannel {
  readonly #notify: (payloads: readonly string[]) => Promise<void>;
  /** Differs between nodes. */
  readonly #name = randomUUID();
  readonly #subscribers = new Set<(signal: NodeSignal, from: string) => void>();
  #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** @param notify sends payloads to all nodes, or rejects. */
  constructor(notify: (payloads: readonly string[]) => Promise<void>) {
    this.#notify = notify;
  }

  publish(signal: NodeSignal): void {
    if (this.#isClosed) return;
    const json = JSON.stringify(signal);
    this.#waiting.push({ json, bytes: Buffer.byteLength(json) });
    if (this.#waiting.length > MAX_WAITING) this.#waiting.shift();
    if (this.#timer === undefined) this.#send();
  }

  subscribe(receive: (signal: NodeSignal, from: string) => void): () => void {
    const subscriber = (signal: NodeSignal, from: string) => receive(signal, from);
    this.#subscribers.add(subscriber);
    return () => void this.#subscribers.delete(subscriber);
  }

  /** Called with each payload that a node has sent, also this one. */
  receive(payload: string): void {
    const { from, signals } = parsePayload(payload);
    if (from === this.#name) return;
    for (const signal of signals) for (const receive of this.#subscribers) receive(signal, from);
  }

  /** Drops the signals that wait. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #send(): void {
    // The connection can be lost, and the signals with it.
    const sent = this.#notify(this.#takePayloads()).catch(() => {});
    const sendNext = () => {
      this.#timer = undefined;
      if (this.#waiting.length > 0 && !this.#isClosed) this.#send();
    };
    this.#timer = setTimeout(() => void sent.then(sendNext), INTERVAL_MS).unref();
  }

  #takePayloads(): readonly string[] {
    const payloads: string[] = [];
    const head = `{"from":"${this.#name}","signals":[`;
    let taken = 0;
    while (payloads.length < MAX_PAYLOADS && taken < this.#waiting.length) {
      const first = taken;
      let bytes = head.length + 2;
      for (; taken < this.#waiting.length; taken += 1) {
        bytes += this.#waiting[taken]!.bytes + 1;
        if (bytes > MAX_PAYLOAD_BYTES && taken > first) break;
      }
      const signals = this.#waiting.slice(first, taken).map(({ json }) => json);
      payloads.push(`${head}${signals.join(",")}]}`);
    }
    this.#waiting = this.#waiting.slice(taken);
    return payloads;
  }
}

interface Payload {
  readonly from: string;
  readonly signals: readonly NodeSignal[];
}

/** Everybody who can connect to the database can send a payload. One of another program has no signals. */
function parsePayload(payload: string): Payload {
  try {
    const { from, signals } = JSON.parse(payload) as Partial<Payload>;
    return { from: String(from), signals: Array.isArray(signals) ? signals : [] };
  } catch {
    return { from: "", signals: [] };
  }
}
