import { z } from "zod";
import type { InvitedChat } from "../../../application/invitations.js";
import type { Invitation } from "../../../domain/invitation.js";
import { chatSchema } from "./chat.js";
import * as field from "./fields.js";
import { timeJson } from "./time.js";

export const invitationSchema = z
  .object({
    invitation_id: field.invitationId,
    inviter_username: field.username,
    inviter_user_id: field.userId,
    created_at: field.time,
    expires_at: field.time,
    max_uses: field.maxUses.nullable(),
    uses: z
      .int()
      .min(0)
      .meta({ description: "The number of users who have joined with it.", examples: [0] }),
  })
  .meta({ id: "Invitation", description: "An invitation to a group chat, without its code." });

export function invitationJson(invitation: Invitation): z.output<typeof invitationSchema> {
  const { id, inviter, createdAt, expiresAt, maxUses, uses } = invitation;
  return {
    invitation_id: id,
    inviter_username: inviter.username,
    inviter_user_id: inviter.id,
    created_at: timeJson(createdAt),
    expires_at: timeJson(expiresAt),
    max_uses: maxUses,
    uses,
  };
}

export const newInvitationSchema = invitationSchema
  .extend({
    code: field.invitationCode.meta({
      description: "Gives access to the chat. It is shown only once.",
      examples: ["hZ0mXo5QvJ8u4l1b2c3d4e"],
    }),
  })
  .meta({ id: "NewInvitation", description: "An invitation with its code." });

export const invitedChatSchema = z
  .object({ title: chatSchema.shape.title, participant_count: field.participantCount })
  .meta({ id: "InvitedChat", description: "What a user with an invitation may know of the chat." });

export function invitedChatJson({
  title,
  participantCount,
}: InvitedChat): z.output<typeof invitedChatSchema> {
  return { title, participant_count: participantCount };
}
