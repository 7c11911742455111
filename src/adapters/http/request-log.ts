import { randomUUID } from "node:crypto";
import type { Middleware } from "koa";
import type { Log } from "./log.js";
import type { Metrics } from "./metrics.js";

/** Routes that monitoring polls every few seconds. They are logged at level `debug`. */
const MONITORING_ROUTES: ReadonlySet<string> = new Set(["/healthz", "/readyz", "/metrics"]);

/** Assigns a request id, and writes one log line and one metric for each request when its connection or response closes. */
export function logRequests(log: Log, metrics: Pick<Metrics, "countRequest">): Middleware {
  return (ctx, next) => {
    const startedAt = process.hrtime.bigint();
    const requestId = validRequestId(ctx.get("X-Request-Id")) ?? randomUUID();
    ctx.state["requestId"] = requestId;
    ctx.res.once("close", () => {
      const seconds = Number(process.hrtime.bigint() - startedAt) / 1e9;
      const route = String(ctx["routerPath"] ?? "none");
      // Without sent headers the client disconnected before it had a status.
      const status = ctx.res.headersSent ? ctx.status : undefined;
      metrics.countRequest(ctx.method, route, String(status ?? "none"), seconds);
      // A closed list of fields: the only user input that enters the log is a valid request id.
      log[MONITORING_ROUTES.has(route) ? "debug" : "info"]({
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

function validRequestId(id: string): string | undefined {
  return /^[A-Za-z0-9._-]{1,64}$/.test(id) ? id : undefined;
}
