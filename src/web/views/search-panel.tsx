import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { replaceRoute } from "../route.js";
import type { Conversation } from "../state/conversation.js";
import { texts } from "../texts.js";
import { Button } from "./button.js";
import { useSession } from "./context.js";
import { FoundMessage } from "./found-message.js";
import { Panel } from "./panel.js";
import { SearchState } from "./people-search.js";
import { FailureText } from "./task.js";

const PAUSE_MS = 250;

/** Runs a search for a text once nothing was typed for a moment. */
export function useMessageSearch(query: string, chatId?: number) {
  const session = useSession();
  const search = useMemo(() => session.openSearch(), [session]);
  useEffect(() => () => search.close(), [search]);
  useEffect(() => {
    const timer = setTimeout(() => void search.run(query, chatId), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [search, query, chatId]);
  return search;
}

/** A search in one chat. A result shows the message in the conversation. */
export function SearchPanel({
  chatId,
  conversation,
}: {
  readonly chatId: number;
  readonly conversation: Conversation;
}) {
  const query = useSignal("");
  const field = useRef<HTMLInputElement>(null);
  const search = useMessageSearch(query.value, chatId);
  useLayoutEffect(() => field.current?.focus(), []);
  const show = (messageId: number) => {
    // On a narrow screen the panel covers the conversation.
    if (!conversationIsVisible()) replaceRoute({ view: "chat", chatId });
    void conversation.jumpTo(messageId);
  };
  return (
    <Panel title={texts.search.inChat} chatId={chatId}>
      <input
        ref={field}
        type="search"
        class="panel-search"
        data-focus
        aria-label={texts.search.inChat}
        placeholder={texts.search.inChat}
        value={query.value}
        dir="auto"
        onInput={(event) => (query.value = event.currentTarget.value)}
      />
      <FailureText of={search.failure} />
      <SearchState found={search.failure.value ? [0] : search.results.value} query={query.value} />
      <ul class="found-list">
        {search.results.value?.map((message) => (
          <li key={message.id}>
            <FoundMessage message={message} query={query.value} onClick={() => show(message.id)} />
          </li>
        ))}
      </ul>
      {search.hasMore.value && (
        <Button isBusy={search.isLoading.value} onClick={() => void search.loadMore()}>
          {texts.more}
        </Button>
      )}
    </Panel>
  );
}

function conversationIsVisible(): boolean {
  return document.querySelector(".conversation")?.checkVisibility() ?? false;
}
