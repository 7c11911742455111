import { unreadCount, type ChatId } from "../domain/chat.js";
import { chatChanged } from "../domain/event.js";
import type { MessageTime, Ports } from "./ports.js";

export interface ForgetMessages {
  /** Epoch milliseconds. */
  readonly before: number;
}

/** The number of messages that are read or deleted at once. Bounds the time for which others have to wait, also with long texts. */
const MAX_SLICE_LENGTH = 100;

/**
 * Deletes the messages that were sent before the given time, in each chat from the oldest on, with one event for each slice of a
 * chat. Chats stay, and so do `seq`s.
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
  for (let after = 0; ;) {
    const page = { after, limit: MAX_SLICE_LENGTH };
    const times = await store.read(({ messages }) => messages.timesOf(page));
    const end = times.findIndex(({ sentAt }) => before <= sentAt && sentAt <= now);
    const searched = end === -1 ? times : times.slice(0, end);
    for (const [chatId, upTo] of dueIds(searched, before)) {
      total += await forgetOfChat({ store }, chatId, upTo, now);
    }
    if (end !== -1 || times.length < MAX_SLICE_LENGTH) return total;
    after = times.at(-1)!.id;
  }
}

/** The greatest id of a message in each chat that was sent before the given time. */
function dueIds(times: readonly MessageTime[], before: number): ReadonlyMap<ChatId, number> {
  const due = times.filter(({ sentAt }) => sentAt < before);
  return new Map(due.map(({ chatId, id }) => [chatId, id]));
}

async function forgetOfChat(
  { store }: Pick<Ports, "store">,
  chatId: ChatId,
  upTo: number,
  at: number,
): Promise<number> {
  for (let total = 0; ;) {
    const count = await store.transaction(async ({ messages, events }) => {
      const left = await messages.forget(chatId, upTo, MAX_SLICE_LENGTH);
      if (left === undefined) return 0;
      const { forgottenSeq: upToSeq, forgottenAt: upToSentAt, lastSeq, tombstones } = left;
      const unread = unreadCount({ lastSeq, readSeq: upToSeq, deletedSinceRead: tombstones });
      const change = { type: "chat.history_deleted", upToSeq, upToSentAt, unreadCount: unread } as const;
      await events.append(chatChanged(chatId, change, at));
      return left.count;
    });
    total += count;
    if (count < MAX_SLICE_LENGTH) return total;
  }
}
