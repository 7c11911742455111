import { z } from "zod";
import type { Messaging } from "../../../application/messaging.js";
import { presenceJson, presenceSchema } from "../json/live-signal.js";
import { nothingSchema } from "../json/nothing.js";
import { operation, parseChatId, type Operation } from "../operation.js";

/** Typing and presence, which streams deliver. */
export function liveSignalOperations(messaging: Messaging): readonly Operation[] {
  return [
    operation({
      name: "sendTyping",
      summary: "Show the other participants of a chat that the caller types, for six seconds.",
      description:
        "Their open streams receive `event: typing`. Repeat it while the caller types: one in two seconds is delivered, and others are " +
        "accepted and ignored. To more than 10 streams it is dropped while the server has more signals to deliver than its limit. In a p2p chat where one of the users has blocked the other, nothing is delivered.",
      method: "post",
      paths: ["/v1/chats/:chat_id/typing"],
      access: "signed in",
      response: nothingSchema,
      errors: ["not_a_participant", "not_allowed", "not_found"],
      limit: "typing",
      async handle({ session, params }) {
        await messaging.sendTyping({ by: session.user.id, chatId: parseChatId(params["chat_id"]) });
        return {};
      },
    }),
    operation({
      name: "getPresence",
      summary: "Show who of the participants of a chat is online.",
      description:
        "A user is online while they have an event stream open. `offline_since` is unknown after a restart of the server. The presence of a " +
        "user is not shown where one of the two users has blocked the other: each then seems to be offline.",
      method: "get",
      paths: ["/v1/chats/:chat_id/presence"],
      access: "signed in",
      response: z.array(presenceSchema),
      errors: ["not_a_participant", "too_many_participants", "presence_off", "not_found"],
      limit: "lookups",
      async handle({ session, params }) {
        const command = { by: session.user.id, chatId: parseChatId(params["chat_id"]) };
        return (await messaging.getPresence(command)).map(presenceJson);
      },
    }),
  ];
}
