import type { MessageRepository } from "../../application/ports.js";
import type { ChatId } from "../../domain/chat.js";
import { toMessage, type Message, type MessageId } from "../../domain/message.js";
import type { UserId } from "../../domain/user.js";
import { stateOf, type ChatStates } from "./chats.js";
import { sliceOf } from "./history.js";
import { put, type Undo } from "./undo.js";

export function messageRepository(
  { byId, ofUser, messages: all }: ChatStates,
  undo: Undo,
): MessageRepository {
  const byKey = new Map<string, { readonly id: number; readonly textDigest: string }>();
  const keyOf = (userId: UserId, key: string) => JSON.stringify([userId, key]);
  const historiesOfChat = (id: ChatId) => [byId.get(id)?.messages ?? []];
  const historiesOfUser = (id: UserId) => Array.from(ofUser.get(id) ?? [], (state) => state.messages);
  const lengthOf = ({ text }: Message) => text.length;

  return {
    lastId: async () => all.length,
    settledId: async () => all.length,
    byId: async (id) => all[id - 1],
    async byIds(ids, { maxCharacters = Infinity }) {
      const found = ids.flatMap((id) => all[id - 1] ?? []);
      let characters = 0;
      const last = found.findIndex((message) => (characters += lengthOf(message)) >= maxCharacters);
      return last === -1 ? found : found.slice(0, last + 1);
    },
    async sentAs(userId, key) {
      const sent = byKey.get(keyOf(userId, key));
      const message = sent && all[sent.id - 1];
      return message && { message, textDigest: sent.textDigest };
    },
    ofChat: async (id, slice) => sliceOf(historiesOfChat(id), slice, lengthOf),
    ofUser: async (id, slice) => sliceOf(historiesOfUser(id), slice, lengthOf),
    idsOfChat: async (id, slice) => sliceOf(historiesOfChat(id), slice).map((message) => message.id),
    idsOfUser: async (id, slice) => sliceOf(historiesOfUser(id), slice).map((message) => message.id),
    sentBy: async (id, { after, upTo }) =>
      all
        .slice(Math.max(0, after), Math.max(0, upTo))
        .filter((message): message is Message => message?.sender.id === id),
    async append(draft, once) {
      const earlier = once && byKey.get(keyOf(draft.sender.id, once.key));
      // The key of a message that was deleted with its chat is free again.
      if (earlier && all[earlier.id - 1] !== undefined) {
        throw new Error("The sender has used this idempotency key before. Look the message up first.");
      }
      const { messages } = stateOf(byId, draft.chatId);
      const message = toMessage(draft, (all.length + 1) as MessageId, messages.length + 1);
      all.push(message);
      messages.push(message);
      undo.push(() => {
        all.pop();
        messages.pop();
      });
      if (once) {
        const entry = { id: message.id, textDigest: once.textDigest };
        put(byKey, keyOf(draft.sender.id, once.key), entry, undo);
      }
      return message;
    },
    async update({ id, text, editedAt, deletedAt }) {
      const before = all[id - 1];
      if (before === undefined) throw new Error(`Message ${id} does not exist.`);
      const { messages, deleted } = stateOf(byId, before.chatId);
      const after = Object.freeze({ ...before, text, editedAt, deletedAt });
      all[id - 1] = messages[before.seq - 1] = after;
      undo.push(() => (all[id - 1] = messages[before.seq - 1] = before));
      if (deletedAt !== null && !deleted.has(before.seq)) {
        deleted.add(before.seq);
        undo.push(() => deleted.delete(before.seq));
      }
    },
    async deleteOfChat(id, limit) {
      const { messages } = stateOf(byId, id);
      const removed = messages.splice(Math.max(0, messages.length - limit));
      for (const message of removed) all[message.id - 1] = undefined;
      undo.push(() => {
        messages.push(...removed);
        for (const message of removed) all[message.id - 1] = message;
      });
      return removed.length;
    },
  };
}
