import { z } from "zod";
import type { Messaging } from "../../application/messaging.js";
import { text } from "./body.js";
import { chatJson, participantJson } from "./json.js";
import { operation, parseChatId, type Operation } from "./operation.js";
import { limit, linkPages, parameter, USUAL_LIMIT } from "./paging.js";

const WHOLE_NUMBER = "Must be a whole number from 0 to 9007199254740991";

const seq = z
  .int({ error: ({ input }) => (input === undefined ? "Must be given" : WHOLE_NUMBER) })
  .min(0, WHOLE_NUMBER);

/** Chats, who is in them, and how far they have been read. */
export function chatOperations(messaging: Messaging): readonly Operation[] {
  return [
    operation({
      method: "post",
      paths: ["/v1/group_chat"],
      access: "signed in",
      body: z.strictObject({ title: text.nullish() }),
      audit: "chat_created",
      async handle({ session, body }) {
        const chat = await messaging.createGroupChat({ by: session.user.id, title: body.title });
        return { chat_id: chat.id };
      },
    }),
    operation({
      method: "patch",
      paths: ["/v1/group_chat/:chat_id"],
      access: "signed in",
      body: z.strictObject({ title: text.nullable() }),
      async handle({ session, params, body }) {
        const chatId = parseChatId(params["chat_id"]);
        await messaging.renameChat({ by: session.user.id, chatId, title: body.title });
        return {};
      },
    }),
    operation({
      method: "post",
      paths: ["/v1/group_chat/:chat_id/participants"],
      access: "signed in",
      body: z.strictObject({ username: text }),
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
      method: "delete",
      paths: ["/v1/group_chat/:chat_id/participants/:user"],
      access: "signed in",
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
      method: "get",
      paths: ["/v1/chats"],
      access: "signed in",
      query: z.strictObject({ limit: limit.default(USUAL_LIMIT), cursor: parameter.optional() }),
      async handle({ session, query, ctx }) {
        const { chats, next } = await messaging.listChats({ by: session.user.id, ...query });
        linkPages(ctx, { next: next === undefined ? undefined : { limit: query.limit, cursor: next } });
        return chats.map(chatJson);
      },
    }),
    operation({
      method: "get",
      paths: ["/v1/chats/:chat_id"],
      access: "signed in",
      async handle({ session, params }) {
        const chatId = parseChatId(params["chat_id"]);
        const { overview, participants } = await messaging.getChat({ by: session.user.id, chatId });
        return { ...chatJson(overview), participants: participants.map(participantJson) };
      },
    }),
    operation({
      method: "put",
      paths: ["/v1/chats/:chat_id/read"],
      access: "signed in",
      body: z.strictObject({ seq }),
      async handle({ session, params, body }) {
        const chatId = parseChatId(params["chat_id"]);
        const chat = chatJson(await messaging.markRead({ by: session.user.id, chatId, seq: body.seq }));
        return { read_seq: chat.read_seq, unread_count: chat.unread_count };
      },
    }),
  ];
}
