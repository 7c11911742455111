import { isUtf8 } from "node:buffer";
import type { Context } from "koa";
import bodyParser from "koa-bodyparser";
import { z } from "zod";
import { HttpError, type FieldError } from "./problem.js";

/**
 * The maximum size of a body after decompression. The longest message takes 120,000 bytes if each character is written as the
 * escapes of a surrogate pair.
 */
const MAX_BODY_BYTES = 256 * 1024;

/**
 * The maximum number of strings in a body, keys included, and of characters outside of them. A body of 256 KiB of keys or
 * brackets would take tens of milliseconds to parse and to validate; a long text does not.
 */
const MAX_BODY_STRINGS = 1_000;
const MAX_BODY_SYNTAX = 64 * 1024;

/** How many field errors a response lists, and how many characters of the name of an unknown field. */
const MAX_FIELD_ERRORS = 20;
const MAX_FIELD_NAME_LENGTH = 64;

/** The schema of a string field. */
export const text = z.string({
  error: ({ input }) => (input === undefined ? "Required" : "Must be a string"),
});

// The parser would silently accept invalid UTF-8 and duplicate fields, so it only reads the bytes and `parseBody` parses.
const readBody = bodyParser({
  enableTypes: ["text"],
  extendTypes: { text: ["application/json"] },
  textLimit: String(MAX_BODY_BYTES),
  encoding: null,
  onerror: (error: Error) => {
    throw readError(error);
  },
} as unknown as bodyParser.Options);

/**
 * Reads, parses and validates the body of the request. An empty body is read as `{}`.
 *
 * @throws HttpError `unsupported_media_type`, `payload_too_large`, `invalid_json`, `invalid_request`, `bad_request`
 */
export async function parseBody<Body>(ctx: Context, schema: z.ZodType<Body>): Promise<Body> {
  if (!hasBody(ctx)) return validate(schema, {});
  if (
    ctx.request.type.toLowerCase() !== "application/json" ||
    !["", "utf-8"].includes(ctx.request.charset.toLowerCase())
  ) {
    throw new HttpError(
      "unsupported_media_type",
      "Unsupported media type. Send JSON in UTF-8 with `Content-Type: application/json`.",
    );
  }
  await readBody(ctx, async () => {});
  const bytes: unknown = ctx.request.rawBody;
  if (!Buffer.isBuffer(bytes)) throw new Error("The body parser returned no bytes.");
  if (bytes.length === 0) return validate(schema, {});
  if (!isUtf8(bytes)) throw new HttpError("invalid_json", "The body is not valid UTF-8.");
  const json = bytes.toString("utf8");
  assertSimple(json);
  const value = parseJson(json);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new HttpError("invalid_json", "The body must be a JSON object.");
  }
  const body = validate(schema, value);
  // JSON.parse keeps the last of two fields with the same name, so counting keys finds them.
  if (countKeys(json) > countFields(value)) {
    throw new HttpError("invalid_json", "The body has a duplicate field.");
  }
  return body;
}

/** Scans a JSON text, valid or not, in linear time. */
function assertSimple(json: string): void {
  let strings = 0;
  let syntax = 0;
  for (let at = 0; at < json.length; strings += 1) {
    const start = indexOrEnd(json, '"', at);
    syntax += start - at;
    if (strings > MAX_BODY_STRINGS || syntax > MAX_BODY_SYNTAX) {
      throw new HttpError("payload_too_large", "The body has too many fields or values. Send fewer.");
    }
    let end = indexOrEnd(json, '"', start + 1);
    while (isEscaped(json, end)) end = indexOrEnd(json, '"', end + 1);
    at = end + 1;
  }
}

function indexOrEnd(json: string, character: string, from: number): number {
  const index = json.indexOf(character, from);
  return index === -1 ? json.length : index;
}

/** Whether the quotation mark at this position follows an odd number of backslashes. */
function isEscaped(json: string, at: number): boolean {
  if (at >= json.length) return false;
  let start = at;
  while (json[start - 1] === "\\") start -= 1;
  return (at - start) % 2 === 1;
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    // The error of JSON.parse quotes the body, so it is dropped.
    throw new HttpError("invalid_json", "The body is not valid JSON.");
  }
}

function hasBody({ req }: Context): boolean {
  return req.headers["transfer-encoding"] !== undefined || Number(req.headers["content-length"] ?? 0) > 0;
}

/** Counts the keys in a valid JSON text: the strings followed by a colon. */
function countKeys(json: string): number {
  let count = 0;
  for (const [, colon] of json.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?/gs)) if (colon) count += 1;
  return count;
}

/** Counts the fields of a parsed JSON value and of all objects in it. */
function countFields(value: object): number {
  let count = 0;
  const objects = [value];
  for (const each of objects) {
    const parts = Object.values(each) as unknown[];
    if (!Array.isArray(each)) count += parts.length;
    for (const part of parts) if (typeof part === "object" && part !== null) objects.push(part);
  }
  return count;
}

// The parser's errors contain the body, including passwords, so only their kind is passed on.
function readError(error: Error & { readonly status?: number; readonly type?: string }): HttpError {
  if (error.status === 413) {
    return new HttpError("payload_too_large", `The body is larger than ${MAX_BODY_BYTES} bytes.`);
  }
  if (error.status === 415) {
    return new HttpError(
      "unsupported_media_type",
      "Unsupported Content-Encoding. Use gzip, deflate, br or none.",
    );
  }
  if (error.type === "request.aborted") return new HttpError("bad_request", "The body ended early.");
  return new HttpError("bad_request", "The body does not match its Content-Encoding or Content-Length.");
}

/**
 * Validates a value and returns the output of the schema.
 *
 * @throws HttpError `invalid_request`, which lists each invalid field
 */
export function validate<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const errors = result.error.issues.flatMap(fieldErrors).slice(0, MAX_FIELD_ERRORS);
  const names = errors.map(({ field, detail }) => `${field}: ${detail}`).join(" ");
  throw new HttpError("invalid_request", names, { errors });
}

function fieldErrors(issue: z.core.$ZodIssue): FieldError[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      field: [...issue.path, key.slice(0, MAX_FIELD_NAME_LENGTH)].join("."),
      detail: "Unknown field.",
    }));
  }
  return [{ field: issue.path.join("."), detail: `${issue.message}.` }];
}
