import { z } from "zod";
import type { Session } from "../../../domain/session.js";
import * as field from "./fields.js";
import { timeJson } from "./time.js";

export const currentSessionSchema = z
  .object({
    user_id: field.userId,
    username: field.username,
    session_id: field.sessionId,
    expires_at: field.time,
  })
  .meta({ id: "CurrentSession", description: "The session of the request: its user and its expiry." });

export function currentSessionJson({ id, user, expiresAt }: Session): z.output<typeof currentSessionSchema> {
  return { user_id: user.id, username: user.username, session_id: id, expires_at: timeJson(expiresAt) };
}

export const sessionSchema = z
  .object({
    session_id: field.sessionId,
    current: z
      .boolean()
      .meta({ description: "Whether it is the session of this request.", examples: [true] }),
    created_at: field.time,
    last_seen_at: field.time.meta({ description: "When it was last used, up to an hour late." }),
    user_agent: z
      .string()
      .nullable()
      .meta({ description: "The `User-Agent` of the login, or null.", examples: ["Mozilla/5.0"] }),
  })
  .meta({ id: "Session", description: "A login of a user in one browser." });

/** @param current the session of the request */
export function sessionJson(
  { id, createdAt, lastSeenAt, userAgent }: Session,
  current: Session,
): z.output<typeof sessionSchema> {
  return {
    session_id: id,
    current: id === current.id,
    created_at: timeJson(createdAt),
    last_seen_at: timeJson(lastSeenAt),
    user_agent: userAgent,
  };
}

export const tokenSchema = z
  .object({
    token_id: field.tokenId,
    name: field.tokenName.nullable(),
    created_at: field.time,
    last_seen_at: field.time,
    expires_at: field.time,
  })
  .meta({ id: "Token", description: "Access for a program, sent as `Authorization: Bearer …`." });

export function tokenJson(token: Session): z.output<typeof tokenSchema> {
  return {
    token_id: token.id,
    name: token.name,
    created_at: timeJson(token.createdAt),
    last_seen_at: timeJson(token.lastSeenAt),
    expires_at: timeJson(token.expiresAt),
  };
}

export const newTokenSchema = tokenSchema
  .extend({
    token: z.string().meta({
      description: "The secret. It is shown only once.",
      examples: ["hZ0mXo5QvJ8u4l1b2c3d4e5f6g7h8i9jKLMNOPQRSTU"],
    }),
  })
  .meta({ id: "NewToken", description: "A token with its secret." });

export function newTokenJson(token: Session, secret: string): z.output<typeof newTokenSchema> {
  return { ...tokenJson(token), token: secret };
}
