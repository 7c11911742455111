import { z } from "zod";
import type { Person } from "../../../domain/event.js";
import type { User } from "../../../domain/user.js";
import * as field from "./fields.js";

export const userSchema = z
  .object({ user_id: field.userId, username: field.username })
  .meta({ id: "User", description: "Somebody who has an account." });

export function userJson({ id, username }: User | Person): z.output<typeof userSchema> {
  return { user_id: id, username };
}
