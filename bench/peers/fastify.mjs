// Fastify with better-sqlite3: one transaction per send or, with "grouped", one for all sends of a turn of the event loop.
import { createApp } from "./fastify-app.mjs";
import { serve } from "./peer.mjs";
import { send, sendInGroup } from "./store.mjs";

const storeMessage = process.argv[2] === "grouped" ? sendInGroup : async (token, body) => send(token, body);
const app = await createApp(storeMessage);

serve(app.server);
