import type { Store } from "../../src/application/ports.js";
import { pairOf, type Chat, type ChatId } from "../../src/domain/chat.js";
import type { EventDraft, SessionEnd } from "../../src/domain/event.js";
import type { IdempotencyKey, Message, MessageDraft, MessageText } from "../../src/domain/message.js";
import type { Session, SessionId } from "../../src/domain/session.js";
import { usernameKey, type User, type UserId } from "../../src/domain/user.js";

/** What the suites need of a test runner; mocha, node:test, vitest and jest have it. */
export interface Runner {
  readonly describe: (title: string, body: () => void) => unknown;
  readonly it: (title: string, body: () => Promise<void>) => unknown;
  readonly beforeEach: (hook: () => Promise<void>) => unknown;
  readonly afterEach: (hook: () => Promise<void>) => unknown;
}

/** Greater than any id that a store gives in these suites, and the greatest it could give. */
export const GREATEST = Number.MAX_SAFE_INTEGER;

/** The last millisecond that a JavaScript date can tell. */
export const LAST_TIME = 8_640_000_000_000_000;

/** Words that are hard to keep to the letter. */
export const HARD_TEXTS = [
  "🙂👩‍👩‍👧‍👦🏳️‍🌈",
  `"quoted" 'twice' \`thrice\` \\ ''; DROP TABLE messages; --`,
  " white space on both ends \r\n\t",
  "e\u0301 is not \u00e9",
  "\u202eright to left\u202c, zero\u200bwidth, \ufeff, \u0001\u001f\u007f\u2028",
  "null",
  "0x1F",
  "%s ${x} $1 ?1 :name",
  "𝔘".repeat(10_000),
] as const;

export const ana = person("ana");
export const bo = person("bo");
export const cy = person("cy");

/** Somebody of that name, whom no store knows yet. */
export function person(username: string): User {
  return { id: `user-${username}`.padEnd(36, "-") as UserId, username, createdAt: 1_700_000_000_000 };
}

/** A session as it would be found under `digest`, alive until `expiresAt`. */
export function sessionOf(user: User, digest: string, expiresAt: number): Session {
  return {
    id: `session-of-${digest}` as SessionId,
    user,
    kind: "cookie",
    name: null,
    userAgent: `browser of ${user.username}`,
    createdAt: 1_700_000_000_000,
    lastSeenAt: 1_700_000_000_001,
    expiresAt,
  };
}

/** A token of that name, as it would be found under `digest`. */
export function tokenOf(user: User, digest: string, name: string): Session {
  return { ...sessionOf(user, digest, 100), kind: "token", name, userAgent: null };
}

export function draft(chat: Chat, sender: User, text: string, sentAt = 1_700_000_000_000): MessageDraft {
  return { chatId: chat.id, sender, text: text as MessageText, sentAt };
}

export async function register(store: Store, ...people: readonly User[]): Promise<void> {
  await store.transaction(async ({ users }) => {
    for (const user of people)
      await users.add(user, usernameKey(user.username), `digest of ${user.username}`);
  });
}

export function openGroup(store: Store, ...people: readonly User[]): Promise<Chat> {
  return store.transaction(async ({ chats }) => {
    const chat = await chats.addGroup(null, 1_700_000_000_000);
    for (const user of people) await chats.addParticipant(chat.id, user.id, 1_700_000_000_000);
    return chat;
  });
}

export function say(store: Store, chat: Chat, sender: User, ...texts: readonly string[]): Promise<Message[]> {
  return store.transaction(async ({ messages }) => {
    const sent: Message[] = [];
    for (const text of texts) sent.push(await messages.append(draft(chat, sender, text)));
    return sent;
  });
}

/** That the chat has another title: the event that says the least. */
export function renamed(
  { id: chatId }: Chat,
  title: string | null,
  to: EventDraft["to"] = "participants",
  at = 1_700_000_000_000,
): EventDraft {
  return { chatId, to, at, change: { type: "chat.renamed", title }, messageId: null };
}

export function append(store: Store, ...drafts: readonly (EventDraft | SessionEnd)[]): Promise<void> {
  return store.transaction(async ({ events }) => {
    for (const event of drafts) await events.append(event);
  });
}

/** What a store may know: where `contentsOf` looks. */
export interface Whereabouts {
  readonly people: readonly User[];
  readonly chatIds: readonly ChatId[];
  /** Under which any of the people may have sent a message. */
  readonly keys: readonly string[];
  readonly digests: readonly string[];
}

/** All that a store knows of these people, chats and sessions, in one read. */
export function contentsOf(store: Store, { people, chatIds, keys, digests }: Whereabouts) {
  const all = { after: 0, upTo: GREATEST, limit: GREATEST, from: "oldest" } as const;
  return store.read(async ({ users, chats, messages, sessions, events }) => ({
    lastId: await messages.lastId(),
    bounds: await events.bounds(),
    events: await events.all(all),
    accounts: await users.list({ after: undefined, limit: GREATEST }),
    summaries: await chats.list({ after: undefined, limit: GREATEST }),
    users: await inTurn(people, async ({ id, username }) => ({
      byId: await users.byId(id),
      byKey: await users.byKey(usernameKey(username)),
      credentials: await users.credentials(usernameKey(username)),
      chats: await inTurn(chatIds, (chatId) => chats.ofParticipant(chatId, id)),
      p2p: await inTurn(people, (peer) => chats.p2p(pairOf(id, peer.id))),
      messages: await messages.ofUser(id, all),
      sent: await messages.sentBy(id, all),
      overviews: await inTurn(chatIds, (chatId) => chats.overview(chatId, id)),
      list: await chats.ofUser(id, { asOf: GREATEST, after: undefined, limit: GREATEST }),
      sentAs: await inTurn(keys, (key) => messages.sentAs(id, key as IdempotencyKey)),
      sessions: await sessions.ofUser(id),
      events: await events.ofUser(id, all),
      chatIds: (await chats.idsOfUser(id)).toSorted((one, other) => one - other),
    })),
    chats: await inTurn(chatIds, (chatId) => messages.ofChat(chatId, all)),
    participants: await inTurn(chatIds, (chatId) => chats.participants(chatId)),
    sessions: await inTurn(digests, (digest) => sessions.byDigest(digest)),
  }));
}

async function inTurn<Item, Result>(
  items: readonly Item[],
  look: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const item of items) results.push(await look(item));
  return results;
}
