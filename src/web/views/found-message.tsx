import type { Message } from "../../client/index.js";
import { texts } from "../texts.js";
import { shortTimeOf } from "../times.js";
import { useSession } from "./context.js";
import { nameOf } from "./name.js";

/** The text around the first match is shown. */
const SHOWN_BEFORE = 40;
const SHOWN_LENGTH = 240;

/** A message that a search has found. */
export function FoundMessage(props: {
  readonly message: Message;
  readonly query: string;
  /** The chat, where it is not obvious. */
  readonly title?: string | undefined;
  readonly onClick: () => void;
}) {
  const { people, user } = useSession();
  const { sender_user_id, sender_username, timestamp, message } = props.message;
  const sender =
    sender_user_id === user.user_id ? texts.you : nameOf(people, sender_user_id, sender_username);
  return (
    <button type="button" class="found" onClick={props.onClick}>
      <span class="chat-row-head">
        <bdi class="chat-row-title">{props.title ?? sender}</bdi>
        <time class="chat-row-time" dateTime={timestamp}>
          {shortTimeOf(timestamp)}
        </time>
      </span>
      <span class="found-text" dir="auto">
        {props.title !== undefined && (
          <>
            <bdi>{sender}</bdi>
            {": "}
          </>
        )}
        {excerptOf(message, props.query).map(({ text, isMatch }, index) =>
          isMatch ? <mark key={index}>{text}</mark> : text,
        )}
      </span>
    </button>
  );
}

/** The part of a text around its first match, split at all matches of the words of a query. */
function excerptOf(
  text: string,
  query: string,
): readonly { readonly text: string; readonly isMatch: boolean }[] {
  const words = query.match(/[\p{L}\p{N}\p{M}]+/gu) ?? [];
  if (words.length === 0) return [{ text: text.slice(0, SHOWN_LENGTH), isMatch: false }];
  // The words are letters and digits alone, so none needs an escape.
  const pattern = new RegExp(`(${words.join("|")})`, "giu");
  const first = Math.max(0, text.search(pattern) - SHOWN_BEFORE);
  const excerpt = `${first > 0 ? "…" : ""}${text.slice(first, first + SHOWN_LENGTH)}`;
  return excerpt.split(pattern).map((part, index) => ({ text: part, isMatch: index % 2 === 1 }));
}
