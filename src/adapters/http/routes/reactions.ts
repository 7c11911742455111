import { z } from "zod";
import type { Messaging } from "../../../application/messaging.js";
import type { MessageId } from "../../../domain/message.js";
import type { Reactions } from "../../../domain/reaction.js";
import * as field from "../json/fields.js";
import {
  listedReactionJson,
  listedReactionSchema,
  messageReactionsSchema,
  reactionsJson,
} from "../json/reaction.js";
import { operation, parseId, type Operation, type SignedInRequest } from "../operation.js";
import { DEFAULT_LIMIT, limit, linkNext } from "../paging.js";

/** Reactions to messages. */
export function reactionOperations(messaging: Messaging): readonly Operation[] {
  return [
    operation({
      name: "listReactions",
      summary: "List all reactions to a message, oldest first.",
      method: "get",
      paths: ["/v1/messages/:id/reactions"],
      access: "signed in",
      query: z.strictObject({
        limit: limit.default(DEFAULT_LIMIT),
        cursor: field.reactionCursor.optional(),
      }),
      response: z.array(listedReactionSchema),
      responseHeaders: ["Link"],
      errors: ["invalid_cursor", "unknown_message", "not_found"],
      limit: "lookups",
      async handle({ session, params, query, ctx }) {
        const id = parseId(params["id"]) as MessageId;
        const { reactions, next } = await messaging.listReactions({ by: session.user.id, id, ...query });
        linkNext(ctx, query, next);
        return reactions.map(listedReactionJson);
      },
    }),
    operation({
      name: "addReaction",
      summary: "React to a message with an emoji.",
      description:
        "The emoji is percent-encoded: one visible character of at most 32 code points, such as an emoji with a skin tone. A message " +
        "has at most 20 different ones. Everyone who can read the message can react, also where only admins can send. A reaction " +
        "changes neither what is unread nor the order of chats. Repeating it changes nothing.",
      method: "put",
      paths: ["/v1/messages/:id/reactions/:emoji"],
      access: "signed in",
      response: messageReactionsSchema,
      errors: [
        "invalid_reaction",
        "unknown_message",
        "message_deleted",
        "too_many_reactions",
        "user_unavailable",
        "blocked",
        "not_found",
      ],
      handle: (request) => change(request, (command) => messaging.addReaction(command)),
    }),
    operation({
      name: "removeReaction",
      summary: "Take back one's own reaction to a message.",
      description: "Repeating it changes nothing.",
      method: "delete",
      paths: ["/v1/messages/:id/reactions/:emoji"],
      access: "signed in",
      response: messageReactionsSchema,
      errors: ["invalid_reaction", "unknown_message", "not_found"],
      handle: (request) => change(request, (command) => messaging.removeReaction(command)),
    }),
  ];
}

async function change(
  { session, params }: SignedInRequest<unknown, unknown>,
  store: (command: Parameters<Messaging["addReaction"]>[0]) => Promise<Reactions>,
): Promise<z.output<typeof messageReactionsSchema>> {
  const id = parseId(params["id"]) as MessageId;
  return { reactions: reactionsJson(await store({ by: session.user.id, id, emoji: params["emoji"] ?? "" })) };
}
