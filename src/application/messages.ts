import { pairOf, assertGroup, type Chat, type ChatId } from "../domain/chat.js";
import { MessagingError } from "../domain/errors.js";
import { chatCreated, messageChanged } from "../domain/event.js";
import {
  edit,
  parseIdempotencyKey,
  parseMessageText,
  assertSender,
  tombstone,
  type Message,
  type MessageId,
} from "../domain/message.js";
import type { User, UserId } from "../domain/user.js";
import type { Ports, ReadRepositories, Repositories, SentAs, Slice } from "./ports.js";
import { getUser, getUserByUsername } from "./users.js";

/** A group chat, or the p2p chat with a user. */
export type Destination = { readonly chatId: ChatId } | { readonly username: string };

export interface SendMessage {
  readonly by: UserId;
  readonly to: Destination;
  readonly text: string;
  /** However often this is sent under one key, it is stored once. */
  readonly idempotencyKey?: string | undefined;
}

export interface SentMessage {
  readonly message: Message;
  /** Whether it had been sent before, under the same key. It is answered as it stands now. */
  readonly replayed: boolean;
}

/**
 * Sends a message to a group chat or to a user. The p2p chat with a user comes into being with its first message. When
 * this resolves, the message is stored for good. Sending reads up to one's own message.
 *
 * @throws MessagingError `invalid_message`, `invalid_idempotency_key`, `idempotency_key_reused`, `unknown_user`; for a chat
 * `not_a_participant`, `p2p_chat`
 */
export async function sendMessage(ports: Ports, command: SendMessage): Promise<SentMessage> {
  const { store, secrets, clock } = ports;
  const { by, to } = command;
  const text = parseMessageText(command.text);
  const once =
    command.idempotencyKey === undefined
      ? undefined
      : { key: parseIdempotencyKey(command.idempotencyKey), textDigests: secrets.digests(text) };
  return store.transaction(async (repositories) => {
    const { chats, messages, users, events } = repositories;
    const before = once && (await messages.sentAs(by, once.key));
    if (once && before) {
      await requireSame(repositories, before, command, once.textDigests);
      return { message: before.message, replayed: true };
    }
    const sentAt = clock.now();
    const sender = await getUser(users, by);
    const chat =
      "chatId" in to
        ? assertGroup(await chats.ofParticipant(to.chatId, by))
        : await openP2p(repositories, sender, await getUserByUsername(users, to.username), sentAt);
    const message = await messages.append(
      { chatId: chat.id, sender, text, sentAt },
      once && { key: once.key, textDigest: once.textDigests[0] },
    );
    await chats.setRead(chat.id, by, message.seq);
    await events.append(messageChanged("message.created", message, sentAt));
    return { message, replayed: false };
  });
}

async function openP2p(
  { chats, events }: Repositories,
  sender: User,
  peer: User,
  now: number,
): Promise<Chat> {
  const pair = pairOf(sender.id, peer.id);
  const known = await chats.p2p(pair);
  if (known) return known;
  const chat = await chats.openP2p(pair, now);
  await events.append(chatCreated(chat, sender.id === peer.id ? [sender] : [sender, peer]));
  return chat;
}

async function requireSame(
  repositories: ReadRepositories,
  { message, textDigest }: SentAs,
  { by, to, text }: SendMessage,
  textDigests: readonly string[],
): Promise<void> {
  const chatId = "chatId" in to ? to.chatId : (await p2pWith(repositories, by, to.username))?.id;
  // While it stands as it was sent, it is known also when the key of its digest is retired.
  const sameText = textDigests.includes(textDigest) || (message.editedAt === null && message.text === text);
  if (message.chatId !== chatId || !sameText) {
    throw new MessagingError(
      "idempotency_key_reused",
      "You have sent another message under this idempotency key. Take a new key for each message.",
    );
  }
}

async function p2pWith(
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
  readonly text: string;
}

/**
 * Gives a message of the caller's another text. It keeps its place.
 *
 * @throws MessagingError `invalid_message`, `not_your_message`, `message_deleted`
 */
