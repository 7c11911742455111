import { z } from "zod";
import type { ChatInFull } from "../../../application/chats.js";
import { unreadCount, type ChatOverview, type Participant } from "../../../domain/chat.js";
import { settingsOf } from "../../../domain/chat-settings.js";
import { chatSettingsJson, chatSettingsShape } from "./chat-settings.js";
import * as field from "./fields.js";
import { messageJson, messageSchema } from "./message.js";
import { timeJson } from "./time.js";

export const chatSchema = z
  .object({
    chat_id: field.chatId,
    kind: z.enum(["group", "p2p"]),
    title: z
      .string()
      .nullable()
      .meta({ description: "The title of a group chat, or null.", examples: ["Plans"] }),
    policy: field.policy.nullable(),
    metadata: field.metadata.nullable(),
    role: field.role.nullable(),
    with_username: z
      .string()
      .nullable()
      .meta({ description: "The other user of a p2p chat, or null.", examples: [null] }),
    participant_count: field.participantCount,
    last_message: messageSchema.nullable(),
    last_seq: field.lastSeq,
    read_seq: field.readSeq,
    peer_read_seq: field.peerReadSeq,
    unread_count: field.unreadCount,
    mention_count: field.mentionCount,
    ...chatSettingsShape,
  })
  .meta({ id: "Chat", description: "A chat, as the caller sees it." });

export function chatJson(overview: ChatOverview): z.output<typeof chatSchema> {
  const { chat, lastMessage } = overview;
  return {
    chat_id: chat.id,
    kind: chat.kind,
    title: chat.title,
    policy: chat.policy,
    metadata: chat.metadata,
    role: overview.role,
    with_username: overview.withUsername,
    participant_count: overview.participantCount,
    last_message: lastMessage && messageJson(lastMessage),
    last_seq: overview.lastSeq,
    read_seq: overview.readSeq,
    peer_read_seq: overview.peerReadSeq,
    unread_count: unreadCount(overview),
    mention_count: overview.mentionCount,
    ...chatSettingsJson(settingsOf(overview)),
  };
}

/** How far the caller has read a chat. */
export const readStateSchema = z.object({
  read_seq: field.readSeq,
  unread_count: field.unreadCount,
  mention_count: field.mentionCount,
});

export function readStateJson(overview: ChatOverview): z.output<typeof readStateSchema> {
  const { readSeq, mentionCount } = overview;
  return { read_seq: readSeq, unread_count: unreadCount(overview), mention_count: mentionCount };
}

export const participantSchema = z
  .object({
    user_id: field.userId,
    username: field.username,
    joined_at: field.time,
    role: field.role.nullable(),
  })
  .meta({ id: "Participant", description: "A participant of a chat." });

export function participantJson({
  id,
  username,
  joinedAt,
  role,
}: Participant): z.output<typeof participantSchema> {
  return { user_id: id, username, joined_at: timeJson(joinedAt), role };
}

export const chatInFullSchema = chatSchema
  .extend({
    participants: z
      .array(participantSchema)
      .meta({ description: "The first participants, at most 100, in the order in which they joined." }),
    participants_next: field.participantCursor
      .nullable()
      .meta({ description: "The `cursor` of `listParticipants` for the other participants, or null." }),
  })
  .meta({ id: "ChatInFull", description: "A chat with its first participants." });

export function chatInFullJson(chat: ChatInFull): z.output<typeof chatInFullSchema> {
  return {
    ...chatJson(chat.overview),
    participants: chat.participants.map(participantJson),
    participants_next: chat.next ?? null,
  };
}
