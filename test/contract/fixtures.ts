import assert from "node:assert/strict";
import type { ChatReader, EventSlice, Slice, Store, UserMembership } from "../../src/application/ports.js";
import { pairOf, type Chat, type ChatId } from "../../src/domain/chat.js";
import type { ChatEventDraft, EventDraft, SessionEnd, StoredEvent } from "../../src/domain/event.js";
import type { Invitation, InvitationId } from "../../src/domain/invitation.js";
import type { IdempotencyKey, Message, MessageDraft, MessageText } from "../../src/domain/message.js";
import type { Session, SessionId } from "../../src/domain/session.js";
import { usernameKey, type User, type UserId } from "../../src/domain/user.js";

/** The functions of a test runner that the suites call. mocha, node:test, vitest and jest provide them. */
export interface Runner {
  readonly describe: (title: string, body: () => void) => unknown;
  readonly it: (title: string, body: () => Promise<void>) => unknown;
  readonly beforeEach: (hook: () => Promise<void>) => unknown;
  readonly afterEach: (hook: () => Promise<void>) => unknown;
}

/** The greatest id that a store can assign, and greater than any that it assigns in these suites. */
export const MAX_ID = Number.MAX_SAFE_INTEGER;

/** The latest time of a JavaScript `Date`, in epoch milliseconds. */
export const MAX_TIME_MS = 8_640_000_000_000_000;

/** Texts that encodings, trimming, normalization, SQL or length limits may change. */
export const TRICKY_TEXTS = [
  "🙂👩‍👩‍👧‍👦🏳️‍🌈",
  `"quoted" 'twice' \`thrice\` \\ ''; DROP TABLE messages; --`,
  " white space on both ends \r\n\t",
  "e\u0301 is not \u00e9",
  "\u202eright to left\u202c, zero\u200bwidth, \ufeff, \u0001\u001f\u007f\u2028",
  "\ufeffa byte order mark at the start",
  "null",
  "0x1F",
  "%s ${x} $1 ?1 :name",
  "𝔘".repeat(10_000),
] as const;

export const ana = person("ana");
export const bo = person("bo");
export const cy = person("cy");

/** Returns a user with that name. It is in no store until `register` adds it. */
export function person(username: string): User {
  return { id: `user-${username}`.padEnd(36, "-") as UserId, username, createdAt: 1_700_000_000_000 };
}

/** Returns a cookie session to store under `digest`, with an id derived from it. */
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

/** Returns a token to store under `digest`, with an id derived from it. */
export function tokenOf(user: User, digest: string, name: string): Session {
  return { ...sessionOf(user, digest, 100), kind: "token", name, userAgent: null };
}

/** Returns an invitation of any number of users to store under `digest`, with an id derived from it. */
export function invitationOf({ id: chatId }: Pick<Chat, "id">, inviter: User, digest: string): Invitation {
  return {
    id: `invitation-${digest}` as InvitationId,
    chatId,
    inviter: { id: inviter.id, username: inviter.username },
    createdAt: 1_700_000_000_000,
    expiresAt: 1_800_000_000_000,
    maxUses: null,
    uses: 0,
  };
}

/** Returns a message to append. `sentAt` is in epoch milliseconds. */
export function draft(
  chat: Pick<Chat, "id">,
  sender: User,
  text: string,
  sentAt = 1_700_000_000_000,
): MessageDraft {
  return { chatId: chat.id, sender, text: text as MessageText, ...PLAIN, sentAt };
}

/** A message that is nothing but a text. */
export const PLAIN = { replyTo: null, mentions: [], metadata: null } as const;

/** Adds the users in one transaction. */
export async function register(store: Store, ...people: readonly User[]): Promise<void> {
  await store.transaction(async ({ users }) => {
    for (const user of people)
      await users.add(user, usernameKey(user.username), `digest of ${user.username}`);
  });
}

/** Creates a group chat without a title and adds the participants in one transaction, the first as its owner. */
export function createGroup(store: Store, ...people: readonly User[]): Promise<Chat> {
  return store.transaction(async ({ chats }) => {
    const chat = await chats.addGroup(null, 1_700_000_000_000);
    for (const [index, user] of people.entries()) {
      await chats.addParticipant(chat.id, user.id, 1_700_000_000_000, index === 0 ? "owner" : "member");
    }
    return chat;
  });
}

/** The chat as `ofParticipant` finds it, without the role. */
export async function chatOf(chats: ChatReader, id: ChatId, userId: UserId): Promise<Chat | undefined> {
  return (await chats.ofParticipant(id, userId))?.chat;
}

/** Appends a message per text, in one transaction. */
export function send(
  store: Store,
  chat: Pick<Chat, "id">,
  sender: User,
  ...texts: readonly string[]
): Promise<Message[]> {
  return store.transaction(async ({ messages }) => {
    const sent: Message[] = [];
    for (const text of texts) sent.push(await messages.append(draft(chat, sender, text)));
    return sent;
  });
}

/** Returns a `chat.renamed` event to append, the smallest type of event. `at` is in epoch milliseconds. */
export function renamed(
  { id: chatId }: Pick<Chat, "id">,
  title: string | null,
  to: ChatEventDraft["to"] = "participants",
  at = 1_700_000_000_000,
): ChatEventDraft {
  return { chatId, to, at, change: { type: "chat.renamed", title }, messageId: null };
}

