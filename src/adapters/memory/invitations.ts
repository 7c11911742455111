import type { InvitationRepository } from "../../application/ports.js";
import type { Invitation, InvitationId } from "../../domain/invitation.js";
import { frozen } from "./events.js";
import { put, remove, type Undo } from "./undo.js";

interface StoredInvitation {
  readonly invitation: Invitation;
  readonly digest: string;
}

export function invitationRepository(undo: Undo): InvitationRepository {
  const byId = new Map<InvitationId, StoredInvitation>();
  const byDigest = new Map<string, InvitationId>();

  function find(condition: (invitation: Invitation) => boolean): readonly Invitation[] {
    return Array.from(byId.values(), ({ invitation }) => invitation)
      .filter(condition)
      .toSorted((one, other) => (one.id < other.id ? -1 : 1));
  }

  return {
    byId: async (id) => byId.get(id)?.invitation,
    async byDigest(digest) {
      const id = byDigest.get(digest);
      return id === undefined ? undefined : byId.get(id)?.invitation;
    },
    ofChat: async (id) => find(({ chatId }) => chatId === id),
    byInviter: async (userId, { after = "", limit }) =>
      find(({ id, inviter }) => inviter.id === userId && id > after).slice(0, limit),
    async add(added, digest) {
      const invitation = frozen(structuredClone(added));
      put(byId, invitation.id, { invitation, digest }, undo);
      put(byDigest, digest, invitation.id, undo);
    },
    async countUse(id) {
      const stored = byId.get(id);
      if (stored === undefined) return;
      const { invitation } = stored;
      put(byId, id, { ...stored, invitation: frozen({ ...invitation, uses: invitation.uses + 1 }) }, undo);
    },
    async remove(ids) {
      for (const id of ids) {
        const stored = byId.get(id);
        if (stored === undefined) continue;
        remove(byDigest, stored.digest, undo);
        remove(byId, id, undo);
      }
    },
  };
}
