import { z } from "zod";
import { MAX_INITIAL_PARTICIPANTS, MAX_TITLE_LENGTH } from "../../../domain/chat.js";
import {
  DEFAULT_INVITATION_LIFETIME_S,
  MAX_INVITATION_LIFETIME_S,
  MAX_INVITATION_USES,
  MIN_INVITATION_LIFETIME_S,
} from "../../../domain/invitation.js";
import { MAX_MENTION_COUNT, MAX_MENTIONS } from "../../../domain/mention.js";
import { MAX_METADATA_BYTES, MAX_METADATA_DEPTH, type Metadata } from "../../../domain/metadata.js";
import { MAX_MESSAGE_LENGTH } from "../../../domain/message.js";
import { MAX_QUERY_LENGTH, MAX_QUERY_WORDS } from "../../../domain/search.js";
import { MAX_TOKEN_NAME_LENGTH } from "../../../domain/session.js";
import { MAX_DISPLAY_NAME_LENGTH, MAX_PASSWORD_UNITS, MAX_USERNAME_UNITS } from "../../../domain/user.js";
import { POLICY_VALUES, ROLES } from "../../../domain/policy.js";
import { text } from "../body.js";
import { parameter } from "../paging.js";
import { parseTime } from "./time.js";

/*
 * The schemas of fields and parameters, with their descriptions for the OpenAPI document. They check types only: which
 * strings are valid is decided in the domain.
 */

const LINE =
  "At least one visible character; no control characters, and no bidirectional embeddings, overrides or isolates.";

export const username = text.meta({
  description:
    "1 to 32 letters and digits of one script (East Asian scripts may be mixed) after NFKC, with `.`, `_` and `-` between them, " +
    "and at most four different combining marks in a row behind a letter or digit. " +
    "Unique regardless of case and compatibility form. Shown as it was registered.",
  maxLength: MAX_USERNAME_UNITS,
  examples: ["ana"],
});

export const displayName = text.meta({
  description: "The name that the user has chosen to be shown by: one line. " + LINE,
  minLength: 1,
  maxLength: MAX_DISPLAY_NAME_LENGTH,
  examples: ["Ana María"],
});

export const userState = z.enum(["active", "disabled", "deleted"]).meta({
  description: "A disabled or deleted user cannot be added to group chats or receive p2p messages.",
  examples: ["active"],
});

export const namePrefix = parameter.min(1, "Must have at least one character").meta({
  description: "The beginning of a username, or of a word of a display name.",
  maxLength: MAX_USERNAME_UNITS,
  examples: ["an"],
});

const INITIAL_PARTICIPANTS = `Must be a list of at most ${MAX_INITIAL_PARTICIPANTS} usernames`;

export const initialParticipants = z
  .array(username, INITIAL_PARTICIPANTS)
  .max(MAX_INITIAL_PARTICIPANTS, INITIAL_PARTICIPANTS)
  .meta({
    description:
      "The usernames of the other first participants. The caller, and a user who is named twice, count once.",
    examples: [["bob"]],
  });

export const password = text.meta({
  description: "8 to 256 characters after NFC.",
  maxLength: MAX_PASSWORD_UNITS,
  format: "password",
  examples: ["correct horse"],
});

export const title = text.meta({
  description: "The title of a group chat: one line. " + LINE,
  minLength: 1,
  maxLength: MAX_TITLE_LENGTH,
  examples: ["Plans"],
});

const setting = <const Values extends readonly [string, ...string[]]>(values: Values, description: string) =>
  z.enum(values, `Must be ${values.join(" or ")}`).meta({ description, examples: [values[0]] });

const settings = {
  add: setting(
    POLICY_VALUES.add,
    "The participants who can add users: `everyone`, or `admins`, which includes the owner.",
  ),
  remove: setting(
    POLICY_VALUES.remove,
    "The participants who can remove others. Under `admins`, nobody removes the owner. Everyone can leave.",
  ),
  rename: setting(POLICY_VALUES.rename, "The participants who can change the title."),
  post: setting(POLICY_VALUES.post, "The participants who can send messages."),
  history: setting(
    POLICY_VALUES.history,
    "The messages that a user who joins can read: all of them, or those sent since.",
  ),
};

