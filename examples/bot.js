// A bot that lives in the server. It thanks each sender once for each message, including messages sent while it was away.
//
//   BOT_PASSWORD=… node examples/bot.js [DIRECTORY]
import { MessagingError, openMessaging, unreadCount } from "palaver";
import { listen } from "palaver/http";

// #region listen
const messaging = await openMessaging({ storage: { sqlite: process.argv[2] ?? "./resources" } });
const server = await listen(messaging, { port: Number(process.env["PORT"] ?? 12_000) });
console.log(`Write to "bot" at ${server.url}`);

process.once("SIGINT", () => void server.close().then(() => messaging.close()));
// #endregion listen

// #region errors
const credentials = { username: "bot", password: process.env["BOT_PASSWORD"] ?? "" };
await messaging.registerUser(credentials).catch((error) => {
  if (!(error instanceof MessagingError && error.code === "username_taken")) throw error;
});
// #endregion errors
const by = (await messaging.logIn(credentials)).session.user.id;

/** @param {import("palaver").Message} message */
async function answer({ id, sender, text }) {
  if (sender.id === by || text === "") return;
  await messaging.sendMessage({
    by,
    to: { username: sender.username },
    text: `Thank you, ${sender.username}. I have read your ${text.length} characters.`,
    // The bot may meet a message more than once. The key stores its answer once.
    idempotencyKey: `answer-${id}`,
  });
}

// #region resume
const { chats, cursor } = await messaging.sync({ by });
for (const chat of chats) {
  if (unreadCount(chat) > 0 && chat.lastMessage) await answer(chat.lastMessage);
}
// The events after that snapshot, without a gap, until the core is closed.
for await (const event of messaging.events({ by, after: cursor })) {
  if (event.type === "message.created") await answer(event.message);
}
// #endregion resume
