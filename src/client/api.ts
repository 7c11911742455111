// Written by `npm run docs` from docs/openapi.json. What is changed here is lost.

import type { CallOptions, SendOptions } from "./call.js";

/** Why something is refused (RFC 9457). */
export interface Problem {
  readonly type: "about:blank";
  readonly title: string;
  readonly status: number;
  /** What is wrong, for people. It may change. */
  readonly detail: string;
  readonly code: Code;
  /** The fields that are at fault, where there are such. */
  readonly errors?: readonly { readonly field: string; readonly detail: string }[];
}

/**
 * What is wrong, for programs. No code changes or goes. With its status: `bad_request` 400,
 * `invalid_json` 400, `invalid_request` 400, `invalid_username` 400, `invalid_password` 400,
 * `refused_password` 400, `invalid_token_name` 400, `invalid_message` 400, `invalid_title` 400,
 * `invalid_idempotency_key` 400, `invalid_cursor` 400, `username_taken` 400, `wrong_credentials` 400,
 * `wrong_password` 400, `too_many_tokens` 400, `two_credentials` 400, `unknown_user` 400, `p2p_chat`
 * 400, `already_participant` 400, `user_not_in_chat` 400, `message_deleted` 400, `not_signed_in` 401,
 * `account_disabled` 403, `not_a_participant` 403, `not_your_message` 403, `cross_site` 403,
 * `unknown_session` 404, `unknown_token` 404, `not_found` 404, `method_not_allowed` 405,
 * `request_timeout` 408, `cursor_expired` 410, `payload_too_large` 413, `unsupported_media_type` 415,
 * `idempotency_key_reused` 422, `too_many_requests` 429, `headers_too_large` 431, `internal_error`
 * 500, `busy` 503, `store_unavailable` 503.
 */
export type Code =
  | "bad_request"
  | "invalid_json"
  | "invalid_request"
  | "invalid_username"
  | "invalid_password"
  | "refused_password"
  | "invalid_token_name"
  | "invalid_message"
  | "invalid_title"
  | "invalid_idempotency_key"
  | "invalid_cursor"
  | "username_taken"
  | "wrong_credentials"
  | "wrong_password"
  | "too_many_tokens"
  | "two_credentials"
  | "unknown_user"
  | "p2p_chat"
  | "already_participant"
  | "user_not_in_chat"
  | "message_deleted"
  | "not_signed_in"
  | "account_disabled"
  | "not_a_participant"
  | "not_your_message"
  | "cross_site"
  | "unknown_session"
  | "unknown_token"
  | "not_found"
  | "method_not_allowed"
  | "request_timeout"
  | "cursor_expired"
  | "payload_too_large"
  | "unsupported_media_type"
  | "idempotency_key_reused"
  | "too_many_requests"
  | "headers_too_large"
  | "internal_error"
  | "busy"
  | "store_unavailable";

/** A user. */
export interface User {
  /** Opaque, and longer than any username. */
  readonly user_id: string;
  /**
   * 1 to 32 letters and digits of one script (or of those of East Asia, which stand together) after
   * NFKC, with `.`, `_` and `-` between them. Unique without regard to case or compatibility form; shown
   * as it was first written.
   */
  readonly username: string;
}

/** The session of the request: its user and its expiry. */
export interface CurrentSession {
  /** Opaque, and longer than any username. */
  readonly user_id: string;
  /**
   * 1 to 32 letters and digits of one script (or of those of East Asia, which stand together) after
   * NFKC, with `.`, `_` and `-` between them. Unique without regard to case or compatibility form; shown
   * as it was first written.
   */
  readonly username: string;
  /** The name of a session, which gives no access. */
  readonly session_id: string;
  /** RFC 3339, in UTC, with milliseconds. */
  readonly expires_at: string;
}

