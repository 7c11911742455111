import { STATUS_CODES } from "node:http";
import { MessagingError, type ErrorCode, type FieldError } from "../../domain/errors.js";

export type { FieldError };

/** Errors of the HTTP adapter itself. A closed and stable list, like the codes of the core. */
export type HttpErrorCode =
  /** The request is not valid HTTP. */
  | "bad_request"
  /** The body is not JSON in UTF-8, not an object, or has a duplicate field. */
  | "invalid_json"
  | "not_found"
  /** The request has both a session cookie and a token. */
  | "two_credentials"
  /** According to the browser, a page of another site sent the request. */
  | "cross_site"
  /** A rate limit, or a limit of requests in progress, is exceeded. Nothing was changed; `Retry-After` says when to try again. */
  | "too_many_requests"
  /** The user has the maximum number of open event streams. All of them stay open; `Retry-After` says when to try again. */
  | "too_many_streams"
  /** No user has the username or id in the path. */
  | "user_not_found"
  /** Users cannot be found by the beginnings of their names. */
  | "directory_off"
  | "method_not_allowed"
  | "request_timeout"
  | "payload_too_large"
  | "unsupported_media_type"
  | "headers_too_large"
  | "internal_error";

export type Code = ErrorCode | HttpErrorCode;

/** The HTTP status of each code. */
export const statuses: Readonly<Record<Code, number>> = {
  bad_request: 400,
  invalid_json: 400,
  invalid_request: 400,
  invalid_username: 400,
  username_reserved: 400,
  invalid_display_name: 400,
  invalid_password: 400,
  refused_password: 400,
  invalid_token_name: 400,
  invalid_message: 400,
  invalid_title: 400,
  invalid_metadata: 400,
  invalid_reply: 400,
  invalid_mention: 400,
  invalid_reaction: 400,
  invalid_idempotency_key: 400,
  invalid_query: 400,
  invalid_cursor: 400,
  username_taken: 400,
  wrong_credentials: 400,
  wrong_password: 400,
  too_many_tokens: 400,
  too_many_invitations: 400,
  two_credentials: 400,
  unknown_user: 400,
  user_unavailable: 400,
  p2p_chat: 400,
  already_participant: 400,
  user_not_in_chat: 400,
  self_block: 400,
  too_many_blocks: 400,
  message_deleted: 400,
  too_many_participants: 400,
  too_many_reactions: 400,
  not_signed_in: 401,
  account_disabled: 403,
  registration_closed: 403,
  not_a_participant: 403,
  not_allowed: 403,
  blocked: 403,
  directory_off: 403,
  presence_off: 403,
  not_your_message: 403,
  unknown_message: 403,
  cross_site: 403,
  unknown_session: 404,
  unknown_token: 404,
  unknown_chat: 404,
  unknown_invitation: 404,
  not_found: 404,
  user_not_found: 404,
  method_not_allowed: 405,
  request_timeout: 408,
  cursor_expired: 410,
  payload_too_large: 413,
  unsupported_media_type: 415,
  idempotency_key_reused: 422,
  too_many_requests: 429,
  too_many_streams: 429,
  headers_too_large: 431,
  internal_error: 500,
  busy: 503,
  store_unavailable: 503,
  outcome_unknown: 503,
};

/** The request field that an error of the core refers to, by code. */
export type FieldNames = Partial<Record<ErrorCode, string>>;

const defaultFields: FieldNames = {
  invalid_username: "username",
  username_reserved: "username",
  username_taken: "username",
  invalid_display_name: "display_name",
  invalid_password: "password",
  refused_password: "password",
  wrong_password: "current_password",
  invalid_token_name: "name",
  invalid_message: "message",
  invalid_title: "title",
  invalid_metadata: "metadata",
  invalid_reply: "reply_to",
  invalid_mention: "mentions",
  invalid_query: "q",
  invalid_cursor: "cursor",
};

/** Response headers by code. RFC 9110, 15.5.2, requires WWW-Authenticate with a 401. */
const errorHeaders: Partial<Record<ErrorCode, Readonly<Record<string, string>>>> = {
  not_signed_in: { "WWW-Authenticate": "Bearer" },
  busy: { "Retry-After": "1" },
  store_unavailable: { "Retry-After": "5" },
};

/** An error with the headers and field errors of its response. */
export class HttpError extends Error {
  readonly code: Code;
  readonly errors: readonly FieldError[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: Code,
    detail: string,
    options: {
      readonly errors?: readonly FieldError[];
      readonly headers?: Readonly<Record<string, string>>;
      readonly cause?: unknown;
    } = {},
  ) {
    super(detail, { cause: options.cause });
    this.code = code;
    this.errors = options.errors ?? [];
    this.headers = options.headers ?? {};
  }
}

/** The body of an error response: problem details (RFC 9457) with a stable code. */
export interface Problem {
  readonly type: "about:blank";
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: Code;
  readonly errors?: readonly FieldError[];
}

export const PROBLEM_TYPE = "application/problem+json; charset=utf-8";

export function toProblem({ code, message, errors }: HttpError): Problem {
  const status = statuses[code];
  const problem: Problem = {
    type: "about:blank",
    title: STATUS_CODES[status] ?? "Error",
    status,
    detail: message,
    code,
  };
  return errors.length > 0 ? { ...problem, errors } : problem;
}

/**
 * Converts anything thrown to an `HttpError`. An unknown error becomes `internal_error` and keeps its cause.
 *
 * @param fields the request fields that errors refer to, where they differ from the defaults
 */
export function toHttpError(error: unknown, fields: FieldNames = {}): HttpError {
  if (error instanceof HttpError) return error;
  if (error instanceof MessagingError) {
    const { code, message } = error;
    const field = fields[code] ?? defaultFields[code];
    const named = field === undefined ? [] : [{ field, detail: message }];
    return new HttpError(code, message, {
      errors: error.errors.length > 0 ? error.errors : named,
      headers: errorHeaders[code] ?? {},
      cause: error,
    });
  }
  if (isOutOfDescriptors(error)) {
    return new HttpError("busy", "Too many files and connections are open. Try again later.", {
      headers: errorHeaders.busy ?? {},
      cause: error,
    });
  }
  return new HttpError(
    "internal_error",
    "Internal error. Try again, or report the X-Request-Id to the operator.",
    {
      cause: error,
    },
  );
}

/** Whether the process, or the system, has the maximum number of files and connections open. */
function isOutOfDescriptors(error: unknown): boolean {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return code === "EMFILE" || code === "ENFILE";
}
