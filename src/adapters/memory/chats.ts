import { setImmediate } from "node:timers/promises";
import type { ChatRepository, JoinPosition, MembershipSlice, UserReader } from "../../application/ports.js";
import {
  canRead,
  type Chat,
  type ChatId,
  type ChatOverview,
  type ChatSummary,
  type Pair,
  type Participant,
} from "../../domain/chat.js";
import { DEFAULT_CHAT_SETTINGS, type StoredChatSettings } from "../../domain/chat-settings.js";
import { MAX_MENTION_COUNT, NO_MENTIONS } from "../../domain/mention.js";
import type { Message, MessageText } from "../../domain/message.js";
import { DEFAULT_POLICY, type Role } from "../../domain/policy.js";
import { NO_REACTIONS } from "../../domain/reaction.js";
import type { UserId } from "../../domain/user.js";
import { frozen, type MemoryEventLog } from "./events.js";
import { firstAfter } from "./history.js";
import { put, remove, type Undo } from "./undo.js";

export interface ChatState {
  chat: Chat;
  /** Both users of a p2p chat. */
  pair: Pair | undefined;
  /** The id of the last message on the server when the chat was created, or of the last message that was deleted by age. */
  bornAfter: number;
  readonly participants: Map<UserId, Stay>;
  /** The `seq` up to which messages were deleted by age. */
  forgottenSeq: number;
  /** The time of the message with that `seq`. */
  forgottenAt: number | null;
  /** The message with the `seq` n is at the index n - 1 - forgottenSeq. */
  readonly messages: Message[];
  /** The `seq` up to which each user has read, including users who have left. */
  readonly read: Map<UserId, number>;
  /** The `seq`s of the tombstones. */
  readonly deleted: Set<number>;
  /** The `seq`s of the messages that mention each user. */
  readonly mentions: Map<UserId, Set<number>>;
}

export interface Stay {
  /** Epoch milliseconds. */
  readonly joinedAt: number;
  /** Null in p2p chats. */
  readonly role: Role | null;
  /** The id of the last event of the log when the user joined. */
  readonly joinedAfter: number;
  readonly historyStart: number;
  readonly settings: StoredChatSettings;
}

export interface ChatStates {
  readonly byId: Map<ChatId, ChatState>;
  /** The p2p chats by `keyOfPair`. */
  readonly byPair: Map<string, ChatState>;
  /** The chats of each user in the order of `ChatReader.ofUser`. */
  readonly ofUser: Map<UserId, ChatState[]>;
  /** The messages of all chats, undefined where deleted by age or with the chat. The one with the id n is at the index n - 1. */
  readonly messages: (Message | undefined)[];
}

