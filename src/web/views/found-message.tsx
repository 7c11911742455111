import { useEffect, useMemo } from "preact/hooks";
import type { Message } from "../../client/index.js";
import type { Search } from "../state/search.js";
import { texts } from "../texts.js";
import { shortTimeOf } from "../times.js";
import { Button } from "./button.js";
import { useSession } from "./context.js";
import { nameOf } from "./name.js";
import { SearchState } from "./people-search.js";
import { FailureText } from "./task.js";

const PAUSE_MS = 250;

/** The text around the first match is shown. */
const SHOWN_BEFORE = 40;
const SHOWN_LENGTH = 240;

/** Runs a search for a text once nothing was typed for a moment. */
export function useMessageSearch(query: string, chatId?: number): Search {
  const session = useSession();
  const search = useMemo(() => session.openSearch(), [session]);
  useEffect(() => () => search.close(), [search]);
  useEffect(() => {
    const timer = setTimeout(() => void search.run(query, chatId), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [search, query, chatId]);
  return search;
}

/** The messages that a search has found, and a button for more. */
export function FoundMessages(props: {
  readonly search: Search;
  readonly query: string;
  /** Returns the title of the chat of a message, where it is not obvious. */
  readonly titleFor?: (message: Message) => string | undefined;
  readonly onChoose: (message: Message) => void;
}) {
  const { search, query } = props;
  return (
    <>
      <FailureText of={search.failure} />
      <SearchState found={search.failure.value ? [0] : search.results.value} query={query} />
      <ul class="found-list">
        {search.results.value?.map((message) => (
          <li key={message.id}>
            <FoundMessage
              message={message}
              query={query}
              title={props.titleFor?.(message)}
              onClick={() => props.onChoose(message)}
            />
          </li>
        ))}
      </ul>
      {search.hasMore.value && (
        <Button isBusy={search.isLoading.value} onClick={() => void search.loadMore()}>
          {texts.more}
        </Button>
      )}
    </>
  );
}

function FoundMessage(props: {
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
