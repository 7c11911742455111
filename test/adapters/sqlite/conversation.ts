import type { Store } from "../../../src/application/ports.js";
import { pairOf, type Chat } from "../../../src/domain/chat.js";
import type { Message, MessageText } from "../../../src/domain/message.js";
import type { User, UserId, UsernameKey } from "../../../src/domain/user.js";
import { PLAIN } from "../../contract/fixtures.js";

export const ana: User = {
  id: "the-user-id-of-ana-is-longer-than-32" as UserId,
  username: "Ana",
  createdAt: 1,
};
export const bo: User = { id: "the-user-id-of-bo-is-longer-than-32" as UserId, username: "Bo", createdAt: 2 };

/** Registers Ana and Bo and opens their chat, in one transaction. */
export function openP2p(store: Store): Promise<Chat> {
  return store.transaction(async ({ users, chats }) => {
    await users.add(ana, "ana" as UsernameKey, "digest");
    await users.add(bo, "bo" as UsernameKey, "digest");
    return chats.addP2p(pairOf(ana.id, bo.id), 3);
  });
}

/** Sends each text in a transaction, one after the other. */
export async function send(store: Store, chat: Chat, ...words: readonly string[]): Promise<Message[]> {
  const sent: Message[] = [];
  for (const text of words) {
    sent.push(
      await store.transaction(({ messages }) =>
        messages.append({ chatId: chat.id, sender: ana, text: text as MessageText, ...PLAIN, sentAt: 4 }),
      ),
    );
  }
  return sent;
}

export async function texts(store: Store, chat: Chat): Promise<string[]> {
  const all = { after: 0, upTo: Number.MAX_SAFE_INTEGER, limit: 1_000_000, from: "oldest" } as const;
  const found = await store.read(({ messages }) => messages.ofChat(chat.id, all));
  return found.map(({ text }) => text);
}
