import { z } from "zod";
import type { Messaging } from "../../../application/messaging.js";
import type { ChatId } from "../../../domain/chat.js";
import * as field from "../json/fields.js";
import { messageJson } from "../json/message.js";
import { foundMessagesSchema } from "../json/search.js";
import { operation, type Operation } from "../operation.js";
import { DEFAULT_LIMIT, limit, linkNext, wholeNumber } from "../paging.js";

const query = z.strictObject({
  q: field.searchQuery,
  chat_id: wholeNumber(1, Number.MAX_SAFE_INTEGER)
    .optional()
    .meta({ description: "Search one of the caller's chats." }),
  from: field.searchedSender.optional(),
  before: wholeNumber(1, Number.MAX_SAFE_INTEGER)
    .optional()
    .meta({ description: "Find messages before this id." }),
  after: wholeNumber(0, Number.MAX_SAFE_INTEGER)
    .optional()
    .meta({ description: "Find messages after this id. Can be given together with `before`." }),
  limit: limit.default(DEFAULT_LIMIT),
  cursor: field.searchCursor.optional(),
});

/** The search in the caller's messages. */
export function searchOperations(messaging: Messaging): readonly Operation[] {
  return [
    operation({
      name: "searchMessages",
      summary: "Find messages by their words, newest first.",
      description:
        "Finds the messages that the caller can read and whose text has every word of `q`, the last one as the beginning of a word, " +
        "without regard to case and diacritics. In scripts without spaces between words, such as Chinese, Japanese and Thai, a text " +
        "matches if it has each pair of adjacent characters of `q`, or its single character. The server bounds the work for a page, " +
        "so a page can have fewer messages than `limit`, or none, and a `next`: the end is where `next` is null.",
      method: "get",
      paths: ["/v1/search"],
      access: "signed in",
      limit: "searches",
      query,
      response: foundMessagesSchema,
      responseHeaders: ["Link"],
      errors: ["invalid_query", "invalid_cursor", "unknown_user", "not_a_participant"],
      fields: { unknown_user: "from" },
      large: true,
      async handle({ session, query: given, ctx }) {
        const { q, chat_id: chatId, ...others } = given;
        const page = await messaging.searchMessages({
          by: session.user.id,
          query: q,
          chatId: chatId as ChatId | undefined,
          ...others,
        });
        linkNext(ctx, given, page.next);
        return {
          messages: page.messages.map(messageJson),
          complete: page.isComplete,
          next: page.next ?? null,
        };
      },
    }),
  ];
}
