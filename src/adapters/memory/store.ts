import pLimit from "p-limit";
import type {
  ChatRepository,
  MessageRepository,
  Repositories,
  SessionRepository,
  Store,
  UserRepository,
} from "../../application/ports.js";
import type { Chat, ChatId } from "../../domain/chat.js";
import type { Message } from "../../domain/message.js";
import type { Session, SessionId } from "../../domain/session.js";
import type { User, UserId, UsernameKey } from "../../domain/user.js";
import { sliceOf } from "./history.js";

/** How to take back what a transaction has changed so far: one step a change, the last one first. */
type Undo = (() => void)[];

/** A chat with all that belongs to it. */
interface Room {
  readonly chat: Chat;
  /** When each of them joined, in epoch milliseconds. */
  readonly participants: Map<UserId, number>;
  /** By growing id: the nth has the `seq` n. */
  readonly messages: Message[];
}

interface Rooms {
  readonly byId: Map<ChatId, Room>;
  readonly ofUser: Map<UserId, Set<Room>>;
}

/** All state in memory, for tests and for programs that have nothing to keep. What it holds dies with the process. */
export function openMemoryStore(): Store {
  const oneAtATime = pLimit(1);
  const undo: Undo = [];
  const rooms: Rooms = { byId: new Map(), ofUser: new Map() };
  const repositories: Repositories = {
    users: userRepository(undo),
    chats: chatRepository(rooms, undo),
    messages: messageRepository(rooms, undo),
    sessions: sessionRepository(undo),
  };
  let transactions = 0;
  return {
    transaction: (work) =>
      oneAtATime(async () => {
        try {
          const result = await work(repositories);
          if (undo.length > 0) transactions += 1;
          return result;
        } catch (error) {
          for (const step of undo.toReversed()) step();
          throw error;
        } finally {
          undo.length = 0;
        }
      }),
    read: (work) => oneAtATime(async () => work(repositories)),
    status: () => ({ fault: undefined, transactions, commits: 0 }),
    close: () => oneAtATime(async () => {}),
  };
}

function userRepository(undo: Undo): UserRepository {
  const byId = new Map<UserId, User>();
  const byKey = new Map<UsernameKey, { readonly user: User; readonly passwordDigest: string }>();
  return {
    byId: async (id) => byId.get(id),
    byKey: async (key) => byKey.get(key)?.user,
    credentials: async (key) => byKey.get(key),
    async add(given, key, passwordDigest) {
      if (byKey.has(key)) return false;
      const user = Object.freeze({ ...given });
      put(byId, user.id, user, undo);
      put(byKey, key, Object.freeze({ user, passwordDigest }), undo);
      return true;
    },
  };
}

function chatRepository({ byId, ofUser }: Rooms, undo: Undo): ChatRepository {
  const byPair = new Map<string, Room>();

  function add(kind: Chat["kind"], title: string | null, createdAt: number): Room {
    const chat: Chat = Object.freeze({ id: (byId.size + 1) as ChatId, kind, title, createdAt });
    const room: Room = { chat, participants: new Map(), messages: [] };
    put(byId, chat.id, room, undo);
    return room;
  }

  function join(room: Room, userId: UserId, joinedAt: number): void {
    put(room.participants, userId, joinedAt, undo);
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
    addGroup: async (title, createdAt) => add("group", title, createdAt).chat,
    async openP2p(pair, createdAt) {
      const key = JSON.stringify(pair);
      const found = byPair.get(key);
      if (found) return found.chat;
      const room = add("p2p", null, createdAt);
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

function messageRepository({ byId, ofUser }: Rooms, undo: Undo): MessageRepository {
  let lastId = 0;
  return {
    lastId: async () => lastId,
    ofChat: async (id, slice) => sliceOf([byId.get(id)?.messages ?? []], slice),
    ofUser: async (id, slice) =>
      sliceOf(
        Array.from(ofUser.get(id) ?? [], (room) => room.messages),
        slice,
      ),
    async append({ chatId, sender, text, sentAt }) {
      const { messages } = roomOf(byId, chatId);
      const message: Message = Object.freeze({
        id: lastId + 1,
        chatId,
        seq: messages.length + 1,
        sender: Object.freeze({ id: sender.id, username: sender.username }),
        text,
        sentAt,
        editedAt: null,
        deletedAt: null,
      });
      messages.push(message);
      lastId = message.id;
      undo.push(() => {
        messages.pop();
        lastId = message.id - 1;
      });
      return message;
    },
  };
}

function sessionRepository(undo: Undo): SessionRepository {
  interface Stay {
    readonly session: Session;
    readonly digest: string;
  }
  const byDigest = new Map<string, Stay>();
  const byId = new Map<SessionId, Stay>();
  const ofUser = new Map<UserId, Set<Stay>>();

  function remove(stay: Stay): void {
    const { session, digest } = stay;
    take(byDigest, digest, undo);
    take(byId, session.id, undo);
    ofUser.get(session.user.id)?.delete(stay);
    undo.push(() => ofUser.get(session.user.id)?.add(stay));
  }

  return {
    byDigest: async (digest) => byDigest.get(digest)?.session,
    async add(given, digest) {
      const session = Object.freeze({ ...given, user: Object.freeze({ ...given.user }) });
      const stay: Stay = { session, digest };
      put(byDigest, digest, stay, undo);
      put(byId, session.id, stay, undo);
      const own = ofUser.get(session.user.id) ?? new Set();
      ofUser.set(session.user.id, own.add(stay));
      undo.push(() => own.delete(stay));
    },
    async remove(id) {
      const stay = byId.get(id);
      if (stay) remove(stay);
      return stay !== undefined;
    },
    async removeExpired(userId, now) {
      for (const stay of ofUser.get(userId) ?? []) {
        if (stay.session.expiresAt <= now) remove(stay);
      }
    },
  };
}

function roomOf(rooms: ReadonlyMap<ChatId, Room>, id: ChatId): Room {
  const room = rooms.get(id);
  if (room === undefined) throw new Error(`There is no chat ${id} in the store.`);
  return room;
}

function put<Key, Value>(map: Map<Key, Value>, key: Key, value: Value, undo: Undo): void {
  map.set(key, value);
  undo.push(() => map.delete(key));
}

function take<Key, Value>(map: Map<Key, Value>, key: Key, undo: Undo): void {
  const value = map.get(key)!;
  map.delete(key);
  undo.push(() => map.set(key, value));
}
