import { z } from "zod";
import type { PresentParticipant } from "../../../application/live-signals.js";
import { TYPING_EXPIRES_IN_MS, type LiveSignal } from "../../../domain/live-signal.js";
import * as field from "./fields.js";
import { nullableTimeJson } from "./time.js";
import { userJson, userSchema } from "./user.js";

export const presenceSchema = userSchema
  .extend({
    online: z
      .boolean()
      .meta({ description: "Whether the user has an event stream open.", examples: [false] }),
    offline_since: field.time.nullable().meta({
      description: "Since when the user has had no stream open; null if they have one, or if it is unknown.",
    }),
  })
  .meta({ id: "Presence", description: "A user, and whether they are online." });

export function presenceJson({
  user,
  online,
  offlineSince,
}: PresentParticipant): z.output<typeof presenceSchema> {
  return { ...userJson(user), online, offline_since: nullableTimeJson(offlineSince) };
}

/** The `data` of a signal. Its type is the `event` of the frame. */
export function signalJson(signal: LiveSignal): object {
  if (signal.type === "presence") return presenceJson(signal);
  const { chatId, user } = signal;
  return { chat_id: chatId, ...userJson(user), expires_in_ms: TYPING_EXPIRES_IN_MS };
}
