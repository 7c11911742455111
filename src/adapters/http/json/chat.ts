import { z } from "zod";
import { lastSeq, unreadCount, type ChatOverview, type Participant } from "../../../domain/chat.js";
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
