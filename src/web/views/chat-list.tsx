import { useComputed, useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { toHash, type Route } from "../route.js";
import type { ChatState } from "../state/chats.js";
import { newTextOf } from "../state/draft.js";
import type { Unlisted } from "../state/unlisted.js";
import { texts } from "../texts.js";
import { shortTimeOf } from "../times.js";
import { ChatAvatar, DestinationAvatar } from "./chat-avatar.js";
import { ChatMenu } from "./chat-menu.js";
import { useSurroundings } from "./context.js";
import { Icon } from "./icon.js";
import { nameOf, titleOf, titleOfDestination } from "./name.js";

/** A list shows this many chats at first, and as many more each time its end is seen. */
const CHATS_PER_PAGE = 60;

/** A list of chats in the given order, behind what the user has not sent to other destinations. */
export function ChatList({
  chats,
  unlisted = [],
  isLoaded,
}: {
  readonly chats: readonly ChatState[];
  readonly unlisted?: readonly Unlisted[];
  readonly isLoaded: boolean;
}) {
  const shown = useSignal(CHATS_PER_PAGE);
  const menu = useSignal<{ readonly chatId: number; readonly x: number; readonly y: number } | undefined>(
    undefined,
  );
  const showMore = ({
    currentTarget: { scrollTop, clientHeight, scrollHeight },
  }: {
    currentTarget: HTMLElement;
  }) => {
    if (scrollHeight - scrollTop < 2 * clientHeight)
      shown.value = Math.min(shown.value, chats.length) + CHATS_PER_PAGE;
  };
  if (!isLoaded) return <p class="empty late">{texts.loading}</p>;
  if (chats.length + unlisted.length === 0) return <p class="empty">{texts.noChats}</p>;
  return (
    <>
      <ul class="chat-list" onScroll={showMore}>
        {unlisted.map((each) => (
          <UnlistedRow key={each.key} unlisted={each} />
        ))}
        {chats.slice(0, shown.value).map((chat) => (
          <ChatRow
            key={chat.chat_id}
            chat={chat}
            onMenu={(x, y) => (menu.value = { chatId: chat.chat_id, x, y })}
          />
        ))}
      </ul>
      {menu.value && (
        <ChatMenu chatId={menu.value.chatId} at={menu.value} onClose={() => (menu.value = undefined)} />
      )}
    </>
  );
}

function ChatRow({
  chat,
  onMenu,
}: {
  readonly chat: ChatState;
  readonly onMenu: (x: number, y: number) => void;
}) {
  const { session, route } = useSurroundings();
  const { chat_id: chatId, unread_count: unread } = chat;
  const mentions = chat.mention_count ?? 0;
  const isCurrent = useComputed(() => route.value.view === "chat" && route.value.chatId === chatId);
  const link = useRef<HTMLAnchorElement>(null);
  const title = titleOf(session.people, chat);
  const isMuted = session.chats.isMuted(chat);
  const openMenu = (event: MouseEvent) => {
    event.preventDefault();
    // The key for menus gives no point.
    const { left, bottom } = link.current!.getBoundingClientRect();
    onMenu(event.clientX || left + 48, event.clientY || bottom);
  };
  return (
    <li>
      <a
        ref={link}
        class="chat-row"
        href={toHash({ view: "chat", chatId })}
        aria-current={isCurrent.value ? "page" : undefined}
        data-focus={isCurrent.value || undefined}
        onContextMenu={openMenu}
      >
        <ChatAvatar chat={chat} />
        <span class="chat-row-head">
          <bdi class="chat-row-title">{title}</bdi>
          {isMuted && <RowIcon name="muted" label={texts.muted} />}
          {chat.pinned && <RowIcon name="pin" label={texts.pinned} />}
          {chat.last_message && (
            <time class="chat-row-time" dateTime={chat.last_message.timestamp}>
              {shortTimeOf(chat.last_message.timestamp)}
            </time>
          )}
        </span>
        <span class="chat-row-foot">
          <Snippet chat={chat} />
          {mentions > 0 && (
            <span class="badge">
              <span aria-hidden="true">@</span>
              <span class="hidden">{texts.mentionCount(mentions)}</span>
            </span>
          )}
          {unread > 0 && (
            <span class={`badge ${isMuted ? "quiet" : ""}`}>
              <span aria-hidden="true">{unread > 999 ? "999+" : unread}</span>
              <span class="hidden">{texts.unreadCount(unread)}</span>
            </span>
          )}
        </span>
      </a>
    </li>
  );
}

function UnlistedRow({ unlisted }: { readonly unlisted: Unlisted }) {
  const { session, route } = useSurroundings();
  const { destination, state, text } = unlisted;
  const target: Route =
    "chatId" in destination
      ? { view: "chat", chatId: destination.chatId }
      : { view: "user", username: destination.username };
  const title = titleOfDestination(session.people, destination);
  const isCurrent = useComputed(() => toHash(route.value) === toHash(target));
  return (
    <li>
      <a
        class="chat-row"
        href={toHash(target)}
        aria-current={isCurrent.value ? "page" : undefined}
        data-focus={isCurrent.value || undefined}
      >
        <DestinationAvatar destination={destination} />
        <span class="chat-row-head">
          <bdi class="chat-row-title">{title}</bdi>
        </span>
        <span class="chat-row-foot">
          <MarkedSnippet mark={MARKS[state]} text={text} />
        </span>
      </a>
    </li>
  );
}

const MARKS: Readonly<Record<Unlisted["state"], string>> = {
  rejected: texts.notSentMark,
  waiting: texts.waitingMark,
  draft: texts.draft,
};

function MarkedSnippet({ mark, text }: { readonly mark: string; readonly text: string }) {
  return (
    <span class="snippet">
      <span class="draft-mark">{mark}</span> <bdi>{text.slice(0, 200)}</bdi>
    </span>
  );
}

function RowIcon({ name, label }: { readonly name: "muted" | "pin"; readonly label: string }) {
  return (
    <span class="row-icon" title={label}>
      <Icon name={name} />
      <span class="hidden">{label}</span>
    </span>
  );
}

/** The last thing in a chat: an unsent message, a draft, or the last message. */
function Snippet({ chat }: { readonly chat: ChatState }) {
  const { chats, drafts, outbox, people, user } = useSurroundings().session;
  const draft = newTextOf(drafts.of({ chatId: chat.chat_id }).value);
  const isRejected = outbox.entries.value.some(
    ({ destination, state }) => state === "rejected" && chats.at(destination)?.chat_id === chat.chat_id,
  );
  const last = chat.last_message;
  if (isRejected) return <span class="snippet failure">{texts.notSent}</span>;
  if (draft !== "") return <MarkedSnippet mark={texts.draft} text={draft} />;
  if (!last) return <span class="snippet" />;
  if (last.deleted_at !== null) return <em class="snippet">{texts.deletedMessage}</em>;
  const isOwn = last.sender_user_id === user.user_id;
  const sender = isOwn ? texts.you : nameOf(people, last.sender_user_id, last.sender_username);
  return (
    <span class="snippet">
      {(isOwn || chat.kind === "group") && (
        <>
          <bdi>{sender}</bdi>
          {": "}
        </>
      )}
      <bdi>{last.message.slice(0, 200)}</bdi>
    </span>
  );
}
