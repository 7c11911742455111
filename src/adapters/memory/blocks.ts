import type { BlockRepository, UserReader } from "../../application/ports.js";
import type { Block, BlockedUser } from "../../domain/block.js";
import type { UserId } from "../../domain/user.js";
import { put, remove, type Undo } from "./undo.js";

export function blockRepository(users: UserReader, undo: Undo): BlockRepository {
  /** The users that each user has blocked, each with the time. */
  const byUser = new Map<UserId, Map<UserId, number>>();
  const blockedBy = (userId: UserId): ReadonlyMap<UserId, number> => byUser.get(userId) ?? new Map();
  return {
    async ofUser(userId, { after = "", limit }) {
      const ids = [...blockedBy(userId).keys()].filter((id) => id > after).toSorted();
      const found: BlockedUser[] = [];
      for (const id of ids.slice(0, limit)) {
        found.push({ account: (await users.accountById(id))!, blockedAt: blockedBy(userId).get(id)! });
      }
      return found;
    },
    async between(userId, others) {
      return others.flatMap((other): Block[] => [
        ...(blockedBy(userId).has(other) ? [{ by: userId, blocked: other }] : []),
        ...(blockedBy(other).has(userId) ? [{ by: other, blocked: userId }] : []),
      ]);
    },
    count: async (userId) => blockedBy(userId).size,
    async add(userId, blocked, at) {
      const own = byUser.get(userId) ?? new Map<UserId, number>();
      if (own.has(blocked)) return false;
      byUser.set(userId, own);
      put(own, blocked, at, undo);
      return true;
    },
    async remove(userId, blocked) {
      const own = byUser.get(userId);
      if (!own?.has(blocked)) return false;
      remove(own, blocked, undo);
      return true;
    },
    async deleteOfUser(userId, limit) {
      const own = byUser.get(userId) ?? new Map<UserId, number>();
      const ids = [...own.keys()].slice(0, limit);
      for (const id of ids) remove(own, id, undo);
      return ids.length;
    },
  };
}
