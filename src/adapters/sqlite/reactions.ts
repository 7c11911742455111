import type { ReactionRepository } from "../../application/ports.js";
import { summarize, type Reaction } from "../../domain/reaction.js";
import type { UserId } from "../../domain/user.js";
import {
  encodeReactions,
  isSummaryOf,
  IS_KEPT,
  LISTED_REACTION,
  MAX_DISCARDED_MESSAGES,
  REACTION,
  updateReactions,
} from "../sql/reactions.js";
import type { Database, Statements } from "./database.js";

export function reactions({ rows, change }: Statements): ReactionRepository {
  return {
    async ofMessage(id, { after = 0, limit }) {
      return rows(
        `SELECT ${LISTED_REACTION.sql} FROM reactions CROSS JOIN users ON users.id = reactions.user_id
         WHERE message_id = ? AND position > ? AND ${IS_KEPT} ORDER BY position LIMIT ?`,
        id,
        after,
        limit,
      ).map(LISTED_REACTION.decode);
    },
    async firstUsers(id, emoji, limit) {
      return rows(
        `SELECT user_id FROM reactions WHERE message_id = ? AND emoji = ? AND ${IS_KEPT} ORDER BY position LIMIT ?`,
        id,
        emoji,
        limit,
      ).map(([userId]) => userId as UserId);
    },
    async ofUser(userId, { after, limit }) {
      return rows(
        `SELECT ${REACTION.sql} FROM reactions
         WHERE user_id = ? AND (message_id, emoji) > (?, ?) AND ${IS_KEPT} ORDER BY message_id, emoji LIMIT ?`,
        userId,
        after?.messageId ?? 0,
        after?.emoji ?? "",
        limit,
      ).map(REACTION.decode);
    },
    async add({ messageId, emoji, userId, at }) {
      const added = change(
        `INSERT INTO reactions (message_id, position, emoji, user_id, at)
         SELECT ?1, coalesce(max(position), 0) + 1, ?2, ?3, ?4 FROM reactions WHERE message_id = ?1
         ON CONFLICT (user_id, message_id, emoji) DO NOTHING`,
        messageId,
        emoji,
        userId,
        at,
      );
      return added > 0;
    },
    async remove({ messageId, emoji, userId }) {
      const sql = `DELETE FROM reactions WHERE user_id = ? AND message_id = ? AND emoji = ? AND ${IS_KEPT}`;
      return change(sql, userId, messageId, emoji) > 0;
    },
    async deleteOfDeleted(limit) {
      let left = limit;
      while (left > 0) {
        const found = rows("SELECT message_id FROM deleted_reactions LIMIT ?", MAX_DISCARDED_MESSAGES);
        if (found.length === 0) break;
        const ids = JSON.stringify(found.flat());
        left -= change(
          `DELETE FROM reactions WHERE (message_id, position) IN (
             SELECT message_id, position FROM json_each(?) AS deleted CROSS JOIN reactions ON message_id = deleted.value LIMIT ?)`,
          ids,
          left,
        );
        change(
          `DELETE FROM deleted_reactions WHERE message_id IN (SELECT value FROM json_each(?))
             AND NOT EXISTS (SELECT 1 FROM reactions WHERE reactions.message_id = deleted_reactions.message_id)`,
          ids,
        );
      }
      return limit - left;
    },
  };
}

/** A sentence for each message that does not count the reactions to it as they are. Works on every version of the schema. */
export function reactionFaults(database: Pick<Database, "row" | "each">): string[] {
  const hasReactions = database.row("SELECT 1 FROM sqlite_schema WHERE name = 'reactions'") !== undefined;
  if (!hasReactions) return [];
  return miscounted(database).map(([id]) => `Message ${id} does not count the reactions to it as they are.`);
}

/** Lets each message count the reactions to it, and leaves those to missing messages to `deleteOfDeleted`. */
export function recountReactions(database: Database): void {
  database.execute(
    `INSERT OR IGNORE INTO deleted_reactions SELECT DISTINCT message_id FROM reactions
     WHERE NOT EXISTS (SELECT 1 FROM messages WHERE messages.id = message_id AND deleted_at IS NULL)`,
  );
  for (const [id, list] of miscounted(database)) {
    database.change(...updateReactions(id, encodeReactions(summarize(list))));
  }
}

type Listed = Pick<Reaction, "emoji" | "userId">;

/** The messages that do not count the reactions to them as they are, each with these reactions. */
function miscounted({
  row,
  each,
}: Pick<Database, "row" | "each">): (readonly [id: number, list: readonly Listed[]])[] {
  const found: (readonly [id: number, list: readonly Listed[]])[] = [];
  let current: { readonly id: number; readonly list: Listed[] } | undefined;
  const compare = () => {
    if (current === undefined) return;
    const { id, list } = current;
    const [stored = null] = row("SELECT reactions FROM messages WHERE id = ?", id) ?? [];
    if (!isSummaryOf(stored as string | null, list)) found.push([id, list]);
  };
  each((reaction) => {
    const { messageId: id, emoji, userId } = REACTION.decode(reaction);
    if (current?.id !== id) {
      compare();
      current = { id, list: [] };
    }
    current.list.push({ emoji, userId });
  }, `SELECT ${REACTION.sql} FROM reactions WHERE ${IS_KEPT} ORDER BY message_id, position`);
  compare();
  each(
    ([id]) => void found.push([id as number, []]),
    `SELECT id FROM messages WHERE reactions IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM reactions WHERE reactions.message_id = messages.id AND ${IS_KEPT})`,
  );
  return found;
}
