import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import type { Router } from "@koa/router";
import type { Context } from "koa";
import { z } from "zod";
import type { Messaging } from "../../application/messaging.js";
import type { ChatId } from "../../domain/chat.js";
import type { Session } from "../../domain/session.js";
import { sendText, setCommonHeaders, JSON_TYPE } from "./response.js";
import type { Audit, AuditAction } from "./audit.js";
import { check, parseBody } from "./body.js";
import { credentials } from "./credentials.js";
import type { Limits } from "./limits.js";
import { HttpError, toHttpError, type Code, type FieldNames } from "./problem.js";

/** A header of a request that an operation goes by. */
export type RequestHeader = "Idempotency-Key" | "Last-Event-ID";

/** A header of an answer that a client goes by. */
export type AnswerHeader = "Idempotency-Replayed" | "Link" | "Set-Cookie";

/** One thing that a client can ask for: how it is found, who may ask, what it takes, what it gives. */
export type Operation<Body = unknown, Query = unknown, Given = unknown> = {
  /** What generated clients call it. No other has this name. */
  readonly name: string;
  /** What it does, in a line for the document. */
  readonly summary: string;
  /** More of that, where a line does not do. */
  readonly description?: string;
  readonly method: "get" | "post" | "put" | "patch" | "delete";
  /** One or more, all alike; `:name` in one stands for any text. */
  readonly paths: readonly [string, ...string[]];
  /** Without it no body is taken but `{}`. */
  readonly body?: z.ZodType<Body>;
  /** Of the parameters behind the `?`, which come as text. Without it none is taken. */
  readonly query?: z.ZodType<Query>;
  readonly takes?: readonly RequestHeader[];
  /** What is given with 200: a value to be written as JSON, or text. */
  readonly answer: z.ZodType<Given>;
  /** The media type of the answer, where it is not JSON. */
  readonly type?: string;
  readonly gives?: readonly AnswerHeader[];
  /** What it refuses with besides what `errorsOf` adds. */
  readonly refusals?: readonly Code[];
  /** What the fields that the core refuses are called here, where that is not their usual name. */
  readonly fields?: FieldNames;
  /** What the audit log calls it when it is done. */
  readonly audit?: AuditAction;
} & (
  | {
      readonly access: "anyone";
      /** Which limit it counts for, by the address of who asks. */
      readonly limit?: "registrations";
      handle(request: OperationRequest<Body, Query>): Promise<NoInfer<Given> | JsonText | Readable | Written>;
    }
  | {
      readonly access: "signed in";
      /** Which limit it counts for, by the user. */
      readonly limit?: "sends";
      handle(request: SignedInRequest<Body, Query>): Promise<NoInfer<Given> | JsonText | Readable | Written>;
    }
);

/** What is given with 200, as JSON that is written out already. */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Writes the body of the answer by itself, for as long as it takes. */
export type Written = (response: ServerResponse) => void;

export interface OperationRequest<Body, Query> {
  readonly body: Body;
  readonly query: Query;
  /** What stands at the `:name`s of the path. */
  readonly params: Readonly<Record<string, string>>;
  readonly ctx: Context;
}

export interface SignedInRequest<Body, Query> extends OperationRequest<Body, Query> {
  readonly session: Session;
}

/** Ties the body and the query that `handle` gets, and what it gives (or a stream of that, or who writes it), to their schemas. */
export function operation<Body = unknown, Query = unknown, Given = unknown>(
  definition: Operation<Body, Query, Given>,
): Operation {
  return definition;
}

/** Whatever is asked for. */
const ofEveryRequest: readonly Code[] = [
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

/** Wherever the store is asked who the caller is. */
const ofSignedIn: readonly Code[] = ["two_credentials", "not_signed_in", "busy", "store_unavailable"];

/** All codes that an operation can refuse with. */
export function errorsOf({ access, limit, refusals = [] }: Operation): readonly Code[] {
  return [
    ...ofEveryRequest,
    ...(access === "signed in" ? ofSignedIn : []),
    ...(limit ? (["too_many_requests"] as const) : []),
    ...refusals,
  ];
}

/** What every operation is surrounded by. */
interface Surroundings {
  readonly messaging: Messaging;
  readonly limits: Limits;
  readonly audit: Audit;
}

/**
 * Checks come in one order everywhere: who is asking (401), whether that is too often (429), then what shape the request
 * has (400).
 */
export function mount(
  router: Router,
  operations: readonly Operation[],
  { messaging, limits, audit }: Surroundings,
): void {
  for (const asked of operations) {
    const answer = async (ctx: Context & { readonly params: Readonly<Record<string, string>> }) => {
      let given: unknown;
      try {
        if (asked.access === "anyone") {
          if (asked.limit) await limits.countRegistration(ctx);
          given = await asked.handle(await checkRequest(ctx, asked));
        } else {
          const session = await messaging.authenticate(credentials(ctx));
          ctx.state["userId"] = session.user.id;
          ctx.state["sessionId"] = session.id;
          if (asked.limit) await limits.countSend(ctx, session.user.id);
          given = await asked.handle({ ...(await checkRequest(ctx, asked)), session });
        }
        if (asked.audit) audit(ctx, asked.audit);
      } catch (error) {
        throw toHttpError(error, asked.fields);
      }
      const { type = JSON_TYPE } = asked;
      if (!(given instanceof Readable) && typeof given !== "function") {
        sendText(ctx, 200, type, textOf(given, asked));
        return;
      }
      setCommonHeaders(ctx);
      ctx.type = type;
      ctx.status = 200;
      if (given instanceof Readable) {
        ctx.body = given;
      } else {
        ctx.respond = false;
        (given as Written)(ctx.res);
      }
    };
    for (const path of asked.paths) router[asked.method](path, answer);
  }
}

function textOf(given: unknown, { type }: Operation): string {
  if (given instanceof JsonText) return given.text;
  return type === undefined ? JSON.stringify(given) : String(given);
}

const nothing = z.strictObject({});

async function checkRequest(
  ctx: Context & { readonly params: Readonly<Record<string, string>> },
  { body = nothing, query = nothing }: Operation,
): Promise<OperationRequest<unknown, unknown>> {
  const parameters = check(query, { ...ctx.query });
  return { body: await parseBody(ctx, body), query: parameters, params: ctx.params, ctx };
}

/**
 * The id that stands in a path.
 *
 * @throws HttpError `not_found` unless it is a positive whole number up to 2^53-1
 */
export function parseId(segment: string | undefined): number {
  if (
    segment === undefined ||
    !/^[1-9][0-9]{0,15}$/.test(segment) ||
    !Number.isSafeInteger(Number(segment))
  ) {
    throw new HttpError("not_found", "There is nothing at this path: an id is a positive whole number.");
  }
  return Number(segment);
}

export function parseChatId(segment: string | undefined): ChatId {
  return parseId(segment) as ChatId;
}
