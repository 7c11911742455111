import type { BlockRepository } from "../../application/ports.js";
import { BLOCK, BLOCKED_USER } from "../sql/blocks.js";
import { numberIn, type Statements } from "./database.js";

export function blocks({ row, rows, change }: Statements): BlockRepository {
  return {
    async ofUser(userId, { after, limit }) {
      return rows(
        `SELECT ${BLOCKED_USER.sql} FROM blocks CROSS JOIN users ON users.id = blocks.blocked_id
         WHERE blocks.user_id = ? AND blocks.blocked_id > ? ORDER BY blocks.blocked_id LIMIT ?`,
        userId,
        after ?? "",
        limit,
      ).map(BLOCKED_USER.decode);
    },
    async between(userId, others) {
      return rows(
        `SELECT ${BLOCK.sql} FROM json_each(?2) AS wanted CROSS JOIN blocks
           ON blocks.user_id = ?1 AND blocks.blocked_id = wanted.value
         UNION ALL
         SELECT ${BLOCK.sql} FROM json_each(?2) AS wanted CROSS JOIN blocks
           ON blocks.user_id = wanted.value AND blocks.blocked_id = ?1`,
        userId,
        JSON.stringify(others),
      ).map(BLOCK.decode);
    },
    async count(userId) {
      return numberIn(row("SELECT count(*) FROM blocks WHERE user_id = ?", userId));
    },
    async add(userId, blocked, at) {
      const sql =
        "INSERT INTO blocks (user_id, blocked_id, blocked_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
      return change(sql, userId, blocked, at) > 0;
    },
    async remove(userId, blocked) {
      return change("DELETE FROM blocks WHERE user_id = ? AND blocked_id = ?", userId, blocked) > 0;
    },
    async deleteOfUser(userId, limit) {
      return change(
        `DELETE FROM blocks WHERE user_id = ?1
           AND blocked_id IN (SELECT blocked_id FROM blocks WHERE user_id = ?1 LIMIT ?2)`,
        userId,
        limit,
      );
    },
  };
}
