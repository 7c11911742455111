import { routes, type CurrentSession, type Operations, type Route } from "./api.js";
import { noAnswer, type Send } from "./connection.js";
import { openDeadline, pause } from "./deadline.js";
import { isOfType, PalaverError, problemIn, type ClientCode } from "./problem.js";

export interface CallOptions {
  /** Aborts the call, which then rejects with the reason of the signal. What was on its way may be done, or not. */
  readonly signal?: AbortSignal | undefined;
  /** How long one attempt may take, in milliseconds; half a minute unless given. */
  readonly timeout?: number | undefined;
  /**
   * For how long a call is repeated, in milliseconds: a minute unless given, 0 for never, `Infinity` for until there is an
   * answer; what is no number is a `TypeError`. Where the server asks to wait for longer than is left, the call fails at once.
   *
   * Whatever can be repeated without being done twice is repeated after any failure on the way. `registerUser`, `logIn`,
   * `changePassword`, `createToken`, `createGroupChat` and `addParticipant` are repeated only where the server says that
   * nothing was done. Where their answer gets lost, they fail with `no_answer`: look whether it was done.
   */
  readonly patience?: number | undefined;
}

export interface SendOptions extends CallOptions {
  /**
   * 1 to 64 visible ASCII characters, or else it is a `TypeError`; one is made unless it is given. What is sent again under its
   * key is stored once. Keep a key with the message where the program may end before there is an answer.
   */
  readonly idempotencyKey?: string | undefined;
}

export type OperationName = keyof Operations;

/** What the operations take, by name: a path fills its gaps from it, and the rest is the query or the body. */
export type Fields = Readonly<Record<string, string | number | null | undefined>>;

/** What was answered with a success. */
export interface Answered {
  readonly answer: unknown;
  /** The `Link` header. */
  readonly link: string | null;
}

/** What is answered where it turns out to be done. */
const DONE: Answered = { answer: {}, link: null };

/** The longest that a call rests before it is repeated, unless the server asks for more. In milliseconds, like all times. */
const LONGEST_PAUSE = 30_000;

/**
 * What a repeat is refused with where the first attempt was done, and only its answer got lost. For the caller it is done:
 * who was to be removed is not there, what was to end has ended.
 */
const alreadyDone: Partial<Record<OperationName, readonly ClientCode[]>> = {
  logOut: ["not_signed_in"],
  // Where it was the one that asks, that one is let in no more.
  endSession: ["unknown_session", "not_signed_in"],
  endToken: ["unknown_token", "not_signed_in"],
  removeParticipant: ["user_not_in_chat"],
};

/** Codes that say that nothing was done, and that it may be tried again. */
const notNow: ReadonlySet<ClientCode> = new Set(["too_many_requests", "busy", "store_unavailable"]);

/**
 * Performs an operation, and repeats it where that is safe.
 *
 * @throws TypeError where it can't even be asked for
 */
export async function call(
  send: Send,
  name: OperationName,
  fields: Fields,
  { signal, timeout = 30_000, patience = 60_000, idempotencyKey = freshKey() }: SendOptions = {},
): Promise<Answered> {
  checkTimes({ timeout, patience });
  const { path, init } = request(name, fields, idempotencyKey);
  const wait = typeof fields["wait"] === "number" ? 1_000 * fields["wait"] : 0;
  const end = Date.now() + patience;
  let mayBeDone = false;
  for (let failures = 0; ; failures += 1) {
    try {
      return await attempt(send, path, init, timeout + wait, signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof PalaverError)) throw error;
      if (mayBeDone && alreadyDone[name]?.includes(error.code)) return DONE;
      if (mayBeDone && name === "removeParticipant" && error.code === "not_a_participant") {
        // Whoever has left is refused so; and so is who was removed meanwhile, and has removed nobody.
        const { answer } = await call(
          send,
          "getSession",
          {},
          { signal, timeout, patience: end - Date.now() },
        );
        if (isUser(fields["user"], answer as CurrentSession)) return DONE;
      }
      const isUntouched = notNow.has(error.code);
      if (!isUntouched && !(isLost(error) && isRepeatable(name))) throw error;
      mayBeDone ||= !isUntouched;
      const rest = (error.retryAfter ?? 0) + backoff(failures);
      if (Date.now() + rest > end) throw error;
      await pause(rest, signal);
    }
  }
}

