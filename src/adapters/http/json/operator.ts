import { z } from "zod";
import type {
  ChatDeletion,
  OwnChat,
  ShownChat,
  Statistics,
  UserRecord,
} from "../../../application/administration.js";
import type { ErasedUser } from "../../../application/erasure.js";
import type { BlockedUser } from "../../../domain/block.js";
import type { ChatSummary } from "../../../domain/chat.js";
import type { Invitation } from "../../../domain/invitation.js";
import type { Session } from "../../../domain/session.js";
import { profileOf, type Account } from "../../../domain/user.js";
import { participantJson, participantSchema } from "./chat.js";
import { chatSettingsJson, chatSettingsShape } from "./chat-settings.js";
import * as field from "./fields.js";
import { invitationJson, invitationSchema } from "./invitation.js";
import { messageJson, messageSchema } from "./message.js";
import { ownReactionJson, ownReactionSchema } from "./reaction.js";
import { timeJson } from "./time.js";

/** A command prints the fields in this order. */
export const accountSchema = z.object({
  user_id: field.userId,
  created_at: field.time,
  disabled_at: field.time.nullable(),
  deleted_at: field.time.nullable(),
  state: field.userState,
  username: field.username,
  display_name: field.displayName.nullable(),
});

export const erasedUserSchema = accountSchema.extend({ erasure: z.enum(["complete", "in_progress"]) });

export function erasedUserJson({ account, isErased }: ErasedUser): z.output<typeof erasedUserSchema> {
  return { ...accountJson(account), erasure: isErased ? "complete" : "in_progress" };
}

export function accountJson(account: Account): z.output<typeof accountSchema> {
  const { user, displayName, disabledAt, deletedAt } = account;
  return {
    user_id: user.id,
    created_at: timeJson(user.createdAt),
    disabled_at: timeOrNull(disabledAt),
    deleted_at: timeOrNull(deletedAt),
    state: profileOf(account).state,
    username: user.username,
    display_name: displayName,
  };
}

/** A session or a token. */
export const userSessionSchema = z.object({
  session_id: field.sessionId,
  kind: z.enum(["cookie", "token"]),
  created_at: field.time,
  last_seen_at: field.time,
  expires_at: field.time,
  name: z.string().nullable(),
  user_agent: z.string().nullable(),
});

export function userSessionJson(session: Session): z.output<typeof userSessionSchema> {
  return {
    session_id: session.id,
    kind: session.kind,
    created_at: timeJson(session.createdAt),
    last_seen_at: timeJson(session.lastSeenAt),
    expires_at: timeJson(session.expiresAt),
    name: session.name,
    user_agent: session.userAgent,
  };
}

const anyChatSchema = z.object({
  chat_id: field.chatId,
  kind: z.enum(["group", "p2p"]),
  created_at: field.time,
  participant_count: field.participantCount,
  last_seq: field.lastSeq,
});

function anyChatJson({
  chat,
  participantCount,
  lastSeq,
}: ChatSummary | OwnChat): z.output<typeof anyChatSchema> {
  return {
    chat_id: chat.id,
    kind: chat.kind,
    created_at: timeJson(chat.createdAt),
    participant_count: participantCount,
    last_seq: lastSeq,
  };
}

export const chatSummarySchema = anyChatSchema.extend({
  last_sent_at: field.time.nullable(),
  between: z.array(field.username).readonly(),
  title: z.string().nullable(),
});

export function chatSummaryJson(summary: ChatSummary): z.output<typeof chatSummarySchema> {
  const { chat, between, lastSentAt } = summary;
  return { ...anyChatJson(summary), last_sent_at: timeOrNull(lastSentAt), between, title: chat.title };
}

export const shownChatSchema = chatSummarySchema.extend({
  policy: field.policy.nullable(),
  metadata: field.metadata.nullable(),
  participants: z.array(participantSchema),
});

export function shownChatJson(chat: ShownChat): z.output<typeof shownChatSchema> {
  const { policy, metadata } = chat.chat;
  return { ...chatSummaryJson(chat), policy, metadata, participants: chat.participants.map(participantJson) };
}

