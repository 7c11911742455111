import { z } from "zod";
import type { ListMessages } from "../../../application/messages.js";
import type { Messaging } from "../../../application/messaging.js";
import type { ChatId } from "../../../domain/chat.js";
import type { Message, MessageId } from "../../../domain/message.js";
import { allSlices } from "../../../application/slices.js";
import { jsonArray, JsonChunks } from "../json-chunks.js";
import * as field from "../json/fields.js";
import { messageJson, messageSchema, serializeMessage } from "../json/message.js";
import {
  JsonText,
  operation,
  parseChatId,
  parseId,
  type Operation,
  type SignedInRequest,
} from "../operation.js";
import { limit, linkPages, DEFAULT_LIMIT, wholeNumber } from "../paging.js";

const CHAT_ID =
  "Must be a chat id: a whole number from 1 to 9007199254740991, as a number or a string of digits";

const groupChatId = z
  .union(
    [
      z
        .int(CHAT_ID)
        .min(1, CHAT_ID)
        .meta({ examples: [4] }),
      z.string().regex(/^[0-9]{1,16}$/, CHAT_ID),
    ],
    CHAT_ID,
  )
  .transform(Number)
  .refine((id) => Number.isSafeInteger(id) && id > 0, CHAT_ID)
  .transform((id) => id as ChatId);

const MESSAGE_ID = "Must be a message id: a whole number from 1 to 9007199254740991";

const replyTo = z
  .int(MESSAGE_ID)
  .min(1, MESSAGE_ID)
  .transform((id) => id as MessageId)
  .meta({ description: "A message of the same chat that the caller can read.", examples: [12] });

const newMessage = z
  .strictObject({
    group_chat_id: groupChatId.optional(),
    dest_username: field.username.optional(),
    message: field.message,
    reply_to: replyTo.nullable().optional(),
    mentions: field.mentions.optional(),
    metadata: field.metadata.nullable().optional(),
  })
  .meta({
    description: "A message to a chat of the caller, of either kind, or to a user.",
    oneOf: [{ required: ["group_chat_id"] }, { required: ["dest_username"] }],
    examples: [
      { dest_username: "bob", message: "Hello, Bob!" },
      { group_chat_id: 4, message: "Lunch, Bob?", reply_to: 12, mentions: ["bob"] },
    ],
  });

const messageChange = z
  .strictObject({
    message: field.message.optional(),
    mentions: field.mentions
      .optional()
      .meta({ description: "The ids of users that the message already mentions can stay, too." }),
    metadata: field.metadata.nullable().optional(),
  })
  .refine((change) => Object.keys(change).length > 0, {
    error: "Required, or mentions or metadata",
    path: ["message"],
  })
  .meta({
    description: "The fields that change. `metadata: null` removes the metadata.",
    minProperties: 1,
    examples: [{ message: "Hello, Bob and Cy!" }, { mentions: ["bob", "cy"] }],
  });

const page = z
  .strictObject({
    limit: limit.optional(),
    before: wholeNumber(1, Number.MAX_SAFE_INTEGER)
      .optional()
      .meta({ description: "Return the newest messages before this id." }),
    // 0 precedes every id, for a client that has no message yet.
    after: wholeNumber(0, Number.MAX_SAFE_INTEGER)
      .optional()
      .meta({ description: "Return the oldest messages after this id. Not together with `before`." }),
  })
  .superRefine(({ before, after }, context) => {
    if (before === undefined || after === undefined) return;
    addIssues(["before", "after"], "Give only one of before and after", context);
  });

const listDefinition = {
  description:
    "Without parameters, the whole list. With parameters, a page: `limit` selects the newest messages, `before` the newest " +
    `before an id, \`after\` the oldest after an id. \`limit\` defaults to ${DEFAULT_LIMIT}. Always oldest first.`,
  query: page,
  response: z.array(messageSchema),
  responseHeaders: ["Link"],
  large: true,
} as const;

/**
 * Sending, editing, deleting and listing messages. Each list is served at two paths, since the document and the program of
 * the original disagree.
 */