/** The messages of a slice of all chats of the user, which `ofUser` and `idsOfUser` find in two ways. */
export async function messagesOfUser(
  store: Store,
  { id }: Pick<User, "id">,
  slice: Slice,
): Promise<readonly Message[]> {
  return store.read(async ({ messages }) => {
    const found = await messages.ofUser(id, slice);
    assert.deepEqual(await messages.ofUser(id, { ...slice, scansRange: true }), found);
    if (slice.maxCharacters !== undefined) return found;
    const ids = found.map((message) => message.id);
    for (const scansRange of [false, true]) {
      assert.deepEqual(await messages.idsOfUser(id, { ...slice, scansRange }), ids);
    }
    return found;
  });
}

/** The events that the user receives, which `ofUser` finds in two ways. */
export async function receivedBy(
  store: Store,
  { id }: Pick<User, "id">,
  slice: EventSlice,
): Promise<readonly StoredEvent[]> {
  return store.read(async ({ events }) => {
    const found = await events.ofUser(id, slice);
    assert.deepEqual(await events.ofUser(id, { ...slice, scansRange: true }), found);
    return found;
  });
}

/** Appends the entries to the event log, in one transaction. */
export function append(store: Store, ...drafts: readonly (EventDraft | SessionEnd)[]): Promise<void> {
  return store.transaction(async ({ events }) => {
    for (const event of drafts) await events.append(event);
  });
}

/** The users, chats and digests that `contentsOf` reads. */
export interface ContentsQuery {
  readonly people: readonly User[];
  readonly chatIds: readonly ChatId[];
  /** Idempotency keys, each read for every user. */
  readonly keys: readonly string[];
  readonly digests: readonly string[];
}

/** All chats of a user. */
export function membershipsOf(chats: ChatReader, userId: UserId): Promise<readonly UserMembership[]> {
  return chats.memberships(userId, { after: undefined, limit: MAX_ID });
}

export async function chatIdsOf(chats: ChatReader, userId: UserId): Promise<readonly ChatId[]> {
  return (await membershipsOf(chats, userId)).map(({ chatId }) => chatId);
}

/** Reads everything that a store contains about these users, chats and sessions, in one read. */
export function contentsOf(store: Store, { people, chatIds, keys, digests }: ContentsQuery) {
  const all = { after: 0, upTo: MAX_ID, limit: MAX_ID, from: "oldest" } as const;
  return store.read(async ({ users, blocks, chats, messages, reactions, sessions, invitations, events }) => ({
    directory: await users.matching({ prefix: "", after: undefined, limit: MAX_ID }),
    lastId: await messages.lastId(),
    bounds: await events.bounds(),
    events: await events.all(all),
    accounts: await users.list({ after: undefined, limit: MAX_ID }),
    summaries: await chats.list({ after: undefined, limit: MAX_ID }),
    users: await mapInOrder(people, async ({ id, username }) => ({
      byId: await users.byId(id),
      account: await users.accountById(id),
      byKey: await users.byKey(usernameKey(username)),
      blocks: await blocks.ofUser(id, { after: undefined, limit: MAX_ID }),
      reactions: await reactions.ofUser(id, { after: undefined, limit: MAX_ID }),
      credentials: await users.credentials(usernameKey(username)),
      chats: await mapInOrder(chatIds, (chatId) => chats.ofParticipant(chatId, id)),
      p2p: await mapInOrder(people, (peer) => chats.p2p(pairOf(id, peer.id))),
      messages: await messages.ofUser(id, all),
      sent: await messages.sentBy(id, all),
      overviews: await mapInOrder(chatIds, (chatId) => chats.overview(chatId, id)),
      list: await chats.ofUser(id, { asOf: MAX_ID, after: undefined, limit: MAX_ID }),
      listed: await chats.overviews(id, chatIds),
      sentAs: await mapInOrder(keys, (key) => messages.sentAs(id, key as IdempotencyKey)),
      sessions: await sessions.ofUser(id),
      invitations: await invitations.byInviter(id, { after: undefined, limit: MAX_ID }),
      events: await events.ofUser(id, all),
      // The number of a join is that of the store alone, and a copy has others.
      memberships: (await membershipsOf(chats, id))
        .map(({ chatId, historyStart, peer }) => ({ chatId, historyStart, peer }))
        .toSorted((one, other) => one.chatId - other.chatId),
    })),
    chats: await mapInOrder(chatIds, (chatId) => messages.ofChat(chatId, all)),
    reactions: await mapInOrder(chatIds, async (chatId) =>
      mapInOrder(await messages.idsOfChat(chatId, all), (id) =>
        reactions.ofMessage(id, { after: undefined, limit: MAX_ID }),
      ),
    ),
    participants: await mapInOrder(chatIds, (chatId) =>
      chats.participants(chatId, { after: undefined, limit: MAX_ID }),
    ),
    invitations: await mapInOrder(chatIds, (chatId) => invitations.ofChat(chatId)),
    invited: await mapInOrder(digests, (digest) => invitations.byDigest(digest)),
    sessions: await mapInOrder(digests, (digest) => sessions.byDigest(digest)),
  }));
}

export async function mapInOrder<Item, Result>(
  items: readonly Item[],
  map: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const item of items) results.push(await map(item));
  return results;
}
