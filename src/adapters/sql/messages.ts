import type {
  ForgottenMessages,
  IdempotentMessage,
  IdempotentSend,
  MessageTime,
  Slice,
} from "../../application/ports.js";
import type { ChatId } from "../../domain/chat.js";
import type { Message, MessageId } from "../../domain/message.js";
import { insertion, projection, valueAt, type Change, type Row } from "./columns.js";

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

/** From `messages`. */
export const MESSAGE_TIME = projection<MessageTime>(
  { id: "id", chatId: "chat_id", sentAt: "sent_at" },
  (row, at) => ({
    id: valueAt(row, at.id),
    chatId: valueAt(row, at.chatId),
    sentAt: valueAt(row, at.sentAt),
  }),
);

interface ForgottenRow extends ForgottenMessages {
  /** Of the last one. */
  readonly lastId: MessageId;
}

/** From `FORGOTTEN`. */
const FORGOTTEN_ROW = projection<ForgottenRow>(
  { count: "forgotten.number", forgottenSeq: "seq", forgottenAt: "sent_at", lastId: "messages.id" },
  (row, at) => ({
    count: valueAt(row, at.count),
    forgottenSeq: valueAt(row, at.forgottenSeq),
    forgottenAt: valueAt(row, at.forgottenAt),
    lastId: valueAt(row, at.lastId),
  }),
);

/** The messages that `MessageRepository.forget` deletes: a row, if it deletes any. $1 to $3 are its arguments. */
export const FORGOTTEN = `SELECT ${FORGOTTEN_ROW.sql} FROM (
    SELECT count(*) AS number, max(id) AS last_id
    FROM (SELECT id FROM messages WHERE chat_id = $1 AND id <= $2 ORDER BY id LIMIT $3) AS wanted
  ) AS forgotten JOIN messages ON messages.id = forgotten.last_id`;

/** Decodes the row that `FORGOTTEN` selects, with the statements that delete the messages. */
export function deleteForgotten(
  chatId: ChatId,
  row: Row,
): { readonly forgotten: ForgottenMessages; readonly statements: readonly [Change, Change] } {
  const { lastId, ...forgotten } = FORGOTTEN_ROW.decode(row);
  return {
    forgotten,
    statements: [
      // The activity of a chat without messages stays.
      [
        "UPDATE chats SET forgotten_seq = $1, born_after = $2, forgotten_at = $3 WHERE id = $4",
        forgotten.forgottenSeq,
        lastId,
        forgotten.forgottenAt,
        chatId,
      ],
      ["DELETE FROM messages WHERE chat_id = $1 AND id <= $2", chatId, lastId],
    ],
  };
}

/** The number of tombstones in the chat $1 with a `seq` above $2. */
export const TOMBSTONES_AFTER =
  "SELECT count(*) FROM messages WHERE chat_id = $1 AND seq > $2 AND deleted_at IS NOT NULL";

/** The statement that stores a message without what it was sent under. Changes no row that has nothing of it. */
export function eraseMessage({
  id,
  text,
  editedAt,
  deletedAt,
}: Pick<Message, "id" | "text" | "editedAt" | "deletedAt">): Change {
  return [
    `UPDATE messages SET text = $1, edited_at = $2, deleted_at = $3, idempotency_key = NULL, text_digest = NULL
     WHERE id = $4 AND (deleted_at IS NULL OR idempotency_key IS NOT NULL)`,
    text,
    editedAt,
    deletedAt,
    id,
  ];
}

/** The length of the text, in UTF-16 code units. */
export function lengthOf({ text }: Message): number {
  return text.length;
}

/** Puts what a query has found from the newest or oldest on in ascending order. */
export function oldestFirst<Item>(from: Slice["from"], found: readonly Item[]): readonly Item[] {
  return from === "oldest" ? found : found.toReversed();
}
