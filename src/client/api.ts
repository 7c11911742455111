// Written by `npm run docs` from docs/openapi.json. Do not edit.

import type { CallOptions, SendOptions } from "./options.js";

/** An error (RFC 9457). */
export interface Problem {
  readonly type: "about:blank";
  readonly title: string;
  readonly status: number;
  /** What is wrong, for people. The text may change. */
  readonly detail: string;
  readonly code: Code;
  /** The invalid fields, if any. */
  readonly errors?: readonly { readonly field: string; readonly detail: string }[];
}

/**
 * What is wrong, for programs. Codes never change or disappear. Each code with its status:
 * `bad_request` 400, `invalid_json` 400, `invalid_request` 400, `invalid_username` 400,
 * `username_reserved` 400, `invalid_display_name` 400, `invalid_password` 400, `refused_password` 400,
 * `invalid_token_name` 400, `invalid_message` 400, `invalid_title` 400, `invalid_metadata` 400,
 * `invalid_reply` 400, `invalid_mention` 400, `invalid_reaction` 400, `invalid_idempotency_key` 400,
 * `invalid_query` 400, `invalid_cursor` 400, `username_taken` 400, `wrong_credentials` 400,
 * `wrong_password` 400, `too_many_tokens` 400, `too_many_invitations` 400, `two_credentials` 400,
 * `unknown_user` 400, `user_unavailable` 400, `p2p_chat` 400, `already_participant` 400,
 * `user_not_in_chat` 400, `self_block` 400, `too_many_blocks` 400, `message_deleted` 400,
 * `too_many_participants` 400, `too_many_reactions` 400, `not_signed_in` 401, `account_disabled` 403,
 * `registration_closed` 403, `not_a_participant` 403, `not_allowed` 403, `blocked` 403,
 * `directory_off` 403, `presence_off` 403, `not_your_message` 403, `unknown_message` 403, `cross_site`
 * 403, `unknown_session` 404, `unknown_token` 404, `unknown_chat` 404, `unknown_invitation` 404,
 * `not_found` 404, `user_not_found` 404, `method_not_allowed` 405, `request_timeout` 408,
 * `cursor_expired` 410, `payload_too_large` 413, `unsupported_media_type` 415,
 * `idempotency_key_reused` 422, `too_many_requests` 429, `too_many_streams` 429, `headers_too_large`
 * 431, `internal_error` 500, `busy` 503, `store_unavailable` 503, `outcome_unknown` 503.
 */
export type Code =
  | "bad_request"
  | "invalid_json"
  | "invalid_request"
  | "invalid_username"
  | "username_reserved"
  | "invalid_display_name"
  | "invalid_password"
  | "refused_password"
  | "invalid_token_name"
  | "invalid_message"
  | "invalid_title"
  | "invalid_metadata"
  | "invalid_reply"
  | "invalid_mention"
  | "invalid_reaction"
  | "invalid_idempotency_key"
  | "invalid_query"
  | "invalid_cursor"
  | "username_taken"
  | "wrong_credentials"
  | "wrong_password"
  | "too_many_tokens"
  | "too_many_invitations"
  | "two_credentials"
  | "unknown_user"
  | "user_unavailable"
  | "p2p_chat"
  | "already_participant"
  | "user_not_in_chat"
  | "self_block"
  | "too_many_blocks"
  | "message_deleted"
  | "too_many_participants"
  | "too_many_reactions"
  | "not_signed_in"
  | "account_disabled"
  | "registration_closed"
  | "not_a_participant"
  | "not_allowed"
  | "blocked"
  | "directory_off"
  | "presence_off"
  | "not_your_message"
  | "unknown_message"
  | "cross_site"
  | "unknown_session"
  | "unknown_token"
  | "unknown_chat"
  | "unknown_invitation"
  | "not_found"
  | "user_not_found"
  | "method_not_allowed"
  | "request_timeout"
  | "cursor_expired"
  | "payload_too_large"
  | "unsupported_media_type"
  | "idempotency_key_reused"
  | "too_many_requests"
  | "too_many_streams"
  | "headers_too_large"
  | "internal_error"
  | "busy"
  | "store_unavailable"
  | "outcome_unknown";

/** A user. */
export interface User {
  /** The id of a user. Opaque, and longer than any username. */
  readonly user_id: string;
  /**
   * 1 to 32 letters and digits of one script (East Asian scripts may be mixed) after NFKC, with `.`, `_`
   * and `-` between them, and at most four different combining marks in a row behind a letter or digit.
   * Unique regardless of case and compatibility form. Shown as it was registered.
   */
  readonly username: string;
}

/** The session of the request: its user and its expiry. */
export interface CurrentSession {
  /** The id of a user. Opaque, and longer than any username. */
  readonly user_id: string;
  /**
   * 1 to 32 letters and digits of one script (East Asian scripts may be mixed) after NFKC, with `.`, `_`
   * and `-` between them, and at most four different combining marks in a row behind a letter or digit.
   * Unique regardless of case and compatibility form. Shown as it was registered.
   */
  readonly username: string;
  /** The id of a session. It gives no access. */
  readonly session_id: string;
  /** RFC 3339, in UTC, with milliseconds. */
  readonly expires_at: string;
}

/** A login of a user in one browser. */
export interface Session {
  /** The id of a session. It gives no access. */
  readonly session_id: string;
  /** Whether it is the session of this request. */
  readonly current: boolean;
  /** RFC 3339, in UTC, with milliseconds. */
  readonly created_at: string;
  /** When it was last used, up to an hour late. */
  readonly last_seen_at: string;
  /** The `User-Agent` of the login, or null. */
  readonly user_agent: string | null;
}

/** A token with its secret. */
export interface NewToken {
  /** The id of a token. It gives no access. */
  readonly token_id: string;
  readonly name: string | null;
  /** RFC 3339, in UTC, with milliseconds. */
  readonly created_at: string;
  /** RFC 3339, in UTC, with milliseconds. */
  readonly last_seen_at: string;
  /** RFC 3339, in UTC, with milliseconds. */
  readonly expires_at: string;
  /** The secret. It is shown only once. */
  readonly token: string;
}

/** Access for a program, sent as `Authorization: Bearer …`. */
export interface Token {
  /** The id of a token. It gives no access. */
  readonly token_id: string;
  readonly name: string | null;
  /** RFC 3339, in UTC, with milliseconds. */
  readonly created_at: string;
  /** RFC 3339, in UTC, with milliseconds. */
  readonly last_seen_at: string;
  /** RFC 3339, in UTC, with milliseconds. */
  readonly expires_at: string;
}

/** A user as other users see them. */
export interface Profile {
  /** The id of a user. Opaque, and longer than any username. */
  readonly user_id: string;
  /**
   * 1 to 32 letters and digits of one script (East Asian scripts may be mixed) after NFKC, with `.`, `_`
   * and `-` between them, and at most four different combining marks in a row behind a letter or digit.
   * Unique regardless of case and compatibility form. Shown as it was registered.
   */
  readonly username: string;
  readonly display_name: string | null;
  /** A disabled or deleted user cannot be added to group chats or receive p2p messages. */
  readonly state: "active" | "disabled" | "deleted";
}

