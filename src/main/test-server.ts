import { Router } from "@koa/router";
import Koa from "koa";
import { rejectAmbiguousRequests } from "../adapters/http/ambiguous-requests.js";
import { errorBoundary, logLateErrors } from "../adapters/http/error-boundary.js";
import { noLimits } from "../adapters/http/limits.js";
import { registerOperations } from "../adapters/http/operation.js";
import { guardOrigin } from "../adapters/http/origin.js";
import { logRequests } from "../adapters/http/request-log.js";
import { openHttpServer } from "../adapters/http/server.js";
import { rejectUnrouted } from "../adapters/http/unrouted.js";
import { testOperations } from "./test-operations.js";
import { openTestMessaging } from "./testing.js";

/** The harness over HTTP, for tests in other languages. */
export interface RunningTestServer {
  /** The address of the API, as clients use it. */
  readonly url: string;
  /** The address of the calls of the harness. */
  readonly controlUrl: string;
  close(): Promise<void>;
}

/** Opens a harness, and listens for clients and for calls of the harness on two free ports, for this machine alone. */
export async function openTestServer(): Promise<RunningTestServer> {
  const messaging = openTestMessaging();
  const server = await messaging.listen();
  const log = { debug() {}, info() {}, error: (fields: object) => console.error(fields) };
  const app = new Koa();
  const router = new Router({ sensitive: true, strict: true });
  registerOperations(router, testOperations(messaging, server), {
    messaging,
    limits: noLimits,
    audit() {},
    operator: true,
  });
  app.use(logRequests(log, { countRequest() {} }));
  app.use(errorBoundary(log, () => {}));
  app.use(rejectAmbiguousRequests);
  // A page in the browser of the developer must not reach it.
  app.use(guardOrigin([]));
  app.use(router.routes());
  app.use(rejectUnrouted);
  logLateErrors(app, log);
  const control = await openHttpServer(app, "127.0.0.1", 0, log);
  return {
    url: server.url,
    controlUrl: control.url,
    async close() {
      // Ends the waits, whose calls are then answered.
      await messaging.close();
      await control.close(0);
    },
  };
}
