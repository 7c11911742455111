import type { MessageRepository, Slice } from "../../application/ports.js";
import type { ChatId } from "../../domain/chat.js";
import type { Message, MessageId, MessageText } from "../../domain/message.js";
import type { UserId } from "../../domain/user.js";
import { numberIn, type Row, type Statements } from "./database.js";
import { openTails } from "./recent-messages.js";

/** What `messageOf` takes. */
export const MESSAGE = `messages.id, messages.chat_id, messages.seq, messages.text, messages.sent_at, messages.edited_at,
  messages.deleted_at, users.id, users.username`;
export const MESSAGE_COLUMNS = 9;

export function messages(statements: Statements): MessageRepository {
  const { row, rows, change } = statements;
  const tails = openTails();
  /** As `lastMessageId`, once one was given: nothing else gives any. */
  let lastId: number | undefined;

  function newest(id: ChatId, slice: Slice): readonly Message[] {
    const known = tails.newest(id, slice);
    if (known !== undefined) return known;
    const found = read(id, slice);
    if (slice.after === 0 && slice.upTo >= lastMessageId(statements)) {
      tails.keep(id, found, found.length < slice.limit);
    }
    return found;
  }

  function read(id: ChatId, { after, upTo, limit, from }: Slice): readonly Message[] {
    return inOrder(
      from,
      rows(
        `SELECT ${MESSAGE} FROM messages JOIN users ON users.id = messages.sender_id
         WHERE messages.chat_id = ? AND messages.id > ? AND messages.id <= ?
         ORDER BY messages.id ${from === "oldest" ? "" : "DESC"} LIMIT ?`,
        id,
        after,
        upTo,
        limit,
      ),
    );
  }

  function lastSeq(id: ChatId): number {
    return numberIn(row("SELECT max(seq) FROM messages WHERE chat_id = (SELECT ?)", id));
  }

  return {
    async lastId() {
      return lastMessageId(statements);
    },
    async byId(id) {
      const found = row(
        `SELECT ${MESSAGE} FROM messages CROSS JOIN users ON users.id = messages.sender_id WHERE messages.id = (SELECT ?)`,
        id,
      );
      return found && messageOf(found);
    },
    async sentAs(userId, key) {
      const found = row(
        `SELECT ${MESSAGE}, messages.text_digest FROM messages CROSS JOIN users ON users.id = messages.sender_id
         WHERE messages.sender_id = (SELECT ?) AND messages.idempotency_key = (SELECT ?)`,
        userId,
        key,
      );
      return found && { message: messageOf(found), textDigest: found[MESSAGE_COLUMNS] as string };
    },
    // A whole list, which begins with the oldest, is read once, and would leave nothing else to be remembered.
    async ofChat(id, slice) {
      return slice.from === "newest" ? newest(id, slice) : read(id, slice);
    },
    // The feed is a queue by id: it begins with the next message of each chat, and each that is taken out puts in the
    // one behind it in its chat. So it costs the chats and what is taken out, however long they are.
    async ofUser(id, { after, upTo, limit, from }) {
      const forward = from === "oldest";
      const next = (chatId: string, behind: string) =>
        forward
          ? `(SELECT min(id) FROM messages WHERE chat_id = ${chatId} AND id > ${behind})`
          : `(SELECT max(id) FROM messages WHERE chat_id = ${chatId} AND id < ${behind})`;
      return inOrder(
        from,
        rows(
          `WITH RECURSIVE feed (id, chat_id) AS (
             SELECT messages.id, messages.chat_id FROM participants CROSS JOIN messages
               ON messages.id = ${next("participants.chat_id", forward ? "?2" : "?3 + 1")}
             WHERE participants.user_id = ?1 AND messages.id > ?2 AND messages.id <= ?3
             UNION ALL
             SELECT messages.id, messages.chat_id FROM feed CROSS JOIN messages
               ON messages.id = ${next("feed.chat_id", "feed.id")}
             WHERE messages.id > ?2 AND messages.id <= ?3
             ORDER BY 1 ${forward ? "" : "DESC"} LIMIT ?4
           )
           SELECT ${MESSAGE} FROM feed CROSS JOIN messages ON messages.id = feed.id
             JOIN users ON users.id = messages.sender_id`,
          id,
          after,
          upTo,
          limit,
        ),
      );
    },
    // By the ids alone: an index of the senders would cost each message that is sent, for what is asked for seldom.
    async sentBy(id, { after, upTo }) {
      return rows(
        `SELECT ${MESSAGE} FROM messages CROSS JOIN users ON users.id = messages.sender_id
         WHERE messages.id > ? AND messages.id <= ? AND +messages.sender_id = ? ORDER BY messages.id`,
        after,
        upTo,
        id,
      ).map(messageOf);
    },
    async append({ chatId, sender, text, sentAt }, once) {
      const id = (lastId ?? lastMessageId(statements)) + 1;
      const seq = (tails.last(chatId)?.seq ?? lastSeq(chatId)) + 1;
      change(
        `INSERT INTO messages (id, chat_id, seq, sender_id, text, sent_at, idempotency_key, text_digest)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
        id,
        chatId,
        seq,
        sender.id,
        text,
        sentAt,
        once?.key ?? null,
        once?.textDigest ?? null,
      );
      lastId = id;
      const message = messageOf([id, chatId, seq, text, sentAt, null, null, sender.id, sender.username]);
      tails.lengthen(message);
      return message;
    },
    async update({ id, chatId, text, editedAt, deletedAt }) {
      change(
        "UPDATE messages SET text = ?, edited_at = ?, deleted_at = ? WHERE id = ?",
        text,
        editedAt,
        deletedAt,
        id,
      );
      tails.drop(chatId);
    },
  };
}

/** The greatest id given so far; 0 before the first. */
export function lastMessageId({ row }: Statements): number {
  return numberIn(row("SELECT max(id) FROM messages"));
}

export function messageOf([
  id,
  chatId,
  seq,
  text,
  sentAt,
  editedAt,
  deletedAt,
  senderId,
  username,
]: Row): Message {
  return Object.freeze({
    id: id as MessageId,
    chatId: chatId as ChatId,
    seq: seq as number,
    sender: Object.freeze({ id: senderId as UserId, username: username as string }),
    text: text as MessageText,
    sentAt: sentAt as number,
    editedAt: editedAt as number | null,
    deletedAt: deletedAt as number | null,
  });
}

function inOrder(from: Slice["from"], found: readonly Row[]): readonly Message[] {
  return (from === "oldest" ? found : found.toReversed()).map(messageOf);
}