/** A user that the caller has blocked. */
export interface BlockedUser {
  /** The id of a user. Opaque, and longer than any username. */
  readonly user_id: string;
  /**
   * 1 to 32 letters and digits of one script (East Asian scripts may be mixed) after NFKC, with `.`, `_`
   * and `-` between them, and at most four different combining marks in a row behind a letter or digit.
   * Unique regardless of case and compatibility form. Shown as it was registered.
   */
  readonly username: string;
  readonly display_name: string | null;
  /** A disabled or deleted user cannot be added to group chats or receive p2p messages. */
  readonly state: "active" | "disabled" | "deleted";
  /** RFC 3339, in UTC, with milliseconds. */
  readonly blocked_at: string;
}

/** A chat with its first participants. */
export interface ChatInFull {
  /** The id of a chat. */
  readonly chat_id: number;
  readonly kind: "group" | "p2p";
  /** The title of a group chat, or null. */
  readonly title: string | null;
  readonly policy: Policy | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly role: "owner" | "admin" | "member" | null;
  /** The other user of a p2p chat, or null. */
  readonly with_username: string | null;
  /** The number of participants. */
  readonly participant_count: number;
  readonly last_message: Message | null;
  /** The `seq` of the last message, or 0 without messages. */
  readonly last_seq: number;
  /** The `seq` up to which the user has read the chat. */
  readonly read_seq: number;
  /**
   * The `seq` up to which the other user of a p2p chat has read it; equal to `read_seq` in a chat with
   * oneself. Null in a group chat, and if the other user is deleted.
   */
  readonly peer_read_seq: number | null;
  /** The number of messages after `read_seq` from other users that are not deleted. */
  readonly unread_count: number;
  /** How many of these messages mention the user. 500 stands for more, too. */
  readonly mention_count: number;
  readonly muted_until: string | null;
  /**
   * Whether the caller has archived the chat. The next message makes it false, unless its `timestamp` is
   * before `muted_until`.
   */
  readonly archived: boolean;
  /** Whether the caller keeps the chat at the top of their list. The server does not sort by it. */
  readonly pinned: boolean;
  /** The first participants, at most 100, in the order in which they joined. */
  readonly participants: readonly Participant[];
  /** The `cursor` of `listParticipants` for the other participants, or null. */
  readonly participants_next: string | null;
}

/** The rights in a group chat. */
export interface Policy {
  /** The participants who can add users: `everyone`, or `admins`, which includes the owner. */
  readonly add: "everyone" | "admins";
  /**
   * The participants who can remove others. Under `admins`, nobody removes the owner. Everyone can
   * leave.
   */
  readonly remove: "everyone" | "admins";
  /** The participants who can change the title. */
  readonly rename: "everyone" | "admins";
  /** The participants who can send messages. */
  readonly post: "everyone" | "admins";
  /** The messages that a user who joins can read: all of them, or those sent since. */
  readonly history: "all" | "since_join";
}

/** A message in its current state. */
export interface Message {
  /** The id of a message. Ids grow in the order of sending, across all chats. */
  readonly id: number;
  /** The id of a chat. */
  readonly destination_chat_id: number;
  /** The number of the message in its chat: 1, 2, 3, … without gaps. */
  readonly seq: number;
  /**
   * 1 to 32 letters and digits of one script (East Asian scripts may be mixed) after NFKC, with `.`, `_`
   * and `-` between them, and at most four different combining marks in a row behind a letter or digit.
   * Unique regardless of case and compatibility form. Shown as it was registered.
   */
  readonly sender_username: string;
  /** The id of a user. Opaque, and longer than any username. */
  readonly sender_user_id: string;
  /** When it was sent. */
  readonly timestamp: string;
  /** The text. Empty once it is deleted. */
  readonly message: string;
  /** The message that this one replies to, also once it is deleted. */
  readonly reply_to: number | null;
  /** The ids of the users that the message mentions. */
  readonly mentions: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>> | null;
  /** Null unless it was edited. */
  readonly edited_at: string | null;
  /** Null unless it was deleted. */
  readonly deleted_at: string | null;
  /**
   * The reactions to the message by emoji, in the order in which each was first used. An emoji that
   * nobody uses any more is left out.
   */
  readonly reactions: readonly EmojiCount[];
}

/** The reactions to a message with one emoji. */
export interface EmojiCount {
  /** The emoji, exactly as it was sent. */
  readonly emoji: string;
  /** The number of users who react with it. */
  readonly count: number;
  /** The first 20 of these users. `listReactions` has all. */
  readonly user_ids: readonly string[];
}

/** A participant of a chat. */
export interface Participant {
  /** The id of a user. Opaque, and longer than any username. */
  readonly user_id: string;
  /**
   * 1 to 32 letters and digits of one script (East Asian scripts may be mixed) after NFKC, with `.`, `_`
   * and `-` between them, and at most four different combining marks in a row behind a letter or digit.
   * Unique regardless of case and compatibility form. Shown as it was registered.
   */
  readonly username: string;
  /** RFC 3339, in UTC, with milliseconds. */
  readonly joined_at: string;
  readonly role: "owner" | "admin" | "member" | null;
}

/** A chat, as the caller sees it. */
export interface Chat {
  /** The id of a chat. */
  readonly chat_id: number;
  readonly kind: "group" | "p2p";
  /** The title of a group chat, or null. */
  readonly title: string | null;
  readonly policy: Policy | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly role: "owner" | "admin" | "member" | null;
  /** The other user of a p2p chat, or null. */
  readonly with_username: string | null;
  /** The number of participants. */
  readonly participant_count: number;
  readonly last_message: Message | null;
  /** The `seq` of the last message, or 0 without messages. */
  readonly last_seq: number;
  /** The `seq` up to which the user has read the chat. */
  readonly read_seq: number;
  /**
   * The `seq` up to which the other user of a p2p chat has read it; equal to `read_seq` in a chat with
   * oneself. Null in a group chat, and if the other user is deleted.
   */
  readonly peer_read_seq: number | null;
  /** The number of messages after `read_seq` from other users that are not deleted. */
  readonly unread_count: number;
  /** How many of these messages mention the user. 500 stands for more, too. */
  readonly mention_count: number;
  readonly muted_until: string | null;
  /**
   * Whether the caller has archived the chat. The next message makes it false, unless its `timestamp` is
   * before `muted_until`.
   */
  readonly archived: boolean;
  /** Whether the caller keeps the chat at the top of their list. The server does not sort by it. */
  readonly pinned: boolean;
}

/** The caller's own settings of a chat. */
export interface ChatSettings {
  readonly muted_until: string | null;
  /**
   * Whether the caller has archived the chat. The next message makes it false, unless its `timestamp` is
   * before `muted_until`.
   */
  readonly archived: boolean;
  /** Whether the caller keeps the chat at the top of their list. The server does not sort by it. */
  readonly pinned: boolean;
}

/** An invitation with its code. */
export interface NewInvitation {
  /** The id of an invitation. It gives no access. */
  readonly invitation_id: string;
  /**
   * 1 to 32 letters and digits of one script (East Asian scripts may be mixed) after NFKC, with `.`, `_`
   * and `-` between them, and at most four different combining marks in a row behind a letter or digit.
   * Unique regardless of case and compatibility form. Shown as it was registered.
   */
  readonly inviter_username: string;
  /** The id of a user. Opaque, and longer than any username. */
  readonly inviter_user_id: string;
  /** RFC 3339, in UTC, with milliseconds. */
  readonly created_at: string;
  /** RFC 3339, in UTC, with milliseconds. */
  readonly expires_at: string;
  readonly max_uses: number | null;
  /** The number of users who have joined with it. */
  readonly uses: number;
  /** Gives access to the chat. It is shown only once. */
  readonly code: string;
}

