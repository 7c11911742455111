import type { SessionRepository } from "../../application/ports.js";
import type { Session, SessionId } from "../../domain/session.js";
import type { UserId } from "../../domain/user.js";
import { put, remove, type Undo } from "./undo.js";

interface StoredSession {
  readonly session: Session;
  readonly digest: string;
}

export function sessionRepository(undo: Undo): SessionRepository {
  const byId = new Map<SessionId, StoredSession>();
  const byDigest = new Map<string, SessionId>();
  const ofUser = new Map<UserId, Set<SessionId>>();

  function removeStored({ session, digest }: StoredSession): void {
    remove(byDigest, digest, undo);
    remove(byId, session.id, undo);
    ofUser.get(session.user.id)?.delete(session.id);
    undo.push(() => ofUser.get(session.user.id)?.add(session.id));
  }

  function storedSessionsOf(userId: UserId): StoredSession[] {
    return Array.from(ofUser.get(userId) ?? [], (id) => byId.get(id)!);
  }

  return {
    async byDigest(digest) {
      const id = byDigest.get(digest);
      return id === undefined ? undefined : byId.get(id)?.session;
    },
    ofUser: async (userId) =>
      storedSessionsOf(userId)
        .map(({ session }) => session)
        .toSorted((one, two) => one.createdAt - two.createdAt || (one.id < two.id ? -1 : 1)),
    async add(added, digest) {
      const session = Object.freeze({ ...added, user: Object.freeze({ ...added.user }) });
      put(byId, session.id, { session, digest }, undo);
      put(byDigest, digest, session.id, undo);
      const own = ofUser.get(session.user.id) ?? new Set();
      ofUser.set(session.user.id, own.add(session.id));
      undo.push(() => own.delete(session.id));
    },
    async touch({ id, lastSeenAt, expiresAt }) {
      const stored = byId.get(id);
      if (stored === undefined) return false;
      const session = Object.freeze({ ...stored.session, lastSeenAt, expiresAt });
      put(byId, id, { ...stored, session }, undo);
      return true;
    },
    async remove(id) {
      const stored = byId.get(id);
      if (stored) removeStored(stored);
      return stored !== undefined;
    },
    async removeExpired(userId, now) {
      for (const stored of storedSessionsOf(userId))
        if (stored.session.expiresAt <= now) removeStored(stored);
    },
  };
}
