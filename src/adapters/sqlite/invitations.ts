import type { InvitationRepository } from "../../application/ports.js";
import { insertInvitation, INVITATION } from "../sql/invitations.js";
import type { Statements } from "./database.js";

const SELECT = `SELECT ${INVITATION.sql} FROM invitations CROSS JOIN users ON users.id = invitations.inviter_id`;

export function invitations({ row, rows, change }: Statements): InvitationRepository {
  return {
    async byId(id) {
      const found = row(`${SELECT} WHERE invitations.id = (SELECT ?)`, id);
      return found && INVITATION.decode(found);
    },
    async byDigest(digest) {
      const found = row(`${SELECT} WHERE invitations.digest = (SELECT ?)`, digest);
      return found && INVITATION.decode(found);
    },
    async ofChat(id) {
      return rows(`${SELECT} WHERE invitations.chat_id = (SELECT ?) ORDER BY invitations.id`, id).map(
        INVITATION.decode,
      );
    },
    async byInviter(id, { after, limit }) {
      return rows(
        `${SELECT} WHERE invitations.inviter_id = ? AND invitations.id > ? ORDER BY invitations.id LIMIT ?`,
        id,
        after ?? "",
        limit,
      ).map(INVITATION.decode);
    },
    async add(invitation, digest) {
      change(...insertInvitation({ invitation, digest }));
    },
    async countUse(id) {
      change("UPDATE invitations SET uses = uses + 1 WHERE id = ?", id);
    },
    async remove(ids) {
      change("DELETE FROM invitations WHERE id IN (SELECT value FROM json_each(?))", JSON.stringify(ids));
    },
  };
}