/** A login of a user in one browser. */
export interface Session {
  /** The name of a session, which gives no access. */
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
  /** The name of a token, which gives no access. */
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
  /** The name of a token, which gives no access. */
  readonly token_id: string;
  readonly name: string | null;
  /** RFC 3339, in UTC, with milliseconds. */
  readonly created_at: string;
  /** RFC 3339, in UTC, with milliseconds. */
  readonly last_seen_at: string;
  /** RFC 3339, in UTC, with milliseconds. */
  readonly expires_at: string;
}

/** A chat, as the caller sees it. */
export interface Chat {
  /** The id of a chat. */
  readonly chat_id: number;
  readonly kind: "group" | "p2p";
  /** The title of a group chat, or null. */
  readonly title: string | null;
  /** The other user of a p2p chat, or null. */
  readonly with_username: string | null;
  readonly participant_count: number;
  readonly last_message: Message | null;
  /** The `seq` of the last message; 0 before it. */
  readonly last_seq: number;
  /** The `seq` up to which was read. */
  readonly read_seq: number;
  /** The messages of others after `read_seq` that are not deleted. */
  readonly unread_count: number;
}

/** A message in its current state. */
export interface Message {
  /** Grows over the whole server. */
  readonly id: number;
  /** The id of a chat. */
  readonly destination_chat_id: number;
  /** Counts the messages of one chat 1, 2, 3, … without a gap. */
  readonly seq: number;
  /**
   * 1 to 32 letters and digits of one script (or of those of East Asia, which stand together) after
   * NFKC, with `.`, `_` and `-` between them. Unique without regard to case or compatibility form; shown
   * as it was first written.
   */
  readonly sender_username: string;
  /** Opaque, and longer than any username. */
  readonly sender_user_id: string;
  /** When it was sent. */
  readonly timestamp: string;
  /** The text. Empty once it is deleted. */
  readonly message: string;
  /** Null unless it was edited. */
  readonly edited_at: string | null;
  /** Null unless it was deleted. */
  readonly deleted_at: string | null;
}

/** A chat with its participants. */
export interface ChatInFull {
  /** The id of a chat. */
  readonly chat_id: number;
  readonly kind: "group" | "p2p";
  /** The title of a group chat, or null. */
  readonly title: string | null;
  /** The other user of a p2p chat, or null. */
  readonly with_username: string | null;
  readonly participant_count: number;
  readonly last_message: Message | null;
  /** The `seq` of the last message; 0 before it. */
  readonly last_seq: number;
  /** The `seq` up to which was read. */
  readonly read_seq: number;
  /** The messages of others after `read_seq` that are not deleted. */
  readonly unread_count: number;
  readonly participants: readonly Participant[];
}

/** A participant of a chat. */
export interface Participant {
  /** Opaque, and longer than any username. */
  readonly user_id: string;
  /**
   * 1 to 32 letters and digits of one script (or of those of East Asia, which stand together) after
   * NFKC, with `.`, `_` and `-` between them. Unique without regard to case or compatibility form; shown
   * as it was first written.
   */
  readonly username: string;
  /** RFC 3339, in UTC, with milliseconds. */
  readonly joined_at: string;
}

/** All the caller's chats as of the cursor. */
export interface Snapshot {
  readonly chats: readonly Chat[];
  /** A place in the log of events. Opaque. */
  readonly cursor: string;
}

/** Events, and the cursor to continue from. */
export interface EventPage {
  readonly events: readonly ChatEvent[];
  /** A place in the log of events. Opaque. */
  readonly cursor: string;
  /** Whether more events follow the cursor. */
  readonly has_more: boolean;
}

/** A change in a chat; `type` names its kind. */
export type ChatEvent = MessageEvent | ChatCreatedEvent | ChatRenamedEvent | ParticipantEvent | ChatReadEvent;

/**
 * The message is in its current state when the event is read, so a deleted text is never delivered
 * again.
 */
