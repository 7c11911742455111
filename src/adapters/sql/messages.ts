import type {
  ForgottenMessages,
  IdempotentMessage,
  IdempotentSend,
  MessageTime,
  Slice,
} from "../../application/ports.js";
import type { ChatId } from "../../domain/chat.js";
import { NO_MENTIONS } from "../../domain/mention.js";
import type { Message, MessageId } from "../../domain/message.js";
import { freezeMetadata, type Metadata } from "../../domain/metadata.js";
import type { UserId } from "../../domain/user.js";
import { insertion, projection, valueAt, type Change, type Row, type SqlValue } from "./columns.js";
import { decodeReactions, discardReactions } from "./reactions.js";

export interface MessageRow extends Omit<Message, "mentions" | "metadata" | "reactions"> {
  /** JSON; null without mentions. */
  readonly mentions: string | null;
  /** JSON. */
  readonly metadata: string | null;
  /** JSON. */
  readonly reactions: string | null;
}

/** From `messages`, joined with the `users` that sent them. */
export const MESSAGE = projection<MessageRow, Message>(
  {
    id: "messages.id",
    chatId: "messages.chat_id",
    seq: "messages.seq",
    sender: { id: "users.id", username: "users.username" },
    text: "messages.text",
    replyTo: "messages.reply_to",
    mentions: "messages.mentions",
    metadata: "messages.metadata",
    sentAt: "messages.sent_at",
    editedAt: "messages.edited_at",
    deletedAt: "messages.deleted_at",
    reactions: "messages.reactions",
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
      replyTo: valueAt(row, at.replyTo),
      mentions: mentionsIn(valueAt(row, at.mentions)),
      metadata: metadataIn(valueAt(row, at.metadata)),
      sentAt: valueAt(row, at.sentAt),
      editedAt: valueAt(row, at.editedAt),
      deletedAt: valueAt(row, at.deletedAt),
      reactions: decodeReactions(valueAt(row, at.reactions)),
    }),
);

function mentionsIn(json: string | null): readonly UserId[] {
  return json === null ? NO_MENTIONS : Object.freeze(JSON.parse(json) as UserId[]);
}

function metadataIn(json: string | null): Metadata | null {
  return json === null ? null : freezeMetadata(JSON.parse(json) as Metadata);
}

/** The columns of a message that have JSON. */
export function jsonOf({ mentions, metadata }: Pick<Message, "mentions" | "metadata">) {
  return {
    mentions: mentions.length === 0 ? null : JSON.stringify(mentions),
    metadata: metadata === null ? null : JSON.stringify(metadata),
  };
}

export const SENT_AS = projection<
  Omit<IdempotentMessage, "message"> & { readonly message: MessageRow },
  IdempotentMessage
>({ message: MESSAGE.columns, textDigest: "messages.text_digest" }, (row, at) => ({
  message: MESSAGE.decodeAt(row, at.message),
  textDigest: valueAt(row, at.textDigest),
}));

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
  reply_to: ({ message }) => message.replyTo,
  mentions: ({ message }) => jsonOf(message).mentions,
  metadata: ({ message }) => jsonOf(message).metadata,
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
): { readonly forgotten: ForgottenMessages; readonly statements: readonly Change[] } {
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
      [discardReactions("chat_id = $1 AND id <= $2"), chatId, lastId],
      ["DELETE FROM messages WHERE chat_id = $1 AND id <= $2", chatId, lastId],
    ],
  };
}

/** The number of tombstones in the chat $1 with a `seq` above $2. */
export const TOMBSTONES_AFTER =
  "SELECT count(*) FROM messages WHERE chat_id = $1 AND seq > $2 AND deleted_at IS NOT NULL";

const CHANGES = "text = $1, mentions = $2, metadata = $3, edited_at = $4, deleted_at = $5";

function changedValues(message: Message): readonly SqlValue[] {
  const { mentions, metadata } = jsonOf(message);
  return [message.text, mentions, metadata, message.editedAt, message.deletedAt];
}

/** The statements that store what can change in a message. A tombstone has no reactions. */
export function updateMessage(message: Message): readonly Change[] {
  const { id, deletedAt } = message;
  if (deletedAt === null) {
    return [[`UPDATE messages SET ${CHANGES} WHERE id = $6`, ...changedValues(message), id]];
  }
  return [
    [discardReactions("id = $1"), id],
    [`UPDATE messages SET ${CHANGES}, reactions = NULL WHERE id = $6`, ...changedValues(message), id],
  ];
}

/** The statements that store a tombstone without what it was sent under. They change no row that has nothing of it. */
export function eraseMessage(message: Message): readonly Change[] {
  const { id } = message;
  return [
    [discardReactions("id = $1"), id],
    [
      `UPDATE messages SET ${CHANGES}, reactions = NULL, idempotency_key = NULL, text_digest = NULL
       WHERE id = $6 AND (deleted_at IS NULL OR idempotency_key IS NOT NULL)`,
      ...changedValues(message),
      id,
    ],
  ];
}

/** The `lengthOf` a message at most, in code points, of a row of a left join with `messages`. */
export const MESSAGE_LENGTH = ["text", "mentions", "metadata", "reactions"]
  .map((column) => `coalesce(length(messages.${column}), 0)`)
  .join(" + ");

/** Puts what a query has found from the newest or oldest on in ascending order. */
export function oldestFirst<Item>(from: Slice["from"], found: readonly Item[]): readonly Item[] {
  return from === "oldest" ? found : found.toReversed();
}
