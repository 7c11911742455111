import { openMemoryStore } from "../../../src/adapters/memory/store.js";
import { keyedSecrets, uuids } from "../../../src/adapters/system.js";
import type {
  ChatRepository,
  EventSlice,
  LogEntry,
  PasswordHasher,
  Secrets,
  Slice,
  Store,
} from "../../../src/application/ports.js";
import type { Chat, ChatId } from "../../../src/domain/chat.js";
import type { StoredEvent } from "../../../src/domain/event.js";
import type { MessageId, MessageText } from "../../../src/domain/message.js";
import { usernameKey, type User, type UserId, type UsernameKey } from "../../../src/domain/user.js";
import { MAX_ID, ana, bo, register } from "../fixtures.js";
import { idsContract, passwordHasherContract, secretsContract, storeContract } from "../index.js";
import {
  args,
  keptAfterRollback,
  method,
  reopenable,
  result,
  store,
  withMethods,
  type Mutant,
} from "./mutate.js";

const keepsParticipants = method("chats", "removeParticipant", async () => true);
const acceptsEveryKey = result("users", "add", () => true);
const commitsFailedWork = store("commits failed work", (sound) => ({
  async transaction(work) {
    const [outcome] = await sound.transaction((all) => Promise.allSettled([work(all)]));
    if (outcome.status === "rejected") throw outcome.reason;
    return outcome.value;
  },
}));
/** A store that wakes its subscribers itself. */
const waking = (name: string, change: (sound: Store, wakeAll: () => void) => Partial<Store>) =>
  store(name, (sound) => {
    const wakes = new Map<object, () => void>();
    const subscribe = (wake: () => void, key = {}) => (wakes.set(key, wake), () => void wakes.delete(key));
    return { subscribe, ...change(sound, () => [...wakes.values()].forEach((wake) => wake())) };
  });

const wrongSlices: readonly ((slice: EventSlice) => Partial<EventSlice>)[] = [
  ({ after }) => ({ after: after - 1 }),
  ({ after }) => ({ after: after && after + 1 }),
  ({ upTo }) => ({ upTo: upTo - 1 }),
  () => ({ upTo: MAX_ID }),
  ({ limit }) => ({ limit: limit + 1 }),
  ({ limit }) => ({ limit: limit || MAX_ID }),
];
const wrongMessageSlices: readonly ((slice: Slice) => Partial<Slice>)[] = [
  ...wrongSlices,
  () => ({ from: "oldest" }),
  ({ from, after }) => ({ after: from === "newest" ? 0 : after }),
];

const isEvent = (entry: LogEntry): entry is StoredEvent => "to" in entry;
const by = (key: string) => (one: object, other: object) => {
  const [left, right] = [one, other].map((each) => Reflect.get(each, key) as number | string);
  return Number(left! > right!) - Number(left! < right!);
};

const WRITES =
  "users.add users.replacePassword users.setDisabledAt chats.addGroup chats.openP2p chats.addParticipant " +
  "chats.removeParticipant chats.rename chats.setRead messages.append messages.update sessions.add " +
  "sessions.touch sessions.remove sessions.removeExpired events.append events.forget";

/** A hasher that keeps the contract and is fast. */
export function openHasher(): PasswordHasher {
  let salt = 0;
  const scramble = (password: string) => Buffer.from(password).toString("hex");
  return {
    hash: async (password) => `${(salt += 1)}$${scramble(password)}`,
    verify: async (digest, password) => digest?.split("$")[1] === scramble(password),
    isOutdated: (digest) => !digest.includes("$"),
  };
}
const openCounter = (count = 0) => ({ next: () => `${(count += 1)}`.padStart(36, "0") });
const reopened = (name: string, reopen: (kept: Store) => Promise<Store>): Mutant => ({
  name,
  define: (runner) => storeContract(runner, reopenable(reopen)),
});
export const openSecrets = () => keyedSecrets(["key", "older key"]);

const hasher = (name: string, change: (sound: PasswordHasher) => Partial<PasswordHasher>): Mutant => {
  const sound = openHasher();
  return { name, define: (runner) => passwordHasherContract(runner, () => ({ ...sound, ...change(sound) })) };
};
const folding = (name: string, fold: (password: string) => string) =>
  hasher(name, (sound) => ({
    hash: (password) => sound.hash(fold(password) as typeof password),
    verify: (digest, password) => sound.verify(digest, fold(password) as typeof password),
  }));
