// A client in Node. Needs a server and the users of first-conversation.sh.
//
//   node examples/events.js

// #region client
import { createClient } from "palaver/client";

const palaver = createClient({ url: process.env["PALAVER_URL"] ?? "http://127.0.0.1:12000" });
await palaver.logIn({ username: "ana", password: "correct horse" });

// Stored once, even if the response is lost and the client sends it again.
await palaver.sendMessage({ dest_username: "bob", message: "Hello, Bob!" });

// From the newest page of messages to the first.
for await (const page of palaver.pages("listP2pMessages", { username: "bob" })) {
  console.log(page.map(({ message }) => message));
}

// Each event from now on once, across reconnections and restarts of the server.
const { chats, cursor } = await palaver.sync();
console.log(`${chats.length} chats`);
for await (const event of palaver.events({ after: cursor })) {
  if (event.type === "message.created") console.log(event.message.message);
}
// #endregion client
