import type { Router } from "@koa/router";
import type { Context } from "koa";
import { z } from "zod";
import type { Messaging } from "../../application/messaging.js";
import type { ChatId } from "../../domain/chat.js";
import type { Session } from "../../domain/session.js";
import { check, parseBody } from "./body.js";
import { HttpError } from "./problem.js";
import { sessionSecret } from "./session.js";

/** One thing that a client can ask for: how it is found, who may ask, what it takes, what it gives. */
export type Operation<Body = unknown> = {
  readonly method: "get" | "post" | "delete";
  /** One or more, all alike; `:name` in one stands for any text. */
  readonly paths: readonly [string, ...string[]];
  /** Without it no body is taken but `{}`. */
  readonly body?: z.ZodType<Body>;
} & (
  | { readonly access: "anyone"; handle(request: OperationRequest<Body>): Promise<Answer> }
  | { readonly access: "signed in"; handle(request: SignedInRequest<Body>): Promise<Answer> }
);

export interface OperationRequest<Body> {
  readonly body: Body;
  /** What stands at the `:name`s of the path. */
  readonly params: Readonly<Record<string, string>>;
  readonly ctx: Context;
}

export interface SignedInRequest<Body> extends OperationRequest<Body> {
  readonly session: Session;
}

/** What is answered, with 200: a value to be written as JSON, or a stream of JSON text. */
export type Answer = object;

/** Ties the body that `handle` gets to the schema. */
export function operation<Body = unknown>(definition: Operation<Body>): Operation {
  return definition;
}

/** Checks come in one order everywhere: who is asking (401), then what shape the request has (400). */
export function mount(router: Router, operations: readonly Operation[], messaging: Messaging): void {
  for (const asked of operations) {
    const answer = async (ctx: Context & { readonly params: Readonly<Record<string, string>> }) => {
      if (asked.access === "anyone") {
        ctx.body = await asked.handle(await checkRequest(ctx, asked.body));
      } else {
        const session = await messaging.authenticate({ secret: sessionSecret(ctx) });
        ctx.state["userId"] = session.user.id;
        ctx.body = await asked.handle({ ...(await checkRequest(ctx, asked.body)), session });
      }
      ctx.type = "application/json; charset=utf-8";
    };
    for (const path of asked.paths) router[asked.method](path, answer);
  }
}

const nothing = z.strictObject({});

async function checkRequest(
  ctx: Context & { readonly params: Readonly<Record<string, string>> },
  shape: z.ZodType = nothing,
): Promise<OperationRequest<unknown>> {
  check(nothing, { ...ctx.query });
  return { body: await parseBody(ctx, shape), params: ctx.params, ctx };
}

/** @throws HttpError `not_found` unless it is a positive whole number up to 2^53-1 */
export function parseChatId(segment: string | undefined): ChatId {
  if (
    segment === undefined ||
    !/^[1-9][0-9]{0,15}$/.test(segment) ||
    !Number.isSafeInteger(Number(segment))
  ) {
    throw new HttpError("not_found", "There is nothing at this path: a chat id is a positive whole number.");
  }
  return Number(segment) as ChatId;
}
