import pLimit from "p-limit";
import type {
  ChatRepository,
  MessageRepository,
  Repositories,
  Store,
  UserReader,
  UserRepository,
} from "../../application/ports.js";
import type { Chat, ChatId, ChatOverview, Pair } from "../../domain/chat.js";
import type { Message, MessageId } from "../../domain/message.js";
import type { Account, UserId, UsernameKey } from "../../domain/user.js";
import { eventLog, type MemoryEventLog } from "./events.js";
import { sliceOf } from "./history.js";
import { sessionRepository } from "./sessions.js";
import { put, take, type Undo } from "./undo.js";

/** A chat with all that belongs to it. */
interface Room {
  chat: Chat;
  /** The two of a p2p chat. */
  readonly pair: Pair | undefined;
  /** The greatest id of a message there was when it was made. */
  readonly bornAfter: number;
  readonly participants: Map<UserId, Membership>;
  /** By growing id: the nth has the `seq` n. */
  readonly messages: Message[];
  /** How far each of them has read, of those who are gone, too. */
  readonly read: Map<UserId, number>;
  /** The `seq`s of the messages that are deleted. */
  readonly deleted: Set<number>;
}

interface Membership {
  /** Epoch milliseconds. */
  readonly joinedAt: number;
  /** The last event of the log when they joined. */
  readonly joinedAfter: number;
}

interface Rooms {
  readonly byId: Map<ChatId, Room>;
  readonly ofUser: Map<UserId, Set<Room>>;
  /** Of all rooms, by growing id: the nth has the id n. */
  readonly messages: Message[];
}

/** After how many calls the event loop goes on. */
const A_WHILE = 100;

/** All state in memory, for tests and for programs that have nothing to keep. What it holds dies with the process. */
export function openMemoryStore(): Store {
  const oneAtATime = pLimit(1);
  const undo: Undo = [];
  const rooms: Rooms = { byId: new Map(), ofUser: new Map(), messages: [] };
  const users = userRepository(undo);
  const events = eventLog(
    {
      message: (id) => rooms.messages[id - 1],
      *chatsOf(userId) {
        for (const { chat, participants } of rooms.ofUser.get(userId) ?? []) {
          yield { chatId: chat.id, joinedAfter: participants.get(userId)?.joinedAfter ?? 0 };
        }
      },
    },
    undo,
  );
  const subscribers = new Set<() => void>();
  const repositories: Repositories = {
    users,
    events,
    chats: chatRepository(rooms, users, events, undo),
    messages: messageRepository(rooms, undo),
    sessions: sessionRepository(undo),
  };
  let transactions = 0;
  let closed = false;
  let turns = 0;

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    return oneAtATime(async () => {
      if (closed) throw new Error("The store is closed.");
      turns += 1;
      // Nothing here waits for anything: two bots that answer each other would leave no other event its turn.
      if (turns % A_WHILE === 0) await new Promise(setImmediate);
      return work();
    });
  }

  return {
    transaction: (work) =>
      inTurn(async () => {
        try {
          const result = await work(repositories);
          if (undo.length > 0) {
            transactions += 1;
            for (const wake of subscribers) queueMicrotask(() => subscribers.has(wake) && wake());
          }
          return result;
        } catch (error) {
          for (const step of undo.toReversed()) step();
          throw error;
        } finally {
          undo.length = 0;
        }
      }),
    read: (work) => inTurn(() => work(repositories)),
    subscribe(wake) {
      const subscriber = () => wake();
      subscribers.add(subscriber);
      return () => void subscribers.delete(subscriber);
    },
    status: () => ({ fault: undefined, transactions, commits: 0 }),
    close: () =>
      oneAtATime(async () => {
        closed = true;
      }),
  };
}

interface Credentials extends Account {
  readonly passwordDigest: string;
}

