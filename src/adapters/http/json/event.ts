import { z } from "zod";
import type { ChatEvent } from "../../../domain/event.js";
import { chatJson, chatSchema } from "./chat.js";
import { chatSettingsJson, chatSettingsShape } from "./chat-settings.js";
import * as field from "./fields.js";
import { messageJson, messageSchema } from "./message.js";
import { reactionEventShape, reactionsJson } from "./reaction.js";
import { timeJson } from "./time.js";
import { namedUserJson, namedUserSchema, userJson, userSchema } from "./user.js";

const position = {
  cursor: field.eventCursor,
  chat_id: field.chatId,
  chat_kind: chatSchema.shape.kind,
  at: field.time,
};

const userEvent = z
  .object({
    type: z.enum(["user.updated", "user.deleted"]),
    cursor: field.eventCursor,
    at: field.time,
    ...namedUserSchema.shape,
  })
  .meta({
    id: "UserEvent",
    description:
      "The caller, or a p2p peer of the caller, has another display name or has deleted the account. It " +
      "belongs to no chat. The names are those at the time when the event is read.",
  });

const messageEvent = z
  .object({
    type: z.enum(["message.created", "message.edited", "message.deleted"]),
    ...position,
    message: messageSchema,
  })
  .meta({
    id: "MessageEvent",
    description:
      "The message is in its current state when the event is read, so a deleted text is never delivered again.",
  });

const reactionEvent = z
  .object({
    type: z.enum(["reaction.added", "reaction.removed"]),
    ...position,
    ...reactionEventShape,
  })
  .meta({
    id: "ReactionEvent",
    description:
      "A user has reacted to a message, or no longer does. `reactions` are those to the message when the event is read; they replace " +
      "the ones that the client has. It changes neither what is unread nor the order of chats.",
  });

const chatCreatedEvent = z
  .object({
    type: z.literal("chat.created"),
    ...position,
    kind: chatSchema.shape.kind,
    title: chatSchema.shape.title,
    policy: chatSchema.shape.policy,
    metadata: chatSchema.shape.metadata,
    participants: z.array(userSchema.extend({ role: field.role.nullable() })),
  })
  .meta({ id: "ChatCreatedEvent", description: "A new chat, with the caller among its first participants." });

const chatRenamedEvent = z
  .object({ type: z.literal("chat.renamed"), ...position, title: chatSchema.shape.title })
  .meta({ id: "ChatRenamedEvent" });

const chatChangedEvent = z
  .object({
    type: z.literal("chat.changed"),
    ...position,
    policy: field.policy,
    metadata: field.metadata.nullable(),
  })
  .meta({ id: "ChatChangedEvent", description: "The policy or the metadata of a group chat has changed." });

const participantEvent = z
  .object({
    type: z.enum(["participant.added", "participant.removed"]),
    ...position,
    ...userSchema.shape,
    participant_count: field.participantCount,
    chat: chatSchema.optional(),
  })
  .meta({
    id: "ParticipantEvent",
    description:
      "An added user receives `chat` and no earlier events; a removed user receives no later events.",
  });

const roleEvent = z
  .object({
    type: z.literal("participant.role_changed"),
    ...position,
    ...userSchema.shape,
    role: field.role,
  })
  .meta({
    id: "RoleEvent",
    description: "A participant has another role. A passing of ownership is two events.",
  });

const historyDeletedEvent = z
  .object({
    type: z.literal("chat.history_deleted"),
    ...position,
    up_to_seq: field.seq,
    up_to_timestamp: field.time,
    unread_count: field.unreadCount,
  })
  .meta({
    id: "HistoryDeletedEvent",
    description:
      "The messages up to `up_to_seq` were deleted because of their age. A reader whose `read_seq` is less has `up_to_seq` as `read_seq` and `unread_count` unread messages.",
  });

