import { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { z } from "zod";
import type { ListMessages } from "../../application/messages.js";
import type { Messaging } from "../../application/messaging.js";
import type { ChatId } from "../../domain/chat.js";
import type { Message } from "../../domain/message.js";
import type { UserId } from "../../domain/user.js";
import { text } from "./body.js";
import { operation, parseChatId, type Operation } from "./operation.js";

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

/** Sending, and the three lists, each of which is served at two paths: the original's document and program differ. */
export function messageOperations(messaging: Messaging): readonly Operation[] {
  const list = (by: UserId, of: ListMessages["of"]) => messaging.listMessages({ by, of }).then(jsonArray);
  return [
    operation({
      method: "post",
      paths: ["/v1/messages"],
      access: "signed in",
      body: newMessage.transform((body, context) => ({ text: body.message, to: destination(body, context) })),
      async handle({ session, body }) {
        const { message } = await messaging.sendMessage({ by: session.user.id, ...body });
        return messageJson(message);
      },
    }),
    operation({
      method: "get",
      paths: ["/v1/group_chat/messages", "/v1/messages"],
      access: "signed in",
      handle: ({ session }) => list(session.user.id, "all"),
    }),
    operation({
      method: "get",
      paths: ["/v1/group_chat/messages/group/:chat_id", "/v1/messages/group/:chat_id"],
      access: "signed in",
      handle: async ({ session, params }) =>
        list(session.user.id, { chatId: parseChatId(params["chat_id"]) }),
    }),
    operation({
      method: "get",
      paths: ["/v1/group_chat/messages/p2p/:username", "/v1/messages/p2p/:username"],
      access: "signed in",
      handle: ({ session, params }) => list(session.user.id, { username: params["username"] ?? "" }),
    }),
  ];
}

function destination(
  { group_chat_id: chatId, dest_username: username }: z.output<typeof newMessage>,
  context: z.core.$RefinementCtx,
) {
  if (chatId !== undefined && username === undefined) return { chatId };
  if (username !== undefined && chatId === undefined) return { username };
  for (const path of [["group_chat_id"], ["dest_username"]]) {
    context.addIssue({
      code: "custom",
      path,
      message: "Exactly one of group_chat_id and dest_username must be given",
    });
  }
  return z.NEVER;
}

/** A message as clients see it. */
function messageJson(message: Message) {
  return {
    id: message.id,
    destination_chat_id: message.chatId,
    seq: message.seq,
    sender_username: message.sender.username,
    sender_user_id: message.sender.id,
    timestamp: new Date(message.sentAt).toISOString(),
    message: message.text,
    edited_at: message.editedAt === null ? null : new Date(message.editedAt).toISOString(),
    deleted_at: message.deletedAt === null ? null : new Date(message.deletedAt).toISOString(),
  };
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
