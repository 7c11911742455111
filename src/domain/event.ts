import type { Chat, ChatOverview } from "./chat.js";
import type { ChatSettings } from "./chat-settings.js";
import { MessagingError } from "./errors.js";
import type { ChatId, MessageId, SessionId, UserId } from "./ids.js";
import type { Message } from "./message.js";
import type { Metadata } from "./metadata.js";
import type { Policy, Role } from "./policy.js";
import type { Emoji, Reaction, Reactions } from "./reaction.js";
import type { Profile, User } from "./user.js";

/** A position in the event log, from which a client can resume. Opaque. */
export type EventCursor = string & { readonly eventCursor: true };

/** A change in a chat or of a user, as delivered to users. */
export type ChatEvent = {
  readonly cursor: EventCursor;
  /** Epoch milliseconds. */
  readonly at: number;
} & (
  | ({ readonly chatId: ChatId; readonly chatKind: Chat["kind"] } & (
      | (MessageChange & { readonly message: Message })
      | (ReactionChange & { readonly messageId: MessageId; readonly reactions: Reactions })
      | ChatChange
    ))
  | (UserChange & { readonly user: NamedUser })
);

/**
 * A message was sent, edited or deleted. The event carries the current message, not the message at the time of the event, so
 * that a deleted text is never delivered again. Sending a message also marks it as read by its sender, without a `chat.read`.
 */
export interface MessageChange {
  readonly type: "message.created" | "message.edited" | "message.deleted";
}

/**
 * A user has reacted to a message, or no longer does. The event carries the current reactions to the message, and not its text. It
 * changes neither what is unread nor the order of chats.
 *
 * @typeParam Someone as in `ChatChange`.
 */
export interface ReactionChange<Someone extends UserRef = Person> {
  readonly type: "reaction.added" | "reaction.removed";
  readonly emoji: Emoji;
  readonly user: Someone;
}

/**
 * A change of a chat other than of its messages.
 *
 * @typeParam Someone a user as the event log has it, or as it is delivered.
 */
export type ChatChange<Someone extends UserRef = Person> =
  | {
      readonly type: "chat.created";
      readonly chat: Chat;
      /** The initial participants: the creator of a group chat and the users added with it, or the users of a p2p chat. */
      readonly participants: readonly InitialParticipant<Someone>[];
    }
  | { readonly type: "chat.renamed"; readonly title: string | null }
  | { readonly type: "chat.changed"; readonly policy: Policy; readonly metadata: Metadata | null }
  | {
      readonly type: "participant.added" | "participant.removed";
      readonly user: Someone;
      /** The number of participants after the change. */
      readonly participantCount: number;
      /** The kind of a chat that the operator deletes: the store does not keep it. */
      readonly chatKind?: Chat["kind"];
      /** The chat as the added user sees it. Only in the event that is delivered to that user. */
      readonly overview?: ChatOverview;
    }
  | { readonly type: "participant.role_changed"; readonly user: Someone; readonly role: Role }
  | {
      readonly type: "chat.history_deleted";
      /** The `seq` up to which messages were deleted by age. */
      readonly upToSeq: number;
      /** The time of the message with that `seq`, in epoch milliseconds. */
      readonly upToSentAt: number;
      /** The number of unread messages of each participant whose `readSeq` was less than `upToSeq`, and is now equal to it. */
      readonly unreadCount: number;
    }
  | {
      readonly type: "chat.read";
      readonly user: Someone;
      readonly readSeq: number;
      readonly unreadCount: number;
      readonly mentionCount: number;
    }
  /** Delivered to the user with these settings alone. */
  | {
      readonly type: "chat.settings_changed";
      readonly settings: ChatSettings;
      /** The `seq` of the last message at that time: it brings no archived chat back, and earlier ones do not either. */
      readonly lastSeq: number;
    };

/** A user has another display name, or is deleted. */
export interface UserChange {
  readonly type: "user.updated" | "user.deleted";
}

/** A user as the event log has it. The log holds no names, so that none outlives its user. */
export type UserRef = Pick<User, "id">;

/** A user as events of chats are delivered, with the name at that time. */
export type Person = Pick<User, "id" | "username">;

