import { assertMayWriteTo } from "../domain/block.js";
import { assertMay, assertParticipant, canRead, pairOf, type Chat, type ChatId } from "../domain/chat.js";
import { MessagingError } from "../domain/errors.js";
import { chatCreated, messageChanged } from "../domain/event.js";
import { assertMentionCount, NO_MENTIONS } from "../domain/mention.js";
import {
  assertReply,
  assertSender,
  edit,
  isSameMentions,
  parseIdempotencyKey,
  parseMessageText,
  tombstone,
  type Message,
  type MessageId,
  type MessageText,
} from "../domain/message.js";
import { isSameMetadata, parseMetadata, type Metadata } from "../domain/metadata.js";
import type { User, UserId } from "../domain/user.js";
import { deleteAbandonedChats, deleteReactionSlice, peerIn } from "./chats.js";
import { assertMentions, findMentioned } from "./mentions.js";
import type {
  IdempotentMessage,
  OwnMembership,
  Ports,
  ReadRepositories,
  Repositories,
  Slice,
} from "./ports.js";
import { hasManyChats, MAX_RANGE_LENGTH } from "./ranges.js";
import { isFullSlice, joinSlices, MAX_SLICE_CHARACTERS, type Slices } from "./slices.js";
import {
  findUserByNameOrId,
  getAvailableUser,
  getAvailableUserById,
  getCaller,
  getUserByUsername,
} from "./users.js";

/** A chat of the caller of either kind, or the p2p chat of the caller with a user. */
export type Destination = { readonly chatId: ChatId } | { readonly username: string };

export interface SendMessage {
  readonly by: UserId;
  readonly to: Destination;
  readonly text: string;
  /** The message of the chat that this one replies to. */
  readonly replyTo?: MessageId | null | undefined;
  /** The usernames or ids of participants of the chat, at most 50. One who is named twice counts once. */
  readonly mentions?: readonly string[] | undefined;
  /** Of the caller's program. */
  readonly metadata?: Metadata | null | undefined;
  /** Makes retries safe: repeated commands under one key store one message. */
  readonly idempotencyKey?: string | undefined;
}

export interface SentMessage {
  readonly message: Message;
  /** Whether the message was already stored under the same key; then `message` is its current state. */
  readonly replayed: boolean;
}

/**
 * Sends a message to a chat or to a user, and marks the chat as read up to it. The first message to a user creates the p2p
 * chat. Resolves once the message is durable.
 *
 * @throws MessagingError `invalid_message`, `invalid_metadata`, `invalid_reply`, `invalid_mention`, `invalid_idempotency_key`,
 * `idempotency_key_reused`; for a `username` `unknown_user`; for a `chatId` `not_a_participant`, `not_allowed`; for a p2p chat `user_unavailable`, `blocked`
 */
export async function sendMessage(ports: Ports, command: SendMessage): Promise<SentMessage> {
  const { store, secrets, clock } = ports;
  const { by, to } = command;
  const content = parseContent(command);
  const idempotency =
    command.idempotencyKey === undefined
      ? undefined
      : { key: parseIdempotencyKey(command.idempotencyKey), digests: secrets.digests(digestInput(content)) };
  const appendsTo = "chatId" in to ? to.chatId : undefined;
  return store.transaction(async (repositories) => {
    const { chats, messages, users, events } = repositories;
    // A store can serve both in one round trip. The chat comes first, since a store can lock it.
    const [found, earlier] = await Promise.all([
      "chatId" in to ? chats.ofParticipant(to.chatId, by) : undefined,
      idempotency && messages.sentAs(by, idempotency.key),
    ]);
    if (idempotency && earlier) {
      await assertSameSend(repositories, earlier, command, content, idempotency.digests);
      return { message: earlier.message, replayed: true };
    }
    const sentAt = clock.now();
    const destination =
      "chatId" in to
        ? await assertWritable(repositories, found)
        : await openP2p(repositories, by, await getAvailableUser(users, to.username), sentAt, content);
    const { chat, user: sender } = destination;
    const { text, replyTo, names, metadata } = content;
    if (replyTo !== null) await assertReadable(repositories, destination, replyTo);
    const mentions = names.length === 0 ? NO_MENTIONS : await findMentioned(repositories, chat.id, names);
    const message = await messages.append(
      { chatId: chat.id, sender, text, replyTo, mentions, metadata, sentAt },
      idempotency && { key: idempotency.key, textDigest: idempotency.digests[0] },
    );
    await chats.setRead(chat.id, by, message.seq);
    await events.append(messageChanged("message.created", message, sentAt));
    return { message, replayed: false };
  }, appendsTo);
}

