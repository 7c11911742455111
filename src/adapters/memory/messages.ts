import type { MessageRepository, MessageTime, Slice, UserSlice } from "../../application/ports.js";
import { canRead, type ChatId } from "../../domain/chat.js";
import { lengthOf, toMessage, type Message, type MessageId } from "../../domain/message.js";
import { NO_REACTIONS } from "../../domain/reaction.js";
import { DELETED_USERNAME, type UserId } from "../../domain/user.js";
import { lastSeqOf, stateOf, type ChatState, type ChatStates } from "./chats.js";
import { frozen } from "./events.js";
import { firstAfter, sliceOf } from "./history.js";
import { put, remove, type Undo } from "./undo.js";

/** @param onDelete called with each message that is deleted, with or without a tombstone, as it was before. */
export function messageRepository(
  states: ChatStates,
  undo: Undo,
  onDelete: (message: Message) => void,
): MessageRepository {
  const { byId, ofUser, messages: all } = states;
  const byKey = new Map<string, { readonly id: number; readonly textDigest: string }>();
  /** The keys in `byKey`, by the id of the message. All of them are of messages that exist. */
  const keyOfId = new Map<number, string>();
  const keyOf = (userId: UserId, key: string) => JSON.stringify([userId, key]);
  const historiesOfChat = (id: ChatId) => [byId.get(id)?.messages ?? []];
  function sliceOfUser(
    id: UserId,
    slice: Slice & UserSlice,
    length?: (message: Message) => number,
  ): readonly Message[] {
    if (slice.scansRange) {
      const range = all.slice(Math.max(0, slice.after), Math.max(0, slice.upTo));
      const isReadable = (message: Message) => {
        const stay = byId.get(message.chatId)?.participants.get(id);
        return stay !== undefined && canRead(stay, message);
      };
      return sliceOf(
        [range.filter((message): message is Message => message !== undefined && isReadable(message))],
        slice,
        length,
      );
    }
    const own = ofUser.get(id) ?? [];
    const histories = own.map(({ messages }) => messages);
    const starts = own.map(({ participants }) => participants.get(id)!.historyStart);
    return sliceOf(histories, slice, length, starts);
  }

  function update({ id, text, mentions, metadata, editedAt, deletedAt }: Message): void {
    const before = all[id - 1];
    if (before === undefined) throw new Error(`Message ${id} does not exist.`);
    const reactions = deletedAt === null ? before.reactions : NO_REACTIONS;
    const changed = { ...before, text, mentions, metadata, editedAt, deletedAt, reactions };
    replace(states, changed, undo);
    if (deletedAt !== null) onDelete(before);
    const state = stateOf(byId, before.chatId);
    unindexMentions(state, before, undo);
    indexMentions(state, changed, undo);
    const { deleted } = state;
    if (deletedAt !== null && !deleted.has(before.seq)) {
      deleted.add(before.seq);
      undo.push(() => deleted.delete(before.seq));
    }
  }

  function freeKey(id: number): void {
    const key = keyOfId.get(id);
    if (key === undefined) return;
    remove(byKey, key, undo);
    remove(keyOfId, id, undo);
  }

  /** Deletes what is stored of a message that is gone. */
  function forgetRest(state: ChatState, message: Message): void {
    freeKey(message.id);
    onDelete(message);
    unindexMentions(state, message, undo);
  }

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
    ofUser: async (id, slice) => sliceOfUser(id, slice, lengthOf),
    idsOfChat: async (id, slice) => sliceOf(historiesOfChat(id), slice).map((message) => message.id),
    idsOfUser: async (id, slice) => sliceOfUser(id, slice).map((message) => message.id),
    sentBy: async (id, { after, upTo }) =>
      all
        .slice(Math.max(0, after), Math.max(0, upTo))
        .filter((message): message is Message => message?.sender.id === id),
    async timesOf({ after, limit }) {
      const times: MessageTime[] = [];
      for (let index = after; index < all.length && times.length < limit; index += 1) {
        const message = all[index];
        if (message) times.push({ id: message.id, chatId: message.chatId, sentAt: message.sentAt });
      }
      return times;
    },
    async tombstonesAfter(id, after) {
      return [...(byId.get(id)?.deleted ?? [])].filter((seq) => seq > after).length;
    },
    async append(draft, once) {
      if (once && byKey.has(keyOf(draft.sender.id, once.key))) {
        throw new Error("The sender has used this idempotency key before. Look the message up first.");
      }
      const state = stateOf(byId, draft.chatId);
      const { messages } = state;
      const message = toMessage(draft, (all.length + 1) as MessageId, lastSeqOf(state) + 1);
      all.push(message);
      messages.push(message);
      undo.push(() => {
        all.pop();
        messages.pop();
      });
      indexMentions(state, message, undo);
      if (once) {
        const entry = { id: message.id, textDigest: once.textDigest };
        const key = keyOf(draft.sender.id, once.key);
        put(byKey, key, entry, undo);
        put(keyOfId, message.id, key, undo);
      }
      return message;
    },
    async update(message) {
      update(message);
    },
    async setReactions({ id, reactions }) {
      replace(states, { ...all[id - 1]!, reactions: frozen(structuredClone(reactions)) }, undo);
    },
    async erase(message) {
      update(message);
      freeKey(message.id);
    },
    async deleteOfChat(id, limit) {
      const { messages } = stateOf(byId, id);
      const removed = messages.splice(Math.max(0, messages.length - limit));
      for (const message of removed) all[message.id - 1] = undefined;
      undo.push(() => {
        messages.push(...removed);
        for (const message of removed) all[message.id - 1] = message;
      });
      for (const message of removed) forgetRest(stateOf(byId, id), message);
      return removed.length;
    },
    async forget(id, upTo, limit) {
      const state = byId.get(id);
      const count = state ? Math.min(firstAfter(state.messages, upTo), limit) : 0;
      if (state === undefined || count <= 0) return undefined;
      const { messages, deleted, forgottenSeq, forgottenAt: forgottenAtBefore, bornAfter } = state;
      const removed = messages.splice(0, count);
      const tombstones = removed.filter(({ seq }) => deleted.delete(seq));
      for (const message of removed) all[message.id - 1] = undefined;
      state.forgottenSeq += count;
      const forgottenAt = removed.at(-1)!.sentAt;
      state.forgottenAt = forgottenAt;
      state.bornAfter = removed.at(-1)!.id;
      undo.push(() => {
        state.forgottenSeq = forgottenSeq;
        state.forgottenAt = forgottenAtBefore;
        state.bornAfter = bornAfter;
        messages.unshift(...removed);
        for (const { seq } of tombstones) deleted.add(seq);
        for (const message of removed) all[message.id - 1] = message;
      });
      for (const message of removed) forgetRest(state, message);
      return { count, forgottenSeq: state.forgottenSeq, forgottenAt };
    },
  };
}

