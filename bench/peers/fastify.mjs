// Fastify with better-sqlite3: one transaction per send or, with "grouped", one for all sends of a turn of the event loop.
import { fastify } from "fastify";
import { serve, tokenIn } from "./peer.mjs";
import { send, sendInGroup } from "./store.mjs";

const storeMessage = process.argv[2] === "grouped" ? sendInGroup : async (token, body) => send(token, body);
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

const app = fastify();
app.post("/v1/messages", { schema }, ({ headers, body }) => storeMessage(tokenIn(headers.cookie), body));
await app.ready();

serve(app.server);
