// The Fastify application of the peers that use it, which validates a send and serializes its response by schemas.
import { fastify } from "fastify";
import { tokenIn } from "./peer.mjs";

const text = { type: "string" };
const time = { type: ["string", "null"] };
const properties = {
  id: { type: "integer" },
  destination_chat_id: { type: "integer" },
  seq: { type: "integer" },
  sender_username: text,
  sender_user_id: text,
  timestamp: text,
  message: text,
  edited_at: time,
  deleted_at: time,
};
const schema = {
  body: {
    type: "object",
    required: ["group_chat_id", "message"],
    additionalProperties: false,
    properties: { group_chat_id: { type: "integer" }, message: text },
  },
  response: { 200: { type: "object", properties } },
};

/** @param send stores the message of the user with a token, and resolves to the message as JSON */
export async function createApp(send) {
  const app = fastify();
  app.post("/v1/messages", { schema }, ({ headers, body }) => send(tokenIn(headers.cookie), body));
  await app.ready();
  return app;
}