function indexMentions({ mentions: index }: ChatState, { mentions, seq }: Message, undo: Undo): void {
  for (const userId of mentions) {
    const seqs = index.get(userId) ?? new Set();
    if (seqs.size === 0) put(index, userId, seqs, undo);
    seqs.add(seq);
    undo.push(() => seqs.delete(seq));
  }
}

function unindexMentions({ mentions: index }: ChatState, { mentions, seq }: Message, undo: Undo): void {
  for (const userId of mentions) {
    const seqs = index.get(userId)!;
    seqs.delete(seq);
    undo.push(() => seqs.add(seq));
  }
}

function replace({ byId, messages: all }: ChatStates, changed: Message, undo: Undo): void {
  const { id, chatId, seq } = changed;
  const { messages, forgottenSeq } = stateOf(byId, chatId);
  const index = seq - 1 - forgottenSeq;
  const before = all[id - 1]!;
  all[id - 1] = messages[index] = Object.freeze(changed);
  undo.push(() => (all[id - 1] = messages[index] = before));
}

/** Gives all messages of a deleted user the username of deleted users. */
export function renameSender(states: ChatStates, id: UserId, undo: Undo): void {
  const sender = Object.freeze({ id, username: DELETED_USERNAME });
  for (const message of states.messages) {
    if (message?.sender.id === id) replace(states, { ...message, sender }, undo);
  }
}
