import { z } from "zod";
import type { BlockedUser } from "../../../domain/block.js";
import type { NamedUser, Person } from "../../../domain/event.js";
import { profileOf, type Profile } from "../../../domain/user.js";
import * as field from "./fields.js";
import { timeJson } from "./time.js";

export const userSchema = z
  .object({ user_id: field.userId, username: field.username })
  .meta({ id: "User", description: "A user." });

export function userJson({ id, username }: Person): z.output<typeof userSchema> {
  return { user_id: id, username };
}

export const namedUserSchema = userSchema.extend({ display_name: field.displayName.nullable() });

export function namedUserJson(user: NamedUser): z.output<typeof namedUserSchema> {
  return { ...userJson(user), display_name: user.displayName };
}

export const profileSchema = namedUserSchema
  .extend({ state: field.userState })
  .meta({ id: "Profile", description: "A user as other users see them." });

export function profileJson(profile: Profile): z.output<typeof profileSchema> {
  return { ...namedUserJson(profile), state: profile.state };
}

export const blockedUserSchema = profileSchema
  .extend({ blocked_at: field.time })
  .meta({ id: "BlockedUser", description: "A user that the caller has blocked." });

export function blockedUserJson({ account, blockedAt }: BlockedUser): z.output<typeof blockedUserSchema> {
  return { ...profileJson(profileOf(account)), blocked_at: timeJson(blockedAt) };
}
