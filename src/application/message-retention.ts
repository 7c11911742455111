import { unreadCount, type ChatId } from "../domain/chat.js";
import { chatChanged } from "../domain/event.js";
import { deleteReactionSlice } from "./chats.js";
import type { Ports } from "./ports.js";

export interface ForgetMessages {
  /** Epoch milliseconds. */
  readonly before: number;
}

/** The number of messages that are read or deleted at once. Bounds the time for which others have to wait, also with long texts. */
const MAX_SLICE_LENGTH = 100;

/**
 * Deletes the messages that were sent before the given time, with the reactions to them: in each chat from the oldest on, with one
 * event for each chat. Chats stay, and so do `seq`s.
 *
 * The transaction that deletes the last slice of a chat appends the event. A failure between two slices leaves the rest of the
 * messages, and the event, to the next call.
 *
 * Messages are searched in the order of their ids, up to the first one with `before <= sentAt <= now`. Those of a clock that was
 * ahead, and has gone back since, do not end the search; they are deleted with the messages behind them in their chat.
 *
 * @returns the number of deleted messages.
 */
export async function forgetMessages(
  { store, clock }: Pick<Ports, "store" | "clock">,
  { before }: ForgetMessages,
): Promise<number> {
  const now = clock.now();
  let total = 0;
  for (const [chatId, upTo] of await findDue({ store }, before, now)) {
    total += await forgetOfChat({ store }, chatId, upTo, now);
  }
  return total;
}

/**
 * The id of the last due message of each chat that has one. The search ends before the first deletion, so that the last slice of a
 * chat is known.
 */
async function findDue(
  { store }: Pick<Ports, "store">,
  before: number,
  now: number,
): Promise<ReadonlyMap<ChatId, number>> {
  const due = new Map<ChatId, number>();
  for (let after = 0; ;) {
    const page = { after, limit: MAX_SLICE_LENGTH };
    const times = await store.read(({ messages }) => messages.timesOf(page));
    for (const { id, chatId, sentAt } of times) {
      if (sentAt < before) due.set(chatId, id);
      else if (sentAt <= now) return due;
    }
    if (times.length < MAX_SLICE_LENGTH) return due;
    after = times.at(-1)!.id;
  }
}

async function forgetOfChat(
  { store }: Pick<Ports, "store">,
  chatId: ChatId,
  upTo: number,
  at: number,
): Promise<number> {
  let hasReactions = false;
  for (let total = 0; ;) {
    const count = await store.transaction(async (repositories) => {
      const { chats, messages, events } = repositories;
      const forgotten = await messages.forget(chatId, upTo, MAX_SLICE_LENGTH);
      if (forgotten === undefined) return 0;
      hasReactions = !(await deleteReactionSlice(repositories));
      const { count: deleted, forgottenSeq: upToSeq, forgottenAt: upToSentAt } = forgotten;
      const [due] = await messages.idsOfChat(chatId, { after: 0, upTo, limit: 1, from: "oldest" });
      if (due !== undefined) return deleted;
      // Counting for each slice would make the cost quadratic in the number of tombstones.
      const deletedSinceRead = await messages.tombstonesAfter(chatId, upToSeq);
      const { lastSeq } = (await chats.summary(chatId))!;
      const unread = unreadCount({ lastSeq, readSeq: upToSeq, deletedSinceRead });
      const change = { type: "chat.history_deleted", upToSeq, upToSentAt, unreadCount: unread } as const;
      await events.append(chatChanged(chatId, change, at));
      return deleted;
    });
    total += count;
    if (count < MAX_SLICE_LENGTH) {
      // A failure leaves the rest to the next call of `deleteAbandonedChats`.
      while (hasReactions) hasReactions = !(await store.transaction(deleteReactionSlice));
      return total;
    }
  }
}
