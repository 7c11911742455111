// oxlint-disable typescript/no-floating-promises -- the test runner awaits each test
// #region test
import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestMessaging } from "palaver/testing";
import { repeat } from "./repeat.js";

test("repeats each message once in its chat, also after a restart", async () => {
  const messaging = openTestMessaging();
  const { ana, bot } = await messaging.users("ana", "bot");
  const { id: chatId } = await messaging.group(ana, bot);
  const progress = {};
  const running = repeat(messaging, bot, progress);
  await messaging.sendMessage({ by: ana.id, to: { chatId }, text: "hello" });
  await messaging.settled();
  messaging.cutStreams();
  await assert.rejects(running);
  await messaging.sendMessage({ by: ana.id, to: { username: "bot" }, text: "are you there?" });
  const again = repeat(messaging, bot, progress);
  await messaging.settled();
  const { messages } = await messaging.pageMessages({ by: ana.id, of: "all", limit: 10 });
  assert.deepEqual(
    messages.map(({ chatId: chat, sender, text }) => [chat === chatId, sender.username, text]),
    [
      [true, "ana", "hello"],
      [true, "bot", "hello"],
      [false, "ana", "are you there?"],
      [false, "bot", "are you there?"],
    ],
  );
  await messaging.close();
  await again;
});
// #endregion test

test("skips deleted messages, those answered before, and those of chats that the bot has left", async () => {
  const messaging = openTestMessaging();
  const { ana, bot } = await messaging.users("ana", "bot");
  const { id: chatId } = await messaging.group(ana, bot);
  const { cursor } = await messaging.sync({ by: bot.id });
  const ofAna = { by: ana.id, to: { username: "bot" } };
  const first = repeat(messaging, bot, { cursor });
  const { message: edited } = await messaging.sendMessage({ ...ofAna, text: "answered" });
  await messaging.settled();
  messaging.cutStreams();
  await assert.rejects(first);
  await messaging.editMessage({ by: ana.id, id: edited.id, text: "edited" });
  const { message: deleted } = await messaging.sendMessage({ ...ofAna, text: "deleted" });
  await messaging.deleteMessage({ by: ana.id, id: deleted.id });
  const leaving = {
    ...messaging,
    /** @param {import("palaver").SendMessage} command */
    async sendMessage(command) {
      if (command.text === "left") await messaging.removeParticipant({ by: ana.id, chatId, user: "bot" });
      return messaging.sendMessage(command);
    },
  };
  const again = repeat(leaving, bot, { cursor });
  await messaging.sendMessage({ by: ana.id, to: { chatId }, text: "left" });
  await messaging.sendMessage({ ...ofAna, text: "last" });
  await messaging.settled();
  const { messages } = await messaging.pageMessages({ by: bot.id, of: { username: "ana" }, limit: 10 });
  assert.deepEqual(
    messages.map(({ sender, text }) => `${sender.username}: ${text}`),
    ["ana: edited", "bot: answered", "ana: ", "ana: last", "bot: last"],
  );
  await messaging.close();
  await again;
});

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
