import { z } from "zod";
import type { Messaging } from "../../../application/messaging.js";
import type { SessionId } from "../../../domain/session.js";
import * as field from "../json/fields.js";
import { nothingSchema } from "../json/nothing.js";
import {
  currentSessionJson,
  currentSessionSchema,
  newTokenJson,
  newTokenSchema,
  sessionJson,
  sessionSchema,
  tokenJson,
  tokenSchema,
} from "../json/session.js";
import { operation, type Operation } from "../operation.js";

/** Listing and ending the caller's sessions, and creating, listing and ending tokens. */
export function sessionOperations(messaging: Messaging): readonly Operation[] {
  return [
    operation({
      name: "getSession",
      summary: "Show the session of the request and its user.",
      method: "get",
      paths: ["/v1/auth/session"],
      access: "signed in",
      response: currentSessionSchema,
      handle: async ({ session }) => currentSessionJson(session),
    }),
    operation({
      name: "listSessions",
      summary: "List the caller's sessions without tokens, oldest first.",
      method: "get",
      paths: ["/v1/auth/sessions"],
      access: "signed in",
      response: z.array(sessionSchema),
      handle: async ({ session: by }) =>
        (await messaging.listSessions({ by })).map((session) => sessionJson(session, by)),
    }),
    operation({
      name: "endSession",
      summary: "End one of the caller's sessions.",
      method: "delete",
      paths: ["/v1/auth/sessions/:session_id"],
      access: "signed in",
      response: nothingSchema,
      errors: ["unknown_session"],
      limit: "session-changes",
      audit: "session_ended",
      async handle({ session: by, params }) {
        await messaging.endSession({ by, sessionId: params["session_id"] as SessionId });
        return {};
      },
    }),
    operation({
      name: "endOtherSessions",
      summary: "End all of the caller's other sessions.",
      description: "Tokens stay valid.",
      method: "delete",
      paths: ["/v1/auth/sessions"],
      access: "signed in",
      response: nothingSchema,
      limit: "session-changes",
      audit: "other_sessions_ended",
      async handle({ session: by }) {
        await messaging.endOtherSessions({ by });
        return {};
      },
    }),
    operation({
      name: "createToken",
      summary: "Create a token for a program.",
      description: "The secret is shown only once. A token has all permissions of its owner.",
      method: "post",
      paths: ["/v1/auth/tokens"],
      access: "signed in",
      body: z.strictObject({ name: field.tokenName }),
      response: newTokenSchema,
      errors: ["invalid_token_name", "too_many_tokens"],
      audit: "token_created",
      async handle({ session: by, body }) {
        const { session, secret } = await messaging.createToken({ by, name: body.name });
        return newTokenJson(session, secret);
      },
    }),
    operation({
      name: "listTokens",
      summary: "List the caller's tokens, oldest first.",
      method: "get",
      paths: ["/v1/auth/tokens"],
      access: "signed in",
      response: z.array(tokenSchema),
      handle: async ({ session: by }) => (await messaging.listTokens({ by })).map(tokenJson),
    }),
    operation({
      name: "endToken",
      summary: "End one of the caller's tokens.",
      method: "delete",
      paths: ["/v1/auth/tokens/:token_id"],
      access: "signed in",
      response: nothingSchema,
      errors: ["unknown_token"],
      limit: "session-changes",
      audit: "token_ended",
      async handle({ session: by, params }) {
        await messaging.endToken({ by, tokenId: params["token_id"] as SessionId });
        return {};
      },
    }),
  ];
}
