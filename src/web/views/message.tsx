import type { Message } from "../../client/index.js";
import { toHash } from "../route.js";
import { isEmojiOnly, toParts } from "../rich-text.js";
import type { Conversation } from "../state/conversation.js";
import type { Session } from "../state/session.js";
import { texts } from "../texts.js";
import { fullTimeOf, timeOf } from "../times.js";
import { Avatar, hueOf } from "./avatar.js";
import { IconButton } from "./button.js";
import { useSession } from "./context.js";
import { Icon } from "./icon.js";
import type { ActionTarget } from "./message-actions.js";
import { Name, nameOf } from "./name.js";
import { FailureText } from "./task.js";

/**
 * One message. It reads signals and uses no hooks, so it is rendered again only when a signal or a prop has changed: a list has
 * hundreds of them.
 */
export function MessageView({
  session,
  message,
  conversation,
  isGroup,
  isFirst,
  onActions,
}: {
  readonly session: Session;
  readonly message: Message;
  readonly conversation: Conversation;
  readonly isGroup: boolean;
  /** Whether it is the first of several by one sender. */
  readonly isFirst: boolean;
  readonly onActions: (target: ActionTarget) => void;
}) {
  const { people, user } = session;
  const { id, seq, sender_user_id: sender, sender_username: username } = message;
  const isOwn = sender === user.user_id;
  const isDeleted = message.deleted_at !== null;
  const isMentioned = message.mentions.includes(user.user_id) && !isDeleted;
  const displayed = nameOf(people, sender, username);
  const name = isOwn ? texts.you : displayed;
  const label = isDeleted
    ? isOwn
      ? texts.ownDeleted
      : texts.deletedFrom(displayed)
    : isOwn
      ? texts.ownMessage
      : texts.messageFrom(displayed);
  const openActions = (
    view: ActionTarget["view"],
    { currentTarget }: { currentTarget: EventTarget | null },
  ) => {
    const { left, bottom } = (currentTarget as HTMLElement).getBoundingClientRect();
    onActions({ message, view, x: left, y: bottom });
  };
  const classes = [
    "message",
    isOwn && "own",
    isFirst && "first",
    isMentioned && "mentioned",
    isGroup && "in-group",
  ];
  return (
    <article
      class={classes.filter(Boolean).join(" ")}
      data-id={id}
      data-seq={seq}
      tabIndex={-1}
      aria-label={label}
      aria-describedby={isDeleted ? undefined : `text-${id}`}
      onKeyDown={(event) => {
        if (event.target !== event.currentTarget || isDeleted) return;
        const view = VIEWS_BY_KEY[event.key];
        if (!view || event.ctrlKey || event.metaKey) return;
        event.preventDefault();
        openActions(view, event);
      }}
      onContextMenu={(event) => {
        // The text that is selected and links have menus of the browser.
        const isOnText = (event.target as Element).closest("a") ?? !getSelection()?.isCollapsed;
        if (isOnText || isDeleted) return;
        event.preventDefault();
        onActions({ message, view: "menu", x: event.clientX, y: event.clientY });
      }}
    >
      {isGroup && !isOwn && isFirst && <Avatar id={sender} name={name} size="small" />}
      <div class="bubble-frame">
        <div class="bubble">
          {isGroup && !isOwn && isFirst && (
            <div class={`sender hue-${hueOf(sender)}`}>
              <Name id={sender} username={username} />
            </div>
          )}
          {message.reply_to !== null && !isDeleted && (
            <Quote id={message.reply_to} conversation={conversation} />
          )}
          <div class="body" dir="auto">
            <span id={`text-${id}`} class={`text ${isEmojiOnly(message.message) ? "large" : ""}`}>
              {isDeleted ? <em>{texts.deletedMessage}</em> : <Text message={message} />}
            </span>
            <span class="meta">
              {message.edited_at !== null && !isDeleted && (
                <span title={fullTimeOf(message.edited_at)}>{texts.edited}</span>
              )}
              <time dateTime={message.timestamp} title={fullTimeOf(message.timestamp)}>
                {timeOf(message.timestamp)}
              </time>
              {isOwn && !isDeleted && <ReadTick seq={seq} conversation={conversation} />}
            </span>
          </div>
          {!isDeleted && <Reactions message={message} conversation={conversation} />}
        </div>
        {!isDeleted && (
          <div class="message-tools">
            <IconButton
              isSkipped
              icon="smile"
              label={texts.react}
              onClick={(event) => openActions("emoji", event)}
            />
            <IconButton
              isSkipped
              icon="reply"
              label={texts.reply}
              onClick={(event) => openActions("reply", event)}
            />
            <IconButton
              isSkipped
              icon="more"
              label={texts.messageActions}
              onClick={(event) => openActions("menu", event)}
            />
          </div>
        )}
      </div>
    </article>
  );
}