export interface MessageEvent {
  readonly type: "message.created" | "message.edited" | "message.deleted";
  /** A place in the log of events. Opaque. */
  readonly cursor: string;
  /** The id of a chat. */
  readonly chat_id: number;
  /** RFC 3339, in UTC, with milliseconds. */
  readonly at: string;
  readonly message: Message;
}

/** A new chat, with the caller among its first participants. */
export interface ChatCreatedEvent {
  readonly type: "chat.created";
  /** A place in the log of events. Opaque. */
  readonly cursor: string;
  /** The id of a chat. */
  readonly chat_id: number;
  /** RFC 3339, in UTC, with milliseconds. */
  readonly at: string;
  readonly kind: "group" | "p2p";
  /** The title of a group chat, or null. */
  readonly title: string | null;
  readonly participants: readonly User[];
}

export interface ChatRenamedEvent {
  readonly type: "chat.renamed";
  /** A place in the log of events. Opaque. */
  readonly cursor: string;
  /** The id of a chat. */
  readonly chat_id: number;
  /** RFC 3339, in UTC, with milliseconds. */
  readonly at: string;
  /** The title of a group chat, or null. */
  readonly title: string | null;
}

/** An added user receives `chat` and no earlier events; a removed user receives no later events. */
export interface ParticipantEvent {
  readonly type: "participant.added" | "participant.removed";
  /** A place in the log of events. Opaque. */
  readonly cursor: string;
  /** The id of a chat. */
  readonly chat_id: number;
  /** RFC 3339, in UTC, with milliseconds. */
  readonly at: string;
  /** Opaque, and longer than any username. */
  readonly user_id: string;
  /**
   * 1 to 32 letters and digits of one script (or of those of East Asia, which stand together) after
   * NFKC, with `.`, `_` and `-` between them. Unique without regard to case or compatibility form; shown
   * as it was first written.
   */
  readonly username: string;
  readonly participant_count: number;
  readonly chat?: Chat;
}

/** The caller has read up to `read_seq`. In a p2p chat also sent when the other user has. */
export interface ChatReadEvent {
  readonly type: "chat.read";
  /** A place in the log of events. Opaque. */
  readonly cursor: string;
  /** The id of a chat. */
  readonly chat_id: number;
  /** RFC 3339, in UTC, with milliseconds. */
  readonly at: string;
  /** Opaque, and longer than any username. */
  readonly user_id: string;
  /**
   * 1 to 32 letters and digits of one script (or of those of East Asia, which stand together) after
   * NFKC, with `.`, `_` and `-` between them. Unique without regard to case or compatibility form; shown
   * as it was first written.
   */
  readonly username: string;
  /** The `seq` up to which was read. */
  readonly read_seq: number;
  /** The messages of others after `read_seq` that are not deleted. */
  readonly unread_count: number;
}

/** Each operation of the API, by its name in the document of the API. What any may be refused with is in `Code`. */
export interface Operations {
  /**
   * Make an account. It does not log in.
   * @throws PalaverError `invalid_username`, `invalid_password`, `refused_password`, `username_taken`,
   * `too_many_requests`
   */
  registerUser(
    request: {
      /**
       * 1 to 32 letters and digits of one script (or of those of East Asia, which stand together) after
       * NFKC, with `.`, `_` and `-` between them. Unique without regard to case or compatibility form; shown
       * as it was first written.
       */
      readonly username: string;
      /** 8 to 256 characters after NFC. */
      readonly password: string;
    },
    options?: CallOptions,
  ): Promise<User>;

  /**
   * Start a session, always a new one, and end the one that the request came with.
   * @throws PalaverError `invalid_password`, `wrong_credentials`, `account_disabled`,
   * `too_many_requests`
   */
  logIn(
    request: {
      /**
       * 1 to 32 letters and digits of one script (or of those of East Asia, which stand together) after
       * NFKC, with `.`, `_` and `-` between them. Unique without regard to case or compatibility form; shown
       * as it was first written.
       */
      readonly username: string;
      /** 8 to 256 characters after NFC. */
      readonly password: string;
    },
    options?: CallOptions,
  ): Promise<User>;

