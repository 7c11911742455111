import { randomBytes } from "node:crypto";
import type { EventLog, LogEntry } from "../../application/ports.js";
import type { ChatId } from "../../domain/chat.js";
import type { EventDraft, SessionEnd, StoredEvent } from "../../domain/event.js";
import type { Message } from "../../domain/message.js";
import type { UserId } from "../../domain/user.js";
import { firstAfter, sliceOf } from "./history.js";
import type { Undo } from "./undo.js";

/** An entry of the log, with the message left out. */
type Entry = EventEntry | (SessionEnd & { readonly id: number });
type EventEntry = EventDraft & { readonly id: number };

/** Where the log finds what it does not hold itself. */
interface Surroundings {
  readonly message: (id: number) => Message | undefined;
  /** The chats that the user is in, and the last event that there was when they joined. */
  readonly chatsOf: (userId: UserId) => Iterable<{ readonly chatId: ChatId; readonly joinedAfter: number }>;
}

export interface MemoryEventLog extends EventLog {
  lastId(): number;
}

/** All entries in one list, and once more in a list for each chat and each user whom they are for. */
export function eventLog({ message, chatsOf }: Surroundings, undo: Undo): MemoryEventLog {
  const epoch = randomBytes(8).toString("hex");
  const entries: Entry[] = [];
  const forChat = new Map<ChatId, EventEntry[]>();
  const forUser = new Map<UserId, EventEntry[]>();
  const lastId = () => entries.at(-1)?.id ?? 0;

  function listOf(entry: EventEntry): EventEntry[] {
    return entry.to === "participants" ? listIn(forChat, entry.chatId) : listIn(forUser, entry.to.user);
  }

  function read(entry: EventEntry): StoredEvent {
    const { messageId, ...event } = entry;
    return { ...event, message: messageId === null ? null : (message(messageId) ?? null) };
  }

  const readAny = (entry: Entry): LogEntry => ("sessionId" in entry ? entry : read(entry));

  return {
    lastId,
    bounds: async () => ({ epoch, first: entries[0]?.id ?? 1, last: lastId() }),
    all: async (slice) => sliceOf([entries], { ...slice, from: "oldest" }).map(readAny),
    async ofUser(userId, slice) {
      const joinedAfter = new Map(Array.from(chatsOf(userId), (stay) => [stay.chatId, stay.joinedAfter]));
      const histories = Array.from(joinedAfter, ([chatId, joined]) => {
        const all = forChat.get(chatId) ?? [];
        return joined <= slice.after ? all : all.slice(firstAfter(all, joined));
      });
      const alone = (forUser.get(userId) ?? []).filter(
        ({ id, chatId, to }) =>
          (to !== "participants" && to.includesRemoved) || (joinedAfter.get(chatId) ?? Infinity) < id,
      );
      return sliceOf([...histories, alone], { ...slice, from: "oldest" }).map(read);
    },
    async append(given) {
      const entry: Entry = frozen({ ...structuredClone(given), id: lastId() + 1 });
      entries.push(entry);
      undo.push(() => entries.pop());
      if ("sessionId" in entry) return;
      const list = listOf(entry);
      list.push(entry);
      undo.push(() => list.pop());
    },
    async forget(before, limit) {
      const oldest = entries.slice(0, Math.min(limit, Math.max(0, entries.length - 1)));
      const stays = oldest.findIndex(({ at }) => at >= before);
      const forgotten = entries.splice(0, stays === -1 ? oldest.length : stays);
      const events = forgotten.filter((entry): entry is EventEntry => !("sessionId" in entry));
      for (const entry of events) listOf(entry).shift();
      if (forgotten.length > 0) {
        undo.push(() => {
          entries.unshift(...forgotten);
          for (const entry of events.toReversed()) listOf(entry).unshift(entry);
        });
      }
      return forgotten.length;
    },
  };
}

function listIn<Key, Item>(lists: Map<Key, Item[]>, key: Key): Item[] {
  const list = lists.get(key) ?? [];
  lists.set(key, list);
  return list;
}

/** So that nobody who is given a part of it can change it. */
function frozen<Value>(value: Value): Value {
  if (typeof value === "object" && value !== null) for (const part of Object.values(value)) frozen(part);
  return Object.freeze(value);
}
