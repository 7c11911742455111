import { z } from "zod";
import type { Messaging } from "../../application/messaging.js";
import type { Session, SessionId } from "../../domain/session.js";
import { text } from "./body.js";
import { operation, type Operation } from "./operation.js";

/** The caller's sessions and tokens: which there are, and an end to them. */
export function sessionOperations(messaging: Messaging): readonly Operation[] {
  return [
    operation({
      method: "get",
      paths: ["/v1/auth/session"],
      access: "signed in",
      handle: async ({ session: { id, user, expiresAt } }) => ({
        user_id: user.id,
        username: user.username,
        session_id: id,
        expires_at: time(expiresAt),
      }),
    }),
    operation({
      method: "get",
      paths: ["/v1/auth/sessions"],
      access: "signed in",
      handle: async ({ session: by }) =>
        (await messaging.listSessions({ by })).map((session) => sessionJson(session, by)),
    }),
    operation({
      method: "delete",
      paths: ["/v1/auth/sessions/:session_id"],
      access: "signed in",
      audit: "session_ended",
      async handle({ session: by, params }) {
        await messaging.endSession({ by, sessionId: params["session_id"] as SessionId });
        return {};
      },
    }),
    operation({
      method: "delete",
      paths: ["/v1/auth/sessions"],
      access: "signed in",
      audit: "other_sessions_ended",
      async handle({ session: by }) {
        await messaging.endOtherSessions({ by });
        return {};
      },
    }),
    operation({
      method: "post",
      paths: ["/v1/auth/tokens"],
      access: "signed in",
      body: z.strictObject({ name: text }),
      audit: "token_created",
      async handle({ session: by, body }) {
        const { session, secret } = await messaging.createToken({ by, name: body.name });
        return { ...tokenJson(session), token: secret };
      },
    }),
    operation({
      method: "get",
      paths: ["/v1/auth/tokens"],
      access: "signed in",
      handle: async ({ session: by }) => (await messaging.listTokens({ by })).map(tokenJson),
    }),
    operation({
      method: "delete",
      paths: ["/v1/auth/tokens/:token_id"],
      access: "signed in",
      audit: "token_ended",
      async handle({ session: by, params }) {
        await messaging.endToken({ by, tokenId: params["token_id"] as SessionId });
        return {};
      },
    }),
  ];
}

function sessionJson({ id, createdAt, lastSeenAt, userAgent }: Session, current: Session) {
  return {
    session_id: id,
    current: id === current.id,
    created_at: time(createdAt),
    last_seen_at: time(lastSeenAt),
    user_agent: userAgent,
  };
}

function tokenJson({ id, name, createdAt, lastSeenAt, expiresAt }: Session) {
  return {
    token_id: id,
    name,
    created_at: time(createdAt),
    last_seen_at: time(lastSeenAt),
    expires_at: time(expiresAt),
  };
}

function time(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