  /** End the session, for good and at once. */
  logOut(options?: CallOptions): Promise<void>;

  /**
   * Change the password.
   * Ends all other sessions and all tokens.
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

  /** Show who the caller is. */
  getSession(options?: CallOptions): Promise<CurrentSession>;

  /** List the caller's sessions, the oldest first, without the tokens. */
  listSessions(options?: CallOptions): Promise<readonly Session[]>;

  /**
   * End all of the caller's sessions but this one.
   * Tokens live on.
   */
  endOtherSessions(options?: CallOptions): Promise<void>;

  /**
   * End one of the caller's sessions.
   * @throws PalaverError `unknown_session`
   */
  endSession(
    request: {
      /** The name of a session, which gives no access. */
      readonly session_id: string;
    },
    options?: CallOptions,
  ): Promise<void>;

  /**
   * Make a token for a program.
   * The token is told this once. It can do all that its owner can.
   * @throws PalaverError `invalid_token_name`, `too_many_tokens`
   */
  createToken(
    request: {
      /** What its owner calls it. Something to be seen in it, no NUL. */
      readonly name: string;
    },
    options?: CallOptions,
  ): Promise<NewToken>;

  /** List the caller's tokens, the oldest first. */
  listTokens(options?: CallOptions): Promise<readonly Token[]>;

  /**
   * End one of the caller's tokens.
   * @throws PalaverError `unknown_token`
   */
  endToken(
    request: {
      /** The name of a token, which gives no access. */
      readonly token_id: string;
    },
    options?: CallOptions,
  ): Promise<void>;

  /**
   * Make a group chat with the caller as its first participant.
   * @throws PalaverError `invalid_title`
   */
  createGroupChat(
    request?: { readonly title?: string | null | undefined },
    options?: CallOptions,
  ): Promise<{
    /** The id of a chat. */
    readonly chat_id: number;
  }>;

  /**
   * Give a group chat another title; null takes it away.
   * @throws PalaverError `invalid_title`, `p2p_chat`, `not_a_participant`, `not_found`
   */
  renameChat(
    request: {
      /** The id of a chat. */
      readonly chat_id: number;
      readonly title: string | null;
    },
    options?: CallOptions,
  ): Promise<void>;

  /**
   * Add somebody to a group chat, who then sees its whole history.
   * @throws PalaverError `unknown_user`, `p2p_chat`, `already_participant`, `not_a_participant`,
   * `not_found`
   */
  addParticipant(
    request: {
      /** The id of a chat. */
      readonly chat_id: number;
      /**
       * 1 to 32 letters and digits of one script (or of those of East Asia, which stand together) after
       * NFKC, with `.`, `_` and `-` between them. Unique without regard to case or compatibility form; shown
       * as it was first written.
       */
      readonly username: string;
    },
    options?: CallOptions,
  ): Promise<void>;

  /**
   * Remove somebody from a group chat, or leave it.
   * @throws PalaverError `unknown_user`, `p2p_chat`, `user_not_in_chat`, `not_a_participant`,
   * `not_found`
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
   * List the caller's chats, last active first.
   * @throws PalaverError `invalid_cursor`
   */
  listChats(
    request?: {
      /** How many at the most. */
      readonly limit?: number | undefined;
      /** Where a page of chats ended. Opaque: take it from the `Link` of that page. */
      readonly cursor?: string | undefined;
    },
    options?: CallOptions,
  ): Promise<readonly Chat[]>;

  /**
   * Show a chat of the caller's, and who is in it.
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
   * Mark a chat as read up to a message. It never moves back.
   * @throws PalaverError `not_a_participant`, `not_found`
   */
  markRead(
    request: {
      /** The id of a chat. */
      readonly chat_id: number;
      /** The `seq` of the last message that was read. */
      readonly seq: number;
    },
    options?: CallOptions,
  ): Promise<{
    /** The `seq` up to which was read. */
    readonly read_seq: number;
    /** The messages of others after `read_seq` that are not deleted. */
    readonly unread_count: number;
  }>;

