import { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { z } from "zod";
import type { ListMessages } from "../../../application/messages.js";
import type { Messaging } from "../../../application/messaging.js";
import type { ChatId } from "../../../domain/chat.js";
import type { Message, MessageId } from "../../../domain/message.js";
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
  "Must be the id of a chat, as a number from 1 to 9007199254740991 or as a string of its digits";

const groupChatId = z
  .union(
    [
      z
        .int(CHAT_ID)
        .min(1, CHAT_ID)
        .meta({ examples: [4] }),
      z.string().regex(/^[0-9]+$/, CHAT_ID),
    ],
    CHAT_ID,
  )
  .transform(Number)
  .refine((id) => Number.isSafeInteger(id) && id > 0, CHAT_ID)
  .transform((id) => id as ChatId);

const newMessage = z
  .strictObject({
    group_chat_id: groupChatId.optional(),
    dest_username: field.username.optional(),
    message: field.message,
  })
  .meta({
    description: "A message to a group chat or to a user.",
    oneOf: [{ required: ["group_chat_id"] }, { required: ["dest_username"] }],
    examples: [
      { dest_username: "bob", message: "Hello, Bob!" },
      { group_chat_id: 4, message: "Lunch?" },
    ],
  });

const page = z
  .strictObject({
    limit: limit.optional(),
    before: wholeNumber(1, Number.MAX_SAFE_INTEGER)
      .optional()
      .meta({ description: "The newest messages before this id." }),
    // 0, which is no id, is where a client begins that has none yet.
    after: wholeNumber(0, Number.MAX_SAFE_INTEGER)
      .optional()
      .meta({ description: "The oldest messages after this id. Not together with `before`." }),
  })
  .superRefine(({ before, after }, context) => {
    if (before === undefined || after === undefined) return;
    refuseEach(["before", "after"], "Only one of before and after may be given", context);
  });

/** A list is whole unless it is asked for in pages. */
const asList = {
  description:
    "The whole list, unless a parameter asks for a page: with `limit` the newest messages, with `before` the newest before " +
    `that one, with \`after\` the oldest after it; ${DEFAULT_LIMIT} where there is no \`limit\`. Always oldest first.`,
  query: page,
  response: z.array(messageSchema),
  responseHeaders: ["Link"],
} as const;

/**
 * Sending, editing, deleting, and the three lists, each of which is served at two paths: the original's document and program
 * differ.
 */
export function messageOperations(messaging: Messaging): readonly Operation[] {
  async function list(request: SignedInRequest<unknown, z.output<typeof page>>, of: ListMessages["of"]) {
    const { session, query, ctx } = request;
    const by = session.user.id;
    if (Object.keys(query).length === 0) return jsonArray(await messaging.listMessages({ by, of }));
    const { limit: most = DEFAULT_LIMIT, before, after } = query;
    const { messages, older, newer } = await messaging.pageMessages({ by, of, limit: most, before, after });
    linkPages(ctx, {
      prev: older === undefined ? undefined : { limit: most, before: older },
      next: newer === undefined ? undefined : { limit: most, after: newer },
    });
    return new JsonText(`[${messages.map(serializeMessage).join(",")}]`);
  }
  return [
    operation({
      name: "sendMessage",
      summary: "Send a message to a group chat or to a user.",
      description:
        "200 means stored, for good. Give each message a key of its own in `Idempotency-Key`, and send it under that key until there is an answer: it is stored once.",
      method: "post",
      paths: ["/v1/messages"],
      access: "signed in",
      limit: "sends",
      body: newMessage.transform((body, context) => ({ text: body.message, to: destination(body, context) })),
      requestHeaders: ["Idempotency-Key"],
      response: messageSchema,
      responseHeaders: ["Idempotency-Replayed"],
      errors: [
        "invalid_message",
        "invalid_idempotency_key",
        "unknown_user",
        "p2p_chat",
        "not_a_participant",
        "idempotency_key_reused",
      ],
      async handle({ session, body, ctx }) {
        // Node puts a comma and a space between two of them, and no key may have a space in it.
        const idempotencyKey = ctx.req.headers["idempotency-key"] as string | undefined;
        const sent = await messaging.sendMessage({ by: session.user.id, ...body, idempotencyKey });
        if (sent.replayed) ctx.set("Idempotency-Replayed", "true");
        return new JsonText(serializeMessage(sent.message));
      },
    }),
    operation({
      name: "editMessage",
      summary: "Give one's own message another text. It keeps its place.",
      method: "patch",
      paths: ["/v1/messages/:id"],
      access: "signed in",
      body: z.strictObject({ message: field.message }),
      response: messageSchema,
      errors: ["invalid_message", "message_deleted", "not_your_message", "not_found"],
      limit: "sends",
      async handle({ session, params, body }) {
        const id = parseId(params["id"]) as MessageId;
        return messageJson(await messaging.editMessage({ by: session.user.id, id, text: body.message }));
      },
    }),
    operation({
      name: "deleteMessage",
      summary: "Take back one's own message: its text is gone, its place stays.",
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
      ...asList,
      handle: (request) => list(request, "all"),
    }),
    operation({
      name: "listGroupMessages",
      summary: "List the messages of a group chat, oldest first.",
      method: "get",
      paths: ["/v1/group_chat/messages/group/:chat_id", "/v1/messages/group/:chat_id"],
      access: "signed in",
      ...asList,
      errors: ["p2p_chat", "not_a_participant", "not_found"],
      handle: async (request) => list(request, { chatId: parseChatId(request.params["chat_id"]) }),
    }),
    operation({
      name: "listP2pMessages",
      summary: "List the messages between the caller and somebody, oldest first.",
      method: "get",
      paths: ["/v1/group_chat/messages/p2p/:username", "/v1/messages/p2p/:username"],
      access: "signed in",
      ...asList,
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
  const given = "Exactly one of group_chat_id and dest_username must be given";
  refuseEach(["group_chat_id", "dest_username"], given, context);
  return z.NEVER;
}

function refuseEach(fields: readonly string[], message: string, context: z.core.$RefinementCtx): void {
  for (const name of fields) context.addIssue({ code: "custom", path: [name], message });
}

/** Written slice by slice as the client takes it, and other requests have their turn after each. */
function jsonArray(slices: AsyncIterable<readonly Message[]>): Readable {
  async function* chunks() {
    let before = "[";
    for await (const slice of slices) {
      yield before + slice.map((message) => JSON.stringify(messageJson(message))).join(",\n");
      before = ",\n";
      await setImmediate();
    }
    yield before === "[" ? "[]" : "]";
  }
  return Readable.from(chunks(), { objectMode: false });
}
