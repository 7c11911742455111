import type { UserId } from "./ids.js";

/**
 * Why the messaging core refuses something. The list is closed and the codes are stable: programs go by the code,
 * people read the text.
 */
export type ErrorCode =
  /** The username breaks the rules of `parseUsername`. */
  | "invalid_username"
  /** The password breaks the rules of `parsePassword`. */
  | "invalid_password"
  /** The password is one that the operator of this server has put on the list of those that are guessed first. */
  | "refused_password"
  /** The name of a token breaks the rules of `newToken`. */
  | "invalid_token_name"
  /** The message breaks the rules of `parseMessageText`. */
  | "invalid_message"
  /** The title breaks the rules of `parseTitle`. */
  | "invalid_title"
  /** The idempotency key breaks the rules of `parseIdempotencyKey`. */
  | "invalid_idempotency_key"
  /** Not a cursor that was ever given. */
  | "invalid_cursor"
  /** What happened since the cursor can no longer be told as a whole. */
  | "cursor_expired"
  /** Somebody has this username, or one that counts as the same. */
  | "username_taken"
  /** No such user, or not that user's password: which of the two is not told. */
  | "wrong_credentials"
  /** The operator has disabled the account. Told only to who knows its password. */
  | "account_disabled"
  /** Not the password that the user has at present. */
  | "wrong_password"
  /** There is no session, or it has ended. */
  | "not_signed_in"
  /** The caller has no such session. */
  | "unknown_session"
  /** The caller has no such token. */
  | "unknown_token"
  /** The caller has as many tokens as one may have. */
  | "too_many_tokens"
  /** The caller is not a participant of this chat, or there is no such chat: which of the two is not told. */
  | "not_a_participant"
  /** The message is not one that the caller may change, or there is none: which of the two is not told. */
  | "not_your_message"
  /** The message was deleted, and can no longer be edited. */
  | "message_deleted"
  /** The sender has used this idempotency key for another destination or text. */
  | "idempotency_key_reused"
  /** Nobody has this username or id. */
  | "unknown_user"
  /** The chat is between two people, and what was asked for is for group chats only. */
  | "p2p_chat"
  /** Who is to be added is a participant already. */
  | "already_participant"
  /** Who is to be removed is not a participant. */
  | "user_not_in_chat"
  /** There is more to do than can be done now. Nothing was changed; try again later. */
  | "busy"
  /** The store cannot keep anything now (its disk is full, say), though it can still be read. Nothing was changed. */
  | "store_unavailable";

/** A refusal. Whatever else is thrown is a bug or a broken machine. Nothing was changed where one is thrown. */
export class MessagingError extends Error {
  override readonly name = "MessagingError";
  readonly code: ErrorCode;
  /** The account that was tried, where a login failed and there is such an account. For the log, never for the client. */
  readonly account: UserId | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly account?: UserId | undefined } = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : {});
    this.code = code;
    this.account = options.account;
  }
}
