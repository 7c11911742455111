import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import type { Router } from "@koa/router";
import type { Context } from "koa";
import { z } from "zod";
import type { Messaging } from "../../application/messaging.js";
import type { ChatId } from "../../domain/chat.js";
import type { Session } from "../../domain/session.js";
import type { Audit, AuditAction } from "./audit.js";
import { validate, parseBody } from "./body.js";
import { markAuthenticated } from "./connection-guard.js";
import { credentials } from "./credentials.js";
import { JsonChunks, STREAMED_BODY_BYTES } from "./json-chunks.js";
import { toJsonLines } from "./json-lines.js";
import type { AddressPolicy, Limits, SessionPolicy } from "./limits.js";
import { HttpError, toHttpError, type Code, type FieldNames } from "./problem.js";
import { sendBody, setCommonHeaders, JSON_TYPE } from "./response.js";
import { UnreadResponses } from "./unread-responses.js";

/** A request header that an operation reads. */
export type RequestHeader = "Idempotency-Key" | "Last-Event-ID";

/** A response header that an operation sets. */
export type ResponseHeader = "Idempotency-Replayed" | "Link" | "Set-Cookie";

/** One call of the API. Its route, its checks, its part of the OpenAPI document and of the client come from this definition. */
export type Operation<Body = unknown, Query = unknown, Response = unknown> = {
  /** The `operationId`, which generated clients use as the method name. Unique. */
  readonly name: string;
  /** One line for the document. */
  readonly summary: string;
  /** Details for the document, in Markdown. */
  readonly description?: string;
  readonly method: "get" | WriteMethod;
  /** Equivalent paths; `:name` is a parameter. */
  readonly paths: readonly [string, ...string[]];
  /** The schema of the request body. Without it, only an empty body or `{}` is accepted. */
  readonly body?: z.ZodType<Body>;
  /** The schema of the query parameters, which arrive as strings. Without it, no parameter is accepted. */
  readonly query?: z.ZodType<Query>;
  readonly requestHeaders?: readonly RequestHeader[];
  /** The schema of the body of a 200 response: of a value sent as JSON, of a text, or of each row of JSON Lines. */
  readonly response: z.ZodType<Response>;
  /** The media type of a 200 response. Defaults to JSON. */
  readonly type?: string;
  /** A media type besides JSON, in which a route before this one responds if the client prefers it. For the document. */
  readonly alternative?: string;
  readonly responseHeaders?: readonly ResponseHeader[];
  /** The codes that this operation responds with, besides those that `errorsOf` adds. */
  readonly errors?: readonly Code[];
  /** The request fields that errors of the core refer to, where they differ from the defaults in `problem.ts`. */
  readonly fields?: FieldNames;
  /** The action that the audit log records on success. */
  readonly audit?: AuditAction;
  /**
   * Whether a response can be large. While unread responses take too much memory, such a request is rejected early. The
   * concurrency of such requests of a user and of an address is limited.
   */
  readonly large?: boolean;
  /** Whether a large response can wait for events. More of them may be in progress. */
  readonly waits?: boolean;
} & (
  | {
      readonly access: "anyone";
      readonly method: "get";
      readonly limit?: never;
      handle(request: OperationRequest<Body, Query>): Promise<ResponseBody<Response>>;
    }
  | {
      readonly access: "anyone";
      readonly method: WriteMethod;
      /** The rate limit that applies. */
      readonly limit: AddressPolicy;
      handle(request: OperationRequest<Body, Query>): Promise<ResponseBody<Response>>;
    }
  | {
      readonly access: "signed in";
      /** The rate limit that applies. Defaults to `writes`, except for `get`. */
      readonly limit?: SessionPolicy;
      handle(request: SignedInRequest<Body, Query>): Promise<ResponseBody<Response>>;
    }
  | {
      /** Requires no session. Mounted only where `Dependencies.operator` is set. */
      readonly access: "operator";
      readonly limit?: never;
      handle(request: OperationRequest<Body, Query>): Promise<ResponseBody<Response>>;
    }
);

/** The methods of calls that change something. */
type WriteMethod = "post" | "put" | "patch" | "delete";

/** What `handle` returns: the value of the response schema, serialized JSON, a writer, or rows for JSON Lines. */
type ResponseBody<Response> =
  NoInfer<Response> | JsonText | JsonChunks | BodyWriter | AsyncIterable<NoInfer<Response>>;

/** A response body that is already serialized as JSON. */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Writes and ends the response body itself, for as long as it needs. */
export type BodyWriter = (response: ServerResponse) => void;