const secrets = (name: string, change: (sound: Secrets) => Partial<Secrets>): Mutant => {
  const sound = openSecrets();
  return { name, define: (runner) => secretsContract(runner, () => ({ ...sound, ...change(sound) })) };
};

/**
 * Adapters that break a promise, by the suite of the contract that states it. Each must fail a case of its suite, and each
 * case must fail for one of them. To add one, put it beside the others of its suite: `args`, `result` and `method` change a
 * method of a repository, `store` changes the rest.
 */
export const mutants: Readonly<Record<string, readonly Mutant[]>> = {
  "UserRepository.add": [
    result("users", "byId", (user) => user && { ...user, username: user.username.slice(0, 255) }),
    result("users", "credentials", (found) => found && { ...found, passwordDigest: "" }),
    args("users", "add", (user, key, digest) => [user, key.trim() as UsernameKey, digest]),
    args("users", "add", (user, key, digest) => [user, usernameKey(key), digest]),
    acceptsEveryKey,
  ],
  "UserRepository.byId, byKey and credentials": [
    method("users", "byId", async ({ sound }, id) => (await sound(id)) ?? sound(id.toLowerCase() as UserId)),
  ],
  "UserRepository.replacePassword": [
    result("users", "replacePassword", () => true),
    args("users", "replacePassword", (_, digest) => [bo.id, digest]),
  ],
  "UserRepository.setDisabledAt": [
    args("users", "setDisabledAt", (id, at) => [id, at || null]),
    args("users", "setDisabledAt", (_, at) => [bo.id, at]),
  ],
  "UserRepository.list": [
    result("users", "list", (all) => all.toReversed()),
    result("users", "list", (all) => all.map((each) => ({ ...each, passwordDigest: "" }))),
    args("users", "list", (page) => [{ ...page, limit: page.limit || MAX_ID }]),
  ],
  "ChatRepository.addGroup": [
    args("chats", "addGroup", (title, at) => [title ?? "", at]),
    result("chats", "ofParticipant", (chat) => chat ?? ({} as Chat)),
  ],
  "ChatRepository.ofParticipant": [args("chats", "ofParticipant", (id) => [id, ana.id])],
  "ChatRepository.addParticipant": [
    result("chats", "addParticipant", () => true),
    result("chats", "addParticipant", () => false),
  ],
  "ChatRepository.removeParticipant": [
    result("chats", "removeParticipant", () => true),
    method("chats", "removeParticipant", async ({ chats, sound }, id, userId) => {
      for (const other of await chats.idsOfUser(userId)) if (other !== id) await sound(other, userId);
      return sound(id, userId);
    }),
  ],
  "ChatRepository.rename": [
    args("chats", "rename", (id, title) => [id, title ?? ""]),
    args("chats", "rename", (_, title) => [2 as ChatId, title]),
  ],
  "ChatRepository.participants": [
    result("chats", "participants", (all) => all.toSorted(by("id"))),
    result("chats", "participants", (all) => all.toReversed().toSorted(by("joinedAt"))),
  ],
  "ChatRepository.openP2p": [
    result("chats", "openP2p", (chat, _, createdAt) => ({ ...chat, createdAt })),
    args("chats", "openP2p", ([one], createdAt) => [[one, one] as never, createdAt]),
  ],
  "ChatRepository.p2p": [method("chats", "p2p", ({ chats }, pair) => chats.openP2p(pair, 1))],
  "ChatRepository.idsOfUser": [result("chats", "idsOfUser", (all) => all.slice(0, 1)), keepsParticipants],
  "ChatRepository.list": [
    result("chats", "list", (all) => all.map((each) => ({ ...each, lastSeq: Math.min(each.lastSeq, 1) }))),
    args("chats", "list", ({ after, limit }) => [{ after, limit: limit + 1 }]),
  ],
  "ChatRepository.overview": [
    args("chats", "overview", (id) => [id, ana.id]),
    result("chats", "overview", (seen) => seen && { ...seen, withUsername: "ana" }),
    result("chats", "overview", (seen) => seen && { ...seen, participantCount: 2 }),
    result("chats", "overview", (seen) => seen && { ...seen, deletedSinceRead: 0 }),
    result("chats", "overview", (seen) =>
      seen?.lastMessage?.deletedAt ? { ...seen, lastMessage: null } : seen,
    ),
    args("chats", "setRead", (id, userId, seq) => [id, userId, seq - 1]),
    keepsParticipants,
  ],
  "ChatRepository.setRead": [
    args("chats", "setRead", (id, _, seq) => [id, bo.id, seq]),
    args("chats", "setRead", (_, userId, seq) => [1 as ChatId, userId, seq]),
    method("chats", "removeParticipant", async ({ chats, sound }, id, userId) => {
      await chats.setRead(id, userId, 0);
      return sound(id, userId);
    }),
  ],
  "ChatRepository.ofUser": [
    result("chats", "ofUser", (all) => all.toReversed()),
    result("chats", "ofUser", (all) => all.map((each) => ({ ...each, readSeq: 0 }))),
    result("chats", "ofUser", (all) =>
      all.map((each) => (each.lastMessage ? each : { ...each, activity: 0 })),
    ),
    args("chats", "ofUser", (id, page) => [id, { ...page, limit: page.limit + 1 }]),
    args("chats", "ofUser", (id, page) => [id, { ...page, after: undefined }]),
    args("chats", "ofUser", (id, page) => [id, { ...page, asOf: MAX_ID }]),
    keepsParticipants,
  ],
  "MessageRepository.append": [
    args("messages", "append", (draft) => [{ ...draft, text: draft.text.normalize() as MessageText }]),
    result("messages", "append", (message) => ({ ...message, seq: message.id })),
    result("messages", "append", (message) => ({ ...message, id: message.seq as MessageId })),
    args("messages", "append", (draft) => [draft]),
  ],
  "MessageRepository.lastId": [result("messages", "lastId", (id) => id || 1)],
  "MessageRepository.byId": [
    method("messages", "byId", async ({ sound }, id) => (await sound(id)) ?? sound(1 as MessageId)),
  ],
  "MessageRepository.sentAs": [
    args("messages", "sentAs", (_, key) => [ana.id, key]),
    args("messages", "sentAs", (id, key) => [id, key.trim() as typeof key]),
  ],
  "MessageRepository.update": [
    args("messages", "update", (message) => [{ ...message, text: message.text || ("a" as MessageText) }]),
    args("messages", "update", (message) => [{ ...message, id: 1 as MessageId }]),
  ],
  "MessageRepository.ofChat and ofUser": [
    result("messages", "ofChat", (all) => all.toSorted(by("sentAt"))),
    result("messages", "ofUser", (all) => all.toSorted(by("sentAt"))),
    args("messages", "ofChat", (id, slice) => [id || (1 as ChatId), slice]),
  ],
  "MessageRepository.ofChat": [
    method("messages", "ofChat", ({ messages }, _, slice) => messages.ofUser(ana.id, slice)),
    result("messages", "ofChat", (all) => all.filter(({ sender }) => sender.id === ana.id)),
    ...wrongMessageSlices.map((wrong) =>
      args("messages", "ofChat", (id, slice) => [id, { ...slice, ...wrong(slice) }]),
    ),
  ],
  "MessageRepository.ofUser": [
    args("messages", "ofUser", (_, slice) => [bo.id, slice]),
    result("messages", "ofUser", (all) => all.toSorted(by("chatId"))),
    ...wrongMessageSlices.map((wrong) =>
      args("messages", "ofUser", (id, slice) => [id, { ...slice, ...wrong(slice) }]),
    ),
    keepsParticipants,
  ],
  "MessageRepository.sentBy": [
    result("messages", "sentBy", (all) => all.filter(({ chatId }) => chatId > 1)),
    args("messages", "sentBy", (id, { after, upTo }) => [id, { after: after - 1, upTo }]),
    args("messages", "sentBy", (id, { after, upTo }) => [id, { after, upTo: upTo - 1 }]),
  ],
  "SessionRepository.add": [
    result("sessions", "byDigest", (found) => (found && found.expiresAt > 100 ? found : undefined)),
    result("sessions", "byDigest", (found) => found && { ...found, user: { ...found.user, createdAt: 0 } }),
  ],
  "SessionRepository.byDigest": [args("sessions", "byDigest", (text) => [text.toLowerCase()])],
  "SessionRepository.remove": [
    result("sessions", "remove", () => true),
    method("sessions", "remove", ({ sessions, sound }, id) =>
      sessions.removeExpired(bo.id, MAX_ID).then(() => sound(id)),
    ),
  ],
  "SessionRepository.removeExpired": [
    args("sessions", "removeExpired", (id, now) => [id, now - 1]),
    args("sessions", "removeExpired", (id, now) => [id, now + 1]),
    args("sessions", "removeExpired", (_, now) => [bo.id, now]),
  ],
  "SessionRepository.ofUser": [result("sessions", "ofUser", (all) => all.toSorted(by("id")))],
  "SessionRepository.touch": [
    args("sessions", "touch", (session) => [{ ...session, expiresAt: 10 }]),
    result("sessions", "touch", () => true),
    method("sessions", "touch", ({ sessions }, each) => sessions.add(each, "removed").then(() => false)),
  ],
  "EventLog.bounds": [
    result("events", "bounds", (bounds) => ({ ...bounds, first: bounds.last && 1 })),
    result("events", "bounds", (bounds) => ({ ...bounds, epoch: "0123456789abcdef" })),
  ],
  "EventLog.append": [
    args("events", "append", (entry) => [{ ...entry, at: entry.at | 0 }]),
    result("events", "all", (all) => all.filter((entry) => !("sessionId" in entry))),
    result("events", "all", (all) =>
      all.map((entry) => ("to" in entry ? { ...entry, message: null } : entry)),
    ),
    result("events", "all", (all) => all.toSorted(by("at"))),
    result("events", "ofUser", (all) => all.toSorted(by("chatId"))),
  ],
  "EventLog.all and ofUser": [
    result("events", "ofUser", (all) =>
      all.map((each) => ({ ...each, message: each.message && { ...each.message, editedAt: null } })),
    ),
  ],
  "EventLog.all": wrongSlices.map((wrong) =>
    args("events", "all", (slice) => [{ ...slice, ...wrong(slice) }]),
  ),
  "EventLog.ofUser": [
    ...wrongSlices.map((wrong) =>
      args("events", "ofUser", (id, slice) => [id, { ...slice, ...wrong(slice) }]),
    ),
    args("events", "ofUser", (_, slice) => [bo.id, slice]),
    method("events", "ofUser", async ({ events }, _, slice) => (await events.all(slice)).filter(isEvent)),
    keepsParticipants,
    store("hides the events of a removed user until the user is back", (sound) => {
      const removed = new Set<string>();
      return withMethods(sound, ({ chats, events }) => ({
        chats: {
          removeParticipant: async (id, userId) => removed.add(`${id} ${userId}`).size > 0,
          addParticipant: async (id, userId, at) =>
            removed.delete(`${id} ${userId}`) || chats.addParticipant(id, userId, at),
        },
        events: {
          ofUser: async (userId, slice) =>
            (await events.ofUser(userId, slice)).filter(({ chatId }) => !removed.has(`${chatId} ${userId}`)),
        },
      }));
    }),
    store("adds participants at the end of the transaction", (sound) => ({
      transaction: (work) =>
        sound.transaction(async (all) => {
          const joins: Parameters<ChatRepository["addParticipant"]>[] = [];
          const addParticipant = async (...join: (typeof joins)[0]) => joins.push(join) > 0;
          const value = await work({ ...all, chats: { ...all.chats, addParticipant } });
          for (const join of joins) await all.chats.addParticipant(...join);
          return value;
        }),
    })),
    args("events", "append", (entry) => ["to" in entry ? { ...entry, to: "participants" as const } : entry]),
  ],
  "EventLog.forget": [
    args("events", "forget", (_, limit) => [MAX_ID, limit]),
    args("events", "forget", (before, limit) => [before + 1, limit]),
    args("events", "forget", (before) => [before, MAX_ID]),
    method("events", "all", async ({ events, sound }, slice) => {
      const { first, last } = await events.bounds();
      return first === last && first > 1 ? [] : sound(slice);
    }),
  ],
  "those who follow it": [
    waking("wakes nobody", () => ({})),
    waking("wakes before the transaction", (sound, wakeAll) => ({
      transaction: (work) => (wakeAll(), sound.read(async () => {}).then(() => sound.transaction(work))),
    })),
    waking("wakes after a rollback", (sound, wakeAll) => ({
      transaction: (work) => sound.transaction(work).finally(wakeAll),
    })),
    waking("wakes a subscriber that has just ended", (sound, wakeAll) => (sound.subscribe(wakeAll), {})),
    store("never unsubscribes", (sound) => ({ subscribe: (wake) => (sound.subscribe(wake), () => {}) })),
  ],
  "Store.transaction and read": [
    store("copies results", (sound) => ({
      transaction: async (work) => structuredClone(await sound.transaction(work)),
    })),
    store("wraps errors", (sound) => ({
      read: (work) => sound.read(work).catch((cause) => Promise.reject(new Error("no", { cause }))),
    })),
    result("messages", "sentAs", () => undefined),
    store("stores the object that it is given", (sound) => {
      const given = new Map<UserId, User>();
      return withMethods(sound, ({ users }) => ({
        users: {
          add: (user, ...rest) => (given.set(user.id, user), users.add(user, ...rest)),
          byId: async (id) => given.get(id),
        },
      }));
    }),
  ],
  "Store.transaction": [
    commitsFailedWork,
    store("runs transactions at once", (sound) => {
      const repositories = sound.transaction(async (all) => all);
      return { transaction: async (work) => work(await repositories) };
    }),
    acceptsEveryKey,
    ...WRITES.split(" ").map(keptAfterRollback),
  ],
  "Store.read": [
    store("reads uncommitted writes", (sound) => {
      const repositories = sound.transaction(async (all) => all);
      return { read: async (work) => work(await repositories) };
    }),
  ],
  "Store.status": [
    store("has a fault", (sound) => ({ status: () => ({ ...sound.status(), fault: "" }) })),
    commitsFailedWork,
  ],
  "Store.close": [store("closes at once", () => ({ close: async () => {} }))],
  "A reopened store": [
    reopened("is empty", async () => openMemoryStore()),
    reopened("continues to count transactions", async (kept) => kept),
    reopened("has a user", (kept) => register(kept, ana).then(() => kept)),
  ],
  "PasswordHasher.hash": [
    hasher("no salt", (sound) => ({ hash: async (text) => (await sound.hash(text)).replace(/^\d+/, "1") })),
    hasher("plain text", (sound) => ({ hash: async (text) => `${await sound.hash(text)}$${text}` })),
  ],
  "PasswordHasher.verify": [
    folding("ignores bytes after the 72nd", (text) => Buffer.from(text).subarray(0, 72).toString("latin1")),
    folding("stops at a NUL", (text) => text.split("\0")[0]!),
    folding("ignores case", (text) => text.toLowerCase()),
    folding("trims", (text) => text.trim()),
    hasher("accepts no digest", (sound) => ({
      verify: async (digest, text) => !digest || sound.verify(digest, text),
    })),
  ],
  "PasswordHasher.isOutdated": [hasher("outdated at once", () => ({ isOutdated: () => true }))],
  "Secrets.generate": [
    secrets("128 bits", (sound) => ({ generate: () => sound.generate().slice(0, 22) })),
    secrets("semicolon", (sound) => ({ generate: () => `${sound.generate()};` })),
    secrets("one secret", (sound) => ({ generate: () => "a".padEnd(43, sound.generate().slice(0, 1)) })),
  ],
  "Secrets.digests": [
    secrets("random", (sound) => ({ digests: (text) => sound.digests(text + sound.generate()) })),
    secrets("trimmed", (sound) => ({ digests: (text) => sound.digests(text.trim()) })),
    secrets("plain text", (sound) => ({ digests: (text) => [...sound.digests(text), text] })),
  ],
  "Ids.next": [
    { name: "counted", define: (runner) => idsContract(runner, openCounter) },
    { name: "short", define: (runner) => idsContract(runner, () => ({ next: () => uuids.next().slice(4) })) },
  ],
};
