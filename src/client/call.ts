import { routes, type CurrentSession, type Operations, type Route } from "./api.js";
import type { Send } from "./connection.js";
import { openDeadline, pause } from "./deadline.js";
import type { CallOptions, SendOptions } from "./options.js";
import { isOfType, noAnswer, PalaverError, problemIn, unexpectedAnswer, type ClientCode } from "./problem.js";
import { usernameKey } from "./username.js";

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_PATIENCE_MS = 60_000;
const INITIAL_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 30_000;

export type OperationName = keyof Operations;

/** The fields of a request by name. They fill the parameters of the path; the others form the query or the body. */
export type RequestFields = Readonly<Record<string, string | number | null | undefined | readonly string[]>>;

/** The response to a successful call. */
export interface CallResult {
  readonly body: unknown;
  /** The `Link` header. */
  readonly link: string | null;
}

/** Returned if a retry reveals that an earlier attempt succeeded. These operations respond with an empty object. */
const EMPTY_RESULT: CallResult = { body: {}, link: null };

/**
 * Error codes by which a retry reveals that an earlier attempt succeeded and only its response was lost: the session, token,
 * invitation, participant or account no longer exists, as the caller requested.
 */
const successCodesOnRetry: Partial<Record<OperationName, readonly ClientCode[]>> = {
  logOut: ["not_signed_in"],
  // A session that ends itself is rejected from then on.
  endSession: ["unknown_session", "not_signed_in"],
  endToken: ["unknown_token", "not_signed_in"],
  eraseAccount: ["not_signed_in"],
  deleteInvitation: ["unknown_invitation"],
  removeParticipant: ["user_not_in_chat"],
};

/** Error codes that state that the server did not perform the request and that it may be retried. */
const notPerformedCodes: ReadonlySet<ClientCode> = new Set([
  "too_many_requests",
  "too_many_streams",
  "busy",
  "store_unavailable",
]);

/**
 * Performs an operation, and retries it where that is safe.
 *
 * @throws TypeError if an option or a field is invalid
 * @throws PalaverError the error of the last attempt
 */
export async function call(
  send: Send,
  name: OperationName,
  fields: RequestFields,
  {
    signal,
    timeout = DEFAULT_TIMEOUT_MS,
    patience = DEFAULT_PATIENCE_MS,
    idempotencyKey = randomKey(),
  }: SendOptions = {},
): Promise<CallResult> {
  assertTimes({ timeout, patience });
  const { path, init } = toRequest(name, fields, idempotencyKey);
  // The server holds the response of `listEvents` back for up to `wait` seconds.
  const waitMs = typeof fields["wait"] === "number" ? 1_000 * fields["wait"] : 0;
  const giveUpAt = Date.now() + patience;
  let mayHaveSucceeded = false;
  for (let failures = 0; ; failures += 1) {
    try {
      return await attempt(send, path, init, timeout + waitMs, signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof PalaverError)) throw error;
      if (mayHaveSucceeded && successCodesOnRetry[name]?.includes(error.code)) return EMPTY_RESULT;
      if (mayHaveSucceeded && name === "removeParticipant" && error.code === "not_a_participant") {
        // A caller who left the chat gets this code, but so does one who was removed by somebody else meanwhile.
        const remaining = { signal, timeout, patience: giveUpAt - Date.now() };
        const { body } = await call(send, "getSession", {}, remaining);
        if (isUser(fields["user"], body as CurrentSession)) return EMPTY_RESULT;
      }
      const isNotPerformed = notPerformedCodes.has(error.code);
      if (!isNotPerformed && !(isOutcomeUnknown(error) && isIdempotent(name))) throw error;
      mayHaveSucceeded ||= !isNotPerformed;
      const delay = (error.retryAfter ?? 0) + backoff(failures);
      if (Date.now() + delay > giveUpAt) throw error;
      await pause(delay, signal);
    }
  }
}

/** Returns the delay in milliseconds after a number of consecutive failures: exponential, with jitter. */
export function backoff(failures: number, initial = INITIAL_BACKOFF_MS): number {
  return Math.min(initial * 2 ** failures, MAX_BACKOFF_MS) * (0.5 + Math.random() / 2);
}