const userBlockSchema = z.object({
  user_id: field.userId,
  blocked_at: field.time,
  username: field.username,
});

function userBlockJson({ account, blockedAt }: BlockedUser): z.output<typeof userBlockSchema> {
  const { id, username } = account.user;
  return { user_id: id, blocked_at: timeJson(blockedAt), username };
}

export const chatDeletionSchema = z.object({
  chat_id: field.chatId,
  participants_left: field.participantCount,
  state: z.enum(["deleting", "deleted"]),
});

export function chatDeletionJson({
  chatId,
  participantsLeft,
  isDeleted,
}: ChatDeletion): z.output<typeof chatDeletionSchema> {
  return { chat_id: chatId, participants_left: participantsLeft, state: isDeleted ? "deleted" : "deleting" };
}

/** An invitation, with its chat. */
export const chatInvitationSchema = invitationSchema.extend({ chat_id: field.chatId });

export function chatInvitationJson(invitation: Invitation): z.output<typeof chatInvitationSchema> {
  return { ...invitationJson(invitation), chat_id: invitation.chatId };
}

const ownChatSchema = anyChatSchema.extend({
  role: field.role.nullable(),
  read_seq: field.readSeq,
  with_username: field.username.nullable(),
  title: z.string().nullable(),
  ...chatSettingsShape,
});

/** A line of an export. */
export const userRecordSchema = z.discriminatedUnion("record", [
  z.object({ record: z.literal("account"), ...accountSchema.shape }),
  z.object({ record: z.literal("session"), ...userSessionSchema.shape }),
  z.object({ record: z.literal("block"), ...userBlockSchema.shape }),
  z.object({ record: z.literal("chat"), ...ownChatSchema.shape }),
  z.object({ record: z.literal("invitation"), ...chatInvitationSchema.shape }),
  z.object({ record: z.literal("message"), ...messageSchema.shape }),
  z.object({ record: z.literal("reaction"), ...ownReactionSchema.shape }),
]);

export function userRecordJson(record: UserRecord): z.output<typeof userRecordSchema> {
  if ("account" in record) return { record: "account", ...accountJson(record.account) };
  if ("session" in record) return { record: "session", ...userSessionJson(record.session) };
  if ("block" in record) return { record: "block", ...userBlockJson(record.block) };
  if ("message" in record) return { record: "message", ...messageJson(record.message) };
  if ("reaction" in record) return { record: "reaction", ...ownReactionJson(record.reaction) };
  if ("invitation" in record) return { record: "invitation", ...chatInvitationJson(record.invitation) };
  const { chat, role, readSeq, withUsername } = record.chat;
  return {
    record: "chat",
    ...anyChatJson(record.chat),
    role,
    read_seq: readSeq,
    with_username: withUsername,
    title: chat.title,
    ...chatSettingsJson(record.chat.settings),
  };
}

const count = z.int().min(0);

export const statisticsSchema = z.object({
  users: count,
  disabled_users: count,
  deleted_users: count,
  group_chats: count,
  p2p_chats: count,
  messages: count,
  events: count,
  sessions: count,
  tokens: count,
  transactions: count.optional(),
  bytes_on_disk: count,
});

/** How much the store holds, beside what the core counts. */
export interface StoreSize {
  /** Since the store was created; undefined if the store does not count them. */
  readonly transactions: number | undefined;
  readonly bytesOnDisk: number;
}

export function statisticsJson(
  statistics: Statistics,
  { transactions, bytesOnDisk }: StoreSize,
): z.output<typeof statisticsSchema> {
  return {
    users: statistics.users,
    disabled_users: statistics.disabledUsers,
    deleted_users: statistics.deletedUsers,
    group_chats: statistics.groupChats,
    p2p_chats: statistics.p2pChats,
    messages: statistics.messages,
    events: statistics.events,
    sessions: statistics.sessions,
    tokens: statistics.tokens,
    ...(transactions !== undefined && { transactions }),
    bytes_on_disk: bytesOnDisk,
  };
}

function timeOrNull(time: number | null): string | null {
  return time === null ? null : timeJson(time);
}
