import { openMemoryStore } from "../../../src/adapters/memory/store.js";
import { keyedSecrets, uuids } from "../../../src/adapters/system.js";
import type {
  LogEntry,
  MessageReader,
  PasswordHasher,
  Repositories,
  Slice,
  Store,
} from "../../../src/application/ports.js";
import type { StoredUserEvent } from "../../../src/domain/event.js";
import type { ChatId } from "../../../src/domain/chat.js";
import { DEFAULT_POLICY } from "../../../src/domain/policy.js";
import type { MessageId } from "../../../src/domain/message.js";
import type { Emoji } from "../../../src/domain/reaction.js";
import { usernameKey } from "../../../src/domain/user.js";
import { MAX_ID, ana, bo, chatIdsOf, cy, membershipsOf, register, type Runner } from "../fixtures.js";
import { channelMutants, soundChannels } from "./signals.js";
import { idsContract, passwordHasherContract, secretsContract, storeContract } from "../index.js";

/** An adapter under the tests of its contract. The name says how it breaks a promise. */
export interface Adapter {
  readonly name: string;
  readonly define: (runner: Runner) => void;
}

type Noun = keyof Repositories;
type Given<R, M extends keyof R> = R[M] extends (...given: infer A) => unknown ? A : never;
type Result<R, M extends keyof R> = R[M] extends (...given: never[]) => Promise<infer T> ? T : never;
type Call<R, M extends keyof R> = (...given: Given<R, M>) => Promise<Result<R, M>>;
type Methods = Record<string, (...given: unknown[]) => Promise<unknown>>;

/** Returns a function that derives adapters with other members from a sound one. */
const over =
  <P extends object>(open: () => P, contract: (runner: Runner, open: () => P) => void) =>
  (name: string, change: (sound: P) => Partial<P>): Adapter => {
    const derive = (sound: P) => ({ ...sound, ...change(sound) });
    return { name, define: (runner) => contract(runner, () => derive(open())) };
  };
const store = over(openMemoryStore, (runner, open) => storeContract(runner, { open: async () => open() }));
const secrets = over(() => keyedSecrets(["key", "older key"]), secretsContract);
const ids = over(() => uuids, idsContract);
const counter = (count = 0) => ({ next: () => `${(count += 1)}`.padStart(36, "0") });
let salt = 0;
const scramble = (password: string) => Buffer.from(password).toString("hex");
const openHasher = (): PasswordHasher => ({
  hash: async (password) => `${(salt += 1)}$${scramble(password)}`,
  verify: async (digest, password) => digest?.split("$")[1] === scramble(password),
  isOutdated: (digest) => !digest.includes("$"),
});
const hasher = over(openHasher, passwordHasherContract);
const folding = (name: string, fold: (password: string) => string) =>
  hasher(name, (sound) => ({
    hash: (password) => sound.hash(fold(password) as typeof password),
    verify: (digest, password) => sound.verify(digest, fold(password) as typeof password),
  }));

/** A store that keeps its contents when it is closed, for `reopen`. */
const reopened = (name: string, reopen: (kept: Store) => Promise<Store>): Adapter => {
  let kept: Store;
  const keep = (sound: Store) => (kept = { ...sound, close: () => sound.read(async () => {}) });
  const opening = { open: async () => keep(openMemoryStore()), reopen: () => reopen(kept) };
  return { name, define: (runner) => storeContract(runner, opening) };
};

/** A store with other methods of one repository. */
function changing<N extends Noun>(
  name: string,
  noun: N,
  change: (all: Repositories) => Partial<Repositories[N]>,
): Adapter {
  const changed = (all: Repositories) => ({ ...all, [noun]: { ...all[noun], ...change(all) } });
  return store(name, (sound) => ({
    transaction: (work) => sound.transaction((all) => work(changed(all))),
    read: (work) => sound.read((all) => work(changed(all as Repositories))),
  }));
}

/** Makes stores with one other method of a repository. */
function on<N extends Noun, R = Repositories[N]>(noun: N) {
  /** Replaces the method by `call`, which gets the repositories, with the sound method as `sound`. */
  const method = <M extends string & keyof R>(
    name: M,
    call: (all: Repositories & { sound: Call<R, M> }, ...given: Given<R, M>) => Promise<Result<R, M>>,
  ) =>
    changing(`${noun}.${name}`, noun, (all) => {
      const sound = (all[noun] as R)[name] as Call<R, M>;
      return { [name]: (...given: Given<R, M>) => call({ ...all, sound }, ...given) } as object;
    });
  /** Changes the arguments of the method. */
  const args = <M extends string & keyof R>(name: M, to: (...given: Given<R, M>) => [...Given<R, M>]) =>
    method(name, ({ sound }, ...given) => sound(...to(...given)));
  /** Changes the result of the method. */
  const result = <M extends string & keyof R>(
    name: M,
    to: (result: Result<R, M>, ...given: Given<R, M>) => Result<R, M>,
  ) => method(name, async ({ sound }, ...given) => to(await sound(...given), ...given));
  return { method, args, result };
}

const users = on("users");
const blocks = on("blocks");
const chats = on("chats");
const messages = on("messages");
const reactions = on("reactions");
const sessions = on("sessions");
const invitations = on("invitations");
const events = on("events");
const search = on("search");

/** A store that repeats the calls of a method after the rollback of their transaction. */
function keptAfterRollback(path: string): Adapter {
  const [noun, name] = path.split(".") as [Noun, string];
  const call = (all: Repositories, given: unknown[]) => (all[noun] as unknown as Methods)[name]!(...given);
  return store(`${path} kept after a rollback`, (sound) => ({
    transaction(work) {
      const calls: unknown[][] = [];
      const noted =
        (all: Repositories) =>
        (...given: unknown[]) => (calls.push(given), call(all, given));
      const noting = (all: Repositories) => ({ ...all, [noun]: { ...all[noun], [name]: noted(all) } });
      const repeat = (all: Repositories) => Promise.allSettled(calls.map((given) => call(all, given)));
      const rollBack = (error: Error) => sound.transaction(repeat).then(() => Promise.reject(error));
      return sound.transaction((all) => work(noting(all))).catch(rollBack);
    },
  }));
}
const keepsParticipants = chats.method("removeParticipant", async () => true);
const acceptsEveryKey = users.result("add", () => true);
const givenUsers = new Map<string, typeof ana>();
const committingFailedWork = (sound: Store): Pick<Store, "transaction"> => ({
  async transaction(work) {
    const [outcome] = await sound.transaction((all) => Promise.allSettled([work(all)]));
    return outcome.status === "fulfilled" ? outcome.value : Promise.reject(outcome.reason as Error);
  },
});
const commitsFailedWork = store("commits failed work", committingFailedWork);

