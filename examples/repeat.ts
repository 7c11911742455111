// A bot that repeats each message where it was sent. repeat.test.js tests it.

// #region bot
import { MessagingError, type Messaging, type User } from "palaver";

/** The position of the bot: behind the last event that it has processed. Store it, and continue from it at the next start. */
export interface Progress {
  cursor?: string;
}

/** The message is already answered, or the bot cannot answer it any more. */
const FINAL_CODES = new Set([
  "idempotency_key_reused",
  "not_a_participant",
  "not_allowed",
  "user_unavailable",
  "blocked",
]);

export async function repeat(messaging: Messaging, me: User, progress: Progress) {
  progress.cursor ??= (await messaging.sync({ by: me.id })).cursor;
  for await (const event of messaging.events({ by: me.id, after: progress.cursor })) {
    // A deleted message has no text.
    if (event.type === "message.created" && event.message.sender.id !== me.id && event.message.text) {
      const { id, text } = event.message;
      const answer = { by: me.id, to: { chatId: event.chatId }, text, idempotencyKey: `repeat-${id}` };
      await messaging.sendMessage(answer).catch((error) => {
        if (!(error instanceof MessagingError && FINAL_CODES.has(error.code))) throw error;
      });
    }
    progress.cursor = event.cursor;
  }
}
// #endregion bot