function userRepository(undo: Undo): UserRepository {
  const byId = new Map<UserId, Credentials>();
  const byKey = new Map<UsernameKey, UserId>();
  const ofKey = (key: UsernameKey) => {
    const id = byKey.get(key);
    return id === undefined ? undefined : byId.get(id);
  };
  return {
    byId: async (id) => byId.get(id)?.user,
    byKey: async (key) => ofKey(key)?.user,
    credentials: async (key) => ofKey(key),
    async list({ after = "", limit }) {
      const behind = [...byId.keys()].filter((id) => id > after).toSorted();
      return behind.slice(0, limit).map((id) => {
        const { user, disabledAt } = byId.get(id)!;
        return { user, disabledAt };
      });
    },
    async add(given, key, passwordDigest) {
      if (byKey.has(key)) return false;
      const user = Object.freeze({ ...given });
      put(byId, user.id, Object.freeze({ user, passwordDigest, disabledAt: null }), undo);
      put(byKey, key, user.id, undo);
      return true;
    },
    async replacePassword(id, passwordDigest) {
      const account = byId.get(id);
      if (account === undefined) return false;
      put(byId, id, Object.freeze({ ...account, passwordDigest }), undo);
      return true;
    },
    async setDisabledAt(id, disabledAt) {
      const account = byId.get(id);
      if (account === undefined) return false;
      put(byId, id, Object.freeze({ ...account, disabledAt }), undo);
      return true;
    },
  };
}

function chatRepository(
  { byId, ofUser, messages }: Rooms,
  users: UserReader,
  events: MemoryEventLog,
  undo: Undo,
): ChatRepository {
  const byPair = new Map<string, Room>();

  function add(given: Omit<Chat, "id">, pair: Pair | undefined): Room {
    const chat: Chat = Object.freeze({ id: (byId.size + 1) as ChatId, ...given });
    const room: Room = {
      chat,
      pair,
      bornAfter: messages.length,
      participants: new Map(),
      messages: [],
      read: new Map(),
      deleted: new Set(),
    };
    put(byId, chat.id, room, undo);
    return room;
  }

  async function username(id: UserId): Promise<string> {
    return (await users.byId(id))?.username ?? "";
  }

  async function overviewOf(room: Room, userId: UserId): Promise<ChatOverview> {
    const readSeq = room.read.get(userId) ?? 0;
    return {
      chat: room.chat,
      withUsername: room.pair ? await username(room.pair[room.pair[0] === userId ? 1 : 0]) : null,
      participantCount: room.participants.size,
      lastMessage: room.messages.at(-1) ?? null,
      readSeq,
      deletedSinceRead: [...room.deleted].filter((seq) => seq > readSeq).length,
    };
  }

  function join(room: Room, userId: UserId, joinedAt: number): void {
    put(room.participants, userId, { joinedAt, joinedAfter: events.lastId() }, undo);
    const own = ofUser.get(userId) ?? new Set();
    ofUser.set(userId, own.add(room));
    undo.push(() => own.delete(room));
  }

  return {
    async ofParticipant(id, userId) {
      const room = byId.get(id);
      return room?.participants.has(userId) ? room.chat : undefined;
    },
    p2p: async (pair) => byPair.get(JSON.stringify(pair))?.chat,
    idsOfUser: async (userId) => Array.from(ofUser.get(userId) ?? [], ({ chat }) => chat.id),
    async overview(id, userId) {
      const room = byId.get(id);
      return room?.participants.has(userId) ? overviewOf(room, userId) : undefined;
    },
    async ofUser(userId, { asOf, after, limit }) {
      const upTo = { after: 0, upTo: asOf, limit: 1, from: "newest" } as const;
      const listed = Array.from(ofUser.get(userId) ?? [], (room) => {
        return { room, activity: sliceOf([room.messages], upTo)[0]?.id ?? room.bornAfter };
      });
      const page = listed
        .toSorted((one, other) => other.activity - one.activity || other.room.chat.id - one.room.chat.id)
        .filter(({ room, activity }) => {
          if (after === undefined || activity < after.activity) return true;
          return activity === after.activity && room.chat.id < after.chatId;
        })
        .slice(0, limit);
      return Promise.all(
        page.map(async ({ room, activity }) => ({ ...(await overviewOf(room, userId)), activity })),
      );
    },
    async participants(id) {
      const all = [...(byId.get(id)?.participants ?? [])].toSorted(
        ([one, early], [other, late]) => early.joinedAt - late.joinedAt || (one < other ? -1 : 1),
      );
      return Promise.all(
        all.map(async ([userId, { joinedAt }]) => ({
          id: userId,
          username: await username(userId),
          joinedAt,
        })),
      );
    },
    async list({ after = 0, limit }) {
      const behind = [...byId.values()].filter(({ chat }) => chat.id > after).slice(0, limit);
      return Promise.all(
        behind.map(async ({ chat, pair, participants, messages: said }) => ({
          chat,
          between: await Promise.all(Array.from(new Set(pair), username)),
          participantCount: participants.size,
          lastSeq: said.length,
          lastSentAt: said.at(-1)?.sentAt ?? null,
        })),
      );
    },
    async rename(id, title) {
      const room = roomOf(byId, id);
      const before = room.chat;
      room.chat = Object.freeze({ ...before, title });
      undo.push(() => (room.chat = before));
    },
    async setRead(id, userId, seq) {
      put(roomOf(byId, id).read, userId, seq, undo);
    },
    addGroup: async (title, createdAt) => add({ kind: "group", title, createdAt }, undefined).chat,
    async openP2p(pair, createdAt) {
      const key = JSON.stringify(pair);
      const found = byPair.get(key);
      if (found) return found.chat;
      const room = add({ kind: "p2p", title: null, createdAt }, pair);
      put(byPair, key, room, undo);
      for (const userId of new Set(pair)) join(room, userId, createdAt);
      return room.chat;
    },
    async addParticipant(id, userId, joinedAt) {
      const room = roomOf(byId, id);
      if (room.participants.has(userId)) return false;
      join(room, userId, joinedAt);
      return true;
    },
    async removeParticipant(id, userId) {
      const room = byId.get(id);
      if (!room?.participants.has(userId)) return false;
      take(room.participants, userId, undo);
      ofUser.get(userId)?.delete(room);
      undo.push(() => ofUser.get(userId)?.add(room));
      return true;
    },
  };
}

