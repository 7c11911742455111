import type { DirectoryEntry, UserRepository } from "../../application/ports.js";
import type { NamedUser } from "../../domain/event.js";
import type { Account, UserId, UsernameKey } from "../../domain/user.js";
import { directoryWords } from "../../domain/directory.js";
import { compare, Directory } from "./directory.js";
import { put, type Undo } from "./undo.js";

interface Credentials extends Account {
  readonly key: UsernameKey;
  readonly passwordDigest: string;
}

export interface MemoryUsers extends UserRepository {
  /** A user who exists, with the current names. */
  named(id: UserId): NamedUser;
}

export function userRepository(undo: Undo): MemoryUsers {
  const byId = new Map<UserId, Credentials>();
  const byKey = new Map<UsernameKey, UserId>();
  const directory = new Directory(undo);
  const wordsOf = ({ key, displayName, disabledAt }: Credentials) =>
    disabledAt === null ? directoryWords(key, displayName) : [];
  const ofKey = (key: UsernameKey) => {
    const id = byKey.get(key);
    return id === undefined ? undefined : byId.get(id);
  };
  /** @returns false if the user does not exist. */
  function change(id: UserId, changed: Partial<Credentials>): boolean {
    const account = byId.get(id);
    if (account === undefined) return false;
    const after = Object.freeze({ ...account, ...changed });
    put(byId, id, after, undo);
    directory.remove(id, wordsOf(account));
    directory.add(id, wordsOf(after));
    return true;
  }

  function accountOf(key: UsernameKey): Account | undefined {
    const credentials = ofKey(key);
    return credentials && accountIn(credentials);
  }

  return {
    named(id) {
      const { user, displayName } = byId.get(id)!;
      return { id, username: user.username, displayName };
    },
    byId: async (id) => byId.get(id)?.user,
    byKey: async (key) => ofKey(key)?.user,
    account: async (key) => accountOf(key),
    addressee: async (key) => accountOf(key),
    async accountById(id) {
      const credentials = byId.get(id);
      return credentials && accountIn(credentials);
    },
    async credentials(key) {
      const credentials = ofKey(key);
      return credentials && { ...accountIn(credentials), passwordDigest: credentials.passwordDigest };
    },
    async list({ after = "", limit }) {
      const rest = [...byId.keys()].filter((id) => id > after).toSorted();
      return rest.slice(0, limit).map((id) => accountIn(byId.get(id)!));
    },
    async matching({ prefix, after, limit }) {
      const found: DirectoryEntry[] = [];
      for (const { id, word } of directory.behind(prefix, after)) {
        if (found.length === limit) break;
        const account = byId.get(id)!;
        const first = wordsOf(account)
          .filter((each) => compare(each, prefix) >= 0)
          .toSorted(compare)[0];
        if (first === word) found.push({ word, account: accountIn(account) });
      }
      return found;
    },
    async add(user, key, passwordDigest) {
      if (byKey.has(key)) return false;
      const account = Object.freeze({
        user: Object.freeze({ ...user }),
        key,
        displayName: null,
        passwordDigest,
        disabledAt: null,
      });
      put(byId, user.id, account, undo);
      put(byKey, key, user.id, undo);
      directory.add(user.id, wordsOf(account));
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
