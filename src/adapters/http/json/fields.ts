import { z } from "zod";
import { MAX_TITLE_LENGTH } from "../../../domain/chat.js";
import { MAX_MESSAGE_LENGTH } from "../../../domain/message.js";
import { MAX_TOKEN_NAME_LENGTH } from "../../../domain/session.js";
import { text } from "../body.js";
import { parameter } from "../paging.js";

/*
 * The fields that requests and answers are made of, each with what the document says of it. Text is refused here only where
 * it is none: what it may hold is for the core to say.
 */

export const username = text.meta({
  description:
    "1 to 32 letters and digits of one script (or of those of East Asia, which stand together) after NFKC, with `.`, `_` " +
    "and `-` between them. " +
    "Unique without regard to case or compatibility form; shown as it was first written.",
  examples: ["ana"],
});

export const password = text.meta({
  description: "8 to 256 characters after NFC.",
  format: "password",
  examples: ["correct horse"],
});

export const title = text.meta({
  description: "Of a group chat. Something to be seen in it, no NUL.",
  minLength: 1,
  maxLength: MAX_TITLE_LENGTH,
  examples: ["Plans"],
});

export const message = text.meta({
  description: "Kept to the letter. Something to be seen in it, no NUL, no half of a surrogate pair.",
  minLength: 1,
  maxLength: MAX_MESSAGE_LENGTH,
  examples: ["Hello, Bob!"],
});

export const userId = text.meta({
  description: "Opaque, and longer than any username.",
  examples: ["0198f0a1-7c3e-7d2b-9a4f-5e6d7c8b9a01"],
});

/** A whole number that counts from 1. */
const ordinal = z.int().min(1);

/** A whole number that counts from 0. */
const count = z.int().min(0);

export const chatId = ordinal.meta({ description: "The id of a chat.", examples: [4] });

export const messageId = ordinal.meta({ description: "Grows over the whole server.", examples: [12] });

export const seq = ordinal.meta({
  description: "Counts the messages of one chat 1, 2, 3, … without a gap.",
  examples: [3],
});

export const lastSeq = count.meta({
  description: "The `seq` of the last message; 0 before it.",
  examples: [3],
});

export const readSeq = count.meta({ description: "The `seq` up to which was read.", examples: [3] });

export const unreadCount = count.meta({
  description: "The messages of others after `read_seq` that are not deleted.",
  examples: [0],
});

export const participantCount = count.meta({ examples: [2] });

export const sessionId = z.string().meta({
  description: "The name of a session, which gives no access.",
  examples: ["0198f0a1-7c3e-7d2b-9a4f-5e6d7c8b9a02"],
});

export const tokenId = z.string().meta({
  description: "The name of a token, which gives no access.",
  examples: ["0198f0a1-7c3e-7d2b-9a4f-5e6d7c8b9a03"],
});

export const tokenName = text.meta({
  description: "What its owner calls it. Something to be seen in it, no NUL.",
  minLength: 1,
  maxLength: MAX_TOKEN_NAME_LENGTH,
  examples: ["backup"],
});

export const time = z.string().meta({
  description: "RFC 3339, in UTC, with milliseconds.",
  format: "date-time",
  examples: ["2026-11-23T10:15:00.123Z"],
});

export const eventCursor = parameter.meta({
  description: "A place in the log of events. Opaque.",
  examples: ["9f3c2a1b00d4e5f6-17"],
});

export const chatCursor = parameter.meta({
  description: "Where a page of chats ended. Opaque: take it from the `Link` of that page.",
});
