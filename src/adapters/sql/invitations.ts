import type { Invitation } from "../../domain/invitation.js";
import { insertion, projection, valueAt } from "./columns.js";

/** From `invitations`, joined with the `users` that created them. */
export const INVITATION = projection<Invitation>(
  {
    id: "invitations.id",
    chatId: "invitations.chat_id",
    inviter: { id: "users.id", username: "users.username" },
    createdAt: "invitations.created_at",
    expiresAt: "invitations.expires_at",
    maxUses: "invitations.max_uses",
    uses: "invitations.uses",
  },
  (row, at) => ({
    id: valueAt(row, at.id),
    chatId: valueAt(row, at.chatId),
    inviter: { id: valueAt(row, at.inviter.id), username: valueAt(row, at.inviter.username) },
    createdAt: valueAt(row, at.createdAt),
    expiresAt: valueAt(row, at.expiresAt),
    maxUses: valueAt(row, at.maxUses),
    uses: valueAt(row, at.uses),
  }),
);

export interface NewInvitation {
  readonly invitation: Invitation;
  readonly digest: string;
}

export const insertInvitation = insertion<NewInvitation>("invitations", {
  id: ({ invitation }) => invitation.id,
  digest: ({ digest }) => digest,
  chat_id: ({ invitation }) => invitation.chatId,
  inviter_id: ({ invitation }) => invitation.inviter.id,
  created_at: ({ invitation }) => invitation.createdAt,
  expires_at: ({ invitation }) => invitation.expiresAt,
  max_uses: ({ invitation }) => invitation.maxUses,
  uses: ({ invitation }) => invitation.uses,
});
