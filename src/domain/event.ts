import type { Chat, ChatOverview } from "./chat.js";
import { MessagingError } from "./errors.js";
import type { ChatId, MessageId, SessionId, UserId } from "./ids.js";
import type { Message } from "./message.js";
import type { User } from "./user.js";

/** A place in the log of events. An opaque string: whoever has one can be told all that happened since. */
export type EventCursor = string & { readonly eventCursor: true };

/** Something that happened in a chat, as those see it who may see it. */
export type ChatEvent = {
  readonly cursor: EventCursor;
  readonly chatId: ChatId;
  /** Epoch milliseconds. */
  readonly at: number;
} & ((MessageChange & { readonly message: Message }) | ChatChange);

/**
 * The message comes as it stands when the event is read, so that a deleted text is never told again. Sending reads up to
 * one's own message, and no `chat.read` tells so besides.
 */
export interface MessageChange {
  readonly type: "message.created" | "message.edited" | "message.deleted";
}

export type ChatChange =
  | {
      readonly type: "chat.created";
      readonly chat: Chat;
      /** Who is in it from the beginning: the creator of a group, or both people of a p2p chat. */
      readonly participants: readonly Person[];
    }
  | { readonly type: "chat.renamed"; readonly title: string | null }
  | {
      readonly type: "participant.added" | "participant.removed";
      readonly user: Person;
      /** How many there are from then on. */
      readonly participantCount: number;
      /** For those alone who were added: the chat as they found it. */
      readonly overview?: ChatOverview;
    }
  | {
      readonly type: "chat.read";
      readonly user: Person;
      readonly readSeq: number;
      readonly unreadCount: number;
    };

export type Person = Pick<User, "id" | "username">;

/**
 * All who are participants of the chat by then and stay so until they are told; or one of them alone. Whom it takes out of
 * the chat is told outside of it.
 */
export type Audience = "participants" | { readonly user: UserId; readonly includesRemoved: boolean };

/** An event on its way into the log, which keeps of a message only its id. */
export interface EventDraft {
  readonly chatId: ChatId;
  readonly to: Audience;
  readonly at: number;
  readonly change: MessageChange | ChatChange;
  /** The message it is about; for those who were added, the last one of the chat. */
  readonly messageId: MessageId | null;
}

/** @param people who are in it from the beginning. */
export function chatCreated(chat: Chat, people: readonly Person[]): EventDraft {
  const participants = people.map(({ id, username }) => ({ id, username }));
  return chatChanged(chat.id, { type: "chat.created", chat, participants }, chat.createdAt);
}

export function chatChanged(
  chatId: ChatId,
  change: ChatChange,
  at: number,
  to: Audience = "participants",
): EventDraft {
  return { chatId, to, at, change, messageId: null };
}

export function messageChanged(type: MessageChange["type"], message: Message, at: number): EventDraft {
  return { chatId: message.chatId, to: "participants", at, change: { type }, messageId: message.id };
}

/** An event as it stands in the log. */
export interface StoredEvent extends Omit<EventDraft, "messageId"> {
  /** Its place: grows in the order in which things happened. */
  readonly id: number;
  /** As it stands now. */
  readonly message: Message | null;
}

/** Stands in the same log, so that whoever follows it can end what the session has open. No user is told. */
export interface SessionEnd {
  readonly sessionId: SessionId;
  readonly userId: UserId;
  readonly at: number;
}

/** What the log has: the name of the database, which no other and no restored one shares, and where it begins and ends. */
export interface LogBounds {
  /** 16 hexadecimal digits. */
  readonly epoch: string;
  /** The `id` of the oldest event that is kept; behind the last one where none is. */
  readonly first: number;
  /** The greatest `id` given so far; 0 before the first. */
  readonly last: number;
}

export function cursorAt(epoch: string, id: number): EventCursor {
  return `${epoch}-${id}` as EventCursor;
}

/**
 * The `id` that a cursor stands for.
 *
 * @throws MessagingError `invalid_cursor` where it is none; `cursor_expired` where something behind it may be missing: it is
 * of another database, or of the time before a backup was restored, or older than what is kept.
 */
export function positionOf(cursor: string, { epoch, first, last }: LogBounds): number {
  const [, ofEpoch, digits] = /^([0-9a-f]{16})-(\d{1,16})$/.exec(cursor) ?? [];
  if (digits === undefined) {
    throw new MessagingError("invalid_cursor", "This is no cursor. Take one that came with an answer.");
  }
  const id = Number(digits);
  if (ofEpoch !== epoch || id < first - 1 || id > last) {
    throw new MessagingError(
      "cursor_expired",
      "What happened since this cursor is no longer known as a whole. Read your chats anew, and go on from there.",
    );
  }
  return id;
}

/** The event as those see it whom it is for. */
export function toChatEvent({ id, chatId, at, change, message }: StoredEvent, epoch: string): ChatEvent {
  const place = { cursor: cursorAt(epoch, id), chatId, at };
  switch (change.type) {
    case "message.created":
    case "message.edited":
    case "message.deleted":
      if (message === null) throw new Error(`The log has no message for its event ${id}.`);
      return { ...place, type: change.type, message };
    case "participant.added":
      return change.overview
        ? { ...place, ...change, overview: { ...change.overview, lastMessage: message } }
        : { ...place, ...change };
    default:
      return { ...place, ...change };
  }
}
