import type { Block, BlockedUser } from "../../domain/block.js";
import { projection, valueAt } from "./columns.js";
import { ACCOUNT } from "./users.js";

/** From `blocks`, joined with the blocked `users`. */
export const BLOCKED_USER = projection<BlockedUser>(
  { account: ACCOUNT.columns, blockedAt: "blocks.blocked_at" },
  (row, at) => ({ account: ACCOUNT.decodeAt(row, at.account), blockedAt: valueAt(row, at.blockedAt) }),
);

export const BLOCK = projection<Block>({ by: "blocks.user_id", blocked: "blocks.blocked_id" }, (row, at) => ({
  by: valueAt(row, at.by),
  blocked: valueAt(row, at.blocked),
}));
