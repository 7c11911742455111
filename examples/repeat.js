// A bot that repeats each message to its sender. repeat.test.js tests it.

/**
 * @param {import("palaver").Messaging} messaging
 * @param {import("palaver").User} me
 * @param {string} [after] a cursor
 */
// #region bot
export async function repeat(messaging, me, after) {
  for await (const event of messaging.events({ by: me.id, after })) {
    if (event.type !== "message.created" || event.message.sender.id === me.id) continue;
    const { sender, text } = event.message;
    await messaging.sendMessage({ by: me.id, to: { username: sender.username }, text });
  }
}
// #endregion bot