/** How long to rest after so many failures in a row: longer each time, and for each client another time. */
export function backoff(failures: number, first = 500): number {
  return Math.min(first * 2 ** failures, LONGEST_PAUSE) * (0.5 + Math.random() / 2);
}

/** It did not get through, or its answer did not. It is not known which. */
export function isLost({ code, status }: PalaverError): boolean {
  // Something between has failed. It knows nothing of what the server did.
  if (code === "unexpected_answer") return status >= 500 || status === 408 || status === 429;
  return code === "no_answer" || code === "request_timeout";
}

/** To do it twice is to do it once. A changed password is not the current one any more, and is refused. */
function isRepeatable(name: OperationName): boolean {
  const { method, keyed }: Route = routes[name];
  if (name === "changePassword") return false;
  return method !== "POST" || keyed === true || name in alreadyDone;
}

/** @throws PalaverError `no_answer`, `unexpected_answer`, or what the server says */
async function attempt(
  send: Send,
  path: string,
  init: RequestInit,
  timeout: number,
  signal: AbortSignal | undefined,
): Promise<Answered> {
  const deadline = openDeadline(timeout, signal);
  try {
    const response = await send(path, { ...init, signal: deadline.signal });
    const text = await response.text().catch((cause: unknown) => {
      throw noAnswer(cause);
    });
    if (!response.ok) throw problemIn(response, text);
    if (!isOfType(response, "application/json")) throw unexpected(response, "no JSON");
    return { answer: parseJson(text), link: response.headers.get("Link") };
  } finally {
    deadline.close();
  }
}

/**
 * What was told, if it came as a whole.
 *
 * @throws PalaverError `no_answer`
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw noAnswer(cause);
  }
}

export function unexpected({ status, url }: Response, what: string): PalaverError {
  const detail = `${url} answered ${status} with ${what}. Is it a Palaver?`;
  return new PalaverError("unexpected_answer", detail, { status });
}

function request(name: OperationName, fields: Fields, idempotencyKey: string) {
  const { method, path, rest, keyed }: Route = routes[name];
  if (keyed && !/^[!-~]{1,64}$/.test(idempotencyKey)) {
    throw new TypeError("An idempotencyKey is 1 to 64 visible ASCII characters.");
  }
  const left = new Map(Object.entries(fields).filter(([, value]) => value !== undefined));
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, field: string) => {
    const value = String(left.get(field) ?? "");
    // A URL takes dots for what they are in a path, and would ask for something else. Half a surrogate pair has no UTF-8.
    if (/^\.{0,2}$|\p{Surrogate}/u.test(value)) {
      throw new TypeError(`${name} needs ${field}, and it can't be ${JSON.stringify(value)}.`);
    }
    left.delete(field);
    return encodeURIComponent(value);
  });
  const query = rest === "body" ? "" : search(left);
  const body = rest === "body" ? JSON.stringify(Object.fromEntries(left)) : undefined;
  const headers = {
    ...(body === undefined ? {} : { "Content-Type": "application/json" }),
    ...(keyed ? { "Idempotency-Key": idempotencyKey } : {}),
  };
  return { path: filled + query, init: { method, headers, ...(body === undefined ? {} : { body }) } };
}

/** @throws TypeError where one of them is no number: nothing would ever be over, or all at once. */
export function checkTimes(times: Pick<CallOptions, "timeout" | "patience">): void {
  for (const [name, time] of Object.entries(times)) {
    if (time === undefined || (typeof time === "number" && !Number.isNaN(time))) continue;
    throw new TypeError(`The ${name} must be a number of milliseconds, and is ${String(time)}.`);
  }
}

/** Whether that names them: a `user_id`, or a username, which counts without regard to case or compatibility form. */
function isUser(user: unknown, { user_id, username }: CurrentSession): boolean {
  const folded = (name: string) => name.normalize("NFKC").toLowerCase();
  return user === user_id || folded(String(user)) === folded(username);
}

/** With its question mark, where there is something to ask for. */
export function search(fields: Iterable<readonly [string, unknown]>): string {
  const query = new URLSearchParams(Array.from(fields, ([name, value]) => [name, String(value)]));
  return query.size === 0 ? "" : `?${query.toString()}`;
}

/** `randomUUID` is there only in pages that came over TLS. */
function freshKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