const chatReadEvent = z
  .object({
    type: z.literal("chat.read"),
    ...position,
    ...userSchema.shape,
    read_seq: field.readSeq,
    unread_count: field.unreadCount,
    mention_count: field.mentionCount,
  })
  .meta({
    id: "ChatReadEvent",
    description: "The caller has read up to `read_seq`. In a p2p chat also sent when the other user has.",
  });

const chatSettingsEvent = z
  .object({
    type: z.literal("chat.settings_changed"),
    ...position,
    ...chatSettingsShape,
    last_seq: field.lastSeq,
  })
  .meta({ id: "ChatSettingsEvent", description: "The caller has changed their own settings of the chat." });

export const eventSchema = z
  .union([
    messageEvent,
    reactionEvent,
    chatCreatedEvent,
    chatRenamedEvent,
    chatChangedEvent,
    participantEvent,
    roleEvent,
    historyDeletedEvent,
    chatReadEvent,
    chatSettingsEvent,
    userEvent,
  ])
  .meta({ id: "ChatEvent", description: "A change in a chat or of a user; `type` names its kind." });

export const eventPageSchema = z
  .object({
    events: z.array(eventSchema),
    cursor: field.eventCursor,
    has_more: z.boolean().meta({ description: "Whether more events follow the cursor.", examples: [false] }),
  })
  .meta({ id: "EventPage", description: "Events, and the cursor to continue from." });

export const snapshotSchema = z
  .object({
    chats: z.array(chatSchema),
    cursor: field.eventCursor,
    more: z.boolean().meta({
      description: "Whether the caller has more chats, which `listChats` returns.",
      examples: [false],
    }),
  })
  .meta({
    id: "Snapshot",
    description: "The caller's chats as of the cursor, last active first; at most 1,000.",
  });

export function eventJson(event: ChatEvent): z.output<typeof eventSchema> {
  if (!("chatId" in event)) {
    const { type, cursor, at, user } = event;
    return { type, cursor, at: timeJson(at), ...namedUserJson(user) };
  }
  const eventPosition = {
    cursor: event.cursor,
    chat_id: event.chatId,
    chat_kind: event.chatKind,
    at: timeJson(event.at),
  };
  switch (event.type) {
    case "message.created":
    case "message.edited":
    case "message.deleted":
      return { type: event.type, ...eventPosition, message: messageJson(event.message) };
    case "reaction.added":
    case "reaction.removed":
      return {
        type: event.type,
        ...eventPosition,
        message_id: event.messageId,
        emoji: event.emoji,
        ...userJson(event.user),
        reactions: reactionsJson(event.reactions),
      };
    case "chat.created": {
      const { kind, title, policy, metadata } = event.chat;
      return {
        type: event.type,
        ...eventPosition,
        kind,
        title,
        policy,
        metadata,
        participants: event.participants.map((each) => ({ ...userJson(each), role: each.role })),
      };
    }
    case "chat.renamed":
      return { type: event.type, ...eventPosition, title: event.title };
    case "chat.changed":
      return { type: event.type, ...eventPosition, policy: event.policy, metadata: event.metadata };
    case "participant.role_changed":
      return { type: event.type, ...eventPosition, ...userJson(event.user), role: event.role };
    case "participant.added":
    case "participant.removed":
      return {
        type: event.type,
        ...eventPosition,
        ...userJson(event.user),
        participant_count: event.participantCount,
        ...(event.overview && { chat: chatJson(event.overview) }),
      };
    case "chat.history_deleted":
      return {
        type: event.type,
        ...eventPosition,
        up_to_seq: event.upToSeq,
        up_to_timestamp: timeJson(event.upToSentAt),
        unread_count: event.unreadCount,
      };
    case "chat.read":
      return {
        type: event.type,
        ...eventPosition,
        ...userJson(event.user),
        read_seq: event.readSeq,
        unread_count: event.unreadCount,
        mention_count: event.mentionCount,
      };
    case "chat.settings_changed":
      return {
        type: event.type,
        ...eventPosition,
        ...chatSettingsJson(event.settings),
        last_seq: event.lastSeq,
      };
    default:
      return event satisfies never;
  }
}
