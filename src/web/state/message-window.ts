import type { ChatEvent, Message } from "../../client/index.js";

/** A part of the messages of one chat: in their order, without gaps, and bounded. */
export interface MessageWindow {
  /** Oldest first. */
  readonly messages: readonly Message[];
  readonly hasOlder: boolean;
  /** Whether the window ends before the end of the chat. */
  readonly hasNewer: boolean;
}

/** The messages in a window, so that a page shows far less than 500 of them. */
export const MAX_WINDOW_MESSAGES = 300;

export const PAGE_MESSAGES = 60;

export const EMPTY_WINDOW: MessageWindow = { messages: [], hasOlder: false, hasNewer: false };

/** No message of the chat has been read yet. */
export const UNREAD_WINDOW: MessageWindow = { messages: [], hasOlder: false, hasNewer: true };

/**
 * Puts a page of the messages before a window in front of it. A full window drops its newest messages. A page that does not
 * fit, because the window has changed since the request, changes nothing.
 */
export function withOlder(window: MessageWindow, page: readonly Message[], limit: number): MessageWindow {
  if (!areAdjacent(page, window.messages)) return window;
  const messages = [...page, ...window.messages];
  return {
    messages: messages.slice(0, MAX_WINDOW_MESSAGES),
    hasOlder: page.length >= limit,
    hasNewer: window.hasNewer || messages.length > MAX_WINDOW_MESSAGES,
  };
}

/** As `withOlder`, for the messages after a window. A full window drops its oldest messages. */
export function withNewer(window: MessageWindow, page: readonly Message[], limit: number): MessageWindow {
  if (!areAdjacent(window.messages, page)) return window;
  const messages = [...window.messages, ...page];
  return {
    messages: messages.slice(-MAX_WINDOW_MESSAGES),
    hasOlder: window.hasOlder || messages.length > MAX_WINDOW_MESSAGES,
    hasNewer: page.length >= limit,
  };
}

function areAdjacent(older: readonly Message[], newer: readonly Message[]): boolean {
  const last = older.at(-1);
  const [first] = newer;
  return !last || !first || last.seq + 1 === first.seq;
}

/**
 * A window after an event of its chat. Events that it has seen change nothing, so a page that was read while events arrived
 * becomes current when they are applied to it again.
 *
 * @param isAtEnd whether the user sees the end of the window. Then a new message pushes the oldest one out of a full window.
 * Else a full window stays as it is, and ends before the new message.
 */
export function applyToWindow(window: MessageWindow, event: ChatEvent, isAtEnd: boolean): MessageWindow {
  switch (event.type) {
    case "message.created":
      return withNewMessage(window, event.message, isAtEnd);
    case "message.edited":
    case "message.deleted":
      return replace(window, event.message.id, () => event.message);
    case "reaction.added":
    case "reaction.removed":
      return replace(window, event.message_id, (message) => ({ ...message, reactions: event.reactions }));
    case "chat.history_deleted": {
      const messages = window.messages.filter(({ seq }) => seq > event.up_to_seq);
      return messages.length < window.messages.length ? { ...window, messages, hasOlder: false } : window;
    }
    default:
      return window;
  }
}

function withNewMessage(window: MessageWindow, message: Message, isAtEnd: boolean): MessageWindow {
  const { messages, hasNewer, hasOlder } = window;
  const last = messages.at(-1);
  if (hasNewer || (last && message.seq <= last.seq)) return window;
  // A gap is closed by reading on.
  const follows = !last || message.seq === last.seq + 1;
  const isFull = messages.length >= MAX_WINDOW_MESSAGES;
  if (!follows || (isFull && !isAtEnd)) return { ...window, hasNewer: true };
  return {
    messages: [...messages, message].slice(-MAX_WINDOW_MESSAGES),
    hasOlder: hasOlder || isFull,
    hasNewer: false,
  };
}

function replace(window: MessageWindow, id: number, change: (message: Message) => Message): MessageWindow {
  const index = window.messages.findIndex((message) => message.id === id);
  if (index < 0) return window;
  return { ...window, messages: window.messages.with(index, change(window.messages[index]!)) };
}

/** Puts the response to a change of a message into a window, unless the window has a newer state of it. */
export function withChanged(window: MessageWindow, changed: Message): MessageWindow {
  return replace(window, changed.id, (message) => {
    if (changed.deleted_at !== null) return changed;
    const isNewer = message.deleted_at === null && (changed.edited_at ?? "") >= (message.edited_at ?? "");
    // Reactions have no time. Their events bring the current ones.
    return isNewer ? { ...changed, reactions: message.reactions } : message;
  });
}