function messageRepository({ byId, ofUser, messages: all }: Rooms, undo: Undo): MessageRepository {
  const once = new Map<string, { readonly id: number; readonly textDigest: string }>();
  const nameOf = (userId: UserId, key: string) => JSON.stringify([userId, key]);

  return {
    lastId: async () => all.length,
    byId: async (id) => all[id - 1],
    async sentAs(userId, key) {
      const sent = once.get(nameOf(userId, key));
      const message = sent && all[sent.id - 1];
      return message && { message, textDigest: sent.textDigest };
    },
    ofChat: async (id, slice) => sliceOf([byId.get(id)?.messages ?? []], slice),
    ofUser: async (id, slice) =>
      sliceOf(
        Array.from(ofUser.get(id) ?? [], (room) => room.messages),
        slice,
      ),
    sentBy: async (id, { after, upTo }) =>
      all.slice(Math.max(0, after), Math.max(0, upTo)).filter(({ sender }) => sender.id === id),
    async append({ chatId, sender, text, sentAt }, as) {
      if (as && once.has(nameOf(sender.id, as.key))) throw new Error("The sender has used this key before.");
      const { messages } = roomOf(byId, chatId);
      const message: Message = Object.freeze({
        id: (all.length + 1) as MessageId,
        chatId,
        seq: messages.length + 1,
        sender: Object.freeze({ id: sender.id, username: sender.username }),
        text,
        sentAt,
        editedAt: null,
        deletedAt: null,
      });
      all.push(message);
      messages.push(message);
      undo.push(() => {
        all.pop();
        messages.pop();
      });
      if (as) put(once, nameOf(sender.id, as.key), { id: message.id, textDigest: as.textDigest }, undo);
      return message;
    },
    async update({ id, text, editedAt, deletedAt }) {
      const before = all[id - 1];
      if (before === undefined) throw new Error(`There is no message ${id} in the store.`);
      const { messages, deleted } = roomOf(byId, before.chatId);
      const after = Object.freeze({ ...before, text, editedAt, deletedAt });
      all[id - 1] = messages[before.seq - 1] = after;
      undo.push(() => (all[id - 1] = messages[before.seq - 1] = before));
      if (deletedAt !== null && !deleted.has(before.seq)) {
        deleted.add(before.seq);
        undo.push(() => deleted.delete(before.seq));
      }
    },
  };
}

function roomOf(rooms: ReadonlyMap<ChatId, Room>, id: ChatId): Room {
  const room = rooms.get(id);
  if (room === undefined) throw new Error(`There is no chat ${id} in the store.`);
  return room;
}