/** An invitation to a group chat, without its code. */
export interface Invitation {
  /** The id of an invitation. It gives no access. */
  readonly invitation_id: string;
  /**
   * 1 to 32 letters and digits of one script (East Asian scripts may be mixed) after NFKC, with `.`, `_`
   * and `-` between them, and at most four different combining marks in a row behind a letter or digit.
   * Unique regardless of case and compatibility form. Shown as it was registered.
   */
  readonly inviter_username: string;
  /** The id of a user. Opaque, and longer than any username. */
  readonly inviter_user_id: string;
  /** RFC 3339, in UTC, with milliseconds. */
  readonly created_at: string;
  /** RFC 3339, in UTC, with milliseconds. */
  readonly expires_at: string;
  readonly max_uses: number | null;
  /** The number of users who have joined with it. */
  readonly uses: number;
}

/** What a user with an invitation may know of the chat. */
export interface InvitedChat {
  /** The title of a group chat, or null. */
  readonly title: string | null;
  /** The number of participants. */
  readonly participant_count: number;
}

/** A page of a search. */
export interface FoundMessages {
  /** The messages that match, newest first. */
  readonly messages: readonly Message[];
  /**
   * False while the server indexes many messages, such as after a start. The pages then have the same
   * messages, and can be shorter.
   */
  readonly complete: boolean;
  /** The `cursor` of the next page, or null on the last page. */
  readonly next: string | null;
}

/** A user reacts to a message. */
export interface Reaction {
  /** The emoji, exactly as it was sent. */
  readonly emoji: string;
  /** The id of a user. Opaque, and longer than any username. */
  readonly user_id: string;
  /**
   * 1 to 32 letters and digits of one script (East Asian scripts may be mixed) after NFKC, with `.`, `_`
   * and `-` between them, and at most four different combining marks in a row behind a letter or digit.
   * Unique regardless of case and compatibility form. Shown as it was registered.
   */
  readonly username: string;
  /** RFC 3339, in UTC, with milliseconds. */
  readonly at: string;
}

/** The reactions to a message. */
export interface MessageReactions {
  /**
   * The reactions to the message by emoji, in the order in which each was first used. An emoji that
   * nobody uses any more is left out.
   */
  readonly reactions: readonly EmojiCount[];
}

/** The caller's chats as of the cursor, last active first; at most 1,000. */
export interface Snapshot {
  readonly chats: readonly Chat[];
  /** A position in the event log. Opaque. */
  readonly cursor: string;
  /** Whether the caller has more chats, which `listChats` returns. */
  readonly more: boolean;
}

/** Events, and the cursor to continue from. */
export interface EventPage {
  readonly events: readonly ChatEvent[];
  /** A position in the event log. Opaque. */
  readonly cursor: string;
  /** Whether more events follow the cursor. */
  readonly has_more: boolean;
}

/** A change in a chat or of a user; `type` names its kind. */
export type ChatEvent =
  | MessageEvent
  | ReactionEvent
  | ChatCreatedEvent
  | ChatRenamedEvent
  | ChatChangedEvent
  | ParticipantEvent
  | RoleEvent
  | HistoryDeletedEvent
  | ChatReadEvent
  | ChatSettingsEvent
  | UserEvent;

/**
 * The message is in its current state when the event is read, so a deleted text is never delivered
 * again.
 */
export interface MessageEvent {
  readonly type: "message.created" | "message.edited" | "message.deleted";
  /** A position in the event log. Opaque. */
  readonly cursor: string;
  /** The id of a chat. */
  readonly chat_id: number;
  readonly chat_kind: "group" | "p2p";
  /** RFC 3339, in UTC, with milliseconds. */
  readonly at: string;
  readonly message: Message;
}

/**
 * A user has reacted to a message, or no longer does. `reactions` are those to the message when the
 * event is read; they replace the ones that the client has. It changes neither what is unread nor the
 * order of chats.
 */
export interface ReactionEvent {
  readonly type: "reaction.added" | "reaction.removed";
  /** A position in the event log. Opaque. */
  readonly cursor: string;
  /** The id of a chat. */
  readonly chat_id: number;
  readonly chat_kind: "group" | "p2p";
  /** RFC 3339, in UTC, with milliseconds. */
  readonly at: string;
  /** The id of a message. Ids grow in the order of sending, across all chats. */
  readonly message_id: number;
  /** The emoji, exactly as it was sent. */
  readonly emoji: string;
  /** The id of a user. Opaque, and longer than any username. */
  readonly user_id: string;
  /**
   * 1 to 32 letters and digits of one script (East Asian scripts may be mixed) after NFKC, with `.`, `_`
   * and `-` between them, and at most four different combining marks in a row behind a letter or digit.
   * Unique regardless of case and compatibility form. Shown as it was registered.
   */
  readonly username: string;
  /**
   * The reactions to the message by emoji, in the order in which each was first used. An emoji that
   * nobody uses any more is left out.
   */
  readonly reactions: readonly EmojiCount[];
}

/** A new chat, with the caller among its first participants. */
export interface ChatCreatedEvent {
  readonly type: "chat.created";
  /** A position in the event log. Opaque. */
  readonly cursor: string;
  /** The id of a chat. */
  readonly chat_id: number;
  readonly chat_kind: "group" | "p2p";
  /** RFC 3339, in UTC, with milliseconds. */
  readonly at: string;
  readonly kind: "group" | "p2p";
  /** The title of a group chat, or null. */
  readonly title: string | null;
  readonly policy: Policy | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly participants: readonly {
    /** The id of a user. Opaque, and longer than any username. */
    readonly user_id: string;
    /**
     * 1 to 32 letters and digits of one script (East Asian scripts may be mixed) after NFKC, with `.`, `_`
     * and `-` between them, and at most four different combining marks in a row behind a letter or digit.
     * Unique regardless of case and compatibility form. Shown as it was registered.
     */
    readonly username: string;
    readonly role: "owner" | "admin" | "member" | null;
  }[];
}

export interface ChatRenamedEvent {
  readonly type: "chat.renamed";
  /** A position in the event log. Opaque. */
  readonly cursor: string;
  /** The id of a chat. */
  readonly chat_id: number;
  readonly chat_kind: "group" | "p2p";
  /** RFC 3339, in UTC, with milliseconds. */
  readonly at: string;
  /** The title of a group chat, or null. */
  readonly title: string | null;
}

/** The policy or the metadata of a group chat has changed. */
export interface ChatChangedEvent {
  readonly type: "chat.changed";
  /** A position in the event log. Opaque. */
  readonly cursor: string;
  /** The id of a chat. */
  readonly chat_id: number;
  readonly chat_kind: "group" | "p2p";
  /** RFC 3339, in UTC, with milliseconds. */
  readonly at: string;
  readonly policy: Policy;
  readonly metadata: Readonly<Record<string, unknown>> | null;
}

/** An added user receives `chat` and no earlier events; a removed user receives no later events. */
export interface ParticipantEvent {
  readonly type: "participant.added" | "participant.removed";
  /** A position in the event log. Opaque. */
  readonly cursor: string;
  /** The id of a chat. */
  readonly chat_id: number;
  readonly chat_kind: "group" | "p2p";
  /** RFC 3339, in UTC, with milliseconds. */
  readonly at: string;
  /** The id of a user. Opaque, and longer than any username. */
  readonly user_id: string;
  /**
   * 1 to 32 letters and digits of one script (East Asian scripts may be mixed) after NFKC, with `.`, `_`
   * and `-` between them, and at most four different combining marks in a row behind a letter or digit.
   * Unique regardless of case and compatibility form. Shown as it was registered.
   */
  readonly username: string;
  /** The number of participants. */
  readonly participant_count: number;
  readonly chat?: Chat;
}

