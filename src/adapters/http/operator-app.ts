import { Readable } from "node:stream";
import { Router } from "@koa/router";
import Koa, { type Middleware } from "koa";
import type { Ports, Store } from "../../application/ports.js";
import { getUserByNameOrId } from "../../application/users.js";
import { MessagingError } from "../../domain/errors.js";
import { rejectAmbiguousRequests } from "./ambiguous-requests.js";
import { errorBoundary, logLateErrors } from "./error-boundary.js";
import type { StoreSize } from "./json/operator.js";
import { noLimits } from "./limits.js";
import type { Log } from "./log.js";
import { registerOperations, type Operation } from "./operation.js";
import { logRequests } from "./request-log.js";
import { lookupOperations, operatorOperations } from "./routes/operator.js";
import { rejectUnrouted } from "./unrouted.js";

export interface OperatorAppOptions {
  readonly ports: Ports;
  /** Returns how much the store holds. */
  readonly measureStore: () => StoreSize | Promise<StoreSize>;
  readonly log: Log;
}

/**
 * Creates the Koa application that serves the operator's API. It authenticates nobody: serve it only where the operator
 * alone can connect.
 */
export function createOperatorApp({ ports, measureStore, log }: OperatorAppOptions): Koa {
  const app = new Koa();
  const router = new Router({ sensitive: true, strict: true });
  const commands = operatorOperations(ports, measureStore);
  registerOperations(router, [...Object.values(commands), ...lookupOperations(ports)], {
    messaging: { authenticate: rejectSession },
    limits: noLimits,
    audit() {},
    operator: true,
  });
  app.use(logRequests(log, { countRequest() {} }));
  app.use(auditCommands(commands, ports.store, log));
  app.use(errorBoundary(log, () => {}));
  app.use(rejectAmbiguousRequests);
  app.use(router.routes());
  app.use(rejectUnrouted);
  logLateErrors(app, log);
  return app;
}

async function rejectSession(): Promise<never> {
  throw new MessagingError("not_signed_in", "The operator has no session.");
}

/**
 * Writes an audit line for each command when it ends, also if it fails or the client disconnects. The line has the id of
 * the user and no name.
 */
function auditCommands(
  commands: Readonly<Record<string, Operation>>,
  { read }: Pick<Store, "read">,
  log: Log,
): Middleware {
  const byRoute = new Map<string, string>(
    Object.entries(commands).flatMap(([command, { method, paths }]) =>
      paths.map((path) => [`${method} ${path}`, command]),
    ),
  );
  return async (ctx, next) => {
    await next();
    const command = byRoute.get(`${ctx.method.toLowerCase()} ${String(ctx["routerPath"])}`);
    if (command === undefined) return;
    const { body } = ctx;
    const streamed = body instanceof Readable && new Promise((resolve) => void body.once("close", resolve));
    const { user = ctx.state["username"] } = ctx["params"] as { readonly user?: string };
    const account =
      typeof user === "string"
        ? await read(({ users }) => getUserByNameOrId(users, user)).catch(() => undefined)
        : undefined;
    const write = () =>
      log.info({
        audit: "administration",
        request_id: ctx.state["requestId"],
        command,
        account_id: account?.id,
        code: ctx.state["code"],
      });
    if (streamed) void streamed.then(write);
    else write();
  };
}