/** What is sent, apart from its destination. */
interface Content {
  readonly text: MessageText;
  readonly replyTo: MessageId | null;
  /** Of the mentioned users. */
  readonly names: readonly string[];
  readonly metadata: Metadata | null;
}

/** @throws MessagingError `invalid_message`, `invalid_metadata`, `invalid_mention` */
function parseContent({ text, replyTo, mentions, metadata }: SendMessage): Content {
  const parsed = {
    text: parseMessageText(text),
    replyTo: replyTo ?? null,
    names: mentions ?? [],
    metadata: metadata == null ? null : parseMetadata(metadata),
  };
  assertMentionCount(parsed.names.length);
  return parsed;
}

/** What the digest under an idempotency key is made from: the text, unless there is more. No text contains a unit separator. */
function digestInput({ text, replyTo, names, metadata }: Content): string {
  const hasMore = replyTo !== null || names.length > 0 || metadata !== null;
  return hasMore ? `${text}\u001f${JSON.stringify([replyTo, names, metadata])}` : text;
}

/** A chat to write to, and the sender. */
type WritableChat = Pick<OwnMembership, "chat" | "user" | "historyStart">;

/** @throws MessagingError `not_a_participant`, `not_allowed`; for a p2p chat `user_unavailable`, `blocked` */
async function assertWritable(
  repositories: Repositories,
  found: OwnMembership | undefined,
): Promise<WritableChat> {
  const membership = assertParticipant(found);
  assertMay(membership, "post");
  const { chat, user, historyStart } = membership;
  await assertReachable(repositories, membership);
  return { chat, user, historyStart };
}

/**
 * Requires that the other user of a p2p chat is available, and that neither has blocked the other. Accepts every group chat.
 *
 * @throws MessagingError `user_unavailable`, `blocked`
 */
export async function assertReachable(
  { chats, users, blocks }: Repositories,
  { chat, user }: Pick<OwnMembership, "chat" | "user">,
): Promise<void> {
  if (chat.kind !== "p2p") return;
  const peer = (await peerIn(chats, chat.id, user.id)) ?? user.id;
  // A store can serve both in one round trip. The user comes first, since a store can lock the user, and their blocks.
  const [, blocked] = await Promise.all([getAvailableUserById(users, peer), blocks.between(user.id, [peer])]);
  assertMayWriteTo(user.id, blocked);
}

async function openP2p(
  { chats, users, blocks, events }: Repositories,
  by: UserId,
  peer: User,
  now: number,
  { replyTo, names }: Content,
): Promise<WritableChat> {
  const pair = pairOf(by, peer.id);
  const [user, blocked, existing] = await Promise.all([
    getCaller(users, by),
    blocks.between(by, [peer.id]),
    chats.p2p(pair),
  ]);
  assertMayWriteTo(by, blocked);
  if (existing) return { chat: existing, user, historyStart: 0 };
  // Before the chat takes an id, which a rejected send would leave unused.
  if (replyTo !== null) assertReply(replyTo, undefined);
  if (names.length > 0) await assertMentions(users, pair, names);
  const chat = await chats.addP2p(pair, now);
  await events.append(chatCreated(chat, user.id === peer.id ? [user] : [user, peer]));
  return { chat, user, historyStart: 0 };
}

/** @throws MessagingError `invalid_reply` unless the user can read the message, and it is of this chat. */
async function assertReadable(
  { messages }: Repositories,
  { chat, historyStart }: WritableChat,
  replyTo: MessageId,
): Promise<void> {
  // The id alone, under the lock of the chat that the send has anyway: `byId` can lock the message before its chat.
  const range = { after: Math.max(replyTo - 1, historyStart), upTo: replyTo, limit: 1 };
  const [found] = Number.isSafeInteger(replyTo)
    ? await messages.idsOfChat(chat.id, { ...range, from: "oldest" })
    : [];
  assertReply(replyTo, found);
}

