import type { SearchIndex } from "../../application/ports.js";
import { canRead } from "../../domain/chat.js";
import type { MessageId } from "../../domain/message.js";
import { matchesQuery } from "../../domain/search.js";
import type { ChatStates } from "./chats.js";

/** The number of messages that a call compares at most. */
const MAX_COMPARED = 1_000;

/** Searches without an index: a call compares the texts. */
export function searchIndex({ byId, messages: all }: ChatStates): SearchIndex {
  return {
    indexedUpTo: async () => all.length,
    async find(userId, query, { after, upTo, chatId, senderId }) {
      const ids: MessageId[] = [];
      const start = Math.min(upTo, all.length);
      const reached = Math.max(after, start - MAX_COMPARED);
      for (let id = start; id > reached; id -= 1) {
        const message = all[id - 1];
        if (message === undefined) continue;
        if (chatId !== undefined && message.chatId !== chatId) continue;
        if (senderId !== undefined && message.sender.id !== senderId) continue;
        const stay = byId.get(message.chatId)?.participants.get(userId);
        if (stay && canRead(stay, message) && matchesQuery(query, message.text)) ids.push(message.id);
      }
      return { ids, reached };
    },
    indexNext: async () => false,
  };
}