export const policy = z.object(settings).meta({ id: "Policy", description: "The rights in a group chat." });

/** The settings that change. */
export const policyChange = z
  .strictObject(settings, {
    error: ({ code }) => (code === "invalid_type" ? "Must be an object" : undefined),
  })
  .partial();

export const role = z
  .enum(ROLES, "Must be owner, admin or member")
  .meta({ description: "The role of a participant. A group chat has one owner.", examples: ["member"] });

const METADATA =
  `A JSON object of well-formed Unicode, of at most ${MAX_METADATA_BYTES} bytes and ${MAX_METADATA_DEPTH} levels of lists and ` +
  "objects. Palaver does not interpret it.";

/** Which objects are valid is decided in the domain. */
export const metadata = (z.unknown().refine(isObject, "Must be an object") as z.ZodType<Metadata>).meta({
  description: METADATA,
  type: "object",
  additionalProperties: true,
  examples: [{ topic: "lunch" }],
});

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export const message = text.meta({
  description:
    "The text, stored unchanged. At least one visible character, no lone surrogate, no control characters but tabs and line " +
    "breaks (LF or CR LF).",
  minLength: 1,
  maxLength: MAX_MESSAGE_LENGTH,
  examples: ["Hello, Bob!"],
});

export const userId = text.meta({
  description: "The id of a user. Opaque, and longer than any username.",
  examples: ["0198f0a1-7c3e-7d2b-9a4f-5e6d7c8b9a01"],
});

/** The maximum length of an opaque id or cursor. Longer ones are unknown or invalid. */
const MAX_OPAQUE_LENGTH = 200;

const MENTIONS = `Must be a list of at most ${MAX_MENTIONS} usernames or user ids`;

/** Which users can be mentioned is decided in the domain. */
export const mentions = z
  .array(text.meta({ maxLength: MAX_OPAQUE_LENGTH }), MENTIONS)
  .max(MAX_MENTIONS, MENTIONS)
  .meta({
    description:
      "The usernames or ids of participants that the message mentions. One that is named twice counts once. Palaver does not " +
      "search the text for names.",
    examples: [["bob"]],
  });

/** A whole number from 1. */
const ordinal = z.int().min(1);

/** A whole number from 0. */
const count = z.int().min(0);

export const chatId = ordinal.meta({ description: "The id of a chat.", examples: [4] });

export const messageId = ordinal.meta({
  description: "The id of a message. Ids grow in the order of sending, across all chats.",
  examples: [12],
});

export const seq = ordinal.meta({
  description: "The number of the message in its chat: 1, 2, 3, … without gaps.",
  examples: [3],
});

export const lastSeq = count.meta({
  description: "The `seq` of the last message, or 0 without messages.",
  examples: [3],
});

export const readSeq = count.meta({
  description: "The `seq` up to which the user has read the chat.",
  examples: [3],
});

export const peerReadSeq = count.nullable().meta({
  description:
    "The `seq` up to which the other user of a p2p chat has read it; equal to `read_seq` in a chat with oneself. " +
    "Null in a group chat, and if the other user is deleted.",
  examples: [null],
});

export const unreadCount = count.meta({
  description: "The number of messages after `read_seq` from other users that are not deleted.",
  examples: [0],
});

export const mentionCount = count.max(MAX_MENTION_COUNT).meta({
  description: `How many of these messages mention the user. ${MAX_MENTION_COUNT} stands for more, too.`,
  examples: [0],
});

export const participantCount = count.meta({ description: "The number of participants.", examples: [2] });

export const sessionId = z.string().meta({
  description: "The id of a session. It gives no access.",
  maxLength: MAX_OPAQUE_LENGTH,
  examples: ["0198f0a1-7c3e-7d2b-9a4f-5e6d7c8b9a02"],
});

export const tokenId = z.string().meta({
  description: "The id of a token. It gives no access.",
  maxLength: MAX_OPAQUE_LENGTH,
  examples: ["0198f0a1-7c3e-7d2b-9a4f-5e6d7c8b9a03"],
});

export const tokenName = text.meta({
  description: "The name that its owner chose: one line. " + LINE,
  minLength: 1,
  maxLength: MAX_TOKEN_NAME_LENGTH,
  examples: ["backup"],
});

