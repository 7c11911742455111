import type { SessionRepository } from "../../application/ports.js";
import type { Session, SessionId } from "../../domain/session.js";
import type { UserId } from "../../domain/user.js";
import { put, take, type Undo } from "./undo.js";

interface Stay {
  readonly session: Session;
  readonly digest: string;
}

export function sessionRepository(undo: Undo): SessionRepository {
  const byId = new Map<SessionId, Stay>();
  const byDigest = new Map<string, SessionId>();
  const ofUser = new Map<UserId, Set<SessionId>>();

  function remove({ session, digest }: Stay): void {
    take(byDigest, digest, undo);
    take(byId, session.id, undo);
    ofUser.get(session.user.id)?.delete(session.id);
    undo.push(() => ofUser.get(session.user.id)?.add(session.id));
  }

  function staysOf(userId: UserId): Stay[] {
    return Array.from(ofUser.get(userId) ?? [], (id) => byId.get(id)!);
  }

  return {
    async byDigest(digest) {
      const id = byDigest.get(digest);
      return id === undefined ? undefined : byId.get(id)?.session;
    },
    ofUser: async (userId) =>
      staysOf(userId)
        .map(({ session }) => session)
        .toSorted((one, two) => one.createdAt - two.createdAt || (one.id < two.id ? -1 : 1)),
    async add(given, digest) {
      const session = Object.freeze({ ...given, user: Object.freeze({ ...given.user }) });
      put(byId, session.id, { session, digest }, undo);
      put(byDigest, digest, session.id, undo);
      const own = ofUser.get(session.user.id) ?? new Set();
      ofUser.set(session.user.id, own.add(session.id));
      undo.push(() => own.delete(session.id));
    },
    async touch({ id, lastSeenAt, expiresAt }) {
      const stay = byId.get(id);
      if (stay === undefined) return false;
      const session = Object.freeze({ ...stay.session, lastSeenAt, expiresAt });
      put(byId, id, { ...stay, session }, undo);
      return true;
    },
    async remove(id) {
      const stay = byId.get(id);
      if (stay) remove(stay);
      return stay !== undefined;
    },
    async removeExpired(userId, now) {
      for (const stay of staysOf(userId)) if (stay.session.expiresAt <= now) remove(stay);
    },
  };
}
