import type { IdempotentMessage, IdempotentSend, Slice } from "../../application/ports.js";
import type { Message } from "../../domain/message.js";
import { insertion, projection, valueAt } from "./columns.js";

/** From `messages`, joined with the `users` that sent them. */
export const MESSAGE = projection<Message>(
  {
    id: "messages.id",
    chatId: "messages.chat_id",
    seq: "messages.seq",
    sender: { id: "users.id", username: "users.username" },
    text: "messages.text",
    sentAt: "messages.sent_at",
    editedAt: "messages.edited_at",
    deletedAt: "messages.deleted_at",
  },
  (row, at) =>
    Object.freeze({
      id: valueAt(row, at.id),
      chatId: valueAt(row, at.chatId),
      seq: valueAt(row, at.seq),
      sender: Object.freeze({
        id: valueAt(row, at.sender.id),
        username: valueAt(row, at.sender.username),
      }),
      text: valueAt(row, at.text),
      sentAt: valueAt(row, at.sentAt),
      editedAt: valueAt(row, at.editedAt),
      deletedAt: valueAt(row, at.deletedAt),
    }),
);

export const SENT_AS = projection<IdempotentMessage>(
  { message: MESSAGE.columns, textDigest: "messages.text_digest" },
  (row, at) => ({ message: MESSAGE.decodeAt(row, at.message), textDigest: valueAt(row, at.textDigest) }),
);

export interface NewMessage {
  readonly message: Message;
  readonly once: IdempotentSend | undefined;
}

export const insertMessage = insertion<NewMessage>("messages", {
  id: ({ message }) => message.id,
  chat_id: ({ message }) => message.chatId,
  seq: ({ message }) => message.seq,
  sender_id: ({ message }) => message.sender.id,
  text: ({ message }) => message.text,
  sent_at: ({ message }) => message.sentAt,
  idempotency_key: ({ once }) => once?.key ?? null,
  text_digest: ({ once }) => once?.textDigest ?? null,
});

/** The length of the text, in UTF-16 code units. */
export function lengthOf({ text }: Message): number {
  return text.length;
}

/** Puts what a query has found from the newest or oldest on in ascending order. */
export function oldestFirst<Item>(from: Slice["from"], found: readonly Item[]): readonly Item[] {
  return from === "oldest" ? found : found.toReversed();
}