/** A user as events about users are delivered, with the names at that time. */
export type NamedUser = Pick<Profile, "id" | "username" | "displayName">;

export type InitialParticipant<Someone extends UserRef = Person> = Someone & {
  /** Null in p2p chats. */
  readonly role: Role | null;
};

/**
 * The recipients of an event: the users who are participants both when it is appended and when it is delivered; or `user`
 * alone, on the same condition unless `includesRemoved`, which delivers it to a user who is no longer a participant.
 */
export type Audience = "participants" | { readonly user: UserId; readonly includesRemoved: boolean };

/** An event to append to the log. It refers to its message and users by id, so that the log holds no text and no name. */
export type EventDraft = ChatEventDraft | UserEventDraft;

/** An event of a chat. */
export interface ChatEventDraft {
  readonly chatId: ChatId;
  readonly to: Audience;
  readonly at: number;
  readonly change: MessageChange | ReactionChange<UserRef> | ChatChange<UserRef>;
  /** The message of a `MessageChange` or `ReactionChange`; for an `overview`, the last message of the chat; otherwise null. */
  readonly messageId: MessageId | null;
}

/**
 * An event about a user, delivered to that user and to each user who shares a p2p chat with them, if that chat existed when the
 * event was appended. It is one entry however many they are: the recipients are found when it is delivered.
 */
export interface UserEventDraft {
  readonly to: { readonly peersOf: UserId };
  readonly at: number;
  readonly change: UserChange;
}

/** The event of a change of a user. */
export function userChanged(peersOf: UserId, type: UserChange["type"], at: number): UserEventDraft {
  return { to: { peersOf }, at, change: { type } };
}

/** The event of a new chat, for its initial participants. The first of them owns a group chat. */
export function chatCreated(chat: Chat, initial: readonly UserRef[]): ChatEventDraft {
  const participants = initial.map(({ id }, index) => {
    const role = chat.kind === "p2p" ? null : index === 0 ? "owner" : "member";
    return { id, role } as const;
  });
  return chatChanged(chat.id, { type: "chat.created", chat, participants }, chat.createdAt);
}

/** The event of a change of a chat. */
export function chatChanged(
  chatId: ChatId,
  change: ChatChange<UserRef>,
  at: number,
  to: Audience = "participants",
): ChatEventDraft {
  return { chatId, to, at, change, messageId: null };
}

/** The event of a new, edited or deleted message, for all participants. */
export function messageChanged(type: MessageChange["type"], message: Message, at: number): ChatEventDraft {
  return { chatId: message.chatId, to: "participants", at, change: { type }, messageId: message.id };
}

/** The event of a reaction to a message, for all participants who can read the message. */
export function reactionChanged(
  type: ReactionChange["type"],
  message: Message,
  { emoji, userId, at }: Reaction,
): ChatEventDraft {
  const change = { type, emoji, user: { id: userId } };
  return { chatId: message.chatId, to: "participants", at, change, messageId: message.id };
}

/** An event of the log, with the current state of what it refers to. */
export type StoredEvent = StoredChatEvent | StoredUserEvent;

export interface StoredUserEvent extends UserEventDraft {
  /** The position in the log. Increases in commit order. */
  readonly id: number;
}

export interface StoredChatEvent extends Omit<ChatEventDraft, "messageId"> {
  /** The position in the log. Increases in commit order. */
  readonly id: number;
  /** The kind of the chat, also after the chat was deleted. */
  readonly chatKind: Chat["kind"];
  /**
   * The current state of the message with the `messageId` of the draft; also null if the message was deleted by age, or if its
   * reader, a user, cannot read it. Without its text for a `ReactionChange`.
   */
  readonly message: Message | null;
}

/** The end of a session. It is in the event log so that every process ends the streams of the session; users do not see it. */
export interface SessionEnd {
  readonly sessionId: SessionId;
  readonly userId: UserId;
  readonly at: number;
}

