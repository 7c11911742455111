import { useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { Fragment } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Message } from "../../client/index.js";
import type { Conversation } from "../state/conversation.js";
import { texts } from "../texts.js";
import { dayOf, isSameDay } from "../times.js";
import { IconButton } from "./button.js";
import { useSession } from "./context.js";
import type { ActionTarget } from "./message-actions.js";
import { MessageView } from "./message.js";
import { nameOf } from "./name.js";
import { PendingMessage } from "./pending-message.js";
import { ScrollPosition } from "./scroll-position.js";
import { FailureText } from "./task.js";

/** Messages of one sender that follow each other within this time have one head. */
const GROUP_MS = 5 * 60_000;
/** A page is read when the end of the window is less than this many screens away. */
const SCREENS_AHEAD = 1.5;

/** The window of messages. It keeps what the user sees in its place while pages and messages come. */
export function MessageList({
  conversation,
  onActions,
  onCompose,
}: {
  readonly conversation: Conversation;
  readonly onActions: (target: ActionTarget) => void;
  readonly onCompose: () => void;
}) {
  const session = useSession();
  const { user } = session;
  const isGroup = useComputed(() => conversation.chat.value?.kind === "group").value;
  const messages = conversation.messages.value;
  const pending = conversation.pending.value;
  const list = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const position = useRef<ScrollPosition | undefined>(undefined);
  const isAway = useSignal(false);
  const firstUnread = useFirstUnread(conversation, user.user_id);

  // The place of what the user sees, right before the page changes.
  position.current?.remember();

  const follow = () => {
    const scroll = position.current;
    const element = list.current;
    if (!scroll || !element) return;
    const isAtEnd = scroll.isAtEnd && !conversation.hasNewer.peek();
    conversation.setAtEnd(isAtEnd);
    isAway.value = !isAtEnd && element.scrollHeight - element.scrollTop > 1.5 * element.clientHeight;
    const ahead = SCREENS_AHEAD * element.clientHeight;
    if (element.scrollTop < ahead) void conversation.loadOlder();
    if (element.scrollHeight - element.scrollTop - element.clientHeight < ahead)
      void conversation.loadNewer();
    markSeen(conversation, element);
  };

  useLayoutEffect(() => {
    const scroll = new ScrollPosition(list.current!, content.current!, follow);
    position.current = scroll;
    const listener = () => follow();
    document.addEventListener("visibilitychange", listener);
    return () => {
      scroll.close();
      document.removeEventListener("visibilitychange", listener);
    };
  }, []);

  const isFilled = messages.length > 0;
  const isRead = !conversation.loading.value && !conversation.failure.value;
  const isEmpty = isRead && !isFilled && pending.length === 0;
  useLayoutEffect(() => {
    // A chat opens where the user has read to.
    const line = content.current!.querySelector(".unread-line");
    if (isFilled && line) position.current!.showNearTop(line);
  }, [isFilled]);

  useLayoutEffect(() => {
    position.current!.restore();
    follow();
  }, [messages, pending]);

  useSignalEffect(() => {
    const id = conversation.target.value;
    if (id === undefined) return;
    // The window around it is in the page after the next rendering.
    requestAnimationFrame(() => {
      const element = elementOf(list.current, id);
      if (!element) return;
      position.current!.showInMiddle(element);
      element.focus({ preventScroll: true });
      element.classList.add("highlighted");
      element.addEventListener("animationend", () => element.classList.remove("highlighted"), { once: true });
      conversation.clearTarget();
      follow();
    });
  });

  return (
    <div class="message-area">
      <div
        class="messages"
        role="feed"
        aria-label={texts.messages}
        aria-busy={conversation.loading.value !== undefined}
        tabIndex={0}
        ref={list}
        onKeyDown={(event) => moveInList(event, list.current!, conversation, onCompose)}
      >
        <div class="messages-content" ref={content}>
          {isEmpty ? (
            <p class="empty">{texts.noMessages}</p>
          ) : (
            <p class="edge">
              {conversation.loading.value
                ? texts.loading
                : isFilled && !conversation.hasOlder.value && texts.beginning}
            </p>
          )}
          <FailureText of={conversation.failure} />
          {messages.map((message, index) => {
            const before = messages[index - 1];
            return (
              <Fragment key={message.id}>
                {!(before && isSameDay(before.timestamp, message.timestamp)) && (
                  <div class="day">
                    <time dateTime={message.timestamp}>{dayOf(message.timestamp)}</time>
                  </div>
                )}
                {message.seq === firstUnread && <div class="unread-line">{texts.newMessages}</div>}
                <MessageView
                  session={session}
                  message={message}
                  conversation={conversation}
                  isGroup={isGroup}
                  isFirst={message.seq === firstUnread || !continues(before, message)}
                  onActions={onActions}
                />
              </Fragment>
            );
          })}
          {pending.map((entry, index) => (
            <PendingMessage
              key={entry.key}
              entry={entry}
              conversation={conversation}
              isFirst={index === 0 && messages.at(-1)?.sender_user_id !== user.user_id}
              onCompose={onCompose}
            />
          ))}
        </div>
      </div>
      {(isAway.value || (isFilled && conversation.hasNewer.value)) && (
        <ToNewest
          unread={conversation.chat.value?.unread_count ?? 0}
          onClick={() => void conversation.jumpToEnd().then(() => position.current?.showEnd())}
        />
      )}
      <Announcements conversation={conversation} />
    </div>
  );
}

