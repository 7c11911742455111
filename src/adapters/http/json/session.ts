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
  .meta({ id: "CurrentSession", description: "Whose session it is, and until when." });

export const sessionSchema = z
  .object({
    session_id: field.sessionId,
    current: z.boolean().meta({ description: "Whether it is the one that asks.", examples: [true] }),
    created_at: field.time,
    last_seen_at: field.time.meta({ description: "Up to an hour behind." }),
    user_agent: z
      .string()
      .nullable()
      .meta({ description: "What the browser called itself at the login.", examples: ["Mozilla/5.0"] }),
  })
  .meta({ id: "Session", description: "A user's stay in one browser." });

export const tokenSchema = z
  .object({
    token_id: field.tokenId,
    name: field.tokenName.nullable(),
    created_at: field.time,
    last_seen_at: field.time,
    expires_at: field.time,
  })
  .meta({ id: "Token", description: "Lets a program in, in `Authorization: Bearer …`." });

export const newTokenSchema = tokenSchema
  .extend({
    token: z.string().meta({
      description: "What gives access. It is told this once.",
      examples: ["hZ0mXo5QvJ8u4l1b2c3d4e5f6g7h8i9jKLMNOPQRSTU"],
    }),
  })
  .meta({ id: "NewToken", description: "A token, with the text that gives access." });

/** A session as its owner sees it in another one, or the same. */
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

/** A token as its owner sees it. */
export function tokenJson({
  id,
  name,
  createdAt,
  lastSeenAt,
  expiresAt,
}: Session): z.output<typeof tokenSchema> {
  return {
    token_id: id,
    name,
    created_at: timeJson(createdAt),
    last_seen_at: timeJson(lastSeenAt),
    expires_at: timeJson(expiresAt),
  };
}
