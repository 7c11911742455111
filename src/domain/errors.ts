import type { UserId } from "./ids.js";

/** The reason of a `MessagingError`. The union is closed and its codes are stable: test the code, not the text. */
export type ErrorCode =
  /** A field of the command is missing, has the wrong type or is out of range. `errors` lists each. */
  | "invalid_request"
  /** The username is invalid: see `parseUsername`. */
  | "invalid_username"
  /** Only the operator may give this username to an account: see `assertNotReserved`. */
  | "username_reserved"
  /** The display name is invalid: see `parseDisplayName`. */
  | "invalid_display_name"
  /** The password is invalid: see `parsePassword`. */
  | "invalid_password"
  /** The password is on the operator's list of passwords that nobody may choose. */
  | "refused_password"
  /** The name of the token is invalid: see `newToken`. */
  | "invalid_token_name"
  /** The text of the message is invalid: see `parseMessageText`. */
  | "invalid_message"
  /** The title is invalid: see `parseTitle`. */
  | "invalid_title"
  /** The metadata is invalid: see `parseMetadata`. */
  | "invalid_metadata"
  /** The message to reply to is not one of the chat that the caller can read. The error does not say why. */
  | "invalid_reply"
  /** The message mentions too many users, or users who are not participants of the chat. `errors` lists these. */
  | "invalid_mention"
  /** The emoji of the reaction is invalid: see `parseEmoji`. */
  | "invalid_reaction"
  /** The idempotency key is invalid: see `parseIdempotencyKey`. */
  | "invalid_idempotency_key"
  /** The query of a search is invalid: see `parseSearchQuery`. */
  | "invalid_query"
  /** The cursor is malformed. */
  | "invalid_cursor"
  /** The log no longer holds all events after the cursor. */
  | "cursor_expired"
  /** Nobody can register: only the operator creates accounts. */
  | "registration_closed"
  /** A user has this username or an equivalent one, or had it before they were deleted: see `usernameKey`. */
  | "username_taken"
  /** Unknown user or wrong password. The error does not say which. */
  | "wrong_credentials"
  /** The operator has disabled the account. Thrown only after the password was verified. */
  | "account_disabled"
  /** The given password is not the current password of the user. */
  | "wrong_password"
  /** The session is missing or has ended. */
  | "not_signed_in"
  /** The caller has no session with this id. */
  | "unknown_session"
  /** The caller has no token with this id. */
  | "unknown_token"
  /** The caller has the maximum number of tokens. */
  | "too_many_tokens"
  /** Unknown invitation, or it no longer works. The error does not say which. */
  | "unknown_invitation"
  /** The chat has the maximum number of live invitations. */
  | "too_many_invitations"
  /** Unknown chat, or the caller is not a participant. The error does not say which. */
  | "not_a_participant"
  /** The role of the caller, under the policy of the chat, does not permit the action. */
  | "not_allowed"
  /** No chat has this id. Only the operator gets it. */
  | "unknown_chat"
  /** Unknown message, or the caller may not change it. The error does not say which. */
  | "not_your_message"
  /** Unknown message, or the caller cannot read it. The error does not say which. */
  | "unknown_message"
  /** The message was deleted, and can be neither edited nor reacted to. */
  | "message_deleted"
  /** The message has the maximum number of different reactions. */
  | "too_many_reactions"
  /** The sender has used this idempotency key for another message, or for another destination. */
  | "idempotency_key_reused"
  /** No user has this username or id. */
  | "unknown_user"
  /** The user is disabled or deleted, and can neither be added to a group chat nor receive p2p messages. */
  | "user_unavailable"
  /** The user has blocked the caller, or the caller has blocked the user to write to. */
  | "blocked"
  /** A user cannot block themselves. */
  | "self_block"
  /** The caller has blocked the maximum number of users. */
  | "too_many_blocks"
  /** The operation requires a group chat, and the chat is p2p. */
  | "p2p_chat"
  /** Presence is not shown in a chat of more than 1,000 participants. */
  | "too_many_participants"
  /** Nobody sees who is online. */
  | "presence_off"
  /** The user to add is already a participant. */
  | "already_participant"
  /** The user to remove, or to give a role, is not a participant. */
  | "user_not_in_chat"
  /** Overloaded. Nothing was changed; retry later. */
  | "busy"
  /** The store cannot write, for example because its disk is full, but can still be read. Nothing was changed. */
  | "store_unavailable"
  /** The connection to the database failed during the commit. The change is stored or not: repeat it under its idempotency key. */
  | "outcome_unknown";

/** An invalid field of a command, and what is wrong with it. An item of a list is named by its index: `participants.2`. */
export interface FieldError {
  readonly field: string;
  readonly detail: string;
}

/** An expected rejection; nothing was changed. Any other thrown error is a bug or a failure of the machine. */
export class MessagingError extends Error {
  override readonly name = "MessagingError";
  readonly code: ErrorCode;
  /** The existing account that a failed login or password check named. For logs only; never send it to a client. */
  readonly account: UserId | undefined;
  /** The invalid fields, where several can be at fault; otherwise empty. */
  readonly errors: readonly FieldError[];

  constructor(
    code: ErrorCode,
    message: string,
    options: {
      readonly cause?: unknown;
      readonly account?: UserId | undefined;
      readonly errors?: readonly FieldError[];
    } = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : {});
    this.code = code;
    this.account = options.account;
    this.errors = options.errors ?? [];
  }
}

/** Whether the store could not be used for the moment, so that the same call can succeed later. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof MessagingError && (error.code === "store_unavailable" || error.code === "busy");
}
