import type { ReactionRepository } from "../../application/ports.js";
import type { UserId } from "../../domain/user.js";
import { IS_KEPT, LISTED_REACTION, MAX_DISCARDED_MESSAGES, REACTION } from "../sql/reactions.js";
import type { Scope } from "./scope.js";

/** A transaction locks the message, by `MessageReader.byId`, before it reads or changes the reactions to it. */
export function reactions(scope: Scope): ReactionRepository {
  return {
    async ofMessage(id, { after = 0, limit }) {
      const found = await scope.rows(
        `SELECT ${LISTED_REACTION.sql} FROM reactions JOIN users ON users.id = reactions.user_id
         WHERE message_id = $1 AND position > $2 AND ${IS_KEPT} ORDER BY position LIMIT $3`,
        id,
        after,
        limit,
      );
      return found.map(LISTED_REACTION.decode);
    },
    async firstUsers(id, emoji, limit) {
      const found = await scope.rows(
        `SELECT user_id FROM reactions WHERE message_id = $1 AND emoji = $2 AND ${IS_KEPT} ORDER BY position LIMIT $3`,
        id,
        emoji,
        limit,
      );
      return found.map(([userId]) => userId as UserId);
    },
    async ofUser(userId, { after, limit }) {
      const found = await scope.rows(
        `SELECT ${REACTION.sql} FROM reactions
         WHERE user_id = $1 AND (message_id, emoji) > ($2, $3) AND ${IS_KEPT} ORDER BY message_id, emoji LIMIT $4`,
        userId,
        after?.messageId ?? 0,
        after?.emoji ?? "",
        limit,
      );
      return found.map(REACTION.decode);
    },
    async add({ messageId, emoji, userId, at }) {
      const added = await scope.change(
        `INSERT INTO reactions (message_id, position, emoji, user_id, at)
         SELECT $1::bigint, coalesce(max(position), 0) + 1, $2, $3, $4::bigint FROM reactions WHERE message_id = $1
         ON CONFLICT (user_id, message_id, emoji) DO NOTHING`,
        messageId,
        emoji,
        userId,
        at,
      );
      return added > 0;
    },
    async remove({ messageId, emoji, userId }) {
      const sql = `DELETE FROM reactions WHERE user_id = $1 AND message_id = $2 AND emoji = $3 AND ${IS_KEPT}`;
      return (await scope.change(sql, userId, messageId, emoji)) > 0;
    },
    // Of two transactions at once, each deletes what the other has not locked.
    async deleteOfDeleted(limit) {
      let left = limit;
      while (left > 0) {
        const found = await scope.rows(
          "SELECT message_id FROM deleted_reactions ORDER BY message_id LIMIT $1 FOR UPDATE SKIP LOCKED",
          MAX_DISCARDED_MESSAGES,
        );
        if (found.length === 0) break;
        const ids = found.flat();
        left -= await scope.change(
          `DELETE FROM reactions WHERE (message_id, position) IN (
             SELECT message_id, position FROM reactions WHERE message_id = ANY($1) LIMIT $2)`,
          ids,
          left,
        );
        await scope.change(
          `DELETE FROM deleted_reactions WHERE message_id = ANY($1)
             AND NOT EXISTS (SELECT FROM reactions WHERE reactions.message_id = deleted_reactions.message_id)`,
          ids,
        );
      }
      return limit - left;
    },
  };
}
