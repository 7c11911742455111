import { createHmac, randomBytes } from "node:crypto";
import type { UserRepository } from "../../application/ports.js";
import { DELETED_USERNAME, type Account, type UserId, type UsernameKey } from "../../domain/user.js";
import { put, remove, type Undo } from "./undo.js";

interface Credentials extends Account {
  readonly passwordDigest: string;
  readonly key: UsernameKey | undefined;
  /** Epoch milliseconds; null until nothing of a deleted user remains. */
  readonly erasedAt: number | null;
}

/** @param onDelete replaces the copies of the username that other repositories have. */
export function userRepository(undo: Undo, onDelete: (id: UserId) => void): UserRepository {
  const byId = new Map<UserId, Credentials>();
  const byKey = new Map<UsernameKey, UserId>();
  /** The digests of the keys of deleted users. */
  const reserved = new Map<string, true>();
  const digestKey = randomBytes(32);
  const digestOf = (key: UsernameKey) => createHmac("sha256", digestKey).update(key).digest("hex");
  const isTaken = (key: UsernameKey) => byKey.has(key) || reserved.has(digestOf(key));
  const ofKey = (key: UsernameKey) => {
    const id = byKey.get(key);
    return id === undefined ? undefined : byId.get(id);
  };
  const isToErase = (credentials: Credentials | undefined) =>
    credentials !== undefined && credentials.deletedAt !== null && credentials.erasedAt === null;
  const change = (id: UserId, changed: Partial<Credentials>) => {
    put(byId, id, Object.freeze({ ...byId.get(id)!, ...changed }), undo);
  };
  /** Returns false if the user does not exist or is deleted. */
  const changeLive = (id: UserId, changed: Partial<Credentials>) => {
    const isLive = byId.get(id)?.deletedAt === null;
    if (isLive) change(id, changed);
    return isLive;
  };
  return {
    byId: async (id) => byId.get(id)?.user,
    byIds: async (ids) => ids.flatMap((id) => byId.get(id)?.user ?? []),
    async accountById(id) {
      const credentials = byId.get(id);
      return credentials && accountIn(credentials);
    },
    byKey: async (key) => ofKey(key)?.user,
    async account(key) {
      const credentials = ofKey(key);
      return credentials && accountIn(credentials);
    },
    async credentials(key) {
      const credentials = ofKey(key);
      return credentials && { ...accountIn(credentials), passwordDigest: credentials.passwordDigest };
    },
    isTaken: async (key) => isTaken(key),
    async list({ after = "", limit }) {
      const rest = [...byId.keys()].filter((id) => id > after).toSorted();
      return rest.slice(0, limit).map((id) => accountIn(byId.get(id)!));
    },
    async toErase() {
      for (const [id, credentials] of byId) if (isToErase(credentials)) return id;
      return undefined;
    },
    async add({ id, username, createdAt }, key, passwordDigest) {
      if (isTaken(key)) return false;
      const user = Object.freeze({ id, username, createdAt });
      const states = { disabledAt: null, deletedAt: null, erasedAt: null };
      put(byId, id, Object.freeze({ user, key, passwordDigest, ...states }), undo);
      put(byKey, key, id, undo);
      return true;
    },
    replacePassword: async (id, passwordDigest) => changeLive(id, { passwordDigest }),
    setDisabledAt: async (id, disabledAt) => changeLive(id, { disabledAt }),
    async delete(id, deletedAt) {
      const { user, key } = byId.get(id) ?? {};
      if (user === undefined || key === undefined) return false;
      const named = Object.freeze({ ...user, username: DELETED_USERNAME });
      change(id, { user: named, key: undefined, passwordDigest: "", disabledAt: null, deletedAt });
      remove(byKey, key, undo);
      put(reserved, digestOf(key), true, undo);
      onDelete(id);
      return true;
    },
    isToErase: async (id) => isToErase(byId.get(id)),
    async endErasure(id, erasedAt) {
      if (isToErase(byId.get(id))) change(id, { erasedAt });
    },
  };
}

function accountIn({ user, disabledAt, deletedAt }: Credentials): Account {
  return { user, disabledAt, deletedAt };
}
