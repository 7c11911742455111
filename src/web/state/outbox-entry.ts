import type { Message } from "../../client/index.js";
import { usernameKey } from "../../client/username.js";
import type { Failure } from "./failure.js";
import type { Mention } from "./mentions.js";

/** Where messages go: a chat, or a user without a chat with the caller, by username. */
export type Destination = { readonly chatId: number } | { readonly username: string };

/** Returns the key of a destination. One user has one key, however the name is written. */
export function keyOf(destination: Destination): string {
  return "chatId" in destination ? `chat ${destination.chatId}` : `user ${usernameKey(destination.username)}`;
}

/** The text of a message, and what belongs to it. */
export interface Composition {
  readonly text: string;
  readonly replyTo: number | null;
  readonly mentions: readonly Mention[];
}

/** A message that the server has not acknowledged yet, or has rejected. */
export interface OutboxEntry extends Composition {
  /** Its idempotency key, and its key in a list. */
  readonly key: string;
  readonly destination: Destination;
  /** Epoch milliseconds. Each entry of a browser has a later time than the entries before it. */
  readonly createdAt: number;
  /** The newest message of the chat when the user sent it; 0 if there was none. The stored message comes later. */
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

/**
 * The entries that belong behind the messages of a chat: those that are not among these messages.
 *
 * A message can arrive by an event before the response to its send, and an event has no key. So the first entry that can be in
 * progress is taken for the first own message with its text that came after it was written. If that was another message with
 * the same text, the entry is hidden only until the response.
 *
 * @param entries all entries of the chat, in order
 */
export function toPending(
  entries: readonly OutboxEntry[],
  messages: readonly Message[],
  me: string,
): readonly OutboxEntry[] {
  const ids = new Set(messages.map(({ id }) => id));
  const known = new Set(entries.map(({ message }) => message?.id));
  const head = entries.find(({ state }) => state === "waiting" || state === "sending");
  const isHeadStored =
    head !== undefined &&
    messages.some(
      ({ id, sender_user_id, message, reply_to }) =>
        id > head.afterId &&
        sender_user_id === me &&
        message === head.text &&
        reply_to === head.replyTo &&
        !known.has(id),
    );
  return entries.filter((entry) => {
    if (entry.message) return !ids.has(entry.message.id);
    return entry !== head || !isHeadStored;
  });
}
