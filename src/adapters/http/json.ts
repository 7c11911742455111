import { z } from "zod";
import { lastSeq, unreadCount, type ChatOverview, type Participant } from "../../domain/chat.js";
import type { ChatEvent, Person } from "../../domain/event.js";
import type { Message } from "../../domain/message.js";
import type { Session } from "../../domain/session.js";
import type { User } from "../../domain/user.js";
import * as field from "./fields.js";

/*
 * What clients see of the core's values: the shape of each, and what makes it. Every field is always there unless it is
 * optional; there may be more of them some day.
 */

export const nothingSchema = z.object({}).meta({ description: "There is nothing to say." });

export const userSchema = z
  .object({ user_id: field.userId, username: field.username })
  .meta({ id: "User", description: "Somebody who has an account." });

export const messageSchema = z
  .object({
    id: field.messageId,
    destination_chat_id: field.chatId,
    seq: field.seq,
    sender_username: field.username,
    sender_user_id: field.userId,
    timestamp: field.time.meta({ description: "When it was sent." }),
    message: z.string().meta({ description: "Empty once it is deleted.", examples: ["Hello, Bob!"] }),
    edited_at: field.time.nullable().meta({ description: "Null unless it was edited.", examples: [null] }),
    deleted_at: field.time.nullable().meta({ description: "Null unless it was deleted.", examples: [null] }),
  })
  .meta({ id: "Message", description: "A message, as it stands now." });

export const chatSchema = z
  .object({
    chat_id: field.chatId,
    kind: z.enum(["group", "p2p"]),
    title: z
      .string()
      .nullable()
      .meta({ description: "Of a group chat that has one.", examples: ["Plans"] }),
    with_username: z
      .string()
      .nullable()
      .meta({ description: "In a p2p chat, who the other one is.", examples: [null] }),
    participant_count: field.participantCount,
    last_message: messageSchema.nullable(),
    last_seq: field.lastSeq,
    read_seq: field.readSeq,
    unread_count: field.unreadCount,
  })
  .meta({ id: "Chat", description: "A chat, as the caller sees it." });

export const participantSchema = z
  .object({ user_id: field.userId, username: field.username, joined_at: field.time })
  .meta({ id: "Participant", description: "Somebody who is in a chat." });

export const chatInFullSchema = chatSchema
  .extend({ participants: z.array(participantSchema) })
  .meta({ id: "ChatInFull", description: "A chat, and who is in it." });

export const currentSessionSchema = z
  .object({
    user_id: field.userId,
    username: field.username,
    session_id: field.sessionId,
    expires_at: field.time,
  })
  .meta({ id: "CurrentSession", description: "Whose session it is, and until when." });

export const sessionSchema = z
  .object({
    session_id: field.sessionId,
    current: z.boolean().meta({ description: "Whether it is the one that asks.", examples: [true] }),
    created_at: field.time,
    last_seen_at: field.time.meta({ description: "Up to an hour behind." }),
    user_agent: z
      .string()
      .nullable()
      .meta({ description: "What the browser called itself at the login.", examples: ["Mozilla/5.0"] }),
  })
  .meta({ id: "Session", description: "A user's stay in one browser." });

export const tokenSchema = z
  .object({
    token_id: field.tokenId,
    name: field.tokenName.nullable(),
    created_at: field.time,
    last_seen_at: field.time,
    expires_at: field.time,
  })
  .meta({ id: "Token", description: "Lets a program in, in `Authorization: Bearer …`." });

export const newTokenSchema = tokenSchema
  .extend({
    token: z.string().meta({
      description: "What gives access. It is told this once.",
      examples: ["hZ0mXo5QvJ8u4l1b2c3d4e5f6g7h8i9jKLMNOPQRSTU"],
    }),
  })
  .meta({ id: "NewToken", description: "A token, with the text that gives access." });

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

export function messageJson(message: Message): z.output<typeof messageSchema> {
  return {
    id: message.id,
    destination_chat_id: message.chatId,
    seq: message.seq,
    sender_username: message.sender.username,
    sender_user_id: message.sender.id,
    timestamp: timeJson(message.sentAt),
    message: message.text,
    edited_at: message.editedAt === null ? null : timeJson(message.editedAt),
    deleted_at: message.deletedAt === null ? null : timeJson(message.deletedAt),
  };
}

const writtenOut = new WeakMap<Message, string>();

/**
 * The same, as JSON. It is written out once, however often it is read: a page of 50 messages takes 110 µs otherwise. For what
 * is never read again, that would only take memory.
 */
export function messageText(message: Message): string {
  const known = writtenOut.get(message);
  if (known !== undefined) return known;
  const json = JSON.stringify(messageJson(message));
  writtenOut.set(message, json);
  return json;
}

export function chatJson(overview: ChatOverview): z.output<typeof chatSchema> {
  const { chat, lastMessage } = overview;
  return {
    chat_id: chat.id,
    kind: chat.kind,
    title: chat.title,
    with_username: overview.withUsername,
    participant_count: overview.participantCount,
    last_message: lastMessage === null ? null : messageJson(lastMessage),
    last_seq: lastSeq(overview),
    read_seq: overview.readSeq,
    unread_count: unreadCount(overview),
  };
}

export function participantJson({ id, username, joinedAt }: Participant): z.output<typeof participantSchema> {
  return { user_id: id, username, joined_at: timeJson(joinedAt) };
}

export function userJson({ id, username }: User | Person): z.output<typeof userSchema> {
  return { user_id: id, username };
}

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

/** A session as its owner sees it in another one, or the same. */
export function sessionJson(
  { id, createdAt, lastSeenAt, userAgent }: Session,
  current: Session,
): z.output<typeof sessionSchema> {
  return {
    session_id: id,
    current: id === current.id,
    created_at: timeJson(createdAt),
    last_seen_at: timeJson(lastSeenAt),
    user_agent: userAgent,
  };
}

/** A token as its owner sees it. */
export function tokenJson({
  id,
  name,
  createdAt,
  lastSeenAt,
  expiresAt,
}: Session): z.output<typeof tokenSchema> {
  return {
    token_id: id,
    name,
    created_at: timeJson(createdAt),
    last_seen_at: timeJson(lastSeenAt),
    expires_at: timeJson(expiresAt),
  };
}

/** RFC 3339, in UTC, with milliseconds. */
export function timeJson(epochMilliseconds: number): string {
  return new Date(epochMilliseconds).toISOString();
}