/** @throws MessagingError `idempotency_key_reused` if the earlier message was another one, or had another destination. */
async function assertSameSend(
  repositories: ReadRepositories,
  { message, textDigest }: IdempotentMessage,
  { by, to }: SendMessage,
  content: Content,
  digests: readonly string[],
): Promise<void> {
  const chatId = "chatId" in to ? to.chatId : (await findP2p(repositories, by, to.username))?.id;
  // An unedited message is also recognised when the key of its digest is retired.
  const isSame =
    message.chatId === chatId &&
    (digests.includes(textDigest) ||
      (message.editedAt === null && (await isSentAs(repositories, message, content))));
  if (!isSame) {
    throw new MessagingError(
      "idempotency_key_reused",
      "Idempotency key already used for another message. Use a new key for each message.",
    );
  }
}

/** Whether an unedited message has this content. */
async function isSentAs(
  { users }: ReadRepositories,
  message: Message,
  { text, replyTo, names, metadata }: Content,
): Promise<boolean> {
  if (message.text !== text || message.replyTo !== replyTo) return false;
  if (!isSameMetadata(message.metadata, metadata)) return false;
  const mentioned = await Promise.all(names.map((name) => findUserByNameOrId(users, name)));
  if (mentioned.includes(undefined)) return false;
  const ids = new Set(mentioned.map((user) => user!.id));
  return isSameMentions([...ids], message.mentions);
}

async function findP2p(
  { chats, users }: ReadRepositories,
  by: UserId,
  username: string,
): Promise<Chat | undefined> {
  const peer = await getUserByUsername(users, username);
  return chats.p2p(pairOf(by, peer.id));
}

export interface EditMessage {
  readonly by: UserId;
  readonly id: MessageId;
  readonly text?: string | undefined;
  /** As in `SendMessage`. Users that the message already mentions can stay, by their ids, when they have left the chat. */
  readonly mentions?: readonly string[] | undefined;
  /** Null removes the metadata. */
  readonly metadata?: Metadata | null | undefined;
}

/**
 * Changes the text, the mentions and the metadata of a message that the caller sent. What is left out stays. Stores nothing if all
 * are equal.
 *
 * @throws MessagingError `invalid_request` if all are left out; `invalid_message`, `invalid_mention`, `invalid_metadata`,
 * `not_your_message`, `message_deleted`
 */
export async function editMessage({ store, clock }: Ports, command: EditMessage): Promise<Message> {
  const { text, mentions: names, metadata } = command;
  if (text === undefined && names === undefined && metadata === undefined) {
    throw new MessagingError(
      "invalid_request",
      "Nothing to change. Give at least one of text, mentions and metadata.",
    );
  }
  const given = {
    text: text === undefined ? undefined : parseMessageText(text),
    metadata: metadata == null ? metadata : parseMetadata(metadata),
  };
  assertMentionCount(names?.length ?? 0);
  return store.transaction(async (repositories) => {
    const before = await getOwnMessage(repositories, command);
    const now = clock.now();
    const mentions = names && (await findMentioned(repositories, before.chatId, names, before.mentions));
    const message = edit(before, { ...given, mentions }, now);
    if (message === before) return before;
    await repositories.messages.update(message);
    await repositories.events.append(messageChanged("message.edited", message, now));
    return message;
  });
}

export interface DeleteMessage {
  readonly by: UserId;
  readonly id: MessageId;
}

/**
 * Deletes a message that the caller sent: permanently removes its text and reactions and leaves a tombstone, so that `seq` has no gap. Stores
 * nothing if the message is already deleted.
 *
 * @throws MessagingError `not_your_message`
 */
export async function deleteMessage({ store, clock }: Ports, command: DeleteMessage): Promise<Message> {
  const { message, hasRest } = await store.transaction(async (repositories) => {
    const before = await getOwnMessage(repositories, command);
    const now = clock.now();
    const deleted = tombstone(before, now);
    if (deleted === before) return { message: before, hasRest: false };
    await repositories.messages.update(deleted);
    await repositories.events.append(messageChanged("message.deleted", deleted, now));
    // The tombstone has no reactions. What is stored of them goes with it, unless it is much.
    const isReacted = before.reactions.length > 0;
    return { message: deleted, hasRest: isReacted && !(await deleteReactionSlice(repositories)) };
  });
  // What a failure leaves is deleted by the next call of `deleteAbandonedChats`.
  if (hasRest) deleteAbandonedChats({ store }).catch(() => {});
  return message;
}

