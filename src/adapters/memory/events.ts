import { randomBytes } from "node:crypto";
import type { EventLog, EventSlice, LogEntry } from "../../application/ports.js";
import type { Chat, ChatId } from "../../domain/chat.js";
import type { ChatEventDraft, EventDraft, SessionEnd, StoredEvent } from "../../domain/event.js";
import { NO_MENTIONS } from "../../domain/mention.js";
import { lengthOf as lengthOfMessage, type Message, type MessageText } from "../../domain/message.js";
import type { UserId } from "../../domain/user.js";
import type { Stay } from "./chats.js";
import { firstAfter, sliceOf } from "./history.js";
import { put, type Undo } from "./undo.js";

/** An entry of the log, without its message. */
type Entry = EventEntry | (SessionEnd & { readonly id: number });
type EventEntry = EventDraft & { readonly id: number };
type ChatEntry = ChatEventDraft & { readonly id: number };

interface Joined extends Pick<Stay, "joinedAfter"> {
  readonly chatId: ChatId;
  /** The other user of a p2p chat. */
  readonly peer: UserId | undefined;
}

/** The lookups that the log needs from the other repositories. */
interface Dependencies {
  readonly message: (id: number) => Message | undefined;
  /** The kind of an existing chat. */
  readonly kindOf: (chatId: ChatId) => Chat["kind"] | undefined;
  readonly stayOf: (userId: UserId, chatId: ChatId) => Stay | undefined;
  /** In the p2p chat with that user. */
  readonly stayWith: (userId: UserId, peer: UserId) => Stay | undefined;
  readonly chatsOf: (userId: UserId) => Iterable<Joined>;
}

export interface MemoryEventLog extends EventLog {
  lastId(): number;
}

/** Each entry is in the list of all entries, and in that of its chat, of the one user it is addressed to, or of the user it is about. */
export function eventLog(
  { message, kindOf, stayOf, stayWith, chatsOf }: Dependencies,
  undo: Undo,
): MemoryEventLog {
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
    const { messageId: _, ...event } = entry;
    return {
      ...event,
      // A p2p chat that is deleted becomes a group chat before, see `releasePair`.
      chatKind: kindOf(event.chatId) ?? "group",
      message: messageOf(entry),
    };
  }

  /** The message that an entry is read with. */
  function messageOf({ messageId, change }: ChatEntry): Message | null {
    const found = messageId === null ? undefined : message(messageId);
    if (found === undefined) return null;
    const isOfReaction = change.type === "reaction.added" || change.type === "reaction.removed";
    return isOfReaction
      ? { ...found, text: "" as MessageText, mentions: NO_MENTIONS, metadata: null }
      : found;
  }

  /** The length of that message. */
  function lengthOf(entry: Entry): number {
    const found = "chatId" in entry ? messageOf(entry) : null;
    return found === null ? 0 : lengthOfMessage(found);
  }

  const readAny = (entry: Entry): LogEntry => ("change" in entry ? read(entry) : entry);

  function isReceivedBy(userId: UserId, entry: EventEntry): boolean {
    const hasJoined = (stay: Stay | undefined) => stay !== undefined && stay.joinedAfter < entry.id;
    if (!("chatId" in entry)) {
      return entry.to.peersOf === userId || hasJoined(stayWith(userId, entry.to.peersOf));
    }
    if (entry.to !== "participants" && entry.to.user !== userId) return false;
    return includesRemoved(entry) || hasJoined(stayOf(userId, entry.chatId));
  }

  /** The entry without a message that the user cannot read. */
  function asRead(userId: UserId, entry: EventEntry): EventEntry {
    if (!("chatId" in entry)) return entry;
    const { historyStart = 0 } = stayOf(userId, entry.chatId) ?? {};
    return (entry.messageId ?? Infinity) > historyStart ? entry : { ...entry, messageId: null };
  }

  function readFor(
    userId: UserId,
    histories: readonly (readonly EventEntry[])[],
    slice: EventSlice,
  ): readonly StoredEvent[] {
    const found = sliceOf(histories, { ...slice, from: "oldest" }, (entry) =>
      lengthOf(asRead(userId, entry)),
    );
    return found.map((entry) => read(asRead(userId, entry)));
  }

  return {
    lastId,
    bounds: async () => ({ epoch, first: forgotten + 1, last: lastId() }),
    all: async (slice) => sliceOf([entries], { ...slice, from: "oldest" }, lengthOf).map(readAny),
    async ofUser(userId, slice) {
      if (slice.scansRange) {
        const range = entries.slice(firstAfter(entries, slice.after), firstAfter(entries, slice.upTo));
        const received = range.filter(
          (entry): entry is EventEntry => "change" in entry && isReceivedBy(userId, entry),
        );
        return readFor(userId, [received], slice);
      }
      const since = (all: readonly EventEntry[], joinedAfter: number) =>
        joinedAfter <= slice.after ? all : all.slice(firstAfter(all, joinedAfter));
      const histories = Array.from(chatsOf(userId), ({ chatId, peer, joinedAfter }) => [
        since(forChat.get(chatId) ?? [], joinedAfter),
        peer === undefined ? [] : since(aboutUser.get(peer) ?? [], joinedAfter),
      ]);
      const alone = (forUser.get(userId) ?? []).filter((entry) => isReceivedBy(userId, entry));
      return readFor(userId, [...histories.flat(), aboutUser.get(userId) ?? [], alone], slice);
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