/** The keys that act on the message with the focus. */
const VIEWS_BY_KEY: Readonly<Record<string, ActionTarget["view"] | undefined>> = {
  Enter: "menu",
  " ": "menu",
  r: "reply",
  e: "edit",
  "+": "emoji",
  Delete: "delete",
};

/** The text of a message with its links and mentions. */
function Text({ message }: { readonly message: Message }) {
  const { people, user } = useSession();
  const mentioned = message.mentions.flatMap((id) => people.profileOf(id).value?.username ?? []);
  return (
    <>
      {toParts(message.message, mentioned).map((part, index) => {
        switch (part.kind) {
          case "link":
            return (
              <a key={index} href={part.url} dir="ltr" target="_blank" rel="noopener noreferrer">
                {part.text}
              </a>
            );
          case "mention":
            return (
              <a
                key={index}
                class={`mention ${part.username === user.username ? "me" : ""}`}
                href={toHash({ view: "user", username: part.username })}
              >
                {part.text}
              </a>
            );
          default:
            return part.text;
        }
      })}
    </>
  );
}

/** The message to which another one replies. A click shows it. */
export function Quote({ id, conversation }: { readonly id: number; readonly conversation: Conversation }) {
  const { people, user } = useSession();
  const quoted = conversation.quoteOf(id).value;
  const isReadable = quoted && quoted.deleted_at === null;
  const isOwn = quoted?.sender_user_id === user.user_id;
  return (
    <button
      type="button"
      class={`quote hue-${hueOf(quoted?.sender_user_id ?? "")}`}
      tabIndex={-1}
      onClick={() => void conversation.jumpTo(id)}
    >
      <bdi class="quote-name">
        {quoted
          ? isOwn
            ? texts.you
            : nameOf(people, quoted.sender_user_id, quoted.sender_username)
          : texts.reply}
      </bdi>
      <span class="quote-text" dir="auto">
        {isReadable
          ? quoted.message.slice(0, 300)
          : quoted
            ? texts.deletedMessage
            : quoted === null && texts.unreadable}
      </span>
    </button>
  );
}

function ReadTick({ seq, conversation }: { readonly seq: number; readonly conversation: Conversation }) {
  const isRead = seq <= (conversation.chat.value?.peer_read_seq ?? 0);
  return (
    <span class={`tick ${isRead ? "read" : ""}`} title={isRead ? texts.read : texts.sent}>
      <Icon name={isRead ? "checks" : "check"} />
      <span class="hidden">{isRead ? texts.read : texts.sent}</span>
    </span>
  );
}

function Reactions({
  message,
  conversation: { reactions },
}: {
  readonly message: Message;
  readonly conversation: Conversation;
}) {
  const { people, user } = useSession();
  const shown = reactions.of(message);
  const failure = reactions.failureOf(message.id);
  return (
    <>
      {shown.length > 0 && (
        <div class="reactions">
          {shown.map(({ emoji, count, user_ids, isOwn, isPending }) => {
            const names = user_ids.map((id) => (id === user.user_id ? texts.you : nameOf(people, id, "…")));
            const label = texts.reactedWith(emoji, names, count);
            return (
              <button
                key={emoji}
                type="button"
                class="reaction"
                aria-pressed={isOwn}
                aria-busy={isPending}
                aria-label={label}
                title={label}
                onClick={() => void reactions.set(message.id, emoji, !isOwn)}
              >
                <span class="emoji">{emoji}</span> {count}
              </button>
            );
          })}
        </div>
      )}
      {failure && <FailureText of={{ value: failure }} />}
    </>
  );
}
