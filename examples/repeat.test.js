// oxlint-disable typescript/no-floating-promises -- the test runner awaits each test
// #region test
import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestMessaging } from "palaver/testing";
import { repeat } from "./repeat.js";

test("repeats a message to its sender", async () => {
  const messaging = openTestMessaging();
  const { ana, bot } = await messaging.users("ana", "bot");
  const running = repeat(messaging, bot);
  await messaging.sendMessage({ by: ana.id, to: { username: "bot" }, text: "hello" });
  await messaging.settled();
  const { messages } = await messaging.pageMessages({ by: ana.id, of: { username: "bot" }, limit: 10 });
  assert.deepEqual(
    messages.map(({ sender, text }) => [sender.username, text]),
    [
      ["ana", "hello"],
      ["bot", "hello"],
    ],
  );
  await messaging.close();
  await running;
});
// #endregion test

test("sends a message once, though the first response is lost", async () => {
  const messaging = openTestMessaging();
  await messaging.users("ana", "bot");
  // #region http
  const server = await messaging.listen();
  const client = await server.client("ana");
  messaging.loseNextAnswer();
  // The client repeats the request under its idempotency key, so the message is stored once.
  const { seq } = await client.sendMessage({ dest_username: "bot", message: "hello" });
  // #endregion http
  assert.equal(seq, 1);
  await messaging.close();
});
