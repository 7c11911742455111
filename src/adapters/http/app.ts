import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { Router } from "@koa/router";
import Koa, { type Context, type Middleware } from "koa";
import { z } from "zod";
import type { Messaging } from "../../application/messaging.js";
import type { Clock, StoreStatus } from "../../application/ports.js";
import { MessagingError } from "../../domain/errors.js";
import { accountOperations } from "./accounts.js";
import { auditIn } from "./audit.js";
import { chatOperations } from "./chats.js";
import { sessionCookie } from "./credentials.js";
import { messageOperations } from "./messages.js";
import { createLimits, noLimits } from "./limits.js";
import type { Log } from "./log.js";
import { createMetrics, type Metrics } from "./metrics.js";
import { documentationOperations } from "./documentation.js";
import { eventOperations } from "./events.js";
import { nothingSchema } from "./json.js";
import { openApiDocument, type OperationGroup } from "./openapi.js";
import { mount, operation, type Operation } from "./operation.js";
import { guardOrigin } from "./origin.js";
import { HttpError, errorBoundary, trace } from "./problem.js";
import { sessionOperations } from "./sessions.js";
import { eventStreams, type StreamOptions } from "./streams.js";

export interface HttpOptions {
  readonly messaging: Messaging;
  readonly storeStatus: () => StoreStatus;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether a proxy in front ends TLS and tells, in `X-Forwarded-…`, who asks. */
  readonly trustProxy: boolean;
  readonly rateLimits: boolean;
  /** The origins of other sites whose pages may use the API. */
  readonly corsOrigins: readonly string[];
  /** The path that it is mounted under, as browsers see it, for instance `/chat`; without it, none. */
  readonly path?: string | undefined;
  readonly streams?: StreamOptions;
}

/**
 * The messaging core over HTTP, as a Koa application. Some of its answers stay open: they end when the application emits
 * `closing`.
 */
export function createHttpApp(options: HttpOptions): Koa {
  const { messaging, storeStatus, clock, log, path } = options;
  // One proxy is trusted, so one entry of `X-Forwarded-For` is: the last.
  const app = new Koa({ proxy: options.trustProxy, maxIpsCount: 1 });
  const audit = auditIn(log);
  const limits = options.rateLimits ? createLimits() : noLimits;
  const streams = eventStreams(clock, options.streams);
  app.on("closing", () => streams.close());
  const metrics = createMetrics(storeStatus, streams);
  const router = new Router({ sensitive: true, strict: true });
  const groups: readonly OperationGroup[] = [
    {
      name: "Accounts",
      about: "Who one is.",
      operations: [
        ...accountOperations(messaging, sessionCookie(app, messaging, path), limits),
        ...sessionOperations(messaging),
      ],
    },
    {
      name: "Chats",
      about: "Chats, who is in them, and how far they have been read.",
      operations: chatOperations(messaging),
    },
    {
      name: "Messages",
      about: "What is said. The three lists are each at two paths.",
      operations: messageOperations(messaging),
    },
    {
      name: "Events",
      about: "What happens: asked for, waited for, or streamed. Nothing is missed, and nothing told twice.",
      operations: eventOperations(messaging, streams),
    },
    {
      name: "Server",
      about: "For those who run it, and those who build on it.",
      operations: [...healthOperations(storeStatus, metrics), ...documentationOperations(document)],
    },
  ];
  function document() {
    return openApiDocument(groups, path);
  }
  mount(
    router,
    groups.flatMap(({ operations }) => operations),
    { messaging, limits, audit },
  );
  app.use(observe(log, metrics));
  app.use(errorBoundary(log, audit));
  app.use(requireOneMeaning);
  app.use(guardOrigin(options.corsOrigins));
  app.use(router.routes());
  app.use(refuseUnrouted);
  // An answer that broke off after its head: its client sees it cut, and all that is left to do is to tell.
  app.on("error", (error, ctx?: Context) => {
    if (!isHangUp(error)) log.error({ request_id: ctx?.state["requestId"], err: trace(error) });
  });
  return app;
}

/** Asked for every few seconds by whoever runs it. */
const operators: ReadonlySet<string> = new Set(["/healthz", "/readyz", "/metrics"]);

