// A Koa application with a chat under one of its paths and its own route.
//
//   node examples/mounted.js

// #region mount
import Koa from "koa";
import { openMessaging } from "palaver";
import { mount } from "palaver/http";

const messaging = await openMessaging({ storage: "memory" });
const chat = mount(messaging, { path: "/chat", log: console });

const app = new Koa();
// Mount it above middleware that reads request bodies. Requests outside of /chat go to the next middleware.
app.use(chat);
// #endregion mount

const by = (await messaging.registerUser({ username: "shop", password: crypto.randomUUID() })).id;

app.use(async (ctx) => {
  if (ctx.path !== "/orders" || ctx.method !== "POST") return;
  // The application calls the core directly, without HTTP.
  const { message } = await messaging.sendMessage({
    by,
    to: { username: String(ctx.query["customer"]) },
    text: "Thank you for your order!",
  });
  ctx.body = { message_id: message.id };
});

const server = app.listen(Number(process.env["PORT"] ?? 12_000), "127.0.0.1", () => {
  const address = server.address();
  const port = typeof address === "object" ? address?.port : address;
  console.log(`The API is at http://127.0.0.1:${port}/chat, and its page at /chat/docs`);
});

// #region close
process.once("SIGINT", () => {
  // Open event streams first: the server would wait for them.
  chat.close();
  server.close(() => void messaging.close());
});
// #endregion close
