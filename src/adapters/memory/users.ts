import { createHmac, randomBytes } from "node:crypto";
import type { DirectoryEntry, UserRepository } from "../../application/ports.js";
import { directoryWords } from "../../domain/directory.js";
import {
  DELETED_USERNAME,
  isAvailable,
  type Account,
  type UserId,
  type UsernameKey,
} from "../../domain/user.js";
import { compare, Directory } from "./directory.js";
import { put, remove, type Undo } from "./undo.js";

interface Credentials extends Account {
  /** Undefined for a deleted user. */
  readonly key: UsernameKey | undefined;
  readonly passwordDigest: string;
  /** Epoch milliseconds; null until nothing of a deleted user remains. */
  readonly erasedAt: number | null;
}

/** @param onDelete replaces the copies of the username that other repositories have. */
export function userRepository(undo: Undo, onDelete: (id: UserId) => void): UserRepository {
  const byId = new Map<UserId, Credentials>();
  const byKey = new Map<UsernameKey, UserId>();
  const directory = new Directory(undo);
  /** The digests of the keys of deleted users. */
  const reserved = new Map<string, true>();
  const digestKey = randomBytes(32);
  const digestOf = (key: UsernameKey) => createHmac("sha256", digestKey).update(key).digest("hex");
  const isTaken = (key: UsernameKey) => byKey.has(key) || reserved.has(digestOf(key));
  const wordsOf = (credentials: Credentials) =>
    isAvailable(credentials) ? directoryWords(credentials.key!, credentials.displayName) : [];
  const ofKey = (key: UsernameKey) => {
    const id = byKey.get(key);
    return id === undefined ? undefined : byId.get(id);
  };
  const isToErase = (credentials: Credentials | undefined) =>
    credentials !== undefined && credentials.deletedAt !== null && credentials.erasedAt === null;

  function change(id: UserId, changed: Partial<Credentials>): void {
    const before = byId.get(id)!;
    const after = Object.freeze({ ...before, ...changed });
    put(byId, id, after, undo);
    directory.remove(id, wordsOf(before));
    directory.add(id, wordsOf(after));
  }

  /** Returns false if the user does not exist or is deleted. */
  function changeLive(id: UserId, changed: Partial<Credentials>): boolean {
    const isLive = byId.get(id)?.deletedAt === null;
    if (isLive) change(id, changed);
    return isLive;
  }

  async function account(key: UsernameKey): Promise<Account | undefined> {
    const credentials = ofKey(key);
    return credentials && accountIn(credentials);
  }

  async function accountById(id: UserId): Promise<Account | undefined> {
    const credentials = byId.get(id);
    return credentials && accountIn(credentials);
  }

  return {
    account,
    accountById,
    lockedAccount: account,
    lockedAccountById: accountById,
    byId: async (id) => byId.get(id)?.user,
    async accountsById(ids) {
      return ids.flatMap((id) => {
        const credentials = byId.get(id);
        return credentials ? [accountIn(credentials)] : [];
      });
    },
    byKey: async (key) => ofKey(key)?.user,
    async credentials(key) {
      const credentials = ofKey(key);
      return credentials && { ...accountIn(credentials), passwordDigest: credentials.passwordDigest };
    },
    isTaken: async (key) => isTaken(key),
    async list({ after = "", limit }) {
      const rest = [...byId.keys()].filter((id) => id > after).toSorted();
      return rest.slice(0, limit).map((id) => accountIn(byId.get(id)!));
    },
    async matching({ prefix, after, limit }) {
      const found: DirectoryEntry[] = [];
      for (const { id, word } of directory.behind(prefix, after)) {
        if (found.length === limit) break;
        const credentials = byId.get(id)!;
        const first = wordsOf(credentials)
          .filter((each) => compare(each, prefix) >= 0)
          .toSorted(compare)[0];
        if (first === word) found.push({ word, account: accountIn(credentials) });
      }
      return found;
    },
    async toErase() {
      for (const [id, credentials] of byId) if (isToErase(credentials)) return id;
      return undefined;
    },
    async add({ id, username, createdAt }, key, passwordDigest) {
      if (isTaken(key)) return false;
      const user = Object.freeze({ id, username, createdAt });
      const states = { disabledAt: null, deletedAt: null, erasedAt: null };
      const credentials = Object.freeze({ user, key, passwordDigest, displayName: null, ...states });
      put(byId, id, credentials, undo);
      put(byKey, key, id, undo);
      directory.add(id, wordsOf(credentials));
      return true;
    },
    replacePassword: async (id, passwordDigest) => changeLive(id, { passwordDigest }),
    setDisplayName: async (id, displayName) => changeLive(id, { displayName }),
    setDisabledAt: async (id, disabledAt) => changeLive(id, { disabledAt }),
    async delete(id, deletedAt) {
      const { user, key } = byId.get(id) ?? {};
      if (user === undefined || key === undefined) return false;
      const named = Object.freeze({ ...user, username: DELETED_USERNAME });
      const gone = { key: undefined, displayName: null, passwordDigest: "", disabledAt: null };
      change(id, { user: named, ...gone, deletedAt });
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

function accountIn({ user, displayName, disabledAt, deletedAt }: Credentials): Account {
  return { user, displayName, disabledAt, deletedAt };
}
