import { useSignal } from "@preact/signals";
import { useCallback, useRef } from "preact/hooks";
import { toHash } from "../route.js";
import type { Conversation } from "../state/conversation.js";
import { texts } from "../texts.js";
import { shortTimeOf } from "../times.js";
import { IconLink } from "./button.js";
import { ChatAvatar, DestinationAvatar } from "./chat-avatar.js";
import { Composer } from "./composer.js";
import { useSession } from "./context.js";
import { MessageActions, type ActionTarget } from "./message-actions.js";
import { MessageList } from "./message-list.js";
import { nameOf, titleOf, titleOfDestination } from "./name.js";

/** A conversation: its head, its messages and the field for the next one. */
export function ConversationView({ conversation }: { readonly conversation: Conversation }) {
  const target = useSignal<ActionTarget | undefined>(undefined);
  const composer = useRef<HTMLTextAreaElement>(null);
  // The same functions each time, so that no message is rendered again.
  const act = useCallback((chosen: ActionTarget) => (target.value = chosen), []);
  const compose = useCallback(() => composer.current?.focus(), []);
  return (
    <section class="conversation" aria-label={texts.conversation}>
      <ConversationHead conversation={conversation} />
      <MessageList conversation={conversation} onActions={act} onCompose={compose} />
      <Composer conversation={conversation} textRef={composer} />
      {target.value && (
        <MessageActions
          conversation={conversation}
          target={target.value}
          onClose={() => (target.value = undefined)}
          onCompose={compose}
        />
      )}
    </section>
  );
}

function ConversationHead({ conversation }: { readonly conversation: Conversation }) {
  const { people } = useSession();
  const chat = conversation.chat.value;
  const destination = conversation.destination.value;
  const title = chat ? titleOf(people, chat) : titleOfDestination(people, destination);
  const closure = conversation.closure.value;
  const hasSubtitle = closure !== "blocked" && closure !== "deleted";
  const heading = (
    <>
      {chat ? (
        <ChatAvatar chat={chat} size="small" />
      ) : (
        <DestinationAvatar destination={destination} size="small" />
      )}
      <span class="head-texts">
        <h1 class="bar-title">
          <bdi>{title}</bdi>
        </h1>
        {chat && hasSubtitle && (
          <Subtitle chatId={chat.chat_id} isGroup={chat.kind === "group"} count={chat.participant_count} />
        )}
      </span>
    </>
  );
  return (
    <header class="bar conversation-head">
      <IconLink class="only-narrow" icon="back" label={texts.back} href={toHash({ view: "chats" })} />
      {chat ? (
        <a
          class="head-link"
          href={toHash({ view: "chat", chatId: chat.chat_id, panel: "details" })}
          data-focus
        >
          {heading}
          <span class="hidden">{texts.details}</span>
        </a>
      ) : (
        <div class="head-link">{heading}</div>
      )}
      {chat && (
        <IconLink
          icon="search"
          label={texts.search.inChat}
          href={toHash({ view: "chat", chatId: chat.chat_id, panel: "search" })}
        />
      )}
    </header>
  );
}

/** Who types; else who is there. */
function Subtitle(props: { readonly chatId: number; readonly isGroup: boolean; readonly count: number }) {
  const { typing, people } = useSession();
  const typists = typing.in(props.chatId).value;
  if (typists.length > 0) {
    const names = typists.map(({ user_id, username }) => nameOf(people, user_id, username));
    return <span class="subtitle typing">{props.isGroup ? texts.typing(names) : texts.typesAlone}</span>;
  }
  if (props.isGroup) return <span class="subtitle">{texts.participantCount(props.count)}</span>;
  return <PresenceText chatId={props.chatId} />;
}

function PresenceText({ chatId }: { readonly chatId: number }) {
  const presence = useSession().people.presenceIn(chatId).value;
  if (!presence) return <span class="subtitle" />;
  if (presence.online) return <span class="subtitle online">{texts.online}</span>;
  const since = presence.offline_since;
  return (
    <span class="subtitle">{since === null ? texts.isOffline : texts.lastSeen(shortTimeOf(since))}</span>
  );
}
