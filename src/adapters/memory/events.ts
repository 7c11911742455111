import { randomBytes } from "node:crypto";
import type { EventLog, LogEntry } from "../../application/ports.js";
import type { Chat, ChatId } from "../../domain/chat.js";
import type { ChatEventDraft, EventDraft, SessionEnd, StoredEvent } from "../../domain/event.js";
import type { Message } from "../../domain/message.js";
import type { UserId } from "../../domain/user.js";
import { firstAfter, sliceOf } from "./history.js";
import { put, type Undo } from "./undo.js";

/** An entry of the log, without its message. */
type Entry = EventEntry | (SessionEnd & { readonly id: number });
type EventEntry = EventDraft & { readonly id: number };
type ChatEntry = ChatEventDraft & { readonly id: number };

interface Joined {
  readonly chatId: ChatId;
  readonly joinedAfter: number;
  readonly historyStart: number;
}

/** The lookups that the log needs from the other repositories. */
interface Dependencies {
  readonly message: (id: number) => Message | undefined;
  /** The kind of an existing chat. */
  readonly kindOf: (chatId: ChatId) => Chat["kind"] | undefined;
  /** The chats of the user, each with the id of the last event of the log when they joined. */
  readonly chatsOf: (userId: UserId) => Iterable<Joined>;
  /** The other users of the user's p2p chats, each with the id of the last event of the log when that chat was created. */
  readonly peersOf: (userId: UserId) => Iterable<{ readonly peer: UserId; readonly joinedAfter: number }>;
}

export interface MemoryEventLog extends EventLog {
  lastId(): number;
}

/** Each entry is in the list of all entries, and in that of its chat, of the one user it is addressed to, or of the user it is about. */
export function eventLog({ message, kindOf, chatsOf, peersOf }: Dependencies, undo: Undo): MemoryEventLog {
  const epoch = randomBytes(8).toString("hex");
  let entries: Entry[] = [];
  /** The id of the last entry that `forget` deleted. */
  let forgotten = 0;
  const forChat = new Map<ChatId, EventEntry[]>();
  const forUser = new Map<UserId, EventEntry[]>();
  const aboutUser = new Map<UserId, EventEntry[]>();
  const lastId = () => entries.at(-1)?.id ?? 0;

  function listOf(entry: EventEntry): EventEntry[] {
    if (!("chatId" in entry)) return listIn(aboutUser, entry.to.peersOf);
    return entry.to === "participants" ? listIn(forChat, entry.chatId) : listIn(forUser, entry.to.user);
  }

  function read(entry: EventEntry): StoredEvent {
    if (!("chatId" in entry)) return entry;
    const { messageId, ...event } = entry;
    return {
      ...event,
      // A p2p chat that is deleted becomes a group chat before, see `releasePair`.
      chatKind: kindOf(event.chatId) ?? "group",
      message: messageId === null ? null : (message(messageId) ?? null),
    };
  }

  /** The length of the text that an entry is read with. */
  const lengthOf = (entry: Entry) =>
    "messageId" in entry && entry.messageId !== null ? (message(entry.messageId)?.text.length ?? 0) : 0;

  const readAny = (entry: Entry): LogEntry => ("change" in entry ? read(entry) : entry);

  return {
    lastId,
    bounds: async () => ({ epoch, first: forgotten + 1, last: lastId() }),
    all: async (slice) => sliceOf([entries], { ...slice, from: "oldest" }, lengthOf).map(readAny),
    async ofUser(userId, slice) {
      const memberships = new Map(
        Array.from(chatsOf(userId), (membership) => [membership.chatId, membership]),
      );
      const ofChats = Array.from(memberships, ([chatId, { joinedAfter }]) => {
        const all = forChat.get(chatId) ?? [];
        return joinedAfter <= slice.after ? all : all.slice(firstAfter(all, joinedAfter));
      });
      const alone = (forUser.get(userId) ?? []).filter(
        (entry) =>
          includesRemoved(entry) ||
          (memberships.get((entry as ChatEntry).chatId)?.joinedAfter ?? Infinity) < entry.id,
      );
      const about = Array.from(peersOf(userId), ({ peer, joinedAfter }) => {
        const all = aboutUser.get(peer) ?? [];
        return all.slice(firstAfter(all, Math.max(joinedAfter, slice.after)));
      });
      /** The entry without a message that the user cannot read. */
      const asRead = (entry: EventEntry): EventEntry => {
        if (!("chatId" in entry)) return entry;
        const { historyStart = 0 } = memberships.get(entry.chatId) ?? {};
        return (entry.messageId ?? Infinity) > historyStart ? entry : { ...entry, messageId: null };
      };
      const histories = [...ofChats, ...about, aboutUser.get(userId) ?? [], alone];
      const found = sliceOf(histories, { ...slice, from: "oldest" }, (entry) => lengthOf(asRead(entry)));
      return found.map((entry) => read(asRead(entry)));
    },
    async append(event) {
      const entry: Entry = frozen({ ...structuredClone(event), id: lastId() + 1 });
      entries.push(entry);
      undo.push(() => entries.pop());
      if (!("change" in entry)) return;
      const list = listOf(entry);
      list.push(entry);
      undo.push(() => list.pop());
    },
    async forget(before, limit, now = Infinity) {
      let due = 0;
      for (let index = 0; index < entries.length - 1 && due < limit; index += 1) {
        const { at } = entries[index]!;
        if (at < before) due = index + 1;
        else if (at <= now) break;
      }
      const deleted = entries.splice(0, Math.min(due, limit));
      const events = deleted.filter((entry): entry is EventEntry => "change" in entry);
      for (const entry of events) listOf(entry).shift();
      if (deleted.length > 0) {
        const forgottenBefore = forgotten;
        forgotten = deleted.at(-1)!.id;
        undo.push(() => {
          forgotten = forgottenBefore;
          entries.unshift(...deleted);
          for (const entry of events.toReversed()) listOf(entry).unshift(entry);
        });
      }
      return deleted.length;
    },
    async deleteOfChat(chatId, limit) {
      const ofChat = entries.filter(
        (entry): entry is ChatEntry =>
          "chatId" in entry && entry.chatId === chatId && !includesRemoved(entry),
      );
      const deleted = new Set<Entry>(ofChat.slice(0, limit));
      if (deleted.size === 0) return 0;
      const allEntries = entries;
      entries = entries.filter((entry) => !deleted.has(entry));
      undo.push(() => (entries = allEntries));
      const withoutDeleted = (list: readonly EventEntry[]) => list.filter((entry) => !deleted.has(entry));
      put(forChat, chatId, withoutDeleted(forChat.get(chatId) ?? []), undo);
      // `put` inserts the key again, so that an iteration over the map itself would not end.
      for (const [userId, list] of Array.from(forUser)) put(forUser, userId, withoutDeleted(list), undo);
      return deleted.size;
    },
  };
}

function includesRemoved({ to }: EventEntry): boolean {
  return to !== "participants" && "user" in to && to.includesRemoved;
}

function listIn<Key, Item>(lists: Map<Key, Item[]>, key: Key): Item[] {
  const list = lists.get(key) ?? [];
  lists.set(key, list);
  return list;
}

/** Freezes a value and everything in it. */
export function frozen<Value>(value: Value): Value {
  if (typeof value === "object" && value !== null) for (const part of Object.values(value)) frozen(part);
  return Object.freeze(value);
}