/** Whether the request, its response, or the response of the database was lost, so that the server may or may not have performed it. */
export function isOutcomeUnknown({ code, status }: PalaverError): boolean {
  // A proxy that fails does not know what the server did.
  if (code === "unexpected_answer") return status >= 500 || status === 408 || status === 429;
  return code === "no_answer" || code === "request_timeout" || code === "outcome_unknown";
}

/** Whether performing an operation twice has the effect of performing it once. */
function isIdempotent(name: OperationName): boolean {
  const { method, keyed }: Route = routes[name];
  // The second attempt would count as a wrong password.
  if (name === "changePassword") return false;
  return method !== "POST" || keyed === true || name in successCodesOnRetry;
}

/** @throws PalaverError `no_answer`, `unexpected_answer`, or the error of the server */
async function attempt(
  send: Send,
  path: string,
  init: RequestInit,
  timeout: number,
  signal: AbortSignal | undefined,
): Promise<CallResult> {
  const deadline = openDeadline(timeout, signal);
  try {
    const response = await send(path, { ...init, signal: deadline.signal });
    const text = await response.text().catch((cause: unknown) => {
      throw noAnswer(cause);
    });
    if (!response.ok) throw problemIn(response, text);
    if (!isOfType(response, "application/json")) throw unexpectedAnswer(response, "not JSON");
    return { body: parseJson(text), link: response.headers.get("Link") };
  } finally {
    deadline.close();
  }
}

/** @throws PalaverError `no_answer` if the text was truncated on the way */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw noAnswer(cause);
  }
}

function toRequest(name: OperationName, fields: RequestFields, idempotencyKey: string) {
  const { method, path: template, fieldsIn, keyed }: Route = routes[name];
  if (keyed && !/^[!-~]{1,64}$/.test(idempotencyKey)) {
    throw new TypeError("Invalid idempotencyKey. Use 1 to 64 visible ASCII characters.");
  }
  const remaining = new Map(Object.entries(fields).filter(([, value]) => value !== undefined));
  const path = template.replaceAll(/\{(\w+)\}/g, (_, field: string) => {
    const value = String(remaining.get(field) ?? "");
    // URL parsers resolve `.` and `..` in a path, even if they are escaped. A lone surrogate has no UTF-8.
    if (/^\.{0,2}$|\p{Surrogate}/u.test(value)) {
      const rule = 'Use a value other than "", "." and "..", without lone surrogates.';
      throw new TypeError(`Invalid ${field} for ${name}: ${JSON.stringify(value)}. ${rule}`);
    }
    remaining.delete(field);
    return encodeURIComponent(value);
  });
  const query = fieldsIn === "body" ? "" : toQuery(remaining);
  const body = fieldsIn === "body" ? JSON.stringify(Object.fromEntries(remaining)) : undefined;
  const headers = {
    ...(body === undefined ? {} : { "Content-Type": "application/json" }),
    ...(keyed ? { "Idempotency-Key": idempotencyKey } : {}),
  };
  return { path: path + query, init: { method, headers, ...(body === undefined ? {} : { body }) } };
}

/** @throws TypeError if one is not a number: every comparison with `NaN` is false, so a call would never time out. */
export function assertTimes(times: Pick<CallOptions, "timeout" | "patience">): void {
  for (const [name, time] of Object.entries(times)) {
    if (time === undefined || (typeof time === "number" && !Number.isNaN(time))) continue;
    throw new TypeError(`Invalid ${name}: ${String(time)}. Use a number of milliseconds.`);
  }
}

/** Whether `user` is the `user_id` or the username of a session. */
function isUser(user: unknown, { user_id, username }: CurrentSession): boolean {
  return user === user_id || usernameKey(String(user)) === usernameKey(username);
}

/** Returns a query with its question mark, or the empty string if there are no fields. */
export function toQuery(fields: Iterable<readonly [string, unknown]>): string {
  const query = new URLSearchParams(Array.from(fields, ([name, value]) => [name, String(value)]));
  return query.size === 0 ? "" : `?${query.toString()}`;
}

/** Browsers offer `crypto.randomUUID` only to pages loaded over TLS. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
