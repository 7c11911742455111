import { useEffect, useRef, useState } from "preact/hooks";
import { replaceRoute, toHash, type ChatRoute, type Route } from "../route.js";
import type { Conversation } from "../state/conversation.js";
import type { Session } from "../state/session.js";
import { texts } from "../texts.js";
import { IconLink } from "./button.js";
import { useSession } from "./context.js";
import { ConversationView } from "./conversation.js";
import { DetailsPanel } from "./details.js";
import { SearchPanel } from "./search-panel.js";

type ConversationRoute = ChatRoute | Extract<Route, { view: "user" }>;

/** The conversation of a route, with what the route shows beside it. */
export function ConversationPane({ route }: { readonly route: ConversationRoute }) {
  const session = useSession();
  const conversation = useConversation(session, route);
  const messageId = route.view === "chat" ? route.messageId : undefined;
  useEffect(() => {
    if (messageId === undefined || route.view !== "chat") return;
    void conversation?.jumpTo(messageId);
    replaceRoute({ view: "chat", chatId: route.chatId });
  }, [conversation, messageId]);
  if (!conversation) return null;
  if (conversation.isUnknown.value) {
    const isUser = conversation.closure.value === "unknown_user";
    return <NothingThere text={isUser ? texts.closures.unknown_user : texts.unknownChat} />;
  }
  const panel = route.view === "chat" && conversation.chat.value ? route.panel : undefined;
  return (
    <>
      <ConversationView key={keyOf(conversation)} conversation={conversation} />
      {route.view === "chat" && panel === "details" && (
        <DetailsPanel key={route.chatId} chatId={route.chatId} />
      )}
      {route.view === "chat" && panel === "search" && (
        <SearchPanel key={route.chatId} chatId={route.chatId} conversation={conversation} />
      )}
    </>
  );
}

function NothingThere({ text }: { readonly text: string }) {
  return (
    <section class="page" aria-label={texts.conversation}>
      <header class="bar">
        <IconLink class="only-narrow" icon="back" label={texts.back} href={toHash({ view: "chats" })} />
      </header>
      <p class="empty">
        {text} <a href={toHash({ view: "chats" })}>{texts.back}</a>
      </p>
    </section>
  );
}

/** Opens the conversation of a route, and closes the previous one. One with a user stays when it gets its chat. */
function useConversation(session: Session, route: ConversationRoute): Conversation | undefined {
  const [conversation, setConversation] = useState<Conversation | undefined>(undefined);
  const current = useRef<Conversation | undefined>(undefined);
  const id = route.view === "chat" ? route.chatId : route.username;
  useEffect(() => {
    const destination = current.current?.destination.peek();
    const shown = destination && ("chatId" in destination ? destination.chatId : destination.username);
    if (shown === id) return;
    current.current?.close();
    current.current = session.openConversation(
      route.view === "chat" ? { chatId: route.chatId } : { username: route.username },
    );
    setConversation(current.current);
  }, [session, id]);
  useEffect(() => () => current.current?.close(), []);
  return conversation;
}

const KEYS = new WeakMap<Conversation, number>();
let conversations = 0;

/** A key that a conversation keeps when its destination changes. */
function keyOf(conversation: Conversation): number {
  const key = KEYS.get(conversation) ?? (conversations += 1);
  KEYS.set(conversation, key);
  return key;
}
