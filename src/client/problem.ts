import type { Code, Problem } from "./api.js";

/**
 * What a call failed with: a code of the API, or
 * - `no_answer`: none came, or not in time, or not whole. Whether it was done is not known.
 * - `unexpected_answer`: something came that Palaver does not say. A proxy did, or the `url` is another program's.
 */
export type ClientCode = Code | "no_answer" | "unexpected_answer";

/** Why a call has failed. Its `message` is the `detail`. */
export class PalaverError extends Error {
  override readonly name = "PalaverError";
  readonly code: ClientCode;
  /** Of the answer; 0 where there is none. */
  readonly status: number;
  /** What is wrong, for people. */
  readonly detail: string;
  /** The fields that are at fault, where there are such. */
  readonly errors: NonNullable<Problem["errors"]>;
  /** What the log of the server calls the request; undefined where there is no answer. */
  readonly requestId: string | undefined;
  /** How long the server asks to wait before the call is repeated, in milliseconds, where it does. */
  readonly retryAfter: number | undefined;

  constructor(
    code: ClientCode,
    detail: string,
    {
      status = 0,
      errors = [],
      requestId,
      retryAfter,
      cause,
    }: Partial<Pick<PalaverError, "status" | "errors" | "requestId" | "retryAfter" | "cause">> = {},
  ) {
    super(detail, { cause });
    this.code = code;
    this.detail = detail;
    this.status = status;
    this.errors = errors;
    this.requestId = requestId;
    this.retryAfter = retryAfter;
  }
}

/** What an answer that is no success says. */
export function problemIn(response: Response, text: string): PalaverError {
  const { status, headers } = response;
  const about = {
    status,
    requestId: headers.get("X-Request-Id") ?? undefined,
    retryAfter: askedPause(headers.get("Retry-After")),
  };
  const problem = isOfType(response, "application/problem+json") ? parsed(text) : undefined;
  if (typeof problem?.code !== "string") {
    const detail = `The server answered ${status} with something that is no problem of Palaver's.`;
    return new PalaverError("unexpected_answer", detail, about);
  }
  const { code, detail = code, errors = [] } = problem;
  return new PalaverError(code, detail, { ...about, errors });
}

export function isOfType({ headers }: Response, type: string): boolean {
  return headers.get("Content-Type")?.split(";")[0]?.trim().toLowerCase() === type;
}

function parsed(text: string): Partial<Problem> | undefined {
  try {
    return JSON.parse(text) as Partial<Problem>;
  } catch {
    return undefined;
  }
}

/** In milliseconds from now: the header has whole seconds, or a date (RFC 9110, 10.2.3). Anything else counts as none. */
function askedPause(header: string | null): number | undefined {
  if (header === null) return undefined;
  if (/^\d+$/.test(header)) return 1_000 * Number(header);
  // `Date.parse` would take nearly anything.
  const date = /^[A-Z][a-z]+, .* GMT$/.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(date - Date.now(), 0);
}