  /**
   * Send a message to a group chat or to a user.
   * 200 means stored, for good. Give each message a key of its own in `Idempotency-Key`, and send it
   * under that key until there is an answer: it is stored once.
   * @throws PalaverError `invalid_message`, `invalid_idempotency_key`, `unknown_user`, `p2p_chat`,
   * `not_a_participant`, `idempotency_key_reused`, `too_many_requests`
   */
  sendMessage(
    request: (
      | { readonly group_chat_id: number | string; readonly dest_username?: undefined }
      | {
          /**
           * 1 to 32 letters and digits of one script (or of those of East Asia, which stand together) after
           * NFKC, with `.`, `_` and `-` between them. Unique without regard to case or compatibility form; shown
           * as it was first written.
           */
          readonly dest_username: string;
          readonly group_chat_id?: undefined;
        }
    ) & {
      /** Kept to the letter. Something to be seen in it, no NUL, no half of a surrogate pair. */
      readonly message: string;
    },
    options?: SendOptions,
  ): Promise<Message>;

  /**
   * Give one's own message another text. It keeps its place.
   * @throws PalaverError `invalid_message`, `message_deleted`, `not_your_message`, `not_found`,
   * `too_many_requests`
   */
  editMessage(
    request: {
      /** The id of a message. */
      readonly id: number;
      /** Kept to the letter. Something to be seen in it, no NUL, no half of a surrogate pair. */
      readonly message: string;
    },
    options?: CallOptions,
  ): Promise<Message>;

  /**
   * Take back one's own message: its text is gone, its place stays.
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
   * The whole list, unless a parameter asks for a page: with `limit` the newest messages, with `before`
   * the newest before that one, with `after` the oldest after it; 100 where there is no `limit`. Always
   * oldest first.
   */
  listMessages(
    request?: {
      /** How many at the most. */
      readonly limit?: number | undefined;
      /** The newest messages before this id. */
      readonly before?: number | undefined;
      /** The oldest messages after this id. Not together with `before`. */
      readonly after?: number | undefined;
    },
    options?: CallOptions,
  ): Promise<readonly Message[]>;

  /**
   * List the messages of a group chat, oldest first.
   * The whole list, unless a parameter asks for a page: with `limit` the newest messages, with `before`
   * the newest before that one, with `after` the oldest after it; 100 where there is no `limit`. Always
   * oldest first.
   * @throws PalaverError `p2p_chat`, `not_a_participant`, `not_found`
   */
  listGroupMessages(
    request: {
      /** The id of a chat. */
      readonly chat_id: number;
      /** How many at the most. */
      readonly limit?: number | undefined;
      /** The newest messages before this id. */
      readonly before?: number | undefined;
      /** The oldest messages after this id. Not together with `before`. */
      readonly after?: number | undefined;
    },
    options?: CallOptions,
  ): Promise<readonly Message[]>;

  /**
   * List the messages between the caller and somebody, oldest first.
   * The whole list, unless a parameter asks for a page: with `limit` the newest messages, with `before`
   * the newest before that one, with `after` the oldest after it; 100 where there is no `limit`. Always
   * oldest first.
   * @throws PalaverError `unknown_user`
   */
  listP2pMessages(
    request: {
      /**
       * 1 to 32 letters and digits of one script (or of those of East Asia, which stand together) after
       * NFKC, with `.`, `_` and `-` between them. Unique without regard to case or compatibility form; shown
       * as it was first written.
       */
      readonly username: string;
      /** How many at the most. */
      readonly limit?: number | undefined;
      /** The newest messages before this id. */
      readonly before?: number | undefined;
      /** The oldest messages after this id. Not together with `before`. */
      readonly after?: number | undefined;
    },
    options?: CallOptions,
  ): Promise<readonly Message[]>;

