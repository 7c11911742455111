// The messaging core as a library: no server and no port.
//
//   node examples/embedding.js

// #region embedding
import { openMessaging } from "palaver";

const messaging = await openMessaging({ storage: { sqlite: "./chats" } });
const ana = await messaging.ensureUser({ username: "ana" });
const bob = await messaging.ensureUser({ username: "bob" });

const events = messaging.events({ by: bob.id });
await messaging.sendMessage({ by: ana.id, to: { username: "bob" }, text: "Hello, Bob!" });
for await (const event of events) {
  if (event.type !== "message.created") continue;
  console.log(`${event.message.sender.username}: ${event.message.text}`);
  break;
}
await messaging.close();
// #endregion embedding