async function getOwnMessage(
  { chats, messages }: ReadRepositories,
  { by, id }: DeleteMessage,
): Promise<Message> {
  const message = await messages.byId(id);
  const membership = message && (await chats.ofParticipant(message.chatId, by));
  return assertSender(message, by, membership !== undefined && canRead(membership, message!));
}

export interface ListMessages {
  readonly by: UserId;
  /** All chats of the caller, or one chat. */
  readonly of: "all" | Destination;
}

const MAX_SLICE_LENGTH = 200;

/**
 * Lists the whole history, oldest first, in slices of at most 200 messages, without messages sent after this call. Each slice
 * is read on demand, so memory is constant, and checks again that the caller is a participant.
 *
 * @throws MessagingError `unknown_user`; for a `chatId` `not_a_participant`. The iterator can throw them too.
 */
export async function listMessages(
  { store }: Ports,
  command: ListMessages,
): Promise<AsyncIterable<readonly Message[]>> {
  const upTo = await store.read(async (repositories) => {
    await historyReader(repositories, command);
    return repositories.messages.lastId();
  });
  return slices(store, command, 0, upTo);
}

/** The messages with `after < id <= upTo` in slices, each read on demand. */
async function* slices(
  store: Ports["store"],
  command: ListMessages,
  after: number,
  upTo: number,
): AsyncGenerator<readonly Message[]> {
  for (let behind = after; behind < upTo;) {
    const { slice, end } = await store.read(async (repositories) => {
      const { read, maxRange } = await historyReader(repositories, command);
      const rangeEnd = Math.min(behind + maxRange, upTo);
      return { slice: await read(sliceOf(behind, rangeEnd)), end: rangeEnd };
    });
    if (slice.length > 0) yield slice;
    const isCut = slice.length === MAX_SLICE_LENGTH || isFullSlice(slice);
    behind = isCut ? slice.at(-1)!.id : end;
  }
}

function sliceOf(after: number, upTo: number): Slice {
  return { after, upTo, limit: MAX_SLICE_LENGTH, from: "oldest", maxCharacters: MAX_SLICE_CHARACTERS };
}

/** `before` and `after` are exclusive bounds of message ids. Give at most one of them. */
export interface PageMessages extends ListMessages {
  /** 1 or more. */
  readonly limit: number;
  readonly before?: number | undefined;
  readonly after?: number | undefined;
}

export interface MessagePage {
  /** Oldest first. */
  readonly messages: readonly Message[];
  /** The `before` of the page of older messages; undefined on the oldest page. */
  readonly older: number | undefined;
  /** The `after` of the page of newer messages; undefined on the newest page. */
  readonly newer: number | undefined;
}

/** A page whose messages are read slice by slice. */
export type SlicedMessagePage = Omit<MessagePage, "messages"> & Slices<Message>;

/**
 * A page of the history: the oldest messages after `after`, the newest before `before`, or the newest of all. Following
 * `older` or `newer` gives each message once while new messages arrive.
 *
 * @throws MessagingError `unknown_user`; for a `chatId` `not_a_participant`
 */
export async function pageMessages(ports: Ports, command: PageMessages): Promise<MessagePage> {
  const { first, rest, older, newer } = await sliceMessagePage(ports, command);
  return { messages: await joinSlices({ first, rest }), older, newer };
}

/**
 * The page that `pageMessages` returns, in slices of bounded size. A page of short texts is one slice. Each later slice checks
 * again that the caller is a participant.
 *
 * @throws MessagingError as `pageMessages`; the iterator can throw them too.
 */