/** A participant has another role. A passing of ownership is two events. */
export interface RoleEvent {
  readonly type: "participant.role_changed";
  /** A position in the event log. Opaque. */
  readonly cursor: string;
  /** The id of a chat. */
  readonly chat_id: number;
  readonly chat_kind: "group" | "p2p";
  /** RFC 3339, in UTC, with milliseconds. */
  readonly at: string;
  /** The id of a user. Opaque, and longer than any username. */
  readonly user_id: string;
  /**
   * 1 to 32 letters and digits of one script (East Asian scripts may be mixed) after NFKC, with `.`, `_`
   * and `-` between them, and at most four different combining marks in a row behind a letter or digit.
   * Unique regardless of case and compatibility form. Shown as it was registered.
   */
  readonly username: string;
  /** The role of a participant. A group chat has one owner. */
  readonly role: "owner" | "admin" | "member";
}

/**
 * The messages up to `up_to_seq` were deleted because of their age. A reader whose `read_seq` is less
 * has `up_to_seq` as `read_seq` and `unread_count` unread messages.
 */
export interface HistoryDeletedEvent {
  readonly type: "chat.history_deleted";
  /** A position in the event log. Opaque. */
  readonly cursor: string;
  /** The id of a chat. */
  readonly chat_id: number;
  readonly chat_kind: "group" | "p2p";
  /** RFC 3339, in UTC, with milliseconds. */
  readonly at: string;
  /** The number of the message in its chat: 1, 2, 3, … without gaps. */
  readonly up_to_seq: number;
  /** RFC 3339, in UTC, with milliseconds. */
  readonly up_to_timestamp: string;
  /** The number of messages after `read_seq` from other users that are not deleted. */
  readonly unread_count: number;
}

/** The caller has read up to `read_seq`. In a p2p chat also sent when the other user has. */
export interface ChatReadEvent {
  readonly type: "chat.read";
  /** A position in the event log. Opaque. */
  readonly cursor: string;
  /** The id of a chat. */
  readonly chat_id: number;
  readonly chat_kind: "group" | "p2p";
  /** RFC 3339, in UTC, with milliseconds. */
  readonly at: string;
  /** The id of a user. Opaque, and longer than any username. */
  readonly user_id: string;
  /**
   * 1 to 32 letters and digits of one script (East Asian scripts may be mixed) after NFKC, with `.`, `_`
   * and `-` between them, and at most four different combining marks in a row behind a letter or digit.
   * Unique regardless of case and compatibility form. Shown as it was registered.
   */
  readonly username: string;
  /** The `seq` up to which the user has read the chat. */
  readonly read_seq: number;
  /** The number of messages after `read_seq` from other users that are not deleted. */
  readonly unread_count: number;
  /** How many of these messages mention the user. 500 stands for more, too. */
  readonly mention_count: number;
}

/** The caller has changed their own settings of the chat. */
export interface ChatSettingsEvent {
  readonly type: "chat.settings_changed";
  /** A position in the event log. Opaque. */
  readonly cursor: string;
  /** The id of a chat. */
  readonly chat_id: number;
  readonly chat_kind: "group" | "p2p";
  /** RFC 3339, in UTC, with milliseconds. */
  readonly at: string;
  readonly muted_until: string | null;
  /**
   * Whether the caller has archived the chat. The next message makes it false, unless its `timestamp` is
   * before `muted_until`.
   */
  readonly archived: boolean;
  /** Whether the caller keeps the chat at the top of their list. The server does not sort by it. */
  readonly pinned: boolean;
  /** The `seq` of the last message, or 0 without messages. */
  readonly last_seq: number;
}

/**
 * The caller, or a p2p peer of the caller, has another display name or has deleted the account. It
 * belongs to no chat. The names are those at the time when the event is read.
 */
export interface UserEvent {
  readonly type: "user.updated" | "user.deleted";
  /** A position in the event log. Opaque. */
  readonly cursor: string;
  /** RFC 3339, in UTC, with milliseconds. */
  readonly at: string;
  /** The id of a user. Opaque, and longer than any username. */
  readonly user_id: string;
  /**
   * 1 to 32 letters and digits of one script (East Asian scripts may be mixed) after NFKC, with `.`, `_`
   * and `-` between them, and at most four different combining marks in a row behind a letter or digit.
   * Unique regardless of case and compatibility form. Shown as it was registered.
   */
  readonly username: string;
  readonly display_name: string | null;
}

/** A user, and whether they are online. */
export interface Presence {
  /** The id of a user. Opaque, and longer than any username. */
  readonly user_id: string;
  /**
   * 1 to 32 letters and digits of one script (East Asian scripts may be mixed) after NFKC, with `.`, `_`
   * and `-` between them, and at most four different combining marks in a row behind a letter or digit.
   * Unique regardless of case and compatibility form. Shown as it was registered.
   */
  readonly username: string;
  /** Whether the user has an event stream open. */
  readonly online: boolean;
  /** Since when the user has had no stream open; null if they have one, or if it is unknown. */
  readonly offline_since: string | null;
}

/** The operations of the API by their name in the OpenAPI document. `Code` has the errors that all of them share. */
export interface Operations {
  /**
   * Create an account. Does not log in.
   * @throws PalaverError `invalid_username`, `username_reserved`, `invalid_password`,
   * `refused_password`, `username_taken`, `registration_closed`, `too_many_requests`
   */
  registerUser(
    request: {
      /**
       * 1 to 32 letters and digits of one script (East Asian scripts may be mixed) after NFKC, with `.`, `_`
       * and `-` between them, and at most four different combining marks in a row behind a letter or digit.
       * Unique regardless of case and compatibility form. Shown as it was registered.
       */
      readonly username: string;
      /** 8 to 256 characters after NFC. */
      readonly password: string;
    },
    options?: CallOptions,
  ): Promise<User>;

  /**
   * Start a new session, and end the session of the request if it has one.
   * @throws PalaverError `invalid_password`, `wrong_credentials`, `account_disabled`,
   * `too_many_requests`
   */
  logIn(
    request: {
      /**
       * 1 to 32 letters and digits of one script (East Asian scripts may be mixed) after NFKC, with `.`, `_`
       * and `-` between them, and at most four different combining marks in a row behind a letter or digit.
       * Unique regardless of case and compatibility form. Shown as it was registered.
       */
      readonly username: string;
      /** 8 to 256 characters after NFC. */
      readonly password: string;
    },
    options?: CallOptions,
  ): Promise<User>;

  /**
   * End the session of the request permanently.
   * @throws PalaverError `too_many_requests`
   */
  logOut(options?: CallOptions): Promise<void>;

  /**
   * Change the password.
   * Ends all other sessions and all tokens of the caller.
   * @throws PalaverError `invalid_password`, `refused_password`, `wrong_password`, `too_many_requests`
   */
  changePassword(
    request: {
      /** 8 to 256 characters after NFC. */
      readonly current_password: string;
      /** 8 to 256 characters after NFC. */
      readonly new_password: string;
    },
    options?: CallOptions,
  ): Promise<void>;