/** The identity and extent of the event log. */
export interface LogBounds {
  /** Identifies the database: 16 hexadecimal digits. Not shared with another or a restored database. */
  readonly epoch: string;
  /**
   * The epochs before it of the same log, each with the greatest `id` assigned in it. A store that keeps its log begins an epoch
   * with the first event after each start, so that a restored copy of its files never shares one with the original.
   */
  readonly earlier?: ReadonlyMap<string, number>;
  /** One more than the greatest `id` that was deleted because of its age; 1 before. */
  readonly first: number;
  /** The greatest `id` assigned so far; 0 before the first event. */
  readonly last: number;
}

/** The epoch in which an event was appended, so that its cursor is the same whenever it is read. */
export function epochOf(id: number, { epoch, earlier }: Pick<LogBounds, "epoch" | "earlier">): string {
  for (const [each, upTo] of earlier ?? []) if (id <= upTo) return each;
  return epoch;
}

/** The cursor after the event with that `id`. */
export function cursorAt(epoch: string, id: number): EventCursor {
  return `${epoch}-${id}` as EventCursor;
}

/**
 * The `id` after which a cursor resumes.
 *
 * @throws MessagingError `invalid_cursor` if it is malformed; `cursor_expired` if events after it may be missing, because it is
 * from another database, from before a restore, or older than the retained events.
 */
export function positionOf(cursor: string, { epoch, earlier, first, last }: LogBounds): number {
  const [, ofEpoch, digits] = /^([0-9a-f]{16})-(\d{1,16})$/.exec(cursor) ?? [];
  if (digits === undefined) {
    throw new MessagingError("invalid_cursor", "Invalid cursor. Use one from a previous response.");
  }
  const id = Number(digits);
  const upTo = ofEpoch === epoch ? last : earlier?.get(ofEpoch!);
  if (upTo === undefined || id < first - 1 || id > upTo) {
    throw cursorExpired();
  }
  return id;
}

export function cursorExpired(): MessagingError {
  return new MessagingError(
    "cursor_expired",
    "Cursor expired: events after it are missing. Read your chats again and continue from the new cursor.",
  );
}

/** The users that an event of the log refers to, apart from the sender of its message. */
export function usersIn(event: StoredEvent): readonly UserRef[] {
  if (!("chatId" in event)) return [{ id: event.to.peersOf }];
  const { change } = event;
  if (change.type === "chat.created") return change.participants;
  return "user" in change ? [change.user] : [];
}

/**
 * Converts an event of the log to the form delivered to its recipients.
 *
 * @param people has at least all `usersIn` the event.
 * @returns undefined for a change of a message, or of its reactions, that its recipients cannot read.
 */
export function toChatEvent(
  event: StoredEvent,
  epoch: string,
  people: ReadonlyMap<UserId, NamedUser>,
): ChatEvent | undefined {
  const { id, at } = event;
  const cursor = cursorAt(epoch, id);
  const namedUser = (user: UserRef): NamedUser => {
    const found = people.get(user.id);
    if (found === undefined) throw new Error(`Event ${id} has a user who is not in the store.`);
    return found;
  };
  if (!("chatId" in event)) return { cursor, at, ...event.change, user: namedUser({ id: event.to.peersOf }) };
  const personOf = (user: UserRef): Person => ({ id: user.id, username: namedUser(user).username });
  const { chatId, chatKind, change, message } = event;
  const common = { cursor, chatId, chatKind, at };
  switch (change.type) {
    case "message.created":
    case "message.edited":
    case "message.deleted":
      return message === null ? undefined : { ...common, type: change.type, message };
    case "reaction.added":
    case "reaction.removed": {
      if (message === null) return undefined;
      const { id: messageId, reactions } = message;
      return { ...common, ...change, user: personOf(change.user), messageId, reactions };
    }
    case "chat.created": {
      const participants = change.participants.map(({ role, ...user }) => ({ ...personOf(user), role }));
      return { ...common, ...change, participants };
    }
    case "participant.added": {
      const user = personOf(change.user);
      return change.overview
        ? { ...common, ...change, user, overview: { ...change.overview, lastMessage: message } }
        : { ...common, ...change, user };
    }
    case "participant.removed":
    case "participant.role_changed":
    case "chat.read":
      return { ...common, ...change, user: personOf(change.user) };
    default:
      return { ...common, ...change };
  }
}
