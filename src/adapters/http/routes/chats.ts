import { z } from "zod";
import type { Messaging } from "../../../application/messaging.js";
import type { ChatOverview } from "../../../domain/chat.js";
import { settingsOf } from "../../../domain/chat-settings.js";
import { allSlices } from "../../../application/slices.js";
import { jsonArray, JsonChunks } from "../json-chunks.js";
import * as field from "../json/fields.js";
import {
  chatInFullJson,
  chatInFullSchema,
  chatJson,
  chatSchema,
  participantJson,
  participantSchema,
  readStateJson,
  readStateSchema,
} from "../json/chat.js";
import { chatSettingsJson, chatSettingsSchema } from "../json/chat-settings.js";
import { nothingSchema } from "../json/nothing.js";
import { parseTime } from "../json/time.js";
import type { Limits } from "../limits.js";
import { operation, parseChatId, type Operation } from "../operation.js";
import { limit, linkNext, DEFAULT_LIMIT } from "../paging.js";

const WHOLE_NUMBER = "Must be a whole number from 0 to 9007199254740991";

const lastRead = z
  .int({ error: ({ input }) => (input === undefined ? "Required" : WHOLE_NUMBER) })
  .min(0, WHOLE_NUMBER)
  .meta({ description: "The `seq` of the last message that the caller has read.", examples: [3] });