  /**
   * Read all the caller's chats, and the cursor at which they are so.
   * What it answers plus the events after its cursor is what it would answer later.
   */
  sync(options?: CallOptions): Promise<Snapshot>;

  /**
   * List what happened in the caller's chats since a cursor, oldest first.
   * Whoever goes on from the cursor of each answer misses nothing and is told nothing twice. Without
   * `after` there are no events, and the cursor of now.
   * @throws PalaverError `invalid_cursor`, `cursor_expired`
   */
  listEvents(
    request?: {
      /** A place in the log of events. Opaque. */
      readonly after?: string | undefined;
      /** How many at the most. */
      readonly limit?: number | undefined;
      /** How many seconds to wait for an event where there is none yet. */
      readonly wait?: number | undefined;
    },
    options?: CallOptions,
  ): Promise<EventPage>;
}

/** Those whose answer is a page. */
export type PagedOperation = "listChats" | "listMessages" | "listGroupMessages" | "listP2pMessages";

/** How an operation is asked for. Of the fields of a request, those that the path does not name go where `rest` says. */
export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly rest?: "body" | "query";
  /** It takes an `Idempotency-Key`. */
  readonly keyed?: true;
  /** Its answer is a page. */
  readonly paged?: true;
}

export const routes: Readonly<Record<keyof Operations, Route>> = {
  registerUser: { method: "POST", path: "/v1/auth/register", rest: "body" },
  logIn: { method: "POST", path: "/v1/auth/login", rest: "body" },
  logOut: { method: "POST", path: "/v1/auth/logout" },
  changePassword: { method: "PUT", path: "/v1/auth/password", rest: "body" },
  getSession: { method: "GET", path: "/v1/auth/session" },
  listSessions: { method: "GET", path: "/v1/auth/sessions" },
  endOtherSessions: { method: "DELETE", path: "/v1/auth/sessions" },
  endSession: { method: "DELETE", path: "/v1/auth/sessions/{session_id}" },
  createToken: { method: "POST", path: "/v1/auth/tokens", rest: "body" },
  listTokens: { method: "GET", path: "/v1/auth/tokens" },
  endToken: { method: "DELETE", path: "/v1/auth/tokens/{token_id}" },
  createGroupChat: { method: "POST", path: "/v1/group_chat", rest: "body" },
  renameChat: { method: "PATCH", path: "/v1/group_chat/{chat_id}", rest: "body" },
  addParticipant: { method: "POST", path: "/v1/group_chat/{chat_id}/participants", rest: "body" },
  removeParticipant: { method: "DELETE", path: "/v1/group_chat/{chat_id}/participants/{user}" },
  listChats: { method: "GET", path: "/v1/chats", rest: "query", paged: true },
  getChat: { method: "GET", path: "/v1/chats/{chat_id}" },
  markRead: { method: "PUT", path: "/v1/chats/{chat_id}/read", rest: "body" },
  sendMessage: { method: "POST", path: "/v1/messages", rest: "body", keyed: true },
  editMessage: { method: "PATCH", path: "/v1/messages/{id}", rest: "body" },
  deleteMessage: { method: "DELETE", path: "/v1/messages/{id}" },
  listMessages: { method: "GET", path: "/v1/group_chat/messages", rest: "query", paged: true },
  listGroupMessages: {
    method: "GET",
    path: "/v1/group_chat/messages/group/{chat_id}",
    rest: "query",
    paged: true,
  },
  listP2pMessages: {
    method: "GET",
    path: "/v1/group_chat/messages/p2p/{username}",
    rest: "query",
    paged: true,
  },
  sync: { method: "GET", path: "/v1/sync" },
  listEvents: { method: "GET", path: "/v1/events", rest: "query" },
};
