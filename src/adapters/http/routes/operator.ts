import { z } from "zod";
import {
  addUser,
  changePolicy,
  checkUsername,
  countStatistics,
  createUserToken,
  deleteChat,
  disableUser,
  enableUser,
  exportUser,
  getAccount,
  invitationsOf,
  listAllChats,
  listUsers,
  resetPassword,
  revokeInvitation,
  revokeSessions,
  revokeTokens,
  sessionsOf,
  showChat,
  tokensOf,
} from "../../../application/administration.js";
import { eraseUser } from "../../../application/erasure.js";
import type { Ports } from "../../../application/ports.js";
import type { ChatId } from "../../../domain/chat.js";
import type { InvitationId } from "../../../domain/invitation.js";
import { JSON_LINES_TYPE } from "../json-lines.js";
import * as field from "../json/fields.js";
import {
  accountJson,
  accountSchema,
  chatDeletionJson,
  chatDeletionSchema,
  chatInvitationJson,
  chatInvitationSchema,
  chatSummaryJson,
  chatSummarySchema,
  erasedUserJson,
  erasedUserSchema,
  shownChatJson,
  shownChatSchema,
  statisticsJson,
  statisticsSchema,
  userRecordJson,
  userRecordSchema,
  userSessionJson,
  userSessionSchema,
  type StoreSize,
} from "../json/operator.js";
import { nothingSchema } from "../json/nothing.js";
import { newTokenJson, newTokenSchema, tokenJson, tokenSchema } from "../json/session.js";
import { operation, type Operation } from "../operation.js";

/**
 * The operations of the operator, who acts outside of any user and any chat, by the command that calls them. A `:user` in a
 * path is a username or a user id.
 *
 * @param measureStore returns how much the store holds.
 */
