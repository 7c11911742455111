import type { BlockRepository } from "../../application/ports.js";
import { BLOCK, BLOCKED_USER } from "../sql/blocks.js";
import type { Scope } from "./scope.js";

/** A transaction locks the user before it reads or changes the blocks of the user. See `UserRepository.lockedAccount`. */
export function blocks(scope: Scope): BlockRepository {
  return {
    async ofUser(userId, { after, limit }) {
      const found = await scope.rows(
        `SELECT ${BLOCKED_USER.sql} FROM blocks JOIN users ON users.id = blocks.blocked_id
         WHERE blocks.user_id = $1 AND blocks.blocked_id > $2 ORDER BY blocks.blocked_id LIMIT $3`,
        userId,
        after ?? "",
        limit,
      );
      return found.map(BLOCKED_USER.decode);
    },
    async between(userId, others) {
      const found = await scope.rows(
        `SELECT ${BLOCK.sql} FROM blocks WHERE user_id = $1 AND blocked_id = ANY($2)
         UNION ALL SELECT ${BLOCK.sql} FROM blocks WHERE user_id = ANY($2) AND blocked_id = $1`,
        userId,
        others,
      );
      return found.map(BLOCK.decode);
    },
    async count(userId) {
      scope.lockUser(userId);
      const [count] = (await scope.row("SELECT count(*) FROM blocks WHERE user_id = $1", userId))!;
      return count as number;
    },
    async add(userId, blocked, at) {
      scope.lockUser(userId);
      const sql = `INSERT INTO blocks (user_id, blocked_id, blocked_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`;
      return (await scope.change(sql, userId, blocked, at)) > 0;
    },
    async remove(userId, blocked) {
      scope.lockUser(userId);
      const sql = "DELETE FROM blocks WHERE user_id = $1 AND blocked_id = $2";
      return (await scope.change(sql, userId, blocked)) > 0;
    },
    async deleteOfUser(userId, limit) {
      return scope.change(
        `DELETE FROM blocks WHERE user_id = $1
           AND blocked_id IN (SELECT blocked_id FROM blocks WHERE user_id = $1 LIMIT $2)`,
        userId,
        limit,
      );
    },
  };
}