export async function sliceMessagePage({ store }: Ports, command: PageMessages): Promise<SlicedMessagePage> {
  const { limit, after, before } = command;
  return store.read(async (repositories) => {
    const { read, readIds, maxRange, lastId } = await historyReader(repositories, command);
    const upTo = Math.min(before === undefined ? Infinity : before - 1, lastId);
    const end = after === undefined ? upTo : await lastIdFor(repositories, command);
    const bounds =
      after === undefined
        ? ({ after: Math.max(end - maxRange, 0), upTo: end, limit: limit + 1, from: "newest" } as const)
        : ({ after, upTo: Math.min(after + maxRange, end), limit: limit + 1, from: "oldest" } as const);
    const inPage = <Item>(found: readonly Item[]) =>
      after === undefined ? found.slice(-limit) : found.slice(0, limit);
    const found = await read({ ...bounds, maxCharacters: MAX_SLICE_CHARACTERS });
    const isWhole = !isFullSlice(found);
    const ids = isWhole ? found.map(({ id }) => id) : await readIds(bounds);
    const isCut = ids.length > limit;
    const [oldest, newest] = [inPage(ids)[0], inPage(ids).at(-1) ?? 0];
    const first = isWhole ? inPage(found) : await read(sliceOf((oldest ?? 0) - 1, newest));
    const last = first.at(-1)?.id ?? newest;
    const page = { first, rest: last < newest ? slices(store, command, last, newest) : undefined };
    /** Whether there is a message. True without a look where that would be too long a range. */
    const exists = async (range: Pick<Slice, "after" | "upTo">) =>
      range.upTo - range.after > maxRange ||
      (await readIds({ ...range, limit: 1, from: "oldest" })).length > 0;
    if (after !== undefined) {
      const older = await exists({ after: 0, upTo: after });
      return {
        ...page,
        older: older ? (oldest ?? Math.min(after + 1, Number.MAX_SAFE_INTEGER)) : undefined,
        newer: isCut ? newest : bounds.upTo < end ? bounds.upTo : undefined,
      };
    }
    const newer = before !== undefined && (await exists({ after: upTo, upTo: lastId }));
    return {
      ...page,
      older: isCut ? oldest : bounds.after > 0 ? bounds.after + 1 : undefined,
      newer: newer ? newest || upTo : undefined,
    };
  });
}

/** The greatest id up to which a caller who continues behind it misses no message. The ids of one chat are stored in order. */
async function lastIdFor({ messages }: ReadRepositories, { of }: ListMessages): Promise<number> {
  return of === "all" ? messages.settledId() : Number.MAX_SAFE_INTEGER;
}

interface HistoryReader {
  readonly read: (slice: Slice) => Promise<readonly Message[]>;
  readonly readIds: (slice: Slice) => Promise<readonly MessageId[]>;
  /** The length of the range of ids that a slice may have. */
  readonly maxRange: number;
  /** No message has a greater id. */
  readonly lastId: number;
}

/** Bounds of a reader whose slices cost no more in a long range. */
const UNBOUNDED = { maxRange: Infinity, lastId: Number.MAX_SAFE_INTEGER };

/** Checks that the caller may read the history, and returns functions that read slices of it. */
async function historyReader(
  repositories: ReadRepositories,
  { by, of }: ListMessages,
): Promise<HistoryReader> {
  const { chats, messages } = repositories;
  if (of === "all") {
    const scansRange = await hasManyChats(repositories, by);
    return {
      read: (slice) => messages.ofUser(by, { ...slice, scansRange }),
      readIds: (slice) => messages.idsOfUser(by, { ...slice, scansRange }),
      ...(scansRange ? { maxRange: MAX_RANGE_LENGTH, lastId: await messages.lastId() } : UNBOUNDED),
    };
  }
  const membership =
    "chatId" in of
      ? assertParticipant(await chats.ofParticipant(of.chatId, by))
      : { chat: await findP2p(repositories, by, of.username), historyStart: 0 };
  const { chat, historyStart } = membership;
  if (!chat) return { read: async () => [], readIds: async () => [], ...UNBOUNDED };
  const readable = (slice: Slice) => ({ ...slice, after: Math.max(slice.after, historyStart) });
  return {
    read: (slice) => messages.ofChat(chat.id, readable(slice)),
    readIds: (slice) => messages.idsOfChat(chat.id, readable(slice)),
    ...UNBOUNDED,
  };
}
