import { z } from "zod";
import type { ChatEvent } from "../../../domain/event.js";
import { chatJson, chatSchema } from "./chat.js";
import * as field from "./fields.js";
import { messageJson, messageSchema } from "./message.js";
import { timeJson } from "./time.js";
import { userJson, userSchema } from "./user.js";

const place = { cursor: field.eventCursor, chat_id: field.chatId, at: field.time };

const messageEvent = z
  .object({
    type: z.enum(["message.created", "message.edited", "message.deleted"]),
    ...place,
    message: messageSchema,
  })
  .meta({
    id: "MessageEvent",
    description: "The message is as it stands when the event is read, so a deleted text is never told again.",
  });

const chatCreatedEvent = z
  .object({
    type: z.literal("chat.created"),
    ...place,
    kind: chatSchema.shape.kind,
    title: chatSchema.shape.title,
    participants: z.array(userSchema),
  })
  .meta({ id: "ChatCreatedEvent", description: "A chat that the caller is in from its beginning." });

const chatRenamedEvent = z
  .object({ type: z.literal("chat.renamed"), ...place, title: chatSchema.shape.title })
  .meta({ id: "ChatRenamedEvent" });

const participantEvent = z
  .object({
    type: z.enum(["participant.added", "participant.removed"]),
    ...place,
    ...userSchema.shape,
    participant_count: field.participantCount,
    chat: chatSchema.optional(),
  })
  .meta({
    id: "ParticipantEvent",
    description:
      "Who was added gets `chat` with it, and nothing from before; who was removed gets no event after.",
  });

const chatReadEvent = z
  .object({
    type: z.literal("chat.read"),
    ...place,
    ...userSchema.shape,
    read_seq: field.readSeq,
    unread_count: field.unreadCount,
  })
  .meta({ id: "ChatReadEvent", description: "The caller's own; in a p2p chat, the other one's too." });

export const eventSchema = z
  .union([messageEvent, chatCreatedEvent, chatRenamedEvent, participantEvent, chatReadEvent])
  .meta({ id: "ChatEvent", description: "Something that happened in a chat. Its `type` tells what." });

export const eventPageSchema = z
  .object({
    events: z.array(eventSchema),
    cursor: field.eventCursor,
    has_more: z
      .boolean()
      .meta({ description: "There are events after the cursor already.", examples: [false] }),
  })
  .meta({ id: "EventPage", description: "Events, and the cursor to go on from." });

export const snapshotSchema = z
  .object({ chats: z.array(chatSchema), cursor: field.eventCursor })
  .meta({ id: "Snapshot", description: "All the caller's chats, and the cursor at which they are so." });

export function eventJson(event: ChatEvent): z.output<typeof eventSchema> {
  const at = { cursor: event.cursor, chat_id: event.chatId, at: timeJson(event.at) };
  switch (event.type) {
    case "message.created":
    case "message.edited":
    case "message.deleted":
      return { type: event.type, ...at, message: messageJson(event.message) };
    case "chat.created": {
      const { kind, title } = event.chat;
      return { type: event.type, ...at, kind, title, participants: event.participants.map(userJson) };
    }
    case "chat.renamed":
      return { type: event.type, ...at, title: event.title };
    case "participant.added":
    case "participant.removed":
      return {
        type: event.type,
        ...at,
        ...userJson(event.user),
        participant_count: event.participantCount,
        ...(event.overview && { chat: chatJson(event.overview) }),
      };
    case "chat.read":
      return {
        type: event.type,
        ...at,
        ...userJson(event.user),
        read_seq: event.readSeq,
        unread_count: event.unreadCount,
      };
    default:
      return event satisfies never;
  }
}
