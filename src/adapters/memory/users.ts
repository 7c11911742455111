import type { UserRepository } from "../../application/ports.js";
import type { Account, UserId, UsernameKey } from "../../domain/user.js";
import { put, type Undo } from "./undo.js";

interface Credentials extends Account {
  readonly passwordDigest: string;
}

export function userRepository(undo: Undo): UserRepository {
  const byId = new Map<UserId, Credentials>();
  const byKey = new Map<UsernameKey, UserId>();
  const ofKey = (key: UsernameKey) => {
    const id = byKey.get(key);
    return id === undefined ? undefined : byId.get(id);
  };
  return {
    byId: async (id) => byId.get(id)?.user,
    byIds: async (ids) => ids.flatMap((id) => byId.get(id)?.user ?? []),
    byKey: async (key) => ofKey(key)?.user,
    async account(key) {
      const credentials = ofKey(key);
      return credentials && accountIn(credentials);
    },
    credentials: async (key) => ofKey(key),
    async list({ after = "", limit }) {
      const rest = [...byId.keys()].filter((id) => id > after).toSorted();
      return rest.slice(0, limit).map((id) => accountIn(byId.get(id)!));
    },
    async add(user, key, passwordDigest) {
      if (byKey.has(key)) return false;
      const account = Object.freeze({ user: Object.freeze({ ...user }), passwordDigest, disabledAt: null });
      put(byId, user.id, account, undo);
      put(byKey, key, user.id, undo);
      return true;
    },
    async replacePassword(id, passwordDigest) {
      const account = byId.get(id);
      if (account === undefined) return false;
      put(byId, id, Object.freeze({ ...account, passwordDigest }), undo);
      return true;
    },
    async setDisabledAt(id, disabledAt) {
      const account = byId.get(id);
      if (account === undefined) return false;
      put(byId, id, Object.freeze({ ...account, disabledAt }), undo);
      return true;
    },
  };
}

function accountIn({ user, disabledAt }: Credentials): Account {
  return { user, disabledAt };
}