/** Chats, their participants and read state. */
export function chatOperations(messaging: Messaging, limits: Limits): readonly Operation[] {
  return [
    operation({
      name: "createGroupChat",
      summary: "Create a group chat with the caller and other users as its first participants.",
      description:
        "Responds with the chat as `getChat` does. All users are added, or the chat is not created: `errors` lists each name " +
        "that is unknown or unavailable, or of a user who has blocked the caller.",
      method: "post",
      paths: ["/v1/group_chat"],
      access: "signed in",
      body: z.strictObject({
        title: field.title.nullish(),
        participants: field.initialParticipants.optional(),
      }),
      response: chatInFullSchema,
      errors: ["invalid_title", "unknown_user", "user_unavailable", "blocked"],
      limit: "groups",
      audit: "chat_created",
      async handle({ session, body, ctx }) {
        const { title, participants } = body;
        const chat = await messaging.createGroupChat({ by: session.user.id, title, participants });
        ctx.state["chatId"] = chat.id;
        ctx.state["accountIds"] = chat.added.map(({ id }) => id);
        limits.countMore(ctx, "groups", session, chat.added.length);
        return chatInFullJson(chat);
      },
    }),
    operation({
      name: "changeChat",
      summary: "Change the title, the policy or the metadata of a group chat.",
      description:
        "Changes what is given: of the policy, the settings that are given. Null removes the title or the metadata. The policy of " +
        "the chat decides who changes the title; the owner and admins change the rest.",
      method: "patch",
      paths: ["/v1/group_chat/:chat_id"],
      access: "signed in",
      audit: "chat_changed",
      body: z
        .strictObject({
          title: field.title.nullable().optional(),
          policy: field.policyChange.optional(),
          metadata: field.metadata.nullable().optional(),
        })
        .refine((body) => Object.keys(body).length > 0, {
          error: "Required, or policy or metadata",
          path: ["title"],
        })
        .meta({ minProperties: 1 }),
      response: nothingSchema,
      errors: [
        "invalid_title",
        "invalid_metadata",
        "p2p_chat",
        "not_a_participant",
        "not_allowed",
        "not_found",
      ],
      async handle({ session, params, body }) {
        const chatId = parseChatId(params["chat_id"]);
        await messaging.changeChat({ by: session.user.id, chatId, ...body });
        return {};
      },
    }),
    operation({
      name: "addParticipant",
      summary:
        "Add a user to a group chat as a member. The policy decides which messages the user can read. The user has nothing unread.",
      method: "post",
      paths: ["/v1/group_chat/:chat_id/participants"],
      access: "signed in",
      body: z.strictObject({ username: field.username }),
      response: nothingSchema,
      errors: [
        "unknown_user",
        "user_unavailable",
        "blocked",
        "p2p_chat",
        "already_participant",
        "not_a_participant",
        "not_allowed",
        "not_found",
      ],
      limit: "groups",
      audit: "participant_added",
      async handle({ session, params, body, ctx }) {
        const chatId = parseChatId(params["chat_id"]);
        const { username } = body;
        ctx.state["accountId"] = (
          await messaging.addParticipant({ by: session.user.id, chatId, username })
        ).id;
        return {};
      },
    }),
    operation({
      name: "removeParticipant",
      summary: "Remove a user from a group chat, or leave it.",
      description:
        "The owner is followed by the admin who joined first, or else the participant who joined first.",
      method: "delete",
      paths: ["/v1/group_chat/:chat_id/participants/:user"],
      access: "signed in",
      response: nothingSchema,
      errors: [
        "unknown_user",
        "p2p_chat",
        "user_not_in_chat",
        "not_a_participant",
        "not_allowed",
        "not_found",
      ],
      audit: "participant_removed",
      async handle({ session, params, ctx }) {
        const chatId = parseChatId(params["chat_id"]);
        const user = params["user"] ?? "";
        ctx.state["accountId"] = (
          await messaging.removeParticipant({ by: session.user.id, chatId, user })
        ).id;
        return {};
      },
    }),
    operation({
      name: "setRole",
      summary: "Set the role of a participant of a group chat.",
      description:
        "The owner names admins and members, and passes ownership on, which makes the previous owner an admin.",
      method: "put",
      paths: ["/v1/group_chat/:chat_id/participants/:user/role"],
      access: "signed in",
      body: z.strictObject({ role: field.role }),
      response: nothingSchema,
      errors: [
        "unknown_user",
        "p2p_chat",
        "user_not_in_chat",
        "not_a_participant",
        "not_allowed",
        "not_found",
      ],
      audit: "role_changed",
      async handle({ session, params, body, ctx }) {
        const chatId = parseChatId(params["chat_id"]);
        const user = params["user"] ?? "";
        const { role } = body;
        ctx.state["accountId"] = (await messaging.setRole({ by: session.user.id, chatId, user, role })).id;
        return {};
      },
    }),
    operation({
      name: "listChats",
      summary: "List the caller's chats, most recently active first.",
      method: "get",
      paths: ["/v1/chats"],
      access: "signed in",
      query: z.strictObject({ limit: limit.default(DEFAULT_LIMIT), cursor: field.chatCursor.optional() }),
      response: z.array(chatSchema),
      responseHeaders: ["Link"],
      errors: ["invalid_cursor"],
      large: true,
      async handle({ session, query, ctx }) {
        const { first, rest, next } = await messaging.sliceChats({ by: session.user.id, ...query });
        linkNext(ctx, query, next);
        return new JsonChunks(jsonArray(allSlices({ first, rest }), serializeChat));
      },
    }),
    operation({
      name: "getChat",
      summary: "Show one of the caller's chats with its first participants.",
      description:
        "`participants` has at most 100 participants, in the order in which they joined. If there are more, `participants_next` is " +
        "the `cursor` of `listParticipants` for the others.",
      method: "get",
      paths: ["/v1/chats/:chat_id"],
      access: "signed in",
      response: chatInFullSchema,
      errors: ["not_a_participant", "not_found"],
      async handle({ session, params }) {
        const chatId = parseChatId(params["chat_id"]);
        return chatInFullJson(await messaging.getChat({ by: session.user.id, chatId }));
      },
    }),
    operation({
      name: "listParticipants",
      summary: "List the participants of one of the caller's chats, in the order in which they joined.",
      method: "get",
      paths: ["/v1/chats/:chat_id/participants"],
      access: "signed in",
      query: z.strictObject({
        limit: limit.default(DEFAULT_LIMIT),
        cursor: field.participantCursor.optional(),
      }),
      response: z.array(participantSchema),
      responseHeaders: ["Link"],
      errors: ["invalid_cursor", "not_a_participant", "not_found"],
      large: true,
      async handle({ session, params, query, ctx }) {
        const chatId = parseChatId(params["chat_id"]);
        const page = await messaging.listParticipants({ by: session.user.id, chatId, ...query });
        const { participants, next } = page;
        linkNext(ctx, query, next);
        return participants.map(participantJson);
      },
    }),
    operation({
      name: "markRead",
      summary: "Mark a chat as read up to a message. The mark never moves back.",
      method: "put",
      paths: ["/v1/chats/:chat_id/read"],
      access: "signed in",
      body: z.strictObject({ seq: lastRead }),
      response: readStateSchema,
      errors: ["not_a_participant", "not_found"],
      async handle({ session, params, body }) {
        const chatId = parseChatId(params["chat_id"]);
        return readStateJson(await messaging.markRead({ by: session.user.id, chatId, seq: body.seq }));
      },
    }),
    operation({
      name: "changeChatSettings",
      summary: "Change the caller's own settings of a chat: mute, archive and pin it.",
      description:
        "Changes what is given. Other participants do not see the settings. An archived chat returns with the next message, unless the " +
        "chat is muted when it is sent.",
      method: "patch",
      paths: ["/v1/chats/:chat_id/settings"],
      access: "signed in",
      body: z
        .strictObject({
          muted_until: field.mutedUntil.nullable().optional(),
          archived: field.archived.optional(),
          pinned: field.pinned.optional(),
        })
        .refine((body) => Object.keys(body).length > 0, {
          error: "Required, or archived or pinned",
          path: ["muted_until"],
        })
        .meta({ minProperties: 1 }),
      response: chatSettingsSchema,
      errors: ["not_a_participant", "not_found"],
      async handle({ session, params, body: { muted_until: mutedUntil, ...others } }) {
        const overview = await messaging.changeChatSettings({
          by: session.user.id,
          chatId: parseChatId(params["chat_id"]),
          mutedUntil: mutedUntil == null ? mutedUntil : parseTime(mutedUntil),
          ...others,
        });
        return chatSettingsJson(settingsOf(overview));
      },
    }),
  ];
}

function serializeChat(overview: ChatOverview): string {
  return JSON.stringify(chatJson(overview));
}
