import { lastSeq, unreadCount, type ChatOverview, type Participant } from "../../domain/chat.js";
import type { ChatEvent, Person } from "../../domain/event.js";
import type { Message } from "../../domain/message.js";

/** A message as clients see it. */
export function messageJson(message: Message) {
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

/** A chat as clients see it. */
export function chatJson(overview: ChatOverview) {
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

/** Somebody in a chat, as clients see them. */
export function participantJson({ id, username, joinedAt }: Participant) {
  return { user_id: id, username, joined_at: timeJson(joinedAt) };
}

/** An event as clients see it. */
export function eventJson(event: ChatEvent) {
  const { cursor, type, chatId, at } = event;
  return { cursor, type, chat_id: chatId, at: timeJson(at), ...happeningJson(event) };
}

function happeningJson(event: ChatEvent) {
  switch (event.type) {
    case "message.created":
    case "message.edited":
    case "message.deleted":
      return { message: messageJson(event.message) };
    case "chat.created":
      return {
        kind: event.chat.kind,
        title: event.chat.title,
        participants: event.participants.map(personJson),
      };
    case "chat.renamed":
      return { title: event.title };
    case "participant.added":
    case "participant.removed":
      return {
        ...personJson(event.user),
        participant_count: event.participantCount,
        ...(event.overview && { chat: chatJson(event.overview) }),
      };
    case "chat.read":
      return { ...personJson(event.user), read_seq: event.readSeq, unread_count: event.unreadCount };
    default:
      return event satisfies never;
  }
}

function personJson({ id, username }: Person) {
  return { user_id: id, username };
}

/** RFC 3339, in UTC, with milliseconds. */
function timeJson(epochMilliseconds: number): string {
  return new Date(epochMilliseconds).toISOString();
}
