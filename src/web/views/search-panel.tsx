import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { replaceRoute } from "../route.js";
import type { Conversation } from "../state/conversation.js";
import { texts } from "../texts.js";
import { FoundMessages, useMessageSearch } from "./found-message.js";
import { Panel } from "./panel.js";

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
      <FoundMessages search={search} query={query.value} onChoose={({ id }) => show(id)} />
    </Panel>
  );
}

function conversationIsVisible(): boolean {
  return document.querySelector(".conversation")?.checkVisibility() ?? false;
}
