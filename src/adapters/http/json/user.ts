import { z } from "zod";
import type { NamedUser, Person } from "../../../domain/event.js";
import * as field from "./fields.js";

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