export async function editMessage({ store, clock }: Ports, command: EditMessage): Promise<Message> {
  const text = parseMessageText(command.text);
  return store.transaction(async (repositories) => {
    const before = await ownMessage(repositories, command);
    const now = clock.now();
    const message = edit(before, text, now);
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
 * Takes back a message of the caller's. Its text goes for good; its place stays, so that everyone can see that none is
 * missing.
 *
 * @throws MessagingError `not_your_message`
 */
export async function deleteMessage({ store, clock }: Ports, command: DeleteMessage): Promise<Message> {
  return store.transaction(async (repositories) => {
    const before = await ownMessage(repositories, command);
    const now = clock.now();
    const message = tombstone(before, now);
    if (message === before) return before;
    await repositories.messages.update(message);
    await repositories.events.append(messageChanged("message.deleted", message, now));
    return message;
  });
}

async function ownMessage(
  { chats, messages }: ReadRepositories,
  { by, id }: DeleteMessage,
): Promise<Message> {
  const message = await messages.byId(id);
  const chat = message && (await chats.ofParticipant(message.chatId, by));
  return assertSender(message, by, chat !== undefined);
}

export interface ListMessages {
  readonly by: UserId;
  /** All chats of the caller, or one. */
  readonly of: "all" | Destination;
}

/** How many messages a list hands over at a time: few to begin with, then as many as have about so many characters. */
const FIRST_SLICE = 10;
const LARGEST_SLICE = 200;
const CHARACTERS_OF_SLICE = 100_000;

/**
 * The whole history, oldest first, in slices of at most 200 messages, as it was when this was called: what is sent later
 * is not in it. Each slice is read when it is asked for, so that a list of any length takes constant memory; whoever is
 * removed meanwhile gets nothing more.
 *
 * @throws MessagingError `unknown_user`; for a chat `not_a_participant`, `p2p_chat`, both also between two slices
 */
export async function listMessages(
  { store }: Ports,
  command: ListMessages,
): Promise<AsyncIterable<readonly Message[]>> {
  const upTo = await store.read(async (repositories) => {
    await history(repositories, command);
    return repositories.messages.lastId();
  });
  return slices((after, limit) =>
    store.read(async (repositories) => {
      const read = await history(repositories, command);
      return read({ after, upTo, limit, from: "oldest" });
    }),
  );
}

async function* slices(
  read: (after: number, limit: number) => Promise<readonly Message[]>,
): AsyncGenerator<readonly Message[]> {
  let slice = await read(0, FIRST_SLICE);
  while (slice.length > 0) {
    yield slice;
    const characters = slice.reduce((sum, { text }) => sum + text.length, 1);
    const fitting = Math.ceil((CHARACTERS_OF_SLICE * slice.length) / characters);
    slice = await read(slice.at(-1)!.id, Math.min(fitting, LARGEST_SLICE));
  }
}

/** At most one of `before` and `after`, which are ids of messages, exclusive. */
export interface PageMessages extends ListMessages {
  /** 1 or more. */
  readonly limit: number;
  readonly before?: number | undefined;
  readonly after?: number | undefined;
}

export interface MessagePage {
  /** Oldest first. */
  readonly messages: readonly Message[];
  /** The `before` of the page of older ones; undefined where there are none. */
  readonly older: number | undefined;
  /** The `after` of the page of newer ones; undefined where there are none yet. */
  readonly newer: number | undefined;
}

/**
 * A page of the history: with `after` the oldest messages after it, with `before` the newest before it, else the newest of
 * all. Who goes from page to page meets each message once, while others arrive.
 *
 * @throws MessagingError `unknown_user`; for a chat `not_a_participant`, `p2p_chat`
 */
export async function pageMessages({ store }: Ports, command: PageMessages): Promise<MessagePage> {
  const { limit, after, before } = command;
  return store.read(async (repositories) => {
    const read = await history(repositories, command);
    const exists = async (bounds: Pick<Slice, "after" | "upTo">) =>
      (await read({ ...bounds, limit: 1, from: "oldest" })).length > 0;
    if (after !== undefined) {
      const found = await read({ after, upTo: Number.MAX_SAFE_INTEGER, limit: limit + 1, from: "oldest" });
      const messages = found.slice(0, limit);
      const older = await exists({ after: 0, upTo: after });
      return {
        messages,
        older: older ? (messages[0]?.id ?? Math.min(after + 1, Number.MAX_SAFE_INTEGER)) : undefined,
        newer: found.length > limit ? messages.at(-1)?.id : undefined,
      };
    }
    const upTo = before === undefined ? Number.MAX_SAFE_INTEGER : before - 1;
    const found = await read({ after: 0, upTo, limit: limit + 1, from: "newest" });
    const messages = found.slice(-limit);
    const newer = before !== undefined && (await exists({ after: upTo, upTo: Number.MAX_SAFE_INTEGER }));
    return {
      messages,
      older: found.length > limit ? messages[0]?.id : undefined,
      newer: newer ? (messages.at(-1)?.id ?? upTo) : undefined,
    };
  });
}

/** The history of what is asked for, to be read in slices, for whoever may. */
async function history(
  repositories: ReadRepositories,
  { by, of }: ListMessages,
): Promise<(slice: Slice) => Promise<readonly Message[]>> {
  const { chats, messages } = repositories;
  if (of === "all") return (slice) => messages.ofUser(by, slice);
  const chat =
    "chatId" in of
      ? assertGroup(await chats.ofParticipant(of.chatId, by))
      : await p2pWith(repositories, by, of.username);
  return async (slice) => (chat ? messages.ofChat(chat.id, slice) : []);
}