/** Runs work at once, also while a transaction runs. */
function unlocked(sound: Store) {
  const repositories = sound.transaction(async (all) => all);
  return async <T>(work: (all: Repositories) => Promise<T>) => work(await repositories);
}

/** A store that wakes its subscribers itself. */
const waking = (name: string, change: (sound: Store, wakeAll: () => void) => Partial<Store>) =>
  store(name, (sound) => {
    const wakes = new Map<object, () => void>();
    const subscribe = (wake: () => void, key = {}) => (wakes.set(key, wake), () => void wakes.delete(key));
    return { subscribe, ...change(sound, () => [...wakes.values()].forEach((wake) => wake())) };
  });

const wrongSlices: readonly (<S extends Omit<Slice, "from">>(slice: S) => S)[] = [
  (slice) => ({ ...slice, after: slice.after - 1 }),
  (slice) => ({ ...slice, after: slice.after && slice.after + 1 }),
  (slice) => ({ ...slice, upTo: slice.upTo - 1 }),
  (slice) => ({ ...slice, upTo: MAX_ID }),
  (slice) => ({ ...slice, limit: slice.limit + 1 }),
  (slice) => ({ ...slice, limit: slice.limit || MAX_ID }),
  (slice) => ({ ...slice, maxCharacters: undefined }),
  (slice) => ({ ...slice, maxCharacters: slice.maxCharacters && slice.maxCharacters + 1 }),
];
const wrongMessageSlices: readonly ((slice: Slice) => Slice)[] = [
  ...wrongSlices,
  (slice) => ({ ...slice, from: "oldest" }),
  (slice) => ({ ...slice, after: slice.from === "newest" ? 0 : slice.after }),
];
const NEWEST: Slice = { after: 0, upTo: MAX_ID, limit: 1, from: "newest" };

/** Lists of a user that start at the first message of each chat. */
const readsHidden = (name: "ofUser" | "idsOfUser") =>
  changing(`messages.${name} from the first message`, "messages", ({ chats: all, messages: sound }) => {
    const ofUser: typeof sound.ofUser = async (id, slice) => {
      const found = [];
      for (const chatId of await chatIdsOf(all, id)) found.push(...(await sound.ofChat(chatId, slice)));
      const inOrder = found.toSorted(by("id"));
      return slice.from === "oldest"
        ? inOrder.slice(0, slice.limit)
        : inOrder.slice(Math.max(0, inOrder.length - slice.limit));
    };
    const idsOfUser: typeof sound.idsOfUser = async (id, slice) =>
      (await ofUser(id, slice)).map((message) => message.id);
    return name === "ofUser" ? { ofUser } : { idsOfUser };
  });
/** The events of messages with the messages that `MessageReader.byId` returns. */
async function withTexts<Entry extends LogEntry>(
  reader: MessageReader,
  all: readonly Entry[],
): Promise<Entry[]> {
  const found: Entry[] = [];
  for (const entry of all) {
    const message = "message" in entry ? (entry.message ?? (await reader.byId(1 as MessageId))) : null;
    found.push(message ? { ...entry, message: await reader.byId(message.id) } : entry);
  }
  return found;
}
const eventsOf = (all: readonly LogEntry[]) => all.filter((entry) => "chatId" in entry);
const isAboutUser = (entry: LogEntry) => "change" in entry && !("chatId" in entry);
const aboutUsers = (all: readonly LogEntry[]) =>
  all.filter((entry): entry is StoredUserEvent => isAboutUser(entry));
const by = (key: string) => (one: object, other: object) => {
  const [left, right] = [one, other].map((each) => Reflect.get(each, key) as number | string);
  return Number(left! > right!) - Number(left! < right!);
};
const WRITES =
  "users.add users.replacePassword users.setDisplayName users.setDisabledAt users.delete blocks.add blocks.remove blocks.deleteOfUser " +
  "chats.deleteRead messages.erase chats.addGroup chats.addP2p chats.addParticipant " +
  "chats.removeParticipant chats.releasePair chats.setRole chats.setSettings chats.update chats.setRead messages.append messages.update " +
  "messages.setReactions reactions.add reactions.remove reactions.deleteOfDeleted sessions.add " +
  "sessions.touch sessions.remove sessions.removeExpired invitations.add invitations.countUse invitations.remove events.append events.forget";

/**
 * Adapters that break a promise, by the suite of the contract that states it. Each must fail a case of its suite, and each
 * case must fail for one of them. To add one, put it beside the others of its suite: `args`, `result` and `method`
 * change a method of a repository, `store` changes the rest.
 */
