// A Koa application that has a chat under one of its paths, and a page of its own beside it.
//
//   node examples/mounted.js
import Koa from "koa";
import { openMessaging } from "palaver";
import { mount } from "palaver/http";

const messaging = await openMessaging({ storage: "memory" });
const chat = mount(messaging, { path: "/chat", log: console });
const by = (await messaging.registerUser({ username: "shop", password: crypto.randomUUID() })).id;

const app = new Koa();

// Above whatever reads bodies. What is outside of /chat goes on.
app.use(chat);

app.use(async (ctx) => {
  if (ctx.path !== "/orders" || ctx.method !== "POST") return;
  // The application speaks to the core itself, with no HTTP between them.
  const username = String(ctx.query["customer"]);
  const { message } = await messaging.sendMessage({
    by,
    to: { username },
    text: "Thank you for your order!",
  });
  ctx.body = { told: message.id };
});

const server = app.listen(Number(process.env["PORT"] ?? 12_000), "127.0.0.1", () => {
  const address = /** @type {import("node:net").AddressInfo} */ (server.address());
  console.log(`The API is at http://127.0.0.1:${address.port}/chat, and its page at /chat/docs`);
});

process.once("SIGINT", () => {
  // First what stays open, which the server would wait for.
  chat.close();
  server.close(() => void messaging.close());
});