export function operatorOperations(
  ports: Ports,
  measureStore: () => StoreSize | Promise<StoreSize>,
): Readonly<Record<string, Operation>> {
  return {
    "user add": operation({
      name: "addUser",
      summary: "Create an account.",
      method: "post",
      paths: ["/v1/operator/users"],
      access: "operator",
      body: z.strictObject({ username: field.username, password: field.password }),
      response: accountSchema,
      errors: [
        "invalid_username",
        "invalid_password",
        "refused_password",
        "username_taken",
        "busy",
        "store_unavailable",
      ],
      async handle({ body, ctx }) {
        ctx.state["username"] = body.username;
        const user = await addUser(ports, body);
        return accountJson({ user, displayName: null, disabledAt: null, deletedAt: null });
      },
    }),
    "user list": operation({
      name: "listUsers",
      summary: "List all accounts, the oldest first.",
      method: "get",
      paths: ["/v1/operator/users"],
      access: "operator",
      type: JSON_LINES_TYPE,
      response: accountSchema,
      handle: async () => rows(listUsers(ports), accountJson),
    }),
    "user show": operation({
      name: "getUser",
      summary: "Get an account.",
      method: "get",
      paths: ["/v1/operator/users/:user"],
      access: "operator",
      response: accountSchema,
      errors: ["unknown_user"],
      handle: async ({ params }) => accountJson(await getAccount(ports, { user: params["user"]! })),
    }),
    "user disable": operation({
      name: "disableUser",
      summary: "End all sessions and tokens of a user, and reject their logins.",
      method: "post",
      paths: ["/v1/operator/users/:user/disable"],
      access: "operator",
      response: accountSchema,
      errors: ["unknown_user", "user_unavailable", "busy", "store_unavailable"],
      handle: async ({ params }) => accountJson(await disableUser(ports, { user: params["user"]! })),
    }),
    "user enable": operation({
      name: "enableUser",
      summary: "Accept the logins of a user again.",
      method: "post",
      paths: ["/v1/operator/users/:user/enable"],
      access: "operator",
      response: accountSchema,
      errors: ["unknown_user", "user_unavailable", "busy", "store_unavailable"],
      handle: async ({ params }) => accountJson(await enableUser(ports, { user: params["user"]! })),
    }),
    "user password": operation({
      name: "resetPassword",
      summary: "Set the password of a user, and end all their sessions and tokens.",
      method: "put",
      paths: ["/v1/operator/users/:user/password"],
      access: "operator",
      body: z.strictObject({ password: field.password }),
      response: accountSchema,
      errors: [
        "unknown_user",
        "user_unavailable",
        "invalid_password",
        "refused_password",
        "busy",
        "store_unavailable",
      ],
      handle: async ({ params, body }) =>
        accountJson(await resetPassword(ports, { user: params["user"]!, newPassword: body.password })),
    }),
    "user erase": operation({
      name: "eraseUser",
      summary: "Erase a user permanently, or continue to.",
      description:
        "With an `erasure` in progress, the user is deleted, and a server that runs or starts erases the rest in the background.",
      method: "post",
      paths: ["/v1/operator/users/:user/erase"],
      access: "operator",
      response: erasedUserSchema,
      errors: ["unknown_user", "busy", "store_unavailable"],
      handle: async ({ params }) => erasedUserJson(await eraseUser(ports, { user: params["user"]! })),
    }),
    "session list": operation({
      name: "listUserSessions",
      summary: "List the live sessions and tokens of a user, the oldest first.",
      method: "get",
      paths: ["/v1/operator/users/:user/sessions"],
      access: "operator",
      type: JSON_LINES_TYPE,
      response: userSessionSchema,
      errors: ["unknown_user"],
      handle: async ({ params }) =>
        rows([await sessionsOf(ports, { user: params["user"]! })], userSessionJson),
    }),
    "session revoke": operation({
      name: "revokeSessions",
      summary: "End all sessions and tokens of a user, or the one with that id, and list those that ended.",
      method: "delete",
      paths: ["/v1/operator/users/:user/sessions", "/v1/operator/users/:user/sessions/:session_id"],
      access: "operator",
      type: JSON_LINES_TYPE,
      response: userSessionSchema,
      errors: ["unknown_user", "unknown_session", "busy", "store_unavailable"],
      handle: async ({ params }) =>
        rows(
          [await revokeSessions(ports, { user: params["user"]!, sessionId: params["session_id"] })],
          userSessionJson,
        ),
    }),
    "token create": operation({
      name: "createUserToken",
      summary: "Create a token of a user for a program. The secret is shown only once.",
      method: "post",
      paths: ["/v1/operator/users/:user/tokens"],
      access: "operator",
      body: z.strictObject({ name: field.tokenName }),
      response: newTokenSchema,
      errors: [
        "unknown_user",
        "user_unavailable",
        "account_disabled",
        "invalid_token_name",
        "too_many_tokens",
        "busy",
        "store_unavailable",
      ],
      async handle({ params, body }) {
        const { session, secret } = await createUserToken(ports, { user: params["user"]!, name: body.name });
        return newTokenJson(session, secret);
      },
    }),
    "token list": operation({
      name: "listUserTokens",
      summary: "List the live tokens of a user, the oldest first.",
      method: "get",
      paths: ["/v1/operator/users/:user/tokens"],
      access: "operator",
      type: JSON_LINES_TYPE,
      response: tokenSchema,
      errors: ["unknown_user"],
      handle: async ({ params }) => rows([await tokensOf(ports, { user: params["user"]! })], tokenJson),
    }),
    "token revoke": operation({
      name: "revokeTokens",
      summary: "End all tokens of a user, or the one with that id, and list those that ended.",
      method: "delete",
      paths: ["/v1/operator/users/:user/tokens", "/v1/operator/users/:user/tokens/:token_id"],
      access: "operator",
      type: JSON_LINES_TYPE,
      response: tokenSchema,
      errors: ["unknown_user", "unknown_token", "busy", "store_unavailable"],
      handle: async ({ params }) =>
        rows([await revokeTokens(ports, { user: params["user"]!, tokenId: params["token_id"] })], tokenJson),
    }),
    export: operation({
      name: "exportUser",
      summary: "Export all data held about a user, and nothing that others wrote.",
      method: "get",
      paths: ["/v1/operator/users/:user/export"],
      access: "operator",
      type: JSON_LINES_TYPE,
      response: userRecordSchema,
      errors: ["unknown_user"],
      async handle({ params }) {
        const records = exportUser(ports, { user: params["user"]! });
        return (async function* () {
          for await (const record of records) yield userRecordJson(record);
        })();
      },
    }),
    "chat list": operation({
      name: "listAllChats",
      summary: "List all chats, the oldest first.",
      method: "get",
      paths: ["/v1/operator/chats"],
      access: "operator",
      type: JSON_LINES_TYPE,
      response: chatSummarySchema,
      handle: async () => rows(listAllChats(ports), chatSummaryJson),
    }),
    "chat show": operation({
      name: "showChat",
      summary: "Show a chat with its policy and first participants.",
      method: "get",
      paths: ["/v1/operator/chats/:chat_id"],
      access: "operator",
      response: shownChatSchema,
      errors: ["unknown_chat"],
      handle: async ({ params }) => shownChatJson(await showChat(ports, { chatId: chatIdIn(params) })),
    }),
    "chat policy": operation({
      name: "changePolicy",
      summary: "Change settings of the policy of a group chat, and show it.",
      method: "patch",
      paths: ["/v1/operator/chats/:chat_id/policy"],
      access: "operator",
      body: field.policyChange,
      response: field.policy,
      errors: ["unknown_chat", "p2p_chat", "busy", "store_unavailable"],
      handle: ({ params, body }) => changePolicy(ports, { chatId: chatIdIn(params), policy: body }),
    }),
    "chat delete": operation({
      name: "deleteChat",
      summary: "Delete a chat with its messages, after all participants are removed.",
      method: "delete",
      paths: ["/v1/operator/chats/:chat_id"],
      access: "operator",
      type: JSON_LINES_TYPE,
      response: chatDeletionSchema,
      errors: ["unknown_chat", "busy", "store_unavailable"],
      async handle({ params }) {
        const records = deleteChat(ports, { chatId: chatIdIn(params) });
        return (async function* () {
          for await (const record of records) yield chatDeletionJson(record);
        })();
      },
    }),
    "invitation list": operation({
      name: "listChatInvitations",
      summary: "List the invitations to a chat that are neither expired nor used up, the oldest first.",
      method: "get",
      paths: ["/v1/operator/chats/:chat_id/invitations"],
      access: "operator",
      type: JSON_LINES_TYPE,
      response: chatInvitationSchema,
      errors: ["unknown_chat"],
      handle: async ({ params }) =>
        rows([await invitationsOf(ports, { chatId: chatIdIn(params) })], chatInvitationJson),
    }),
    "invitation revoke": operation({
      name: "revokeInvitation",
      summary: "Revoke an invitation, and show it.",
      method: "delete",
      paths: ["/v1/operator/invitations/:invitation_id"],
      access: "operator",
      response: chatInvitationSchema,
      errors: ["unknown_invitation", "busy", "store_unavailable"],
      async handle({ params }) {
        const invitationId = params["invitation_id"] as InvitationId;
        return chatInvitationJson(await revokeInvitation(ports, { invitationId }));
      },
    }),
    stats: operation({
      name: "getStatistics",
      summary: "Count users, chats, messages, events and sessions.",
      method: "get",
      paths: ["/v1/operator/stats"],
      access: "operator",
      response: statisticsSchema,
      handle: async () => statisticsJson(await countStatistics(ports), await measureStore()),
    }),
  };
}

