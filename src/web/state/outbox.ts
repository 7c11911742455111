import type { ReadonlySignal } from "@preact/signals";
import type { Message } from "../../client/index.js";
import type { Failure } from "./failure.js";

/** Where messages go: a chat, or a user with whom the caller has no chat yet, by username. */
export type Destination = { readonly chatId: number } | { readonly username: string };

/** A message that the server has not acknowledged yet, or has rejected. */
export interface OutboxEntry {
  /** Its idempotency key, and its key in a list. */
  readonly key: string;
  readonly destination: Destination;
  readonly text: string;
  readonly replyTo: number | null;
  /** The ids of mentioned users. */
  readonly mentions: readonly string[];
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** The newest message of the chat that the user could see when sending; 0 if none. */
  readonly afterId: number;
  /**
   * - `waiting`: it is sent as soon as possible, also after a reload.
   * - `sending`: a request is in progress.
   * - `rejected`: the server does not accept it. The user can send it again, edit it or discard it.
   * - `sent`: it is stored, and about to appear among the messages.
   */
  readonly state: "waiting" | "sending" | "rejected" | "sent";
  /** Why it was rejected. */
  readonly failure: Failure | undefined;
  /** The stored message, once it is sent. */
  readonly message: Message | undefined;
}

/** The text of a message, and what belongs to it. */
export interface Composition {
  readonly text: string;
  readonly replyTo: number | null;
  /** The ids of mentioned users. */
  readonly mentions: readonly string[];
}

/** The messages that are on their way. They survive a reload, and go out in order by themselves, once. */
export interface Outbox {
  /** In the order of sending. */
  readonly entries: ReadonlySignal<readonly OutboxEntry[]>;
  /** Stores a message and sends it as soon as possible. It is in `entries` at once. Never rejects. */
  add(destination: Destination, composition: Composition, afterId: number): Promise<void>;
  /** Sends a rejected message again, behind all others. */
  retry(key: string): Promise<void>;
  /** Deletes a message that is not being sent. Returns it, for instance to edit it. */
  discard(key: string): Promise<OutboxEntry | undefined>;
}
