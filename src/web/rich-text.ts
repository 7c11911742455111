import { usernameKey } from "../client/username.js";
import { namesIn } from "./state/mentions.js";

/** A part of a message as it is shown. */
export type TextPart =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "link"; readonly text: string; readonly url: string }
  | { readonly kind: "mention"; readonly text: string; readonly username: string };

/** What a link may not contain: spaces, quotes, angle brackets, and characters that change the direction of text or are invisible. */
const LINK = /https?:\/\/[^\s<>"'`\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+/giu;

/**
 * Splits a message into plain text, links and mentions. Only `http` and `https` become links.
 *
 * @param mentioned the usernames of the users that the message mentions; any other `@name` stays plain
 */
export function toParts(text: string, mentioned: readonly string[]): readonly TextPart[] {
  const found: { readonly index: number; readonly part: TextPart }[] = [];
  for (const match of text.matchAll(LINK)) {
    const part = toLink(match[0]);
    if (part) found.push({ index: match.index, part });
  }
  const users = new Map(mentioned.map((username) => [usernameKey(username), username]));
  for (const { index, text: name, key } of users.size > 0 ? namesIn(text) : []) {
    const username = users.get(key);
    if (username !== undefined) found.push({ index, part: { kind: "mention", text: name, username } });
  }
  found.sort((one, other) => one.index - other.index);
  const parts: TextPart[] = [];
  let end = 0;
  for (const { index, part } of found) {
    // A mention inside a link belongs to the link.
    if (index < end) continue;
    if (index > end) parts.push({ kind: "text", text: text.slice(end, index) });
    parts.push(part);
    end = index + part.text.length;
  }
  if (end < text.length) parts.push({ kind: "text", text: text.slice(end) });
  return parts;
}

/** Punctuation at the end belongs to the sentence, and so does a bracket that opened before the link. */
function toLink(found: string): TextPart | undefined {
  let text = found;
  for (;;) {
    const last = text.at(-1)!;
    const isUnopened = last === ")" && count(text, ")") > count(text, "(");
    if (!isUnopened && !/[.,:;!?\]}*_…»”’]/u.test(last)) break;
    text = text.slice(0, -1);
  }
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isSafe = url !== undefined && /^https?:$/.test(url.protocol) && url.hostname !== "";
  return isSafe ? { kind: "link", text, url: url.href } : undefined;
}

function count(text: string, character: string): number {
  return text.split(character).length - 1;
}

/** Whether a message is at most three emoji, which are shown large. */
export function isEmojiOnly(text: string): boolean {
  // An emoji is at most some ten units long, and a long text need not be split.
  if (text.length > 40) return false;
  const characters = [...new Intl.Segmenter().segment(text.replace(/\s/gu, ""))];
  const areEmoji = characters.every(({ segment }) => /^\p{Extended_Pictographic}/u.test(segment));
  return areEmoji && characters.length > 0 && characters.length <= 3;
}
