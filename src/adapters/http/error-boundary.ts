import type Koa from "koa";
import type { Context, Middleware } from "koa";
import { MessagingError } from "../../domain/errors.js";
import type { Audit, AuditAction } from "./audit.js";
import { noLimits, type Limits } from "./limits.js";
import { toLoggableError, type Log } from "./log.js";
import { PROBLEM_TYPE, toHttpError, toProblem } from "./problem.js";
import { sendBody } from "./response.js";

/** Errors that are written to the audit log, by code or by status. */
const auditedErrors: Readonly<Record<string, AuditAction>> = {
  wrong_credentials: "login_failed",
  account_disabled: "login_failed",
  wrong_password: "password_check_failed",
  403: "forbidden",
  429: "rate_limited",
};

/**
 * Answers every error thrown downstream with a problem. An error that is neither a `MessagingError` nor an `HttpError` is
 * a bug: it is logged in full, and the response reveals nothing of it.
 */
export function errorBoundary(
  log: Log,
  audit: Audit,
  limits: Pick<Limits, "delayRefusal"> = noLimits,
): Middleware {
  return async (ctx, next) => {
    try {
      await next();
    } catch (thrown) {
      const error = toHttpError(thrown);
      const problem = toProblem(error);
      if (error.code === "internal_error") {
        log.error({ request_id: ctx.state["requestId"], err: toLoggableError(error.cause) });
      }
      const action = auditedErrors[error.code] ?? auditedErrors[problem.status];
      const account = error.cause instanceof MessagingError ? error.cause.account : undefined;
      if (action) audit(ctx, action, { code: error.code, account });
      ctx.state["code"] = error.code;
      if (problem.status === 429 || error.code === "busy") await limits.delayRefusal(ctx);
      ctx.set(error.headers);
      sendBody(ctx, problem.status, PROBLEM_TYPE, JSON.stringify(problem));
    }
  };
}

/** Logs errors that occur once the head of a response is sent: the client sees the body cut off. */
export function logLateErrors(app: Koa, log: Log): void {
  app.on("error", (error, ctx?: Context) => {
    if (!isDisconnect(error)) log.error({ request_id: ctx?.state["requestId"], err: toLoggableError(error) });
  });
}

function isDisconnect(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ERR_STREAM_PREMATURE_CLOSE" || code === "ECONNRESET" || code === "EPIPE";
}
