import { isUtf8 } from "node:buffer";
import type { Context } from "koa";
import bodyParser from "koa-bodyparser";
import { z } from "zod";
import { HttpError, type FieldError } from "./problem.js";

/** The longest body, in bytes, after decompression. */
const MAX_BODY_BYTES = 64 * 1024;

/** How many field errors an answer names, and how much of an unknown field's name: answers stay small. */
const MOST_ERRORS = 20;
const LONGEST_NAME = 64;

/** A field that holds text. */
export const text = z.string({
  error: ({ input }) => (input === undefined ? "Must be given" : "Must be a string"),
});

// The parser decodes UTF-8 without a word about bytes that are none, and parses without a word about doubled fields. So it
// only reads, which is also faster than to parse twice.
const readBody = bodyParser({
  enableTypes: ["text"],
  extendTypes: { text: ["application/json"] },
  textLimit: String(MAX_BODY_BYTES),
  encoding: null,
  onerror: (error: Error) => {
    throw unreadable(error);
  },
} as unknown as bodyParser.Options);

/**
 * The body of the request, which must be of that shape; `{}` stands for none.
 *
 * @throws HttpError `unsupported_media_type`, `payload_too_large`, `invalid_json`, `invalid_request`, `bad_request`
 */
export async function parseBody<Body>(ctx: Context, shape: z.ZodType<Body>): Promise<Body> {
  if (!hasBody(ctx)) return check(shape, {});
  if (
    ctx.request.type.toLowerCase() !== "application/json" ||
    !["", "utf-8"].includes(ctx.request.charset.toLowerCase())
  ) {
    throw new HttpError(
      "unsupported_media_type",
      "The body must be JSON in UTF-8: send `Content-Type: application/json`.",
    );
  }
  await readBody(ctx, async () => {});
  const bytes: unknown = ctx.request.rawBody;
  if (!Buffer.isBuffer(bytes)) throw new Error("The parser should give the bytes of the body.");
  if (bytes.length === 0) return check(shape, {});
  if (!isUtf8(bytes)) throw new HttpError("invalid_json", "The body is not UTF-8.");
  const json = bytes.toString("utf8");
  const value = parseJson(json);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new HttpError("invalid_json", "The body must be a JSON object.");
  }
  const body = check(shape, value);
  // JSON.parse keeps the last of two fields of one name. No shape here is nested, so that counting finds them.
  if (countKeys(json) > Object.keys(value).length) {
    throw new HttpError("invalid_json", "The body has a field twice.");
  }
  return body;
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    // What it throws quotes the body.
    throw new HttpError("invalid_json", "The body is not JSON.");
  }
}

function hasBody({ req }: Context): boolean {
  return req.headers["transfer-encoding"] !== undefined || Number(req.headers["content-length"] ?? 0) > 0;
}

/** How many strings of a valid JSON text are keys: those with a colon behind them. */
function countKeys(json: string): number {
  let count = 0;
  for (const [, colon] of json.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?/gs)) if (colon) count += 1;
  return count;
}

// The parser's errors carry the body, passwords and all: only what kind of error it is goes on.
function unreadable(error: Error & { readonly status?: number; readonly type?: string }): HttpError {
  if (error.status === 413) {
    return new HttpError("payload_too_large", `The body is longer than ${MAX_BODY_BYTES} bytes.`);
  }
  if (error.status === 415) {
    return new HttpError(
      "unsupported_media_type",
      "The Content-Encoding of the body is none that is known here.",
    );
  }
  if (error.type === "request.aborted") return new HttpError("bad_request", "The body ended early.");
  return new HttpError("bad_request", "The body does not match its Content-Encoding or Content-Length.");
}

/**
 * The value, if it is of that shape.
 *
 * @throws HttpError `invalid_request`, with each field at fault
 */
export function check<Shape extends z.ZodType>(shape: Shape, value: unknown): z.output<Shape> {
  const result = shape.safeParse(value);
  if (result.success) return result.data;
  const errors = result.error.issues.flatMap(fieldErrors).slice(0, MOST_ERRORS);
  const names = errors.map(({ field, detail }) => `${field}: ${detail}`).join(" ");
  throw new HttpError("invalid_request", names, { errors });
}

function fieldErrors(issue: z.core.$ZodIssue): FieldError[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      field: key.slice(0, LONGEST_NAME),
      detail: "There is no such field.",
    }));
  }
  return [{ field: issue.path.join("."), detail: `${issue.message}.` }];
}