  /**
   * Erase the account of the caller permanently.
   * Ends all sessions and tokens of the caller, removes their name and profile, ends their memberships
   * in group chats, and deletes the texts of their messages. Others see `deleted` as the username in
   * what remains. Nobody gets the username again. When the response arrives, the account is deleted; the
   * messages of a large one are deleted in the background.
   * @throws PalaverError `wrong_password`, `too_many_requests`
   */
  eraseAccount(
    request: {
      /** 8 to 256 characters after NFC. */
      readonly password: string;
    },
    options?: CallOptions,
  ): Promise<void>;

  /**
   * Change the display name of the caller.
   * Null removes it. The caller's other sessions, and each p2p peer of the caller, receive
   * `user.updated`.
   * @throws PalaverError `invalid_display_name`, `too_many_requests`
   */
  updateProfile(request: { readonly display_name: string | null }, options?: CallOptions): Promise<Profile>;

  /** Show the session of the request and its user. */
  getSession(options?: CallOptions): Promise<CurrentSession>;

  /** List the caller's sessions without tokens, oldest first. */
  listSessions(options?: CallOptions): Promise<readonly Session[]>;

  /**
   * End all of the caller's other sessions.
   * Tokens stay valid.
   * @throws PalaverError `too_many_requests`
   */
  endOtherSessions(options?: CallOptions): Promise<void>;

  /**
   * End one of the caller's sessions.
   * @throws PalaverError `unknown_session`, `too_many_requests`
   */
  endSession(
    request: {
      /** The id of a session. It gives no access. */
      readonly session_id: string;
    },
    options?: CallOptions,
  ): Promise<void>;

  /**
   * Create a token for a program.
   * The secret is shown only once. A token has all permissions of its owner.
   * @throws PalaverError `invalid_token_name`, `too_many_tokens`, `too_many_requests`
   */
  createToken(
    request: {
      /**
       * The name that its owner chose: one line. At least one visible character; no control characters, and
       * no bidirectional embeddings, overrides or isolates.
       */
      readonly name: string;
    },
    options?: CallOptions,
  ): Promise<NewToken>;

  /** List the caller's tokens, oldest first. */
  listTokens(options?: CallOptions): Promise<readonly Token[]>;

  /**
   * End one of the caller's tokens.
   * @throws PalaverError `unknown_token`, `too_many_requests`
   */
  endToken(
    request: {
      /** The id of a token. It gives no access. */
      readonly token_id: string;
    },
    options?: CallOptions,
  ): Promise<void>;

  /**
   * Show a user.
   * `me` is the caller.
   * @throws PalaverError `user_not_found`, `too_many_requests`
   */
  getProfile(
    request: {
      /** A username or a `user_id`. */
      readonly user: string;
    },
    options?: CallOptions,
  ): Promise<Profile>;

  /**
   * Find active users by the beginning of their username or of a word of their display name.
   * Compares without regard to case and compatibility form, as usernames are compared. In the order of
   * the words that begin with `prefix`; a user with several is listed once, at the first of them.
   * @throws PalaverError `invalid_cursor`, `directory_off`, `too_many_requests`
   */
  findUsers(
    request: {
      /** The beginning of a username, or of a word of a display name. */
      readonly prefix: string;
      /** The maximum number of entries. */
      readonly limit?: number | undefined;
      /** The end of a page of users. Opaque. Use the one in the `Link` header of that page. */
      readonly cursor?: string | undefined;
    },
    options?: CallOptions,
  ): Promise<readonly Profile[]>;

  /**
   * List the users that the caller has blocked, by their ids.
   * @throws PalaverError `invalid_cursor`, `too_many_requests`
   */
  listBlocks(
    request?: {
      /** The maximum number of entries. */
      readonly limit?: number | undefined;
      /** The end of a page of blocked users. Opaque. Use the one in the `Link` header of that page. */
      readonly cursor?: string | undefined;
    },
    options?: CallOptions,
  ): Promise<readonly BlockedUser[]>;

  /**
   * Block a user.
   * Neither of the two can write to the other in their p2p chat, and the blocked user cannot add the
   * caller to group chats: 403 `blocked`. Group chats that they share go on.
   * @throws PalaverError `self_block`, `too_many_blocks`, `user_not_found`, `too_many_requests`
   */
  blockUser(
    request: {
      /** A username or a `user_id`. */
      readonly user: string;
    },
    options?: CallOptions,
  ): Promise<void>;

  /**
   * End the block of a user.
   * @throws PalaverError `user_not_found`, `too_many_requests`
   */
  unblockUser(
    request: {
      /** A username or a `user_id`. */
      readonly user: string;
    },
    options?: CallOptions,
  ): Promise<void>;

  /**
   * Create a group chat with the caller and other users as its first participants.
   * Responds with the chat as `getChat` does. All users are added, or the chat is not created: `errors`
   * lists each name that is unknown or unavailable, or of a user who has blocked the caller.
   * @throws PalaverError `invalid_title`, `unknown_user`, `user_unavailable`, `blocked`,
   * `too_many_requests`
   */
  createGroupChat(
    request?: {
      readonly title?: string | null | undefined;
      /**
       * The usernames of the other first participants. The caller, and a user who is named twice, count
       * once.
       */
      readonly participants?: readonly string[] | undefined;
    },
    options?: CallOptions,
  ): Promise<ChatInFull>;

  /**
   * Change the title, the policy or the metadata of a group chat.
   * Changes what is given: of the policy, the settings that are given. Null removes the title or the
   * metadata. The policy of the chat decides who changes the title; the owner and admins change the
   * rest.
   * @throws PalaverError `invalid_title`, `invalid_metadata`, `p2p_chat`, `not_a_participant`,
   * `not_allowed`, `not_found`, `too_many_requests`
   */
  changeChat(
    request: {
      /** The id of a chat. */
      readonly chat_id: number;
      readonly title?: string | null | undefined;
      readonly policy?:
        | {
            /** The participants who can add users: `everyone`, or `admins`, which includes the owner. */
            readonly add?: "everyone" | "admins";
            /**
             * The participants who can remove others. Under `admins`, nobody removes the owner. Everyone can
             * leave.
             */
            readonly remove?: "everyone" | "admins";
            /** The participants who can change the title. */
            readonly rename?: "everyone" | "admins";
            /** The participants who can send messages. */
            readonly post?: "everyone" | "admins";
            /** The messages that a user who joins can read: all of them, or those sent since. */
            readonly history?: "all" | "since_join";
          }
        | undefined;
      readonly metadata?: Readonly<Record<string, unknown>> | null | undefined;
    },
    options?: CallOptions,
  ): Promise<void>;

  /**
   * Add a user to a group chat as a member. The policy decides which messages the user can read. The
   * user has nothing unread.
   * @throws PalaverError `unknown_user`, `user_unavailable`, `p2p_chat`, `already_participant`,
   * `blocked`, `not_a_participant`, `not_allowed`, `not_found`, `too_many_requests`
   */
  addParticipant(
    request: {
      /** The id of a chat. */
      readonly chat_id: number;
      /**
       * 1 to 32 letters and digits of one script (East Asian scripts may be mixed) after NFKC, with `.`, `_`
       * and `-` between them, and at most four different combining marks in a row behind a letter or digit.
       * Unique regardless of case and compatibility form. Shown as it was registered.
       */
      readonly username: string;
    },
    options?: CallOptions,
  ): Promise<void>;

  /**
   * Remove a user from a group chat, or leave it.
   * The owner is followed by the admin who joined first, or else the participant who joined first.
   * @throws PalaverError `unknown_user`, `p2p_chat`, `user_not_in_chat`, `not_a_participant`,
   * `not_allowed`, `not_found`, `too_many_requests`
   */
  removeParticipant(
    request: {
      /** The id of a chat. */
      readonly chat_id: number;
      /** A username or a `user_id`. */
      readonly user: string;
    },
    options?: CallOptions,
  ): Promise<void>;