export function chatRepository(
  { byId, byPair, ofUser, messages }: ChatStates,
  users: UserReader,
  events: MemoryEventLog,
  undo: Undo,
): ChatRepository {
  let lastId = 0;

  function add(draft: Omit<Chat, "id">, pair: Pair | undefined): ChatState {
    lastId += 1;
    undo.push(() => (lastId -= 1));
    const chat: Chat = Object.freeze({ id: lastId as ChatId, ...draft });
    const state: ChatState = {
      chat,
      pair,
      bornAfter: messages.length,
      participants: new Map(),
      forgottenSeq: 0,
      forgottenAt: null,
      messages: [],
      read: new Map(),
      deleted: new Set(),
      mentions: new Map(),
    };
    put(byId, chat.id, state, undo);
    return state;
  }

  async function username(id: UserId): Promise<string> {
    return (await users.byId(id))?.username ?? "";
  }

  async function overviewOf(state: ChatState, userId: UserId): Promise<ChatOverview> {
    const readSeqOf = (id: UserId) => Math.max(state.read.get(id) ?? 0, state.forgottenSeq);
    const readSeq = readSeqOf(userId);
    const peerId = state.pair?.[state.pair[0] === userId ? 1 : 0];
    const peer = peerId && (await users.accountById(peerId));
    const { role, historyStart, settings } = state.participants.get(userId)!;
    const last = state.messages.at(-1);
    return {
      chat: state.chat,
      role,
      historyStart,
      withUsername: peer ? peer.user.username : null,
      participantCount: state.participants.size,
      lastMessage: last !== undefined && canRead({ historyStart }, last) ? last : null,
      lastSeq: lastSeqOf(state),
      lastSentAt: last?.sentAt ?? state.forgottenAt,
      readSeq,
      peerReadSeq: peer?.deletedAt === null ? readSeqOf(peer.user.id) : null,
      deletedSinceRead: [...state.deleted].filter((seq) => seq > readSeq).length,
      mentionCount: Math.min(
        [...(state.mentions.get(userId) ?? [])].filter((seq) => seq > readSeq).length,
        MAX_MENTION_COUNT,
      ),
      settings,
    };
  }

  /** In the order of `ChatReader.participants`. */
  function inOrder({ participants }: ChatState): [UserId, Stay][] {
    return [...participants].toSorted(
      ([one, early], [other, late]) => early.joinedAt - late.joinedAt || (one < other ? -1 : 1),
    );
  }

  async function participantOf([id, { joinedAt, role }]: [UserId, Stay]): Promise<Participant> {
    return { id, username: await username(id), joinedAt, role };
  }

  async function summaryOf(state: ChatState): Promise<ChatSummary> {
    return {
      chat: state.chat,
      between: await Promise.all(Array.from(new Set(state.pair), username)),
      participantCount: state.participants.size,
      lastSeq: lastSeqOf(state),
      forgottenSeq: state.forgottenSeq,
      lastSentAt: state.messages.at(-1)?.sentAt ?? null,
    };
  }

  function join(state: ChatState, userId: UserId, stay: Omit<Stay, "joinedAfter" | "settings">): void {
    const joinedAfter = events.lastId();
    put(state.participants, userId, { ...stay, joinedAfter, settings: DEFAULT_CHAT_SETTINGS }, undo);
    const own = ofUser.get(userId) ?? [];
    ofUser.set(userId, own);
    const index = indexBehind(userId, { joinedAfter, chatId: state.chat.id });
    own.splice(index, 0, state);
    undo.push(() => own.splice(index, 1));
  }

  /** The index of the first chat of the user behind a position, by binary search. */
  function indexBehind(userId: UserId, position: JoinPosition): number {
    const own = ofUser.get(userId) ?? [];
    let low = 0;
    let high = own.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const { chat, participants } = own[middle]!;
      const difference = participants.get(userId)!.joinedAfter - position.joinedAfter;
      if (difference < 0 || (difference === 0 && chat.id <= position.chatId)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  function sliceOf(userId: UserId, { after, limit }: MembershipSlice): readonly ChatState[] {
    const start = after === undefined ? 0 : indexBehind(userId, after);
    return ofUser.get(userId)?.slice(start, start + limit) ?? [];
  }

  return {
    async ofParticipant(id, userId) {
      const state = byId.get(id);
      const stay = state?.participants.get(userId);
      const account = stay && (await users.accountById(userId));
      if (account === undefined || account.deletedAt !== null) return undefined;
      const { role, historyStart } = stay!;
      return { chat: state!.chat, role, historyStart, user: account.user };
    },
    p2p: async (pair) => byPair.get(keyOfPair(pair))?.chat,
    hasMoreThan: async (userId, count) => (ofUser.get(userId)?.length ?? 0) > count,
    async memberships(userId, slice) {
      if (slice.after !== undefined) await setImmediate();
      return sliceOf(userId, slice).map(({ chat, pair, participants }) => {
        const { joinedAfter, historyStart } = participants.get(userId)!;
        return { chatId: chat.id, joinedAfter, historyStart, peer: peerIn(pair, userId) };
      });
    },
    async overview(id, userId) {
      const state = byId.get(id);
      return state?.participants.has(userId) ? overviewOf(state, userId) : undefined;
    },
    async overviews(userId, ids) {
      const found: ChatOverview[] = [];
      for (const id of ids) {
        const state = byId.get(id);
        if (!state?.participants.has(userId)) continue;
        const overview = await overviewOf(state, userId);
        const { lastMessage } = overview;
        const empty = {
          text: "" as MessageText,
          mentions: NO_MENTIONS,
          metadata: null,
          reactions: NO_REACTIONS,
        };
        found.push({ ...overview, lastMessage: lastMessage && { ...lastMessage, ...empty } });
      }
      return found;
    },
    lastJoin: async () => ({ joinedAfter: events.lastId(), chatId: 0 as ChatId }),
    async ofUser(userId, { asOf, ...slice }) {
      return sliceOf(userId, slice).map((state) => ({
        chatId: state.chat.id,
        joinedAfter: state.participants.get(userId)!.joinedAfter,
        activity: activityOf(state, asOf),
      }));
    },
    async activeOfUser(userId, { after, upTo }) {
      const lastIds = new Map<ChatId, number>();
      for (const message of messages.slice(Math.max(0, after), Math.max(0, upTo))) {
        if (message && byId.get(message.chatId)?.participants.has(userId)) {
          lastIds.set(message.chatId, message.id);
        }
      }
      return Array.from(lastIds, ([chatId, activity]) => {
        return { chatId, activity, before: activityOf(byId.get(chatId)!, after) };
      });
    },
    async participants(id, { after, limit }) {
      const state = byId.get(id);
      const all = state ? inOrder(state) : [];
      const isAfter = (userId: UserId, joinedAt: number) =>
        after === undefined ||
        joinedAt > after.joinedAt ||
        (joinedAt === after.joinedAt && userId > after.id);
      const page = all.filter(([userId, { joinedAt }]) => isAfter(userId, joinedAt)).slice(0, limit);
      return Promise.all(page.map(participantOf));
    },
    async oldest(id, role) {
      const state = byId.get(id);
      for (const each of state ? inOrder(state) : []) {
        if (role !== undefined && each[1].role !== role) continue;
        if ((await users.accountById(each[0]))?.deletedAt === null) return participantOf(each);
      }
      return undefined;
    },
    async summary(id) {
      const state = byId.get(id);
      return state && summaryOf(state);
    },
    async list({ after = 0, limit }) {
      const rest = [...byId.values()].filter(({ chat }) => chat.id > after).slice(0, limit);
      return Promise.all(rest.map(summaryOf));
    },
    async abandoned() {
      for (const { chat, participants } of byId.values()) {
        if (participants.size === 0) return chat.id;
      }
      return undefined;
    },
    async delete(id, limit) {
      const { read, pair } = stateOf(byId, id);
      const readers = [...read.keys()].slice(0, limit);
      for (const userId of readers) remove(read, userId, undo);
      if (readers.length < limit) {
        remove(byId, id, undo);
        if (pair) remove(byPair, keyOfPair(pair), undo);
      }
      return readers.length;
    },
    async releasePair(id) {
      const state = stateOf(byId, id);
      const { pair, chat } = state;
      if (pair === undefined) return;
      remove(byPair, keyOfPair(pair), undo);
      state.pair = undefined;
      state.chat = Object.freeze({ ...chat, kind: "group", policy: DEFAULT_POLICY } as const);
      undo.push(() => Object.assign(state, { pair, chat }));
    },
    async setRole(id, userId, role) {
      const { participants } = stateOf(byId, id);
      put(participants, userId, { ...participants.get(userId)!, role }, undo);
    },
    async setSettings(id, userId, settings) {
      const { participants } = stateOf(byId, id);
      put(participants, userId, { ...participants.get(userId)!, settings: frozen({ ...settings }) }, undo);
    },
    async update({ id, title, policy, metadata }) {
      const state = stateOf(byId, id);
      const before = state.chat;
      state.chat = frozen(structuredClone({ ...before, title, policy, metadata }));
      undo.push(() => (state.chat = before));
    },
    async setRead(id, userId, seq) {
      put(stateOf(byId, id).read, userId, seq, undo);
    },
    async deleteRead(userId, limit) {
      let deleted = 0;
      for (const { read } of byId.values()) {
        if (deleted === limit) break;
        if (!read.has(userId)) continue;
        remove(read, userId, undo);
        deleted += 1;
      }
      return deleted;
    },
    addGroup: async (title, createdAt) =>
      add({ kind: "group", title, createdAt, policy: DEFAULT_POLICY, metadata: null }, undefined).chat,
    async addP2p(pair, createdAt) {
      const key = keyOfPair(pair);
      if (byPair.has(key)) throw new Error("The pair has a p2p chat already.");
      const state = add({ kind: "p2p", title: null, createdAt, policy: null, metadata: null }, pair);
      put(byPair, key, state, undo);
      for (const userId of new Set(pair)) {
        join(state, userId, { joinedAt: createdAt, role: null, historyStart: 0 });
      }
      return state.chat;
    },
    async addParticipant(id, userId, joinedAt, role = "member", historyStart = 0) {
      const state = stateOf(byId, id);
      if (state.participants.has(userId)) return false;
      join(state, userId, { joinedAt, role, historyStart });
      return true;
    },
    async removeParticipant(id, userId) {
      const state = byId.get(id);
      if (!state?.participants.has(userId)) return false;
      const own = ofUser.get(userId)!;
      const index = own.indexOf(state);
      own.splice(index, 1);
      undo.push(() => own.splice(index, 0, state));
      remove(state.participants, userId, undo);
      return true;
    },
  };
}

/** The key of a p2p chat in `ChatStates.byPair`. */
export function keyOfPair(pair: Pair): string {
  return JSON.stringify(pair);
}

/** The other user of a p2p chat; undefined in a group chat, and in a chat with oneself. */
export function peerIn(pair: Pair | undefined, userId: UserId): UserId | undefined {
  return pair?.find((id) => id !== userId);
}

function activityOf({ messages, bornAfter }: ChatState, asOf: number): number {
  return messages[firstAfter(messages, asOf) - 1]?.id ?? bornAfter;
}

/** The `seq` of the last message, also if it was deleted by age; 0 before the first. */
export function lastSeqOf({ forgottenSeq, messages }: ChatState): number {
  return forgottenSeq + messages.length;
}

/** @throws Error where the chat does not exist. */
export function stateOf(states: ReadonlyMap<ChatId, ChatState>, id: ChatId): ChatState {
  const state = states.get(id);
  if (state === undefined) throw new Error(`Chat ${id} does not exist.`);
  return state;
}
