import { z } from "zod";
import type { Messaging } from "../../application/messaging.js";
import { text } from "./body.js";
import { operation, parseChatId, type Operation } from "./operation.js";

/** Group chats and who is in them. */
export function chatOperations(messaging: Messaging): readonly Operation[] {
  return [
    operation({
      method: "post",
      paths: ["/v1/group_chat"],
      access: "signed in",
      body: z.strictObject({ title: text.nullish() }),
      async handle({ session, body }) {
        const chat = await messaging.createGroupChat({ by: session.user.id, title: body.title });
        return { chat_id: chat.id };
      },
    }),
    operation({
      method: "post",
      paths: ["/v1/group_chat/:chat_id/participants"],
      access: "signed in",
      body: z.strictObject({ username: text }),
      async handle({ session, params, body }) {
        const chatId = parseChatId(params["chat_id"]);
        await messaging.addParticipant({ by: session.user.id, chatId, username: body.username });
        return {};
      },
    }),
    operation({
      method: "delete",
      paths: ["/v1/group_chat/:chat_id/participants/:user"],
      access: "signed in",
      async handle({ session, params }) {
        const chatId = parseChatId(params["chat_id"]);
        await messaging.removeParticipant({ by: session.user.id, chatId, user: params["user"] ?? "" });
        return {};
      },
    }),
  ];
}
