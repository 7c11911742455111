// A bot that lives in the server. It thanks for each message once, where the message was sent, including messages sent while
// it was away. In a group it answers only those that name it.
//
//   BOT_PASSWORD=… node examples/bot.js [DIRECTORY] [CURSOR_FILE]
import { readFile, rename, writeFile } from "node:fs/promises";
import { MessagingError, openMessaging } from "palaver";
import { listen } from "palaver/http";

if ((process.env["BOT_PASSWORD"] ?? "").length < 8) {
  console.error("Set BOT_PASSWORD to a password of at least 8 characters for the account of the bot.");
  process.exit(2);
}
const messaging = await openMessaging({ storage: { sqlite: process.argv[2] ?? "./resources" } });

// #region errors
const credentials = { username: "bot", password: process.env["BOT_PASSWORD"] ?? "" };
await messaging.registerUser(credentials).catch((error) => {
  if (!(error instanceof MessagingError && error.code === "username_taken")) throw error;
});
// #endregion errors
const by = (await messaging.logIn(credentials)).session.user.id;

// #region cursor
const cursorFile = process.argv[3] ?? "./bot-cursor";
let cursor = await readFile(cursorFile, "utf8").catch(() => "");
if (cursor === "") {
  ({ cursor } = await messaging.sync({ by }));
  await writeFile(cursorFile, cursor);
}
// #endregion cursor

// #region listen
const server = await listen(messaging, { port: Number(process.env["PORT"] ?? 12_000) });
console.log(`Write to "bot" at ${server.url}`);

process.once("SIGINT", () => void server.close().then(() => messaging.close()));
// #endregion listen

// #region resume
// The message is already answered, or nobody can answer it any more.
const finalCodes = new Set([
  "idempotency_key_reused",
  "not_a_participant",
  "not_allowed",
  "user_unavailable",
  "blocked",
]);

// The events after the cursor, without a gap, until the core is closed.
for await (const event of messaging.events({ by, after: cursor })) {
  if (event.type === "message.created" && event.message.sender.id !== by) {
    const { id, sender, text } = event.message;
    // A deleted message has no text.
    if (text !== "" && (event.chatKind === "p2p" || text.includes("@bot"))) {
      const answer = `Thank you, ${sender.username}. I have read your ${text.length} characters.`;
      // The bot meets a message again if it stops before it has stored the cursor. The key stores its answer once.
      const command = { by, to: { chatId: event.chatId }, text: answer, idempotencyKey: `answer-${id}` };
      await messaging.sendMessage(command).catch((error) => {
        if (!(error instanceof MessagingError && finalCodes.has(error.code))) throw error;
      });
    }
  }
  await writeFile(`${cursorFile}.new`, event.cursor);
  await rename(`${cursorFile}.new`, cursorFile);
}
// #endregion resume
