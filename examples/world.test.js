// oxlint-disable typescript/no-floating-promises -- the test runner awaits each test
import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestMessaging } from "palaver/testing";

// #region world
test("answers a message of last week after a rate limit", async () => {
  const messaging = openTestMessaging();
  const { users, chats } = await messaging.seed({
    users: ["ana", { username: "bob", displayName: "Bob B." }],
    chats: [{ name: "plans", participants: ["ana", "bob"], at: "2026-11-16T09:00:00Z" }],
    messages: [{ from: "ana", to: "plans", text: "Lunch at noon?" }],
  });
  const server = await messaging.listen();
  const client = await server.client("bob");
  server.rejectNext(1);
  // The client waits as long as the response says, and repeats the request.
  await client.sendMessage({ group_chat_id: chats.plans.id, message: "Yes!" });
  const { message } = await messaging.waitFor(users.ana, "message.created");
  assert.equal(message.text, "Yes!");
  await messaging.close();
});
// #endregion world