export const mutants: Readonly<Record<string, readonly Adapter[]>> = {
  "UserRepository.add": [
    users.result("byId", (user) => user && { ...user, username: user.username.slice(0, 255) }),
    users.result("credentials", (found) => found && { ...found, passwordDigest: "" }),
    users.method("account", ({ users: all }, key) => all.credentials(key)),
    users.args("add", (user, key, digest) => [user, key.trim() as typeof key, digest]),
    users.args("add", (user, key, digest) => [user, usernameKey(key), digest]),
    acceptsEveryKey,
  ],
  "UserRepository.byId, byKey, account, accountById and credentials": [
    users.args("byId", (id) => [id.toLowerCase() as typeof id]),
    users.args("accountById", (id) => [id.toLowerCase() as typeof id]),
  ],
  "UserRepository.accountsById": [users.args("accountsById", (all) => [all.slice(0, 500)])],
  "UserRepository.replacePassword": [
    users.result("replacePassword", () => true),
    users.args("replacePassword", (_, digest) => [bo.id, digest]),
  ],
  "UserRepository.setDisplayName": [
    users.result("setDisplayName", () => true),
    users.args("setDisplayName", (_, name) => [bo.id, name]),
    users.args("setDisplayName", (id, name) => [id, name?.trim() ?? null]),
    users.args("setDisplayName", (id, name) => [id, name ?? ""]),
  ],
  "UserRepository.setDisabledAt": [
    users.args("setDisabledAt", (id, at) => [id, at || null]),
    users.args("setDisabledAt", (_, at) => [bo.id, at]),
  ],
  "UserRepository.list": [
    users.result("list", (all) => all.toReversed()),
    users.result("list", (all) => all.map((each) => ({ ...each, passwordDigest: "" }))),
    users.args("list", (page) => [{ ...page, limit: page.limit || MAX_ID }]),
  ],
  "UserRepository.delete": [
    users.result("byId", (user) => (user?.username === "deleted" ? ana : user)),
    users.result("accountById", (found) => found && { ...found, deletedAt: null }),
    messages.result("ofChat", (all) =>
      all.map((each) => (each.sender.id === ana.id ? { ...each, sender: ana } : each)),
    ),
    chats.result("overview", (seen) => seen && { ...seen, withUsername: seen.withUsername && "ana" }),
    users.method("isTaken", async ({ users: all }, key) => (await all.byKey(key)) !== undefined),
    users.result("isTaken", () => true),
    acceptsEveryKey,
    users.result("delete", () => true),
    users.result("replacePassword", () => true),
    chats.method("ofParticipant", async ({ chats: all }, id, userId) => {
      const seen = await all.overview(id, userId);
      return seen && { ...seen, user: ana };
    }),
    chats.method("oldest", async ({ chats: all }, id, role) => {
      const found = await all.participants(id, { after: undefined, limit: MAX_ID });
      return found.find((each) => role === undefined || each.role === role);
    }),
    keptAfterRollback("users.delete"),
  ],
  "UserRepository.toErase, isToErase and endErasure": [
    users.result("toErase", () => ana.id),
    users.result("isToErase", () => true),
    users.method("endErasure", async () => {}),
  ],
  "ChatRepository.deleteRead": [
    chats.args("deleteRead", (userId) => [userId, MAX_ID]),
    chats.args("deleteRead", (_, limit) => [bo.id, limit]),
    chats.method("deleteRead", async ({ chats: all }, userId, limit) => {
      const own = (await chatIdsOf(all, userId)).slice(0, limit);
      for (const id of own) await all.setRead(id, userId, 0);
      return own.length;
    }),
  ],
  "ChatRepository.abandoned": [
    chats.method("abandoned", async ({ chats: all, sound }) => {
      const id = await sound();
      const found = id === undefined ? undefined : await all.summary(id);
      return found?.chat.kind === "p2p" ? undefined : id;
    }),
  ],
  "MessageRepository.erase": [
    messages.method("erase", (all, message) => all.messages.update(message)),
    messages.args("erase", (message) => [{ ...message, deletedAt: null }]),
  ],
  "UserRepository.matching": [
    users.result("matching", (all) => all.toSorted(by("word")).toReversed()),
    users.result("matching", (all) => all.map((each) => ({ ...each, word: each.account.user.username }))),
    users.args("matching", (page) => [{ ...page, limit: page.limit + 1 }]),
    users.args("matching", (page) => [{ ...page, after: undefined }]),
    users.args("matching", (page) => [{ ...page, prefix: page.prefix.toLowerCase() }]),
    users.args("setDisplayName", (id, name) => [id, name?.split(" ")[0] ?? null]),
    users.method("setDisabledAt", async () => true),
    keptAfterRollback("users.setDisplayName"),
  ],
  "UserRepository.lockedAccount": [
    users.result("lockedAccount", (account) => account && { ...account, disabledAt: null }),
    users.method("lockedAccount", async (all) => all.users.account(usernameKey("ana"))),
  ],
  BlockRepository: [
    blocks.result("add", () => true),
    blocks.result("remove", () => true),
    blocks.args("add", (one, other) => [one, other, 1]),
    blocks.result("ofUser", (all) => all.toReversed()),
    blocks.result("ofUser", (all) =>
      all.map((each) => ({ ...each, account: { ...each.account, displayName: null } })),
    ),
    blocks.args("ofUser", (id, page) => [id, { ...page, limit: page.limit + 1 }]),
    blocks.args("ofUser", (id, page) => [id, { ...page, after: undefined }]),
    blocks.result("between", (all) => all.slice(0, 1)),
    blocks.result("between", (all, id) => all.filter((each) => each.by === id)),
    blocks.result("count", (count) => count - 1),
    blocks.args("deleteOfUser", (id) => [id, MAX_ID]),
    blocks.method("deleteOfUser", async (all, id, max) => {
      const found = await all.blocks.ofUser(id, { after: undefined, limit: max });
      return found.length;
    }),
  ],
  ReactionRepository: [
    reactions.result("add", () => true),
    reactions.result("remove", () => true),
    reactions.args("add", (reaction) => [{ ...reaction, emoji: reaction.emoji.normalize() as Emoji }]),
    reactions.args("add", (reaction) => [
      { ...reaction, emoji: reaction.emoji.replace("\ufe0f", "") as Emoji },
    ]),
    reactions.args("add", (reaction) => [{ ...reaction, at: 1 }]),
    reactions.result("ofMessage", (all) => all.toReversed()),
    reactions.result("ofMessage", (all) => all.toSorted(by("at"))),
    reactions.args("ofMessage", (id, page) => [id, { ...page, after: undefined }]),
    reactions.args("ofMessage", (id, page) => [id, { ...page, limit: page.limit + 1 }]),
    reactions.result("ofMessage", (all) =>
      all.map((each) => ({
        ...each,
        user: { ...each.user, username: each.user.username.replace("deleted", "bo") },
      })),
    ),
    reactions.result("firstUsers", (all) => all.toReversed()),
    reactions.args("firstUsers", (id, emoji) => [id, emoji, MAX_ID]),
    reactions.result("ofUser", (all) => all.toSorted(by("emoji"))),
    reactions.args("ofUser", (id, slice) => [id, { ...slice, after: undefined }]),
    reactions.args("ofUser", (id, slice) => [id, { ...slice, limit: slice.limit + 1 }]),
    reactions.args("deleteOfDeleted", () => [MAX_ID]),
    reactions.method("deleteOfDeleted", async () => 0),
    messages.method("byId", async ({ sound }, id) => {
      const found = await sound(id);
      return found && { ...found, reactions: [] };
    }),
  ],
  "MessageRepository.setReactions": [
    messages.method("setReactions", async () => {}),
    messages.method("setReactions", async ({ messages: all, sound }, message) => {
      await sound(message);
      await all.update({ ...(await all.byId(message.id))!, editedAt: 1 });
    }),
    messages.method("update", async ({ messages: all, sound }, message) => {
      if (message.deletedAt === null) await all.setReactions({ ...message, reactions: [] });
      await sound(message);
    }),
    messages.args("ofChat", (id, slice) => [id, { ...slice, maxCharacters: undefined }]),
    messages.args("ofUser", (id, slice) => [id, { ...slice, maxCharacters: undefined }]),
    messages.args("byIds", (all) => [all, {}]),
    chats.result(
      "overview",
      (seen) => seen && { ...seen, lastMessage: seen.lastMessage && { ...seen.lastMessage, reactions: [] } },
    ),
  ],
  "EventLog with reactions": [
    events.args("all", (slice) => [{ ...slice, maxCharacters: undefined }]),
    events.args("ofUser", (id, slice) => [id, { ...slice, maxCharacters: undefined }]),
    events.method("all", async ({ messages: all, sound }, slice) => withTexts(all, await sound(slice))),
    events.method("ofUser", async ({ messages: all, sound }, id, slice) =>
      withTexts(all, await sound(id, slice)),
    ),
  ],
  "ChatRepository.addGroup": [
    chats.args("addGroup", (title, at) => [title ?? "", at]),
    chats.result(
      "ofParticipant",
      (found) => found ?? { chat: {} as never, role: null, historyStart: 0, user: ana },
    ),
  ],
  "ChatRepository.ofParticipant": [chats.args("ofParticipant", (id) => [id, ana.id])],
  "ChatRepository.addParticipant": [
    ...[true, false].map((added) => chats.result("addParticipant", () => added)),
    chats.args("addParticipant", (id, userId, joinedAt) => [id, userId, joinedAt, "member" as const]),
    chats.args("addParticipant", (id, userId, joinedAt, role) => [
      id,
      userId,
      joinedAt,
      role ?? ("admin" as const),
    ]),
    chats.result("ofParticipant", (found) => found && { ...found, role: found.role ?? "member" }),
  ],
  "ChatRepository.removeParticipant": [
    chats.result("removeParticipant", () => true),
    chats.method("removeParticipant", async (all, id, userId) => {
      for (const other of await chatIdsOf(all.chats, userId))
        if (other !== id) await all.sound(other, userId);
      return all.sound(id, userId);
    }),
  ],
  "ChatRepository.setRole": [
    chats.args("setRole", (_, ...given) => [2 as ChatId, ...given]),
    chats.args("setRole", (id, _, role) => [id, cy.id, role]),
    chats.args("setRole", (id, userId, role) => [id, userId, role === "member" ? "admin" : role]),
    chats.result("overview", (seen) => seen && { ...seen, role: "member" as const }),
    chats.result("participants", (all) => all.map((each) => ({ ...each, role: "member" as const }))),
  ],
  "ChatRepository.oldest": [
    chats.method("oldest", async ({ chats: all }, id) => {
      const found = await all.participants(id, { after: undefined, limit: MAX_ID });
      return found.findLast(({ role }) => role === "admin");
    }),
    chats.args("oldest", (id) => [id]),
    chats.args("oldest", (id) => [id, "admin" as const]),
  ],
  "ChatRepository.update": [
    chats.args("update", (chat) => [{ ...chat, title: chat.title ?? "" }]),
    chats.args("update", (chat) => [{ ...chat, id: 2 as ChatId }]),
    chats.args("update", (chat) => [{ ...chat, policy: DEFAULT_POLICY }]),
    chats.args("update", (chat) => [{ ...chat, metadata: chat.metadata ?? {} }]),
    chats.result("overview", (seen) => seen && { ...seen, chat: { ...seen.chat, metadata: null } }),
  ],
  "ChatRepository.summary": [
    chats.args("summary", (id) => [Math.max(id, 1) as ChatId]),
    chats.result("summary", (found) => found && { ...found, lastSeq: 0 }),
  ],
  "ChatRepository.participants": [
    chats.args("participants", (id, slice) => [id, { ...slice, limit: slice.limit + 1 }]),
    chats.args("participants", (id, slice) => [id, { ...slice, after: undefined }]),
    chats.result("participants", (all) => all.toSorted(by("id"))),
    chats.result("participants", (all) => all.toReversed().toSorted(by("joinedAt"))),
  ],
  "ChatRepository.addP2p": [
    chats.result("addP2p", (chat) => ({ ...chat, createdAt: 0 })),
    chats.method(
      "addP2p",
      async (all, pair, at) => (await all.chats.p2p(pair)) ?? all.chats.addP2p(pair, at),
    ),
    chats.args("addP2p", ([one], createdAt) => [[one, one] as never, createdAt]),
  ],
  "ChatRepository.releasePair": [
    chats.method("releasePair", async () => {}),
    chats.args("releasePair", () => [1 as ChatId]),
    chats.result("summary", (found) => found && { ...found, chat: { ...found.chat, kind: "p2p" as const } }),
  ],
  "ChatRepository.p2p": [chats.method("p2p", (all, pair) => all.chats.addP2p(pair, 1))],
  "ChatRepository.hasMoreThan": [
    chats.args("hasMoreThan", (id, count) => [id, count + 1]),
    chats.args("hasMoreThan", (id, count) => [id, count - 1]),
    chats.result("hasMoreThan", () => true),
    keepsParticipants,
  ],
  "ChatRepository.memberships": [
    chats.result("memberships", (all) => all.toReversed()),
    chats.result("memberships", (all) => all.map((each) => ({ ...each, joinedAfter: 0 }))),
    chats.result("memberships", (all) => all.map((each) => ({ ...each, peer: undefined }))),
    chats.result("memberships", (all, id) => all.map((each) => ({ ...each, peer: each.peer ?? id }))),
    chats.args("memberships", (id, slice) => [id, { ...slice, limit: slice.limit + 1 }]),
    chats.args("memberships", (id, slice) => [id, { ...slice, after: undefined }]),
    keepsParticipants,
  ],
  "ChatRepository.list": [
    chats.result("list", (all) => all.map((each) => ({ ...each, lastSeq: Math.min(each.lastSeq, 1) }))),
    chats.args("list", ({ after, limit }) => [{ after, limit: limit + 1 }]),
  ],
  "ChatRepository.delete": [
    chats.args("delete", (id) => [id, 0]),
    messages.args("deleteOfChat", (id, limit) => [id, limit + 1]),
    events.args("deleteOfChat", (id) => [id, MAX_ID]),
  ],
  "ChatRepository.overview": [
    chats.args("overview", (id) => [id, ana.id]),
    chats.result("overview", (seen) => seen && { ...seen, withUsername: "ana" }),
    chats.result("overview", (seen) => seen && { ...seen, peerReadSeq: seen.readSeq }),
    chats.result("overview", (seen) => seen && { ...seen, peerReadSeq: seen.peerReadSeq ?? 0 }),
    chats.result("overview", (seen) => seen && { ...seen, peerReadSeq: seen.peerReadSeq && 1 }),
    chats.result("overview", (seen) => seen && { ...seen, participantCount: 2 }),
    chats.result("overview", (seen) => seen && { ...seen, deletedSinceRead: 0 }),
    chats.result("overview", (row) => (row?.lastMessage?.deletedAt ? { ...row, lastMessage: null } : row)),
    chats.args("setRead", (id, userId, seq) => [id, userId, seq - 1]),
    keepsParticipants,
  ],
  "ChatRepository.setRead": [
    chats.args("setRead", (id, _, seq) => [id, bo.id, seq]),
    chats.args("setRead", (id, userId, seq) => [1 as typeof id, userId, seq]),
    chats.method("removeParticipant", (all, id, userId) =>
      all.chats.setRead(id, userId, 0).then(() => all.sound(id, userId)),
    ),
  ],
  "ChatRepository.setSettings": [
    chats.args("setSettings", (_, ...given) => [2 as ChatId, ...given]),
    chats.args("setSettings", (id, _, settings) => [id, bo.id, settings]),
    chats.args("setSettings", (id, userId, settings) => [id, userId, { ...settings, pinned: true }]),
    chats.args("setSettings", (id, userId, settings) => [
      id,
      userId,
      { ...settings, archivedSeq: settings.archivedSeq || null },
    ]),
    chats.result("overviews", (all) => all.map((each) => ({ ...each, settings: all[0]!.settings }))),
  ],
  "ChatRepository.overviews": [
    chats.result("overviews", (all) => all.toReversed()),
    chats.result("overviews", (all) => all.slice(0, 200)),
    chats.result("overviews", (all) => all.map((each) => ({ ...each, readSeq: 0 }))),
    chats.result("overviews", (all) => all.map((each) => ({ ...each, peerReadSeq: null }))),
    chats.method("overviews", async ({ chats: reader }, id, wanted) => {
      const seen = await Promise.all(wanted.map((each) => reader.overview(each, id)));
      return seen.filter((each) => each !== undefined);
    }),
    keepsParticipants,
  ],
  "ChatRepository.ofUser": [
    chats.result("lastJoin", (position) => ({ ...position, joinedAfter: position.joinedAfter + 1 })),
    chats.result("ofUser", (all) => all.toReversed()),
    chats.result("ofUser", (all) => all.toSorted(by("chatId"))),
    chats.result("ofUser", (all) => all.map((each) => ({ ...each, joinedAfter: 0 }))),
    chats.result("ofUser", (all) => all.map((each) => ({ ...each, activity: 0 }))),
    chats.args("ofUser", (id, page) => [id, { ...page, limit: page.limit + 1 }]),
    chats.args("ofUser", (id, page) => [id, { ...page, after: undefined, limit: Math.min(page.limit, 9) }]),
    chats.args("ofUser", (id, page) => [id, { ...page, asOf: MAX_ID }]),
    keptAfterRollback("chats.removeParticipant"),
    keepsParticipants,
  ],
  "ChatRepository.activeOfUser": [
    chats.args("activeOfUser", (id, range) => [id, { ...range, after: range.after + 1 }]),
    chats.args("activeOfUser", (id, range) => [id, { ...range, upTo: range.upTo + 1 }]),
    chats.args("activeOfUser", (_, range) => [bo.id, range]),
    chats.result("activeOfUser", (all) => all.map((each) => ({ ...each, before: 0 }))),
    keepsParticipants,
  ],
  "Membership.historyStart": [
    chats.args("addParticipant", (id, userId, at, role) => [id, userId, at, role]),
    chats.args("addParticipant", (id, userId, at, role, start = 0) => [id, userId, at, role, start + 1]),
    chats.result("ofParticipant", (found) => found && { ...found, historyStart: 0 }),
    chats.result("overview", (seen) => seen && { ...seen, historyStart: 0 }),
    chats.result("memberships", (all) => all.map((each) => ({ ...each, historyStart: 0 }))),
    chats.method("overview", async ({ sound: read, messages: reader }, id, userId) => {
      const seen = await read(id, userId);
      return seen && { ...seen, lastMessage: (await reader.ofChat(id, NEWEST))[0] ?? null };
    }),
    chats.method("overviews", async ({ sound: read, messages: reader }, userId, wanted) => {
      const all = [];
      for (const seen of await read(userId, wanted)) {
        const [last] = await reader.ofChat(seen.chat.id, NEWEST);
        all.push({ ...seen, lastMessage: last ?? null });
      }
      return all;
    }),
    chats.result("overview", (seen) => seen && { ...seen, lastSeq: seen.lastMessage?.seq ?? 0 }),
    readsHidden("ofUser"),
    readsHidden("idsOfUser"),
    events.method("ofUser", async ({ sound: read, messages: reader, events: log }, id, slice) => {
      const found = [];
      const all = await log.all({ after: 0, upTo: MAX_ID, limit: MAX_ID });
      for (const event of await read(id, slice)) {
        const hidden = all.find((entry) => entry.id === event.id);
        const message = hidden && "message" in hidden ? hidden.message : null;
        found.push({ ...event, message: message && ((await reader.byId(message.id)) ?? null) });
      }
      return found;
    }),
    events.result("all", (all) => all.map((each) => ("message" in each ? { ...each, message: null } : each))),
  ],
  "MessageRepository.timesOf": [
    messages.args("timesOf", ({ after, limit }) => [{ after: after + 1, limit }]),
    messages.args("timesOf", ({ after, limit }) => [{ after, limit: limit + 1 }]),
    messages.result("timesOf", (all) => all.map((each) => ({ ...each, sentAt: each.sentAt || 1 }))),
  ],
  "MessageRepository.forget": [
    messages.args("forget", (id, _, limit) => [id, MAX_ID, limit]),
    messages.args("forget", (id, upTo) => [id, upTo, MAX_ID]),
    messages.args("forget", (id, upTo, limit) => [id, upTo - 1, limit]),
    messages.method("forget", async () => undefined),
    messages.result("forget", (forgotten) => forgotten && { ...forgotten, forgottenAt: 0 }),
    messages.args("tombstonesAfter", (id) => [id, 0]),
    messages.args("tombstonesAfter", (id, seq) => [id, seq - 1]),
    messages.result("tombstonesAfter", () => 0),
    messages.result("append", (message) => ({ ...message, seq: message.id })),
    messages.result("lastId", (id) => Math.min(id, 8)),
    messages.result("sentAs", (found) => found ?? ({ message: { id: 1 } } as never)),
    chats.result("summary", (found) => found && { ...found, forgottenSeq: 0 }),
    chats.result("overview", (seen) => seen && { ...seen, readSeq: Math.min(seen.readSeq, 3) }),
    chats.result("ofUser", (all, _, { asOf }) =>
      all.map((each) => (asOf === MAX_ID ? { ...each, activity: each.chatId } : each)),
    ),
    events.result("all", (all) => all.filter((each) => !("message" in each) || each.message !== null)),
    keptAfterRollback("messages.forget"),
  ],
  "MessageRepository.append": [
    messages.args("append", (draft) => [{ ...draft, text: draft.text.normalize() as typeof draft.text }]),
    messages.result("append", (message) => ({ ...message, seq: message.id })),
    messages.result("append", (message) => ({ ...message, id: message.seq as typeof message.id })),
    messages.args("append", (draft) => [draft]),
  ],
  "replies, mentions and metadata of messages": [
    messages.args("append", (given) => [{ ...given, replyTo: null }]),
    messages.args("append", (given) => [{ ...given, mentions: given.mentions.toSorted() }]),
    messages.args("append", (given) => [{ ...given, metadata: null }]),
    messages.method("update", async ({ sound: store_, messages: reader }, message) => {
      await store_({ ...message, mentions: (await reader.byId(message.id))!.mentions });
    }),
    messages.method("update", async ({ sound: store_, messages: reader }, message) => {
      await store_({ ...message, metadata: (await reader.byId(message.id))!.metadata });
    }),
    chats.method("overviews", async ({ sound: read, messages: reader }, id, wanted) => {
      const found = [];
      for (const each of await read(id, wanted)) {
        const last = each.lastMessage && (await reader.byId(each.lastMessage.id));
        found.push({ ...each, lastMessage: last ? { ...last, text: "" as typeof last.text } : null });
      }
      return found;
    }),
    messages.method("ofChat", async ({ sound: read }, id, { maxCharacters = Infinity, ...slice }) => {
      let characters = 0;
      const all = await read(id, slice);
      const end = all.findIndex(({ text }) => (characters += text.length) >= maxCharacters);
      return slice.from === "newest" || end === -1 ? all : all.slice(0, end + 1);
    }),
  ],
  "ChatReader: mentionCount": [
    chats.result("overview", (seen) => seen && { ...seen, mentionCount: 0 }),
    chats.result("overviews", (all) => all.map((each) => ({ ...each, mentionCount: 0 }))),
    chats.method("overview", async ({ sound: read, messages: reader }, id, userId) => {
      const seen = await read(id, userId);
      const all = await reader.ofChat(id, { after: 0, upTo: MAX_ID, limit: MAX_ID, from: "oldest" });
      const mentionCount = all.filter(({ mentions }) => mentions.includes(userId)).length;
      return seen && { ...seen, mentionCount };
    }),
    messages.method("update", async ({ sound: store_, messages: reader }, message) => {
      await store_({ ...message, mentions: (await reader.byId(message.id))!.mentions });
    }),
    messages.args("erase", (message) => [{ ...message, mentions: [ana.id] }]),
    messages.method("forget", async () => undefined),
    messages.method("deleteOfChat", async () => 0),
  ],
  "MessageRepository.lastId": [messages.result("lastId", (id) => id || 1)],
  "MessageRepository.settledId": [messages.result("settledId", (id) => id - 1)],
  "MessageRepository.byId": [messages.args("byId", (id) => [id || (1 as typeof id)])],
  "MessageRepository.byIds": [
    messages.result("byIds", (all) => all.toSorted(by("id"))),
    messages.args("byIds", (wanted) => [wanted, {}]),
    messages.args("byIds", (all, { maxCharacters: max = 0 }) => [all, { maxCharacters: max + 1 }]),
  ],
  "MessageRepository.sentAs": [
    messages.args("sentAs", (_, key) => [ana.id, key]),
    messages.args("sentAs", (id, key) => [id, key.trim() as typeof key]),
  ],
  "MessageRepository.update": [
    messages.args("update", (each) => [{ ...each, text: each.text || ("a" as typeof each.text) }]),
    messages.args("update", (message) => [{ ...message, id: 1 as typeof message.id }]),
  ],
  "MessageRepository.ofChat and ofUser": [
    messages.result("ofChat", (all) => all.toSorted(by("sentAt"))),
    messages.result("ofUser", (all) => all.toSorted(by("sentAt"))),
    messages.args("ofChat", (id, slice) => [id || (1 as typeof id), slice]),
  ],
  "MessageRepository.ofChat": [
    messages.method("ofChat", (all, _, slice) => all.messages.ofUser(ana.id, slice)),
    messages.result("ofChat", (all) => all.filter(({ sender }) => sender.id === ana.id)),
    ...wrongMessageSlices.map((wrong) => messages.args("ofChat", (id, slice) => [id, wrong(slice)])),
    messages.result("idsOfChat", (all) => all.toReversed()),
  ],
  "MessageRepository.ofUser": [
    messages.args("ofUser", (id, slice) => [
      id,
      slice.scansRange ? { ...slice, after: slice.after + 1 } : slice,
    ]),
    messages.args("idsOfUser", (id, slice) => [
      id,
      slice.scansRange ? { ...slice, limit: Math.min(slice.limit, 1) } : slice,
    ]),
    messages.args("ofUser", (_, slice) => [bo.id, slice]),
    messages.result("ofUser", (all) => all.toSorted(by("chatId"))),
    ...wrongMessageSlices.map((wrong) => messages.args("ofUser", (id, slice) => [id, wrong(slice)])),
    messages.args("idsOfUser", (_, slice) => [ana.id, slice]),
    messages.result("idsOfUser", (all) => all.toReversed()),
    keepsParticipants,
  ],
  "MessageRepository.sentBy": [
    messages.result("sentBy", (all) => all.filter(({ chatId }) => chatId > 1)),
    messages.args("sentBy", (id, { after, upTo }) => [id, { after: after - 1, upTo }]),
    messages.args("sentBy", (id, { after, upTo }) => [id, { after, upTo: upTo - 1 }]),
  ],
  "SessionRepository.add": [
    sessions.result("byDigest", (found) => (found && found.expiresAt > 100 ? found : undefined)),
    sessions.result("byDigest", (found) => found && { ...found, user: { ...found.user, createdAt: 0 } }),
  ],
  "SessionRepository.byDigest": [sessions.args("byDigest", (text) => [text.toLowerCase()])],
  "SessionRepository.remove": [
    sessions.result("remove", () => true),
    sessions.method("remove", (all, id) =>
      all.sessions.removeExpired(bo.id, MAX_ID).then(() => all.sound(id)),
    ),
  ],
  "SessionRepository.removeExpired": [
    sessions.args("removeExpired", (id, now) => [id, now - 1]),
    sessions.args("removeExpired", (id, now) => [id, now + 1]),
    sessions.args("removeExpired", (_, now) => [bo.id, now]),
  ],
  "SessionRepository.ofUser": [sessions.result("ofUser", (all) => all.toSorted(by("id")))],
  "SessionRepository.touch": [
    sessions.args("touch", (session) => [{ ...session, expiresAt: 10 }]),
    sessions.result("touch", () => true),
    sessions.method("touch", (all, each) => all.sessions.add(each, "removed").then(() => false)),
  ],
  "InvitationRepository.add": [
    invitations.result("byDigest", (found) => found && { ...found, maxUses: found.maxUses ?? 0 }),
    invitations.result("byId", (found) => found && { ...found, expiresAt: found.expiresAt | 0 }),
    invitations.result("byId", (found) => found && { ...found, inviter: { ...found.inviter, username: "" } }),
  ],
  "InvitationRepository.byId and byDigest": [
    invitations.args("byDigest", (text) => [text.toLowerCase()]),
    invitations.args("byId", (id) => [id.trim() as typeof id]),
  ],
  "InvitationRepository.ofChat": [
    invitations.args("ofChat", () => [1 as ChatId]),
    invitations.result("ofChat", (all) => all.toSorted(by("createdAt"))),
    invitations.result("ofChat", (all) => all.filter(({ uses, maxUses }) => uses !== maxUses)),
  ],
  "InvitationRepository.byInviter": [
    invitations.args("byInviter", (_, page) => [bo.id, page]),
    invitations.args("byInviter", (id, { limit }) => [id, { after: undefined, limit: Math.min(limit, 9) }]),
    invitations.args("byInviter", (id, page) => [id, { ...page, limit: page.limit + 1 }]),
    invitations.result("byInviter", (all) => all.toReversed()),
  ],
  "InvitationRepository.countUse": [
    invitations.method("countUse", async ({ sound }, id) => {
      await sound(id);
      await sound(id);
    }),
    invitations.args("countUse", () => ["invitation-other" as never]),
  ],
  "InvitationRepository.remove": [
    invitations.method("remove", async () => {}),
    invitations.args("remove", (wanted) => [wanted.slice(0, 1)]),
    invitations.method("remove", async (all, wanted) => {
      const found = await Promise.all(wanted.map((id) => all.invitations.byId(id)));
      const ofChat = await all.invitations.ofChat(found.find((each) => each)?.chatId ?? (0 as ChatId));
      return all.sound(ofChat.map(({ id }) => id));
    }),
  ],
  "EventLog.bounds": [
    events.result("bounds", (bounds) => ({ ...bounds, first: bounds.last && 1 })),
    events.result("bounds", (bounds) => ({ ...bounds, epoch: "0123456789abcdef" })),
  ],
  "EventLog.append": [
    events.args("append", (entry) => [{ ...entry, at: entry.at | 0 }]),
    events.result("all", (all) => all.filter((entry) => !("sessionId" in entry))),
    events.result("all", (all) =>
      all.map((entry) => ("chatId" in entry ? { ...entry, message: null } : entry)),
    ),
    events.result("all", (all) => all.toSorted(by("at"))),
    events.result("ofUser", (all) => all.toSorted(by("chatId"))),
  ],
  "EventLog.all and ofUser": [
    events.result("all", (all) =>
      all.map((each) => ("chatId" in each ? { ...each, chatKind: "group" as const } : each)),
    ),
    events.result("ofUser", (all) => all.map((each) => ({ ...each, chatKind: "group" as const }))),
    events.result("ofUser", (all) => all.map((each) => ({ ...each, chatKind: "p2p" as const }))),
    events.result("ofUser", (all) =>
      all.map((each) =>
        "chatId" in each ? { ...each, message: each.message && { ...each.message, editedAt: null } } : each,
      ),
    ),
  ],
  "EventLog.all": wrongSlices.map((wrong) => events.args("all", (slice) => [wrong(slice)])),
  "EventLog.ofUser": [
    events.args("ofUser", (id, slice) => [
      id,
      slice.scansRange ? { ...slice, after: slice.after + 1 } : slice,
    ]),
    ...wrongSlices.map((wrong) => events.args("ofUser", (id, slice) => [id, wrong(slice)])),
    events.args("ofUser", (_, slice) => [bo.id, slice]),
    events.method("ofUser", async (all, _, slice) => eventsOf(await all.events.all(slice))),
    keepsParticipants,
    // Ignores when the user joined, so that earlier events appear when a removed user is back.
    events.method("ofUser", async (all, id, slice) => {
      const chatIds = await chatIdsOf(all.chats, id);
      const current = eventsOf(await all.events.all(slice)).filter(({ chatId }) => chatIds.includes(chatId));
      return current.filter(({ to }) => to === "participants" || to.user === id);
    }),
    store("adds participants at the end of the transaction", (sound) => ({
      transaction: (work) =>
        sound.transaction(async (all) => {
          const joins: Parameters<typeof all.chats.addParticipant>[] = [];
          const addParticipant = async (...join: (typeof joins)[0]) => joins.push(join) > 0;
          const value = await work({ ...all, chats: { ...all.chats, addParticipant } });
          for (const join of joins) await all.chats.addParticipant(...join);
          return value;
        }),
    })),
    events.args("append", (entry) => ["chatId" in entry ? { ...entry, to: "participants" as const } : entry]),
  ],
  "Events about users": [
    events.result("all", (all) => all.filter((entry) => !isAboutUser(entry))),
    events.result("ofUser", (all) => all.filter((entry) => "chatId" in entry)),
    events.result("ofUser", (all, id) => all.filter((entry) => "chatId" in entry || entry.to.peersOf === id)),
    events.result("ofUser", (all, id) => all.filter((entry) => "chatId" in entry || entry.to.peersOf !== id)),
    events.method("ofUser", async (all, id, slice) =>
      [...eventsOf(await all.sound(id, slice)), ...aboutUsers(await all.events.all(slice))].toSorted(
        by("id"),
      ),
    ),
    // Returns the events before the chat, too.
    events.method("ofUser", async (all, id, slice) => {
      const own = [id, ...(await membershipsOf(all.chats, id)).flatMap(({ peer }) => peer ?? [])];
      const about = aboutUsers(await all.events.all(slice)).filter(({ to }) => own.includes(to.peersOf));
      return [...eventsOf(await all.sound(id, slice)), ...about].toSorted(by("id"));
    }),
    events.result("ofUser", (all) =>
      all.toSorted((one, other) => Number(isAboutUser(one)) - Number(isAboutUser(other))),
    ),
    events.args("deleteOfChat", (id) => [id, 0]),
    events.method("deleteOfChat", async (all, id, limit) => {
      await all.events.forget(MAX_ID, limit);
      return all.sound(id, limit);
    }),
  ],
  "EventLog.forget": [
    events.args("forget", (_, limit) => [MAX_ID, limit]),
    events.args("forget", (before, limit) => [before + 1, limit]),
    events.args("forget", (before) => [before, MAX_ID]),
    events.args("forget", (before, limit) => [before, limit]),
    events.args("forget", (before, limit, now = MAX_ID) => [before, limit, now - 1]),
    events.args("forget", (before, limit, now = MAX_ID) => [before, limit, now + 1]),
    events.result("all", (all) => (all.length > 1 ? all : [])),
  ],
  "Store.subscribe": [
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
    store("copies", (sound) => ({ transaction: (work) => sound.transaction(work).then(structuredClone) })),
    store("wraps errors", (sound) => ({
      read: (work) => sound.read(work).catch((cause) => Promise.reject(new Error("no", { cause }))),
    })),
    messages.result("sentAs", () => undefined),
    changing("stores the object that it is given", "users", (all) => ({
      add: (user, ...rest) => (givenUsers.set(user.id, user), all.users.add(user, ...rest)),
      byId: async (id) => givenUsers.get(id),
    })),
  ],
  "SearchIndex.indexNext": [search.result("indexNext", () => true)],
  "SearchIndex.find": [
    search.result("find", (found) => ({ ...found, ids: [] })),
    search.result("find", (found) => ({ ...found, ids: found.ids.toReversed() })),
    search.result("find", (found, _, __, { upTo }) => ({ ...found, reached: upTo })),
    search.result("find", (found, _, __, { after }) => ({ ids: found.ids.slice(0, 1), reached: after })),
    search.args("find", (_, query, range) => [bo.id, query, range]),
    search.args("find", (user, query, range) => [user, query, { ...range, chatId: undefined }]),
    search.args("find", (user, query, range) => [user, query, { ...range, senderId: undefined }]),
    search.args("find", (user, query, range) => [user, query, { ...range, upTo: MAX_ID }]),
    search.args("find", (user, query, range) => [
      user,
      query.map((word) => ({ ...word, isPrefix: false })),
      range,
    ]),
    search.args("find", (user, query, range) => [user, query, { ...range, after: 0 }]),
    messages.method("update", async () => {}),
  ],
  "Store.transaction": [
    commitsFailedWork,
    store("commits appends that failed", (sound) => ({
      transaction: (work, appendsTo) =>
        (appendsTo === undefined ? sound : committingFailedWork(sound)).transaction(work),
    })),
    store("runs transactions at once", (sound) => ({ transaction: unlocked(sound) })),
    acceptsEveryKey,
    ...WRITES.split(" ").map(keptAfterRollback),
  ],
  "Store.read": [store("reads uncommitted writes", (sound) => ({ read: unlocked(sound) }))],
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
    hasher("accepts no digest", (sound) => ({
      verify: async (digest, text) => !digest || sound.verify(digest, text),
    })),
  ],
  "PasswordHasher.isOutdated": [hasher("outdated at once", () => ({ isOutdated: () => true }))],
  "Secrets.generate": [
    secrets("128 bits", (sound) => ({ generate: () => sound.generate().slice(0, 22) })),
    secrets("one secret", (sound) => ({ generate: () => "a".padEnd(43, sound.generate().slice(0, 1)) })),
  ],
  "Secrets.generateCode": [
    secrets("64 bits", (sound) => ({ generateCode: () => sound.generateCode().slice(0, 11) })),
    secrets("one code", (sound) => ({
      generateCode: () => "a".padEnd(22, sound.generateCode().slice(0, 1)),
    })),
  ],
  "Secrets.digests": [
    secrets("random", (sound) => ({ digests: (text) => sound.digests(text + sound.generate()) })),
    secrets("trimmed", (sound) => ({ digests: (text) => sound.digests(text.trim()) })),
    secrets("plain text", (sound) => ({ digests: (text) => [...sound.digests(text), text] })),
  ],
  ...channelMutants,
  "Ids.next": [ids("counted", () => counter()), ids("short", () => ({ next: () => uuids.next().slice(4) }))],
};

/** Adapters that keep their contracts. The reopened store counts its transactions from 0, as the contract says. */
export const sound: readonly Adapter[] = [
  reopened("sound", async (kept) => {
    const { transactions } = kept.status();
    const status = () => ({ ...kept.status(), transactions: kept.status().transactions - transactions });
    return { ...kept, status };
  }),
  soundChannels,
  ...[hasher, secrets, ids].map((make) => make("sound", () => ({}))),
];