export interface OperationRequest<Body, Query> {
  readonly body: Body;
  readonly query: Query;
  /** The path parameters by name, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly ctx: Context;
}

export interface SignedInRequest<Body, Query> extends OperationRequest<Body, Query> {
  readonly session: Session;
}

/** Defines an operation. The types of the body, the query and the response that `handle` sees follow from the schemas. */
export function operation<Body = unknown, Query = unknown, Response = unknown>(
  definition: Operation<Body, Query, Response>,
): Operation {
  return definition;
}

/** Errors of every request. */
const commonErrors: readonly Code[] = [
  "bad_request",
  "invalid_json",
  "invalid_request",
  "cross_site",
  "request_timeout",
  "payload_too_large",
  "unsupported_media_type",
  "headers_too_large",
  "internal_error",
];

/** Errors of looking up the session of a request. The last use of the session is stored. */
const sessionErrors: readonly Code[] = [
  "two_credentials",
  "not_signed_in",
  "busy",
  "store_unavailable",
  "outcome_unknown",
];

/** The rate limit of an operation. Each write of a user has one. */
export function limitOf({ access, method, limit }: Operation): AddressPolicy | SessionPolicy | undefined {
  return limit ?? (access === "signed in" && method !== "get" ? "writes" : undefined);
}

/** All error codes that an operation can respond with. */
export function errorsOf(called: Operation): readonly Code[] {
  const { access, errors = [], large } = called;
  return [
    ...commonErrors,
    ...(access === "signed in" ? sessionErrors : []),
    ...(limitOf(called) || large ? (["too_many_requests"] as const) : []),
    ...errors,
  ];
}

interface Dependencies {
  readonly messaging: Pick<Messaging, "authenticate">;
  readonly limits: Limits;
  readonly audit: Audit;
  /** Whether operator operations are mounted: only on a listener that the operator alone can reach. */
  readonly operator?: boolean;
  readonly unread?: UnreadResponses;
}

type RoutedContext = Context & { readonly params: Readonly<Record<string, string>> };

/** Registers the routes of the operations. Each request is authenticated (401), limited (429), then validated (400). */
export function registerOperations(
  router: Router,
  operations: readonly Operation[],
  { messaging, limits, audit, operator = false, unread = new UnreadResponses() }: Dependencies,
): void {
  async function run(ctx: RoutedContext, called: Operation): Promise<unknown> {
    if (called.access !== "signed in") {
      if (called.limit) await limits.countByAddress(ctx, called.limit);
      return called.handle(await parseRequest(ctx, called));
    }
    const session = await messaging.authenticate(credentials(ctx));
    markAuthenticated(ctx.req.socket);
    ctx.state["userId"] = session.user.id;
    ctx.state["sessionId"] = session.id;
    if (called.large) {
      unread.assertCapacity(session.user.id, STREAMED_BODY_BYTES);
      limits.enter(ctx, called.waits ? "polls" : "reads", session.user.id);
    }
    const limit = limitOf(called) as SessionPolicy | undefined;
    if (limit) limits.countBySession(ctx, limit, session);
    return called.handle({ ...(await parseRequest(ctx, called)), session });
  }

  for (const each of operations) {
    if (each.access === "operator" && !operator) continue;
    const handler = async (ctx: RoutedContext) => {
      let body: unknown;
      try {
        body = await run(ctx, each);
        if (body instanceof JsonChunks) body = await startOf(body);
        else if (isRows(body)) body = await toJsonLines(body);
        if (each.audit) audit(ctx, each.audit);
        respond(ctx, each, body, unread);
      } catch (error) {
        throw toHttpError(error, each.fields);
      }
    };
    for (const path of each.paths) router[each.method](path, handler);
  }
}

function isRows(body: unknown): body is AsyncIterable<unknown> {
  return (
    typeof body === "object" && body !== null && Symbol.asyncIterator in body && !(body instanceof Readable)
  );
}

async function startOf(chunks: JsonChunks): Promise<JsonText | Readable> {
  const start = await chunks.start();
  return typeof start === "string" ? new JsonText(start) : start;
}

/** Shorter bodies are not counted as unread: the buffers of the connection hold them. */
const MIN_COUNTED_LENGTH = 16 * 1024;

function respond(ctx: Context, { type }: Operation, body: unknown, unread: UnreadResponses): void {
  const user = ctx.state["userId"] as string | undefined;
  if (!(body instanceof Readable) && typeof body !== "function") {
    const text = textOf(body, type);
    if (text.length > MIN_COUNTED_LENGTH) unread.hold(ctx.res, user, Buffer.byteLength(text));
    sendBody(ctx, 200, type ?? JSON_TYPE, text);
    return;
  }
  if (body instanceof Readable) unread.hold(ctx.res, user, STREAMED_BODY_BYTES);
  setCommonHeaders(ctx);
  ctx.type = type ?? JSON_TYPE;
  ctx.status = 200;
  if (body instanceof Readable) {
    ctx.body = body;
  } else {
    ctx.respond = false;
    (body as BodyWriter)(ctx.res);
  }
}

function textOf(body: unknown, type: string | undefined): string {
  if (body instanceof JsonText) return body.text;
  return type === undefined ? JSON.stringify(body) : String(body);
}

const emptySchema = z.strictObject({});

async function parseRequest(
  ctx: RoutedContext,
  { body = emptySchema, query = emptySchema }: Operation,
): Promise<OperationRequest<unknown, unknown>> {
  const parameters = validate(query, { ...ctx.query });
  return { body: await parseBody(ctx, body), query: parameters, params: ctx.params, ctx };
}

/**
 * Parses an id in a path.
 *
 * @throws HttpError `not_found` unless it is a whole number from 1 to 2^53-1
 */
export function parseId(segment: string | undefined): number {
  if (
    segment === undefined ||
    !/^[1-9][0-9]{0,15}$/.test(segment) ||
    !Number.isSafeInteger(Number(segment))
  ) {
    throw new HttpError(
      "not_found",
      "Invalid id in the path. Use a whole number from 1 to 9007199254740991.",
    );
  }
  return Number(segment);
}

/** Parses a chat id in a path. See `parseId`. */
export function parseChatId(segment: string | undefined): ChatId {
  return parseId(segment) as ChatId;
}
