import type { UserRepository } from "../../application/ports.js";
import type { NamedUser } from "../../domain/event.js";
import type { Account, UserId, UsernameKey } from "../../domain/user.js";
import { put, type Undo } from "./undo.js";

interface Credentials extends Account {
  readonly passwordDigest: string;
}

export interface MemoryUsers extends UserRepository {
  /** A user who exists, with the current names. */
  named(id: UserId): NamedUser;
}

export function userRepository(undo: Undo): MemoryUsers {
  const byId = new Map<UserId, Credentials>();
  const byKey = new Map<UsernameKey, UserId>();
  const ofKey = (key: UsernameKey) => {
    const id = byKey.get(key);
    return id === undefined ? undefined : byId.get(id);
  };
  /** @returns false if the user does not exist. */
  function change(id: UserId, changed: Partial<Credentials>): boolean {
    const account = byId.get(id);
    if (account === undefined) return false;
    put(byId, id, Object.freeze({ ...account, ...changed }), undo);
    return true;
  }

  return {
    named(id) {
      const { user, displayName } = byId.get(id)!;
      return { id, username: user.username, displayName };
    },
    byId: async (id) => byId.get(id)?.user,
    byKey: async (key) => ofKey(key)?.user,
    async account(key) {
      const credentials = ofKey(key);
      return credentials && accountIn(credentials);
    },
    async accountById(id) {
      const credentials = byId.get(id);
      return credentials && accountIn(credentials);
    },
    credentials: async (key) => ofKey(key),
    async list({ after = "", limit }) {
      const rest = [...byId.keys()].filter((id) => id > after).toSorted();
      return rest.slice(0, limit).map((id) => accountIn(byId.get(id)!));
    },
    async add(user, key, passwordDigest) {
      if (byKey.has(key)) return false;
      const account = Object.freeze({
        user: Object.freeze({ ...user }),
        displayName: null,
        passwordDigest,
        disabledAt: null,
      });
      put(byId, user.id, account, undo);
      put(byKey, key, user.id, undo);
      return true;
    },
    replacePassword: async (id, passwordDigest) => change(id, { passwordDigest }),
    setDisplayName: async (id, displayName) => change(id, { displayName }),
    setDisabledAt: async (id, disabledAt) => change(id, { disabledAt }),
  };
}

function accountIn({ user, displayName, disabledAt }: Credentials): Account {
  return { user, displayName, disabledAt };
}