export function messageOperations(messaging: Messaging): readonly Operation[] {
  async function list(request: SignedInRequest<unknown, z.output<typeof page>>, of: ListMessages["of"]) {
    const { session, query, ctx } = request;
    const by = session.user.id;
    if (Object.keys(query).length === 0) {
      return new JsonChunks(jsonArray(await messaging.listMessages({ by, of }), serializeOnce));
    }
    const { limit: pageSize = DEFAULT_LIMIT, before, after } = query;
    const { first, rest, older, newer } = await messaging.sliceMessagePage({
      by,
      of,
      limit: pageSize,
      before,
      after,
    });
    linkPages(ctx, {
      prev: older === undefined ? undefined : { limit: pageSize, before: older },
      next: newer === undefined ? undefined : { limit: pageSize, after: newer },
    });
    if (rest) return new JsonChunks(jsonArray(allSlices({ first, rest }), serializeOnce));
    return new JsonText(`[${first.map(serializeMessage).join(",")}]`);
  }
  return [
    operation({
      name: "sendMessage",
      summary: "Send a message to a chat or to a user.",
      description:
        "200 means that the message is stored durably. Give each message a unique `Idempotency-Key`, and repeat the request with " +
        "the same key until there is a response: the message is stored once. `group_chat_id` is the id of a chat of either kind, " +
        "so that a client can answer where a message came from.",
      method: "post",
      paths: ["/v1/messages"],
      access: "signed in",
      limit: "sends",
      body: newMessage.transform((body, context) => ({
        text: body.message,
        replyTo: body.reply_to,
        mentions: body.mentions,
        metadata: body.metadata,
        to: destination(body, context),
      })),
      requestHeaders: ["Idempotency-Key"],
      response: messageSchema,
      responseHeaders: ["Idempotency-Replayed"],
      errors: [
        "invalid_message",
        "invalid_reply",
        "invalid_mention",
        "invalid_metadata",
        "invalid_idempotency_key",
        "unknown_user",
        "user_unavailable",
        "blocked",
        "not_a_participant",
        "not_allowed",
        "idempotency_key_reused",
      ],
      async handle({ session, body, ctx }) {
        // Node joins repeated headers with a comma and a space. A key with a space is invalid, so repeats are rejected.
        const idempotencyKey = ctx.req.headers["idempotency-key"] as string | undefined;
        const sent = await messaging.sendMessage({ by: session.user.id, ...body, idempotencyKey });
        if (sent.replayed) ctx.set("Idempotency-Replayed", "true");
        return new JsonText(serializeMessage(sent.message));
      },
    }),
    operation({
      name: "editMessage",
      summary:
        "Change the text, the mentions or the metadata of one's own message. Its position in the chat stays.",
      method: "patch",
      paths: ["/v1/messages/:id"],
      access: "signed in",
      body: messageChange.transform(({ message: text, ...change }) => ({ text, ...change })),
      response: messageSchema,
      errors: [
        "invalid_message",
        "invalid_mention",
        "invalid_metadata",
        "message_deleted",
        "not_your_message",
        "not_found",
      ],
      limit: "sends",
      async handle({ session, params, body }) {
        const id = parseId(params["id"]) as MessageId;
        return messageJson(await messaging.editMessage({ by: session.user.id, id, ...body }));
      },
    }),
    operation({
      name: "deleteMessage",
      summary:
        "Delete one's own message. Its text, mentions and metadata are removed, and a tombstone remains.",
      method: "delete",
      paths: ["/v1/messages/:id"],
      access: "signed in",
      response: messageSchema,
      errors: ["not_your_message", "not_found"],
      limit: "sends",
      async handle({ session, params }) {
        const id = parseId(params["id"]) as MessageId;
        return messageJson(await messaging.deleteMessage({ by: session.user.id, id }));
      },
    }),
    operation({
      name: "listMessages",
      summary: "List all messages of all the caller's chats, oldest first.",
      method: "get",
      paths: ["/v1/group_chat/messages", "/v1/messages"],
      access: "signed in",
      ...listDefinition,
      handle: (request) => list(request, "all"),
    }),
    operation({
      name: "listGroupMessages",
      summary: "List the messages of one of the caller's chats, of either kind, oldest first.",
      method: "get",
      paths: ["/v1/group_chat/messages/group/:chat_id", "/v1/messages/group/:chat_id"],
      access: "signed in",
      ...listDefinition,
      errors: ["not_a_participant", "not_found"],
      handle: async (request) => list(request, { chatId: parseChatId(request.params["chat_id"]) }),
    }),
    operation({
      name: "listP2pMessages",
      summary: "List the messages between the caller and another user, oldest first.",
      method: "get",
      paths: ["/v1/group_chat/messages/p2p/:username", "/v1/messages/p2p/:username"],
      access: "signed in",
      ...listDefinition,
      errors: ["unknown_user"],
      handle: (request) => list(request, { username: request.params["username"] ?? "" }),
    }),
  ];
}

function destination(
  { group_chat_id: chatId, dest_username: username }: z.output<typeof newMessage>,
  context: z.core.$RefinementCtx,
) {
  if (chatId !== undefined && username === undefined) return { chatId };
  if (username !== undefined && chatId === undefined) return { username };
  addIssues(
    ["group_chat_id", "dest_username"],
    "Give exactly one of group_chat_id and dest_username",
    context,
  );
  return z.NEVER;
}

function addIssues(fields: readonly string[], message: string, context: z.core.$RefinementCtx): void {
  for (const name of fields) context.addIssue({ code: "custom", path: [name], message });
}

/** Serializes a message of a long list. Caching its text would waste memory. */
function serializeOnce(message: Message): string {
  return JSON.stringify(messageJson(message));
}
