import { MessagingError } from "./errors.js";

/** The settings of a chat that one of its participants has stored. They are that participant's alone. */
export interface StoredChatSettings {
  /** Epoch milliseconds. The chat is muted before this time; null if it is not muted. */
  readonly mutedUntil: number | null;
  /** The `seq` of the last message when the participant archived the chat or changed its settings; null if it was not archived. */
  readonly archivedSeq: number | null;
  /** Whether the participant keeps the chat at the top of their list. */
  readonly pinned: boolean;
}

/** The settings of a chat as its participant sees them. */
export interface ChatSettings extends Pick<StoredChatSettings, "mutedUntil" | "pinned"> {
  /** See `isArchived`. */
  readonly archived: boolean;
}

/** A change of some settings of a chat. */
export type ChatSettingsChange = {
  readonly [Setting in keyof ChatSettings]?: ChatSettings[Setting] | undefined;
};

/** A part of `ChatOverview`. */
interface ChatWithSettings {
  readonly settings: StoredChatSettings;
  readonly lastSeq: number;
  readonly lastSentAt: number | null;
}

/** The settings of a participant who has just joined. */
export const DEFAULT_CHAT_SETTINGS: StoredChatSettings = Object.freeze({
  mutedUntil: null,
  archivedSeq: null,
  pinned: false,
});

/** The times of a year from 0000 to 9999, which RFC 3339 can express. */
const MIN_TIME_MS = -62_167_219_200_000;
const MAX_TIME_MS = 253_402_300_799_999;

/** Whether a chat can be muted until this time. */
export function isTime(time: number): boolean {
  return Number.isSafeInteger(time) && time >= MIN_TIME_MS && time <= MAX_TIME_MS;
}

/**
 * Whether the participant has archived the chat and no later message has brought it back. A message of anyone brings it back,
 * unless the chat was muted when it was sent: when the muting ends, only the next message does. So the result follows from the
 * settings and the last message, and not from the present time.
 */
export function isArchived({
  settings: { archivedSeq, mutedUntil },
  lastSeq,
  lastSentAt,
}: ChatWithSettings): boolean {
  if (archivedSeq === null) return false;
  if (lastSeq <= archivedSeq || lastSentAt === null) return true;
  return mutedUntil !== null && lastSentAt < mutedUntil;
}

/** The settings as the participant sees them. */
export function settingsOf(chat: ChatWithSettings): ChatSettings {
  const { mutedUntil, pinned } = chat.settings;
  return { mutedUntil, archived: isArchived(chat), pinned };
}

/**
 * The settings after a change; the same object if it changes nothing. A chat that stays archived is archived anew, so that
 * another `mutedUntil` does not bring it back because of an earlier message.
 *
 * @throws MessagingError `invalid_request` if `mutedUntil` is not a time of the years 0000 to 9999.
 */
export function changeSettings(chat: ChatWithSettings, change: ChatSettingsChange): StoredChatSettings {
  const before = settingsOf(chat);
  const mutedUntil = change.mutedUntil === undefined ? before.mutedUntil : change.mutedUntil;
  const { archived = before.archived, pinned = before.pinned } = change;
  if (mutedUntil !== null && !isTime(mutedUntil)) {
    const detail = "Must be a time of the years 0000 to 9999.";
    throw new MessagingError("invalid_request", detail, { errors: [{ field: "mutedUntil", detail }] });
  }
  if (mutedUntil === before.mutedUntil && archived === before.archived && pinned === before.pinned) {
    return chat.settings;
  }
  return { mutedUntil, archivedSeq: archived ? chat.lastSeq : null, pinned };
}
