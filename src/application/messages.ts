import { pairOf, requireGroup, type ChatId } from "../domain/chat.js";
import { parseMessageText, type Message } from "../domain/message.js";
import type { UserId } from "../domain/user.js";
import type { Ports, ReadRepositories, Slice } from "./ports.js";
import { requireUser, requireUserNamed } from "./users.js";

export interface SendMessage {
  readonly by: UserId;
  readonly to: { readonly chatId: ChatId } | { readonly username: string };
  readonly text: string;
}

/**
 * Sends a message to a group chat or to a user. The p2p chat with a user comes into being with its first message. When
 * this resolves, the message is stored for good.
 *
 * @throws MessagingError `invalid_message`, `unknown_user`; for a chat `not_a_participant`, `p2p_chat`
 */
export async function sendMessage({ store, clock }: Ports, command: SendMessage): Promise<Message> {
  const { by, to } = command;
  const text = parseMessageText(command.text);
  return store.transaction(async ({ chats, messages, users }) => {
    const sentAt = clock.now();
    const sender = await requireUser(users, by);
    const chat =
      "chatId" in to
        ? requireGroup(await chats.ofParticipant(to.chatId, by))
        : await chats.openP2p(pairOf(by, (await requireUserNamed(users, to.username)).id), sentAt);
    return messages.append({ chatId: chat.id, sender, text, sentAt });
  });
}

export interface ListMessages {
  readonly by: UserId;
  /** All chats of the caller, one group chat, or the p2p chat with a user. */
  readonly of: "all" | { readonly chatId: ChatId } | { readonly username: string };
}

/** How many messages a list hands over at a time. */
const SLICE = 200;

/**
 * The whole history, oldest first, in slices of at most 200 messages, as it was when this was called: what is sent later
 * is not in it. Each slice is read when it is asked for, so that a list of any length takes constant memory; whoever is
 * removed meanwhile gets nothing more.
 *
 * @throws MessagingError `unknown_user`; for a chat `not_a_participant`, `p2p_chat`, both also between two slices
 */
export async function listMessages(
  { store }: Ports,
  { by, of }: ListMessages,
): Promise<AsyncIterable<readonly Message[]>> {
  const upTo = await store.read(async (repositories) => {
    await readSlice(repositories, { by, of }, { after: 0, upTo: 0, limit: 1 });
    return repositories.messages.lastId();
  });
  return slices((after) =>
    store.read((repositories) => readSlice(repositories, { by, of }, { after, upTo, limit: SLICE })),
  );
}

async function* slices(
  read: (after: number) => Promise<readonly Message[]>,
): AsyncGenerator<readonly Message[]> {
  let slice = await read(0);
  while (slice.length > 0) {
    yield slice;
    slice = await read(slice.at(-1)!.id);
  }
}

async function readSlice(
  { chats, messages, users }: ReadRepositories,
  { by, of }: ListMessages,
  slice: Slice,
): Promise<readonly Message[]> {
  if (of === "all") return messages.ofUser(by, slice);
  if ("chatId" in of) {
    const chat = requireGroup(await chats.ofParticipant(of.chatId, by));
    return messages.ofChat(chat.id, slice);
  }
  const peer = await requireUserNamed(users, of.username);
  const chat = await chats.p2p(pairOf(by, peer.id));
  return chat ? messages.ofChat(chat.id, slice) : [];
}
