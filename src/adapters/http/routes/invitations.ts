import { z } from "zod";
import type { Messaging } from "../../../application/messaging.js";
import type { InvitationId } from "../../../domain/invitation.js";
import * as field from "../json/fields.js";
import {
  invitationJson,
  invitationSchema,
  invitedChatJson,
  invitedChatSchema,
  newInvitationSchema,
} from "../json/invitation.js";
import { nothingSchema } from "../json/nothing.js";
import { operation, parseChatId, type Operation } from "../operation.js";
import { DEFAULT_LIMIT, limit, linkNext } from "../paging.js";

/** Invitations to group chats: of the users who may add others, and of the users who have a code. */
export function invitationOperations(messaging: Messaging): readonly Operation[] {
  return [
    operation({
      name: "createInvitation",
      summary: "Create an invitation to a group chat. Its code is shown only once.",
      description:
        "For participants who may add users. The invitation works while its inviter may add users to the chat, until it expires, is " +
        "used up or is revoked.",
      method: "post",
      paths: ["/v1/group_chat/:chat_id/invitations"],
      access: "signed in",
      body: z.strictObject({
        expires_in: field.expiresIn.optional(),
        max_uses: field.maxUses.nullish(),
      }),
      response: newInvitationSchema,
      errors: ["p2p_chat", "too_many_invitations", "not_a_participant", "not_allowed", "not_found"],
      audit: "invitation_created",
      async handle({ session, params, body }) {
        const { invitation, code } = await messaging.createInvitation({
          by: session.user.id,
          chatId: parseChatId(params["chat_id"]),
          expiresIn: body.expires_in,
          maxUses: body.max_uses,
        });
        return { ...invitationJson(invitation), code };
      },
    }),
    operation({
      name: "listInvitations",
      summary: "List the invitations to a group chat that are neither expired nor used up, oldest first.",
      description: "For participants who may add users. At most 100, without their codes.",
      method: "get",
      paths: ["/v1/group_chat/:chat_id/invitations"],
      access: "signed in",
      query: z.strictObject({
        limit: limit.default(DEFAULT_LIMIT),
        cursor: field.invitationCursor.optional(),
      }),
      response: z.array(invitationSchema),
      responseHeaders: ["Link"],
      errors: ["invalid_cursor", "p2p_chat", "not_a_participant", "not_allowed", "not_found"],
      async handle({ session, params, query, ctx }) {
        const chatId = parseChatId(params["chat_id"]);
        const page = await messaging.listInvitations({ by: session.user.id, chatId, ...query });
        const { invitations, next } = page;
        linkNext(ctx, query, next);
        return invitations.map(invitationJson);
      },
    }),
    operation({
      name: "deleteInvitation",
      summary: "Revoke an invitation to a group chat.",
      description: "For participants who may add users. Users who have joined with it stay.",
      method: "delete",
      paths: ["/v1/group_chat/:chat_id/invitations/:invitation_id"],
      access: "signed in",
      response: nothingSchema,
      errors: ["p2p_chat", "unknown_invitation", "not_a_participant", "not_allowed", "not_found"],
      audit: "invitation_revoked",
      async handle({ session, params }) {
        await messaging.deleteInvitation({
          by: session.user.id,
          chatId: parseChatId(params["chat_id"]),
          invitationId: params["invitation_id"] as InvitationId,
        });
        return {};
      },
    }),
    operation({
      name: "getInvitation",
      summary: "Show the chat of an invitation before accepting it.",
      description: "An unknown code and one that no longer works give the same error.",
      method: "get",
      paths: ["/v1/invitations/:code"],
      access: "signed in",
      response: invitedChatSchema,
      errors: ["unknown_invitation"],
      limit: "invitations",
      async handle({ session, params }) {
        return invitedChatJson(
          await messaging.getInvitation({ by: session.user.id, code: params["code"] ?? "" }),
        );
      },
    }),
    operation({
      name: "acceptInvitation",
      summary: "Join the group chat of an invitation as a member.",
      description:
        "Nothing is unread after joining. A participant of the chat gets the same response, and uses nothing.",
      method: "post",
      paths: ["/v1/invitations/:code/accept"],
      access: "signed in",
      response: z.object({ chat_id: field.chatId }),
      errors: ["unknown_invitation", "user_unavailable"],
      limit: "invitations",
      audit: "invitation_accepted",
      async handle({ session, params, ctx }) {
        const chatId = await messaging.acceptInvitation({
          by: session.user.id,
          code: params["code"] ?? "",
        });
        ctx.state["chatId"] = chatId;
        return { chat_id: chatId };
      },
    }),
  ];
}