  /**
   * Set the role of a participant of a group chat.
   * The owner names admins and members, and passes ownership on, which makes the previous owner an
   * admin.
   * @throws PalaverError `unknown_user`, `p2p_chat`, `user_not_in_chat`, `not_a_participant`,
   * `not_allowed`, `not_found`, `too_many_requests`
   */
  setRole(
    request: {
      /** The id of a chat. */
      readonly chat_id: number;
      /** A username or a `user_id`. */
      readonly user: string;
      /** The role of a participant. A group chat has one owner. */
      readonly role: "owner" | "admin" | "member";
    },
    options?: CallOptions,
  ): Promise<void>;

  /**
   * List the caller's chats, most recently active first.
   * @throws PalaverError `invalid_cursor`, `too_many_requests`
   */
  listChats(
    request?: {
      /** The maximum number of entries. */
      readonly limit?: number | undefined;
      /** The end of a page of chats. Opaque. Use the one in the `Link` header of that page. */
      readonly cursor?: string | undefined;
    },
    options?: CallOptions,
  ): Promise<readonly Chat[]>;

  /**
   * Show one of the caller's chats with its first participants.
   * `participants` has at most 100 participants, in the order in which they joined. If there are more,
   * `participants_next` is the `cursor` of `listParticipants` for the others.
   * @throws PalaverError `not_a_participant`, `not_found`
   */
  getChat(
    request: {
      /** The id of a chat. */
      readonly chat_id: number;
    },
    options?: CallOptions,
  ): Promise<ChatInFull>;

  /**
   * List the participants of one of the caller's chats, in the order in which they joined.
   * @throws PalaverError `invalid_cursor`, `not_a_participant`, `not_found`, `too_many_requests`
   */
  listParticipants(
    request: {
      /** The id of a chat. */
      readonly chat_id: number;
      /** The maximum number of entries. */
      readonly limit?: number | undefined;
      /**
       * The end of a list of participants. Opaque. Use `participants_next` of the chat, or the one in the
       * `Link` header of a page.
       */
      readonly cursor?: string | undefined;
    },
    options?: CallOptions,
  ): Promise<readonly Participant[]>;

  /**
   * Mark a chat as read up to a message. The mark never moves back.
   * @throws PalaverError `not_a_participant`, `not_found`, `too_many_requests`
   */
  markRead(
    request: {
      /** The id of a chat. */
      readonly chat_id: number;
      /** The `seq` of the last message that the caller has read. */
      readonly seq: number;
    },
    options?: CallOptions,
  ): Promise<{
    /** The `seq` up to which the user has read the chat. */
    readonly read_seq: number;
    /** The number of messages after `read_seq` from other users that are not deleted. */
    readonly unread_count: number;
    /** How many of these messages mention the user. 500 stands for more, too. */
    readonly mention_count: number;
  }>;

  /**
   * Change the caller's own settings of a chat: mute, archive and pin it.
   * Changes what is given. Other participants do not see the settings. An archived chat returns with the
   * next message, unless the chat is muted when it is sent.
   * @throws PalaverError `not_a_participant`, `not_found`, `too_many_requests`
   */
  changeChatSettings(
    request: {
      /** The id of a chat. */
      readonly chat_id: number;
      readonly muted_until?: string | null | undefined;
      /**
       * Whether the caller has archived the chat. The next message makes it false, unless its `timestamp` is
       * before `muted_until`.
       */
      readonly archived?: boolean | undefined;
      /** Whether the caller keeps the chat at the top of their list. The server does not sort by it. */
      readonly pinned?: boolean | undefined;
    },
    options?: CallOptions,
  ): Promise<ChatSettings>;

  /**
   * Create an invitation to a group chat. Its code is shown only once.
   * For participants who may add users. The invitation works while its inviter may add users to the
   * chat, until it expires, is used up or is revoked.
   * @throws PalaverError `p2p_chat`, `too_many_invitations`, `not_a_participant`, `not_allowed`,
   * `not_found`, `too_many_requests`
   */
  createInvitation(
    request: {
      /** The id of a chat. */
      readonly chat_id: number;
      /** The lifetime in seconds; 604800 (7 days) by default. */
      readonly expires_in?: number | undefined;
      readonly max_uses?: number | null | undefined;
    },
    options?: CallOptions,
  ): Promise<NewInvitation>;

  /**
   * List the invitations to a group chat that are neither expired nor used up, oldest first.
   * For participants who may add users. At most 100, without their codes.
   * @throws PalaverError `invalid_cursor`, `p2p_chat`, `not_a_participant`, `not_allowed`, `not_found`
   */
  listInvitations(
    request: {
      /** The id of a chat. */
      readonly chat_id: number;
      /** The maximum number of entries. */
      readonly limit?: number | undefined;
      /** The end of a page of invitations. Opaque. Use the one in the `Link` header of that page. */
      readonly cursor?: string | undefined;
    },
    options?: CallOptions,
  ): Promise<readonly Invitation[]>;

  /**
   * Revoke an invitation to a group chat.
   * For participants who may add users. Users who have joined with it stay.
   * @throws PalaverError `p2p_chat`, `not_a_participant`, `not_allowed`, `unknown_invitation`,
   * `not_found`, `too_many_requests`
   */
  deleteInvitation(
    request: {
      /** The id of a chat. */
      readonly chat_id: number;
      /** The id of an invitation. It gives no access. */
      readonly invitation_id: string;
    },
    options?: CallOptions,
  ): Promise<void>;

  /**
   * Show the chat of an invitation before accepting it.
   * An unknown code and one that no longer works give the same error.
   * @throws PalaverError `unknown_invitation`, `too_many_requests`
   */
  getInvitation(
    request: {
      /** The code of an invitation. It gives access to the chat. */
      readonly code: string;
    },
    options?: CallOptions,
  ): Promise<InvitedChat>;

  /**
   * Join the group chat of an invitation as a member.
   * Nothing is unread after joining. A participant of the chat gets the same response, and uses nothing.
   * @throws PalaverError `user_unavailable`, `unknown_invitation`, `too_many_requests`
   */
  acceptInvitation(
    request: {
      /** The code of an invitation. It gives access to the chat. */
      readonly code: string;
    },
    options?: CallOptions,
  ): Promise<{
    /** The id of a chat. */
    readonly chat_id: number;
  }>;

  /**
   * Send a message to a chat or to a user.
   * 200 means that the message is stored durably. Give each message a unique `Idempotency-Key`, and
   * repeat the request with the same key until there is a response: the message is stored once.
   * `group_chat_id` is the id of a chat of either kind, so that a client can answer where a message came
   * from.
   * @throws PalaverError `invalid_message`, `invalid_reply`, `invalid_mention`, `invalid_metadata`,
   * `invalid_idempotency_key`, `unknown_user`, `user_unavailable`, `blocked`, `not_a_participant`,
   * `not_allowed`, `idempotency_key_reused`, `too_many_requests`
   */
  sendMessage(
    request: (
      | { readonly group_chat_id: number | string; readonly dest_username?: undefined }
      | {
          /**
           * 1 to 32 letters and digits of one script (East Asian scripts may be mixed) after NFKC, with `.`, `_`
           * and `-` between them, and at most four different combining marks in a row behind a letter or digit.
           * Unique regardless of case and compatibility form. Shown as it was registered.
           */
          readonly dest_username: string;
          readonly group_chat_id?: undefined;
        }
    ) & {
      /**
       * The text, stored unchanged. At least one visible character, no lone surrogate, no control characters
       * but tabs and line breaks (LF or CR LF).
       */
      readonly message: string;
      readonly reply_to?: number | null | undefined;
      /**
       * The usernames or ids of participants that the message mentions. One that is named twice counts once.
       * Palaver does not search the text for names.
       */
      readonly mentions?: readonly string[] | undefined;
      readonly metadata?: Readonly<Record<string, unknown>> | null | undefined;
    },
    options?: SendOptions,
  ): Promise<Message>;

