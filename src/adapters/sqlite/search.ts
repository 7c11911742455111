import type { SearchIndex } from "../../application/ports.js";
import type { MessageId } from "../../domain/message.js";
import type { Statements } from "./database.js";
import type { IndexedText, MessageIndex } from "./message-index.js";
import { lastMessageId } from "./messages.js";

/** What a call of `indexNext` reads at most. It takes a few milliseconds. */
const MAX_INDEXED = 100;
const MAX_INDEXED_CHARACTERS = 8_000;

export function searchIndex(statements: Statements, index: MessageIndex): SearchIndex {
  const { rows } = statements;

  /** The texts that a query returns, up to the one with which they have the maximum length. */
  function read(
    sql: string,
    value: string | number,
  ): { readonly texts: readonly IndexedText[]; readonly isWhole: boolean } {
    const texts: IndexedText[] = [];
    let characters = 0;
    statements.each(
      ([id, text]) => {
        texts.push({ id: id as MessageId, text: text as string });
        characters += (text as string).length;
        return characters < MAX_INDEXED_CHARACTERS;
      },
      sql,
      value,
    );
    return { texts, isWhole: characters < MAX_INDEXED_CHARACTERS };
  }

  return {
    async indexedUpTo() {
      return index.indexedUpTo;
    },
    async find(userId, query, { after, upTo, chatId, senderId }) {
      const { ids, reached } = index.find(query, after, upTo);
      const found = rows(
        `SELECT messages.id FROM json_each(?1) AS wanted CROSS JOIN messages ON messages.id = wanted.value
           CROSS JOIN participants ON participants.user_id = ?2 AND participants.chat_id = messages.chat_id
         WHERE messages.id > participants.history_start
           AND (?3 IS NULL OR messages.chat_id = ?3) AND (?4 IS NULL OR messages.sender_id = ?4)`,
        JSON.stringify(ids),
        userId,
        chatId ?? null,
        senderId ?? null,
      );
      return { ids: found.map(([id]) => id as MessageId), reached };
    },
    async indexNext() {
      const changed = index.toRefresh();
      if (changed !== undefined) {
        const { texts, isWhole } = read(
          `SELECT messages.id, text FROM json_each(?) AS wanted CROSS JOIN messages ON messages.id = wanted.value`,
          JSON.stringify(changed.toSorted((one, other) => one - other)),
        );
        const last = texts.at(-1)?.id ?? 0;
        index.refresh(isWhole ? changed : changed.filter((id) => id <= last), texts);
        return true;
      }
      const { texts, isWhole } = read(
        `SELECT id, text FROM messages WHERE id > ? ORDER BY id LIMIT ${MAX_INDEXED}`,
        index.readUpTo,
      );
      const hasMore = !isWhole || texts.length === MAX_INDEXED;
      if (texts.length > 0) index.add(texts);
      if (!hasMore) index.flush(lastMessageId(statements));
      return hasMore;
    },
  };
}
