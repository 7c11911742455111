import type { Code, Problem } from "./api.js";

/**
 * The code of a failed call: an error code of the API, or
 * - `no_answer`: no complete response arrived in time. The server may or may not have performed the request.
 * - `unexpected_answer`: the response does not come from Palaver, but from a proxy or from another program at the `url`.
 */
export type ClientCode = Code | "no_answer" | "unexpected_answer";

/** The error of a failed call. Its `message` is the `detail`. */
export class PalaverError extends Error {
  override readonly name = "PalaverError";
  readonly code: ClientCode;
  /** The status of the response, or 0 if there is no response. */
  readonly status: number;
  /** The reason, for humans. */
  readonly detail: string;
  /** The invalid fields of the request, if the server names them. */
  readonly errors: NonNullable<Problem["errors"]>;
  /** The id of the request in the log of the server, or `undefined` if there is no response. */
  readonly requestId: string | undefined;
  /** The time in milliseconds after which the server accepts a retry, if the response states it. */
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

/** @param cause the error of the network, or of the deadline */
export function noAnswer(cause: unknown): PalaverError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new PalaverError("no_answer", `No complete response arrived: ${reason}`, { cause });
}

/** @param what the difference from a response of Palaver */
export function unexpectedAnswer({ status, url }: Response, what: string): PalaverError {
  const detail = `Unexpected response from ${url}: status ${status}, ${what}. Check that it is a Palaver server.`;
  return new PalaverError("unexpected_answer", detail, { status });
}

/** Converts a response without a 2xx status to an error. */
export function problemIn(response: Response, text: string): PalaverError {
  const { status, headers } = response;
  const details = {
    status,
    requestId: headers.get("X-Request-Id") ?? undefined,
    retryAfter: parseRetryAfter(headers.get("Retry-After")),
  };
  const problem = isOfType(response, "application/problem+json") ? parseProblem(text) : undefined;
  if (typeof problem?.code !== "string") {
    const detail = `Unexpected response: status ${status}, not a problem of Palaver. Check the url and the proxies.`;
    return new PalaverError("unexpected_answer", detail, details);
  }
  const { code, detail = code, errors = [] } = problem;
  return new PalaverError(code, detail, { ...details, errors });
}

export function isOfType({ headers }: Response, type: string): boolean {
  return headers.get("Content-Type")?.split(";")[0]?.trim().toLowerCase() === type;
}

function parseProblem(text: string): Partial<Problem> | undefined {
  try {
    return JSON.parse(text) as Partial<Problem>;
  } catch {
    return undefined;
  }
}

/** Parses whole seconds or a date (RFC 9110, 10.2.3) to milliseconds from now. Ignores other values. */
function parseRetryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  if (/^\d+$/.test(header)) return 1_000 * Number(header);
  // `Date.parse` accepts many other formats.
  const date = /^[A-Z][a-z]+, .* GMT$/.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(date - Date.now(), 0);
}