  /**
   * Change the text, the mentions or the metadata of one's own message. Its position in the chat stays.
   * @throws PalaverError `invalid_message`, `invalid_mention`, `invalid_metadata`, `message_deleted`,
   * `not_your_message`, `not_found`, `too_many_requests`
   */
  editMessage(
    request: {
      /** The id of a message. */
      readonly id: number;
      /**
       * The text, stored unchanged. At least one visible character, no lone surrogate, no control characters
       * but tabs and line breaks (LF or CR LF).
       */
      readonly message?: string | undefined;
      /** The ids of users that the message already mentions can stay, too. */
      readonly mentions?: readonly string[] | undefined;
      readonly metadata?: Readonly<Record<string, unknown>> | null | undefined;
    },
    options?: CallOptions,
  ): Promise<Message>;

  /**
   * Delete one's own message. Its text, mentions and metadata are removed, and a tombstone remains.
   * @throws PalaverError `not_your_message`, `not_found`, `too_many_requests`
   */
  deleteMessage(
    request: {
      /** The id of a message. */
      readonly id: number;
    },
    options?: CallOptions,
  ): Promise<Message>;

  /**
   * List all messages of all the caller's chats, oldest first.
   * Without parameters, the whole list. With parameters, a page: `limit` selects the newest messages,
   * `before` the newest before an id, `after` the oldest after an id. `limit` defaults to 100. Always
   * oldest first.
   * @throws PalaverError `too_many_requests`
   */
  listMessages(
    request?: {
      /** The maximum number of entries. */
      readonly limit?: number | undefined;
      /** Return the newest messages before this id. */
      readonly before?: number | undefined;
      /** Return the oldest messages after this id. Not together with `before`. */
      readonly after?: number | undefined;
    },
    options?: CallOptions,
  ): Promise<readonly Message[]>;

  /**
   * List the messages of one of the caller's chats, of either kind, oldest first.
   * Without parameters, the whole list. With parameters, a page: `limit` selects the newest messages,
   * `before` the newest before an id, `after` the oldest after an id. `limit` defaults to 100. Always
   * oldest first.
   * @throws PalaverError `not_a_participant`, `not_found`, `too_many_requests`
   */
  listGroupMessages(
    request: {
      /** The id of a chat. */
      readonly chat_id: number;
      /** The maximum number of entries. */
      readonly limit?: number | undefined;
      /** Return the newest messages before this id. */
      readonly before?: number | undefined;
      /** Return the oldest messages after this id. Not together with `before`. */
      readonly after?: number | undefined;
    },
    options?: CallOptions,
  ): Promise<readonly Message[]>;

  /**
   * List the messages between the caller and another user, oldest first.
   * Without parameters, the whole list. With parameters, a page: `limit` selects the newest messages,
   * `before` the newest before an id, `after` the oldest after an id. `limit` defaults to 100. Always
   * oldest first.
   * @throws PalaverError `unknown_user`, `too_many_requests`
   */
  listP2pMessages(
    request: {
      /**
       * 1 to 32 letters and digits of one script (East Asian scripts may be mixed) after NFKC, with `.`, `_`
       * and `-` between them, and at most four different combining marks in a row behind a letter or digit.
       * Unique regardless of case and compatibility form. Shown as it was registered.
       */
      readonly username: string;
      /** The maximum number of entries. */
      readonly limit?: number | undefined;
      /** Return the newest messages before this id. */
      readonly before?: number | undefined;
      /** Return the oldest messages after this id. Not together with `before`. */
      readonly after?: number | undefined;
    },
    options?: CallOptions,
  ): Promise<readonly Message[]>;

  /**
   * Find messages by their words, newest first.
   * Finds the messages that the caller can read and whose text has every word of `q`, the last one as
   * the beginning of a word, without regard to case and diacritics. In scripts without spaces between
   * words, such as Chinese, Japanese and Thai, a text matches if it has each pair of adjacent characters
   * of `q`, or its single character. The server bounds the work for a page, so a page can have fewer
   * messages than `limit`, or none, and a `next`: the end is where `next` is null.
   * @throws PalaverError `invalid_query`, `invalid_cursor`, `unknown_user`, `not_a_participant`,
   * `too_many_requests`
   */
  searchMessages(
    request: {
      /** The words to find: at least one letter or digit, and at most 32 words. */
      readonly q: string;
      /** Search one of the caller's chats. */
      readonly chat_id?: number | undefined;
      /** The username or the id of the sender. */
      readonly from?: string | undefined;
      /** Find messages before this id. */
      readonly before?: number | undefined;
      /** Find messages after this id. Can be given together with `before`. */
      readonly after?: number | undefined;
      /** The maximum number of entries. */
      readonly limit?: number | undefined;
      /** The end of a page of a search. Opaque. Use the `next` of that page, with the same `q` and filters. */
      readonly cursor?: string | undefined;
    },
    options?: CallOptions,
  ): Promise<FoundMessages>;

  /**
   * List all reactions to a message, oldest first.
   * @throws PalaverError `invalid_cursor`, `unknown_message`, `not_found`, `too_many_requests`
   */
  listReactions(
    request: {
      /** The id of a message. */
      readonly id: number;
      /** The maximum number of entries. */
      readonly limit?: number | undefined;
      /** The end of a page of reactions. Opaque. Use the one in the `Link` header of that page. */
      readonly cursor?: string | undefined;
    },
    options?: CallOptions,
  ): Promise<readonly Reaction[]>;

  /**
   * React to a message with an emoji.
   * The emoji is percent-encoded: one visible character of at most 32 code points, such as an emoji with
   * a skin tone. A message has at most 20 different ones. Everyone who can read the message can react,
   * also where only admins can send. A reaction changes neither what is unread nor the order of chats.
   * Repeating it changes nothing.
   * @throws PalaverError `invalid_reaction`, `message_deleted`, `too_many_reactions`,
   * `user_unavailable`, `unknown_message`, `blocked`, `not_found`, `too_many_requests`
   */
  addReaction(
    request: {
      /** The id of a message. */
      readonly id: number;
      /** One emoji, percent-encoded. */
      readonly emoji: string;
    },
    options?: CallOptions,
  ): Promise<MessageReactions>;

  /**
   * Take back one's own reaction to a message.
   * Repeating it changes nothing.
   * @throws PalaverError `invalid_reaction`, `unknown_message`, `not_found`, `too_many_requests`
   */
  removeReaction(
    request: {
      /** The id of a message. */
      readonly id: number;
      /** One emoji, percent-encoded. */
      readonly emoji: string;
    },
    options?: CallOptions,
  ): Promise<MessageReactions>;

  /**
   * Read the chats of the caller, and the cursor behind them.
   * A response and the events after its cursor add up to any later response. A response has at most
   * 1,000 chats, last active first. `more` says whether there are others, which `listChats` returns.
   * @throws PalaverError `too_many_requests`
   */
  sync(options?: CallOptions): Promise<Snapshot>;