/** A request id, and one log line and one count for each request. */
function observe(log: Log, metrics: Metrics): Middleware {
  return (ctx, next) => {
    const began = process.hrtime.bigint();
    const requestId = saneRequestId(ctx.get("X-Request-Id")) ?? randomUUID();
    ctx.state["requestId"] = requestId;
    ctx.res.once("close", () => {
      const seconds = Number(process.hrtime.bigint() - began) / 1e9;
      const route = String(ctx["routerPath"] ?? "none");
      // A client that went before the answer began was given none.
      const status = ctx.res.headersSent ? ctx.status : undefined;
      metrics.countRequest(ctx.method, route, String(status ?? "none"), seconds);
      // These fields and no others: nothing that a user wrote may get into the log but a sane request id.
      log[operators.has(route) ? "debug" : "info"]({
        request_id: requestId,
        method: ctx.method,
        route,
        status,
        ms: Math.round(seconds * 1e6) / 1e3,
        cut: ctx.res.writableFinished ? undefined : true,
        code: ctx.state["code"],
        user_id: ctx.state["userId"],
      });
    });
    return next();
  };
}

function saneRequestId(id: string): string | undefined {
  return /^[A-Za-z0-9._-]{1,64}$/.test(id) ? id : undefined;
}

/** More than any client sends, and far fewer than Node reads before it drops the rest without a word. */
const MAX_HEADERS = 100;

/**
 * Lets through only what a proxy in front can't understand in another way than we do, which is how requests are smuggled:
 * one host (RFC 9112, 3.2), no encoding that we would not undo, none where HTTP has none (6.1), a target that is one. After
 * anything else the connection is closed.
 */
const requireOneMeaning: Middleware = ({ req }, next) => {
  const refusal = ambiguous.has(req.socket) ? closing("Something before it was refused.") : refusalOf(req);
  if (refusal === undefined) return next();
  // What stands behind it may be here already.
  ambiguous.add(req.socket);
  throw refusal;
};

/** Connections on which nothing more is done. */
const ambiguous = new WeakSet<Socket>();

function refusalOf({ rawHeaders, headers, httpVersion, url = "" }: IncomingMessage): HttpError | undefined {
  const hosts = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === "host");
  if (hosts.length > 1 || (hosts.length === 0 && httpVersion === "1.1")) {
    return closing("A request must have one Host header.");
  }
  const encoding = headers["transfer-encoding"];
  if (encoding !== undefined && (encoding.toLowerCase() !== "chunked" || httpVersion !== "1.1")) {
    return closing("The one Transfer-Encoding that is known here is chunked, in HTTP/1.1.");
  }
  if (!url.startsWith("/") && !URL.canParse(url)) {
    return closing("What is asked for must be a path, or a whole URL.");
  }
  if (rawHeaders.length > 2 * MAX_HEADERS) {
    return closing(`The request has more than ${MAX_HEADERS} headers.`, "headers_too_large");
  }
  return undefined;
}

function closing(detail: string, code: "bad_request" | "headers_too_large" = "bad_request"): HttpError {
  return new HttpError(code, detail, { headers: { Connection: "close" } });
}

function healthOperations(storeStatus: () => StoreStatus, metrics: Metrics): readonly Operation[] {
  return [
    operation({
      name: "getHealth",
      summary: "Whether the server is alive.",
      method: "get",
      paths: ["/healthz"],
      access: "anyone",
      answer: nothingSchema,
      handle: async () => ({}),
    }),
    operation({
      name: "getReadiness",
      summary: "Whether the server can store; if not, why.",
      method: "get",
      paths: ["/readyz"],
      access: "anyone",
      answer: nothingSchema,
      refusals: ["store_unavailable"],
      async handle() {
        const { fault } = storeStatus();
        if (fault !== undefined) throw new MessagingError("store_unavailable", fault);
        return {};
      },
    }),
    operation({
      name: "getMetrics",
      summary: "Figures for Prometheus.",
      method: "get",
      paths: ["/metrics"],
      access: "anyone",
      type: metrics.contentType,
      answer: z.string().meta({ examples: ["palaver_store_writable 1\n"] }),
      handle: () => metrics.text(),
    }),
  ];
}

const refuseUnrouted: Middleware = (ctx) => {
  const matched = ctx["matched"] as readonly { readonly methods: readonly string[] }[] | undefined;
  const allowed = matched?.flatMap(({ methods }) => methods) ?? [];
  if (allowed.length === 0) throw new HttpError("not_found", "There is nothing at this path.");
  const allow = [...new Set(allowed)].join(", ");
  throw new HttpError("method_not_allowed", `This path takes ${allow}.`, { headers: { Allow: allow } });
};

function isHangUp(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ERR_STREAM_PREMATURE_CLOSE" || code === "ECONNRESET" || code === "EPIPE";
}
