import type { InvitationRepository } from "../../application/ports.js";
import type { ChatId } from "../../domain/chat.js";
import { insertInvitation, INVITATION } from "../sql/invitations.js";
import type { Scope } from "./scope.js";

const SELECT = `SELECT ${INVITATION.sql} FROM invitations JOIN users ON users.id = invitations.inviter_id`;

export function invitations(scope: Scope): InvitationRepository {
  return {
    async byId(id) {
      const found = await scope.row(`${SELECT} WHERE invitations.id = $1`, id);
      return found && INVITATION.decode(found);
    },
    async byDigest(digest) {
      if (scope.attempts === undefined) {
        const found = await scope.row("SELECT chat_id FROM invitations WHERE digest = $1", digest);
        if (found === undefined) return undefined;
        // Then read again: another transaction can have used or removed it before the lock.
        scope.lockChat(found[0] as ChatId);
      }
      const invitation = await scope.row(`${SELECT} WHERE invitations.digest = $1`, digest);
      return invitation && INVITATION.decode(invitation);
    },
    async ofChat(id) {
      scope.lockChat(id);
      const found = await scope.rows(`${SELECT} WHERE invitations.chat_id = $1 ORDER BY invitations.id`, id);
      return found.map(INVITATION.decode);
    },
    async byInviter(id, { after, limit }) {
      const found = await scope.rows(
        `${SELECT} WHERE invitations.inviter_id = $1 AND invitations.id > $2 ORDER BY invitations.id LIMIT $3`,
        id,
        after ?? "",
        limit,
      );
      return found.map(INVITATION.decode);
    },
    async add(invitation, digest) {
      scope.lockChat(invitation.chatId);
      scope.send(...insertInvitation({ invitation, digest }));
    },
    async countUse(id) {
      scope.send("UPDATE invitations SET uses = uses + 1 WHERE id = $1", id);
    },
    async remove(ids) {
      if (ids.length > 0) scope.send("DELETE FROM invitations WHERE id = ANY($1)", ids);
    },
  };
}