/** A button to the end of the chat, with the number of unread messages. */
function ToNewest({ unread, onClick }: { readonly unread: number; readonly onClick: () => void }) {
  return (
    <div class="to-end">
      <IconButton icon="down" label={texts.toNewest(unread)} onClick={onClick} />
      {unread > 0 && (
        <span class="badge" aria-hidden="true">
          {unread}
        </span>
      )}
    </div>
  );
}

/** Says each new message of others once, for screen readers. */
function Announcements({ conversation }: { readonly conversation: Conversation }) {
  const { people, user } = useSession();
  const spoken = useSignal("");
  const lastId = useRef<number | undefined>(undefined);
  useSignalEffect(() => {
    const last = conversation.messages.value.at(-1);
    if (!last || conversation.hasNewer.value) return;
    const isNew = lastId.current !== undefined && last.id > lastId.current;
    lastId.current = last.id;
    if (!isNew || last.sender_user_id === user.user_id || last.deleted_at !== null) return;
    spoken.value = texts.messageBy(nameOf(people, last.sender_user_id, last.sender_username), last.message);
  });
  return (
    <div class="hidden" aria-live="polite">
      {spoken.value}
    </div>
  );
}

/** The `seq` of the first message that was unread when the chat was opened, once it is in the window. */
function useFirstUnread(conversation: Conversation, me: string): number | undefined {
  const known = useRef<number | undefined>(undefined);
  const isChecked = useRef(false);
  const messages = conversation.messages.value;
  if (!isChecked.current && messages.length > 0) {
    isChecked.current = true;
    const { readSeqAtOpening: readSeq } = conversation;
    const unread = messages.find(({ seq, sender_user_id }) => seq > readSeq && sender_user_id !== me);
    // The line marks where the unread messages begin, so the window must reach that place.
    if (unread && (messages[0]!.seq <= readSeq + 1 || readSeq === 0)) known.current = unread.seq;
  }
  return known.current;
}

function continues(before: Message | undefined, message: Message): boolean {
  return (
    before !== undefined &&
    before.sender_user_id === message.sender_user_id &&
    isSameDay(before.timestamp, message.timestamp) &&
    Date.parse(message.timestamp) - Date.parse(before.timestamp) < GROUP_MS
  );
}

/** The element of a message that the page shows. */
export function elementOf(list: HTMLElement | null, id: number): HTMLElement | undefined {
  return list?.querySelector<HTMLElement>(`[data-id="${id}"]`) ?? undefined;
}

/** Marks the chat as read up to the last message of which the user sees the end. */
function markSeen(conversation: Conversation, list: HTMLElement): void {
  if (document.visibilityState !== "visible") return;
  const { bottom } = list.getBoundingClientRect();
  const shown = list.querySelectorAll<HTMLElement>("[data-seq]");
  for (let index = shown.length - 1; index >= 0; index -= 1) {
    const element = shown[index]!;
    // A pixel is lost by rounding.
    if (element.getBoundingClientRect().bottom > bottom + 1) continue;
    conversation.markRead(Number(element.dataset["seq"]));
    return;
  }
}

/** The keys that move the focus from message to message. */
function moveInList(
  event: KeyboardEvent,
  list: HTMLElement,
  conversation: Conversation,
  onCompose: () => void,
): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const articles = [...list.querySelectorAll<HTMLElement>("article")];
  const index = articles.indexOf(document.activeElement as HTMLElement);
  // Keys inside of a message belong to its buttons and links.
  if (index < 0 && document.activeElement !== list) return;
  const focus = (element: HTMLElement | undefined) => {
    if (!element) return;
    event.preventDefault();
    element.focus({ preventScroll: true });
    element.scrollIntoView({ block: "nearest" });
  };
  switch (event.key) {
    case "ArrowUp":
      return focus(index < 0 ? articles.at(-1) : articles[index - 1]);
    case "ArrowDown":
      if (index < 0 || index < articles.length - 1) return focus(articles[index + 1]);
      event.preventDefault();
      return onCompose();
    case "Home":
      return focus(articles[0]);
    case "End":
      event.preventDefault();
      void conversation
        .jumpToEnd()
        .then(() => elementOf(list, conversation.messages.peek().at(-1)?.id ?? 0)?.focus());
      return undefined;
    case "Escape":
      event.preventDefault();
      return onCompose();
    default:
      return undefined;
  }
}