  /**
   * List the events in the caller's chats after a cursor, oldest first.
   * A client that continues from the cursor of each response receives every event exactly once. Without
   * `after`, the response has no events, and the cursor of now. A response with long messages has fewer
   * events than `limit`; `has_more` says whether others follow.
   * @throws PalaverError `invalid_cursor`, `cursor_expired`, `too_many_requests`
   */
  listEvents(
    request?: {
      /** A position in the event log. Opaque. */
      readonly after?: string | undefined;
      /** The maximum number of entries. */
      readonly limit?: number | undefined;
      /** How many seconds to wait for the first event. */
      readonly wait?: number | undefined;
    },
    options?: CallOptions,
  ): Promise<EventPage>;

  /**
   * Show the other participants of a chat that the caller types, for six seconds.
   * Their open streams receive `event: typing`. Repeat it while the caller types: one in two seconds is
   * delivered, and others are accepted and ignored. To more than 10 streams it is dropped while the
   * server has more signals to deliver than its limit. In a p2p chat where one of the users has blocked
   * the other, nothing is delivered.
   * @throws PalaverError `not_a_participant`, `not_allowed`, `not_found`, `too_many_requests`
   */
  sendTyping(
    request: {
      /** The id of a chat. */
      readonly chat_id: number;
    },
    options?: CallOptions,
  ): Promise<void>;

  /**
   * Show who of the participants of a chat is online.
   * A user is online while they have an event stream open. `offline_since` is unknown after a restart of
   * the server. The presence of a user is not shown where one of the two users has blocked the other:
   * each then seems to be offline.
   * @throws PalaverError `too_many_participants`, `not_a_participant`, `presence_off`, `not_found`,
   * `too_many_requests`
   */
  getPresence(
    request: {
      /** The id of a chat. */
      readonly chat_id: number;
    },
    options?: CallOptions,
  ): Promise<readonly Presence[]>;
}

/** The operations that respond with a page of a list. */
export type PagedOperation =
  | "findUsers"
  | "listBlocks"
  | "listChats"
  | "listParticipants"
  | "listInvitations"
  | "listMessages"
  | "listGroupMessages"
  | "listP2pMessages"
  | "searchMessages"
  | "listReactions";

/** The HTTP request of an operation. `fieldsIn` is the place of the fields that the path does not name. */
export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly fieldsIn?: "body" | "query";
  /** The operation accepts an `Idempotency-Key`. */
  readonly keyed?: true;
  /** The operation responds with a page of a list. The relation of the page behind the first. */
  readonly paged?: "next" | "prev";
}

export const routes: Readonly<Record<keyof Operations, Route>> = {
  registerUser: { method: "POST", path: "/v1/auth/register", fieldsIn: "body" },
  logIn: { method: "POST", path: "/v1/auth/login", fieldsIn: "body" },
  logOut: { method: "POST", path: "/v1/auth/logout" },
  changePassword: { method: "PUT", path: "/v1/auth/password", fieldsIn: "body" },
  eraseAccount: { method: "DELETE", path: "/v1/users/me", fieldsIn: "body" },
  updateProfile: { method: "PATCH", path: "/v1/users/me", fieldsIn: "body" },
  getSession: { method: "GET", path: "/v1/auth/session" },
  listSessions: { method: "GET", path: "/v1/auth/sessions" },
  endOtherSessions: { method: "DELETE", path: "/v1/auth/sessions" },
  endSession: { method: "DELETE", path: "/v1/auth/sessions/{session_id}" },
  createToken: { method: "POST", path: "/v1/auth/tokens", fieldsIn: "body" },
  listTokens: { method: "GET", path: "/v1/auth/tokens" },
  endToken: { method: "DELETE", path: "/v1/auth/tokens/{token_id}" },
  getProfile: { method: "GET", path: "/v1/users/{user}" },
  findUsers: { method: "GET", path: "/v1/users", fieldsIn: "query", paged: "next" },
  listBlocks: { method: "GET", path: "/v1/users/me/blocks", fieldsIn: "query", paged: "next" },
  blockUser: { method: "PUT", path: "/v1/users/me/blocks/{user}" },
  unblockUser: { method: "DELETE", path: "/v1/users/me/blocks/{user}" },
  createGroupChat: { method: "POST", path: "/v1/group_chat", fieldsIn: "body" },
  changeChat: { method: "PATCH", path: "/v1/group_chat/{chat_id}", fieldsIn: "body" },
  addParticipant: { method: "POST", path: "/v1/group_chat/{chat_id}/participants", fieldsIn: "body" },
  removeParticipant: { method: "DELETE", path: "/v1/group_chat/{chat_id}/participants/{user}" },
  setRole: { method: "PUT", path: "/v1/group_chat/{chat_id}/participants/{user}/role", fieldsIn: "body" },
  listChats: { method: "GET", path: "/v1/chats", fieldsIn: "query", paged: "next" },
  getChat: { method: "GET", path: "/v1/chats/{chat_id}" },
  listParticipants: {
    method: "GET",
    path: "/v1/chats/{chat_id}/participants",
    fieldsIn: "query",
    paged: "next",
  },
  markRead: { method: "PUT", path: "/v1/chats/{chat_id}/read", fieldsIn: "body" },
  changeChatSettings: { method: "PATCH", path: "/v1/chats/{chat_id}/settings", fieldsIn: "body" },
  createInvitation: { method: "POST", path: "/v1/group_chat/{chat_id}/invitations", fieldsIn: "body" },
  listInvitations: {
    method: "GET",
    path: "/v1/group_chat/{chat_id}/invitations",
    fieldsIn: "query",
    paged: "next",
  },
  deleteInvitation: { method: "DELETE", path: "/v1/group_chat/{chat_id}/invitations/{invitation_id}" },
  getInvitation: { method: "GET", path: "/v1/invitations/{code}" },
  acceptInvitation: { method: "POST", path: "/v1/invitations/{code}/accept" },
  sendMessage: { method: "POST", path: "/v1/messages", fieldsIn: "body", keyed: true },
  editMessage: { method: "PATCH", path: "/v1/messages/{id}", fieldsIn: "body" },
  deleteMessage: { method: "DELETE", path: "/v1/messages/{id}" },
  listMessages: { method: "GET", path: "/v1/group_chat/messages", fieldsIn: "query", paged: "prev" },
  listGroupMessages: {
    method: "GET",
    path: "/v1/group_chat/messages/group/{chat_id}",
    fieldsIn: "query",
    paged: "prev",
  },
  listP2pMessages: {
    method: "GET",
    path: "/v1/group_chat/messages/p2p/{username}",
    fieldsIn: "query",
    paged: "prev",
  },
  searchMessages: { method: "GET", path: "/v1/search", fieldsIn: "query", paged: "next" },
  listReactions: { method: "GET", path: "/v1/messages/{id}/reactions", fieldsIn: "query", paged: "next" },
  addReaction: { method: "PUT", path: "/v1/messages/{id}/reactions/{emoji}" },
  removeReaction: { method: "DELETE", path: "/v1/messages/{id}/reactions/{emoji}" },
  sync: { method: "GET", path: "/v1/sync" },
  listEvents: { method: "GET", path: "/v1/events", fieldsIn: "query" },
  sendTyping: { method: "POST", path: "/v1/chats/{chat_id}/typing" },
  getPresence: { method: "GET", path: "/v1/chats/{chat_id}/presence" },
};