/** Operations that fail if a command would fail with any password, so that it need not ask for one in vain. */
export function lookupOperations(ports: Ports): readonly Operation[] {
  return [
    operation({
      name: "checkUsername",
      summary: "Check that an account can have this username.",
      method: "post",
      paths: ["/v1/operator/users/check"],
      access: "operator",
      body: z.strictObject({ username: field.username }),
      response: nothingSchema,
      errors: ["invalid_username", "username_taken"],
      async handle({ body }) {
        await checkUsername(ports, body);
        return {};
      },
    }),
    operation({
      name: "checkUser",
      summary: "Check that an account exists.",
      method: "get",
      paths: ["/v1/operator/users/:user/check"],
      access: "operator",
      response: nothingSchema,
      errors: ["unknown_user"],
      async handle({ params }) {
        await getAccount(ports, { user: params["user"]! });
        return {};
      },
    }),
  ];
}

/** The id of the chat in the path; 0, which no chat has, if it is not a number. */
function chatIdIn({ chat_id: segment = "" }: Readonly<Record<string, string>>): ChatId {
  return (/^\d{1,15}$/.test(segment) ? Number(segment) : 0) as ChatId;
}

async function* rows<Item, Row>(
  slices: AsyncIterable<readonly Item[]> | Iterable<readonly Item[]>,
  toRow: (item: Item) => Row,
): AsyncGenerator<Row, void, void> {
  for await (const slice of slices) yield* slice.map(toRow);
}
