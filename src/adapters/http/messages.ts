import { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { z } from "zod";
import type { ListMessages } from "../../application/messages.js";
import type { Messaging } from "../../application/messaging.js";
import type { ChatId } from "../../domain/chat.js";
import type { Message } from "../../domain/message.js";
import { text } from "./body.js";
import { messageJson } from "./json.js";
import { operation, parseChatId, parseId, type Operation, type SignedInRequest } from "./operation.js";
import { limit, linkPages, USUAL_LIMIT, wholeNumber } from "./paging.js";

const groupChatId = z
  .union(
    [z.number(), z.string().regex(/^[0-9]+$/)],
    "Must be the id of a chat, as a number or as a string of digits",
  )
  .transform(Number)
  .refine((id) => Number.isSafeInteger(id) && id > 0, "Must be a whole number from 1 to 9007199254740991")
  .transform((id) => id as ChatId);

const newMessage = z.strictObject({
  group_chat_id: groupChatId.optional(),
  dest_username: text.optional(),
  message: text,
});

const page = z
  .strictObject({
    limit: limit.optional(),
    before: wholeNumber(1, Number.MAX_SAFE_INTEGER).optional(),
    // 0, which is no id, is where a client begins that has none yet.
    after: wholeNumber(0, Number.MAX_SAFE_INTEGER).optional(),
  })
  .superRefine(({ before, after }, context) => {
    if (before === undefined || after === undefined) return;
    refuseEach(["before", "after"], "Only one of before and after may be given", context);
  });

/**
 * Sending, editing, deleting, and the three lists, each of which is served at two paths: the original's document and program
 * differ.
 */
export function messageOperations(messaging: Messaging): readonly Operation[] {
  async function list(request: SignedInRequest<unknown, z.output<typeof page>>, of: ListMessages["of"]) {
    const { session, query, ctx } = request;
    const by = session.user.id;
    if (Object.keys(query).length === 0) return jsonArray(await messaging.listMessages({ by, of }));
    const { limit: most = USUAL_LIMIT, before, after } = query;
    const { messages, older, newer } = await messaging.pageMessages({ by, of, limit: most, before, after });
    linkPages(ctx, {
      prev: older === undefined ? undefined : { limit: most, before: older },
      next: newer === undefined ? undefined : { limit: most, after: newer },
    });
    return messages.map(messageJson);
  }
  return [
    operation({
      method: "post",
      paths: ["/v1/messages"],
      access: "signed in",
      limit: "sends",
      body: newMessage.transform((body, context) => ({ text: body.message, to: destination(body, context) })),
      async handle({ session, body, ctx }) {
        // Node puts a comma and a space between two of them, and no key may have a space in it.
        const idempotencyKey = ctx.req.headers["idempotency-key"] as string | undefined;
        const sent = await messaging.sendMessage({ by: session.user.id, ...body, idempotencyKey });
        if (sent.replayed) ctx.set("Idempotency-Replayed", "true");
        return messageJson(sent.message);
      },
    }),
    operation({
      method: "patch",
      paths: ["/v1/messages/:id"],
      access: "signed in",
      limit: "sends",
      body: z.strictObject({ message: text }),
      async handle({ session, params, body }) {
        const id = parseId(params["id"]);
        return messageJson(await messaging.editMessage({ by: session.user.id, id, text: body.message }));
      },
    }),
    operation({
      method: "delete",
      paths: ["/v1/messages/:id"],
      access: "signed in",
      limit: "sends",
      async handle({ session, params }) {
        const id = parseId(params["id"]);
        return messageJson(await messaging.deleteMessage({ by: session.user.id, id }));
      },
    }),
    operation({
      method: "get",
      paths: ["/v1/group_chat/messages", "/v1/messages"],
      access: "signed in",
      query: page,
      handle: (request) => list(request, "all"),
    }),
    operation({
      method: "get",
      paths: ["/v1/group_chat/messages/group/:chat_id", "/v1/messages/group/:chat_id"],
      access: "signed in",
      query: page,
      handle: async (request) => list(request, { chatId: parseChatId(request.params["chat_id"]) }),
    }),
    operation({
      method: "get",
      paths: ["/v1/group_chat/messages/p2p/:username", "/v1/messages/p2p/:username"],
      access: "signed in",
      query: page,
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
  for (const field of fields) context.addIssue({ code: "custom", path: [field], message });
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