export const time = z.string().meta({
  description: "RFC 3339, in UTC, with milliseconds.",
  format: "date-time",
  examples: ["2026-11-23T10:15:00.123Z"],
});

export const invitationId = z.string().meta({
  description: "The id of an invitation. It gives no access.",
  maxLength: MAX_OPAQUE_LENGTH,
  examples: ["0198f0a1-7c3e-7d2b-9a4f-5e6d7c8b9a04"],
});

export const invitationCode = z.string().meta({
  description: "The code of an invitation. It gives access to the chat.",
  maxLength: MAX_OPAQUE_LENGTH,
  examples: ["hZ0mXo5QvJ8u4l1b2c3d4e"],
});

const wholeNumber = (min: number, max: number) => {
  const range = `Must be a whole number from ${min} to ${max}`;
  return z.int(range).min(min, range).max(max, range);
};

export const expiresIn = wholeNumber(MIN_INVITATION_LIFETIME_S, MAX_INVITATION_LIFETIME_S).meta({
  description: `The lifetime in seconds; ${DEFAULT_INVITATION_LIFETIME_S} (7 days) by default.`,
  examples: [86_400],
});

export const maxUses = wholeNumber(1, MAX_INVITATION_USES).meta({
  description: "The number of users who can join with the invitation, or null for any number.",
  examples: [10],
});

export const invitationCursor = parameter.meta({
  description: "The end of a page of invitations. Opaque. Use the one in the `Link` header of that page.",
  maxLength: MAX_OPAQUE_LENGTH,
});

export const mutedUntil = text
  .refine((value) => parseTime(value) !== undefined, "Must be a time as in RFC 3339")
  .meta({
    description:
      "The chat is muted before this time, in RFC 3339. A message that is sent before it does not bring an archived chat back.",
    format: "date-time",
    maxLength: MAX_OPAQUE_LENGTH,
    examples: ["2026-11-24T08:00:00.000Z"],
  });

const flag = z.boolean("Must be true or false");

export const archived = flag.meta({
  description:
    "Whether the caller has archived the chat. The next message makes it false, unless its `timestamp` is before `muted_until`.",
  examples: [false],
});

export const pinned = flag.meta({
  description: "Whether the caller keeps the chat at the top of their list. The server does not sort by it.",
  examples: [false],
});

export const eventCursor = parameter.meta({
  description: "A position in the event log. Opaque.",
  maxLength: MAX_OPAQUE_LENGTH,
  examples: ["9f3c2a1b00d4e5f6-17"],
});

export const participantCursor = parameter.meta({
  description:
    "The end of a list of participants. Opaque. Use `participants_next` of the chat, or the one in the `Link` header of a page.",
  maxLength: MAX_OPAQUE_LENGTH,
  examples: ["1700000000000.0198f0a1-7c3e-7d2b-9a4f-5e6d7c8b9a01"],
});

export const directoryCursor = parameter.meta({
  description: "The end of a page of users. Opaque. Use the one in the `Link` header of that page.",
  maxLength: 2 * MAX_OPAQUE_LENGTH,
});

export const searchQuery = parameter.min(1, "Must have at least one character").meta({
  description: `The words to find: at least one letter or digit, and at most ${MAX_QUERY_WORDS} words.`,
  maxLength: MAX_QUERY_LENGTH,
  examples: ["lunch at n"],
});

export const searchedSender = parameter.meta({
  description: "The username or the id of the sender.",
  maxLength: MAX_OPAQUE_LENGTH,
  examples: ["bob"],
});

export const searchCursor = parameter.meta({
  description:
    "The end of a page of a search. Opaque. Use the `next` of that page, with the same `q` and filters.",
  maxLength: MAX_OPAQUE_LENGTH,
});

export const blockCursor = parameter.meta({
  description: "The end of a page of blocked users. Opaque. Use the one in the `Link` header of that page.",
  maxLength: MAX_OPAQUE_LENGTH,
});

export const reactionCursor = parameter.meta({
  description: "The end of a page of reactions. Opaque. Use the one in the `Link` header of that page.",
  maxLength: MAX_OPAQUE_LENGTH,
});

export const chatCursor = parameter.meta({
  description: "The end of a page of chats. Opaque. Use the one in the `Link` header of that page.",
  maxLength: MAX_OPAQUE_LENGTH,
});
