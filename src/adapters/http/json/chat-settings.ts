import { z } from "zod";
import type { ChatSettings } from "../../../domain/chat-settings.js";
import * as field from "./fields.js";
import { timeJson } from "./time.js";

export const chatSettingsShape = {
  muted_until: field.mutedUntil.nullable(),
  archived: field.archived,
  pinned: field.pinned,
};

export const chatSettingsSchema = z
  .object(chatSettingsShape)
  .meta({ id: "ChatSettings", description: "The caller's own settings of a chat." });

export function chatSettingsJson(settings: ChatSettings): z.output<typeof chatSettingsSchema> {
  const { mutedUntil, archived, pinned } = settings;
  return { muted_until: mutedUntil === null ? null : timeJson(mutedUntil), archived, pinned };
}
