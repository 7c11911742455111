import { Router } from "@koa/router";
import Koa, { type Middleware } from "koa";
import type { Messaging } from "../../application/messaging.js";
import type { Clock, StoreStatus } from "../../application/ports.js";
import { rejectAmbiguousRequests } from "./ambiguous-requests.js";
import { createAudit } from "./audit.js";
import type { OpenCounter } from "./counter.js";
import { sessionCookie } from "./credentials.js";
import { errorBoundary, logLateErrors } from "./error-boundary.js";
import { createProxies, readForwarded } from "./forwarded.js";
import { createLimits, noLimits } from "./limits.js";
import type { Log } from "./log.js";
import { createMetrics } from "./metrics.js";
import { openApiDocument, type OperationGroup } from "./openapi.js";
import { registerOperations } from "./operation.js";
import { guardOrigin } from "./origin.js";
import { logRequests } from "./request-log.js";
import { accountOperations } from "./routes/accounts.js";
import { chatOperations } from "./routes/chats.js";
import { documentationOperations, rootOperations } from "./routes/documentation.js";
import { eventOperations } from "./routes/events.js";
import { invitationOperations } from "./routes/invitations.js";
import { liveSignalOperations } from "./routes/live-signals.js";
import { messageOperations } from "./routes/messages.js";
import { peopleOperations } from "./routes/people.js";
import { reactionOperations } from "./routes/reactions.js";
import { serverOperations } from "./routes/server.js";
import { searchOperations } from "./routes/search.js";
import { sessionOperations } from "./routes/sessions.js";
import { EventStreams, type StreamOptions } from "./streams.js";
import type { TrustProxy } from "./trust-proxy.js";
import { UnreadResponses } from "./unread-responses.js";
import { rejectUnrouted } from "./unrouted.js";
import { registerWebClient } from "./web-client.js";

export interface HttpOptions {
  readonly messaging: Messaging;
  readonly storeStatus: () => StoreStatus;
  readonly clock: Clock;
  readonly log: Log;
  readonly trustProxy: TrustProxy;
  readonly rateLimits: boolean;
  /** Opens the counters that several nodes share. By default each process counts by itself. */
  readonly openCounter?: OpenCounter | undefined;
  /** Origins of other sites whose pages may use the API. */
  readonly corsOrigins: readonly string[];
  /** Whether users can be found by the beginnings of their names. Defaults to true. */
  readonly userDirectory?: boolean | undefined;
  /** Whether the web client is served at the root. Without it, the root is an unknown path. Defaults to true. */
  readonly webClient?: boolean | undefined;
  /** The path under which the API is mounted, as browsers see it, such as `/chat`. Defaults to the root. */
  readonly path?: string | undefined;
  readonly streams?: StreamOptions;
  /** What all responses that clients have not read yet may take in memory together, in bytes; 64 MiB unless given. */
  readonly maxUnreadBytes?: number | undefined;
  /** Runs before each request is routed. Its errors are answered like those of operations. */
  readonly intercept?: Middleware | undefined;
}

/**
 * Creates the Koa application that serves the messaging core over HTTP. Event streams and long polls stay open until the
 * application emits `closing`.
 *
 * @throws TypeError if `trustProxy` is invalid
 */
export function createHttpApp(options: HttpOptions): Koa {
  const { messaging, storeStatus, clock, log, path, webClient = true } = options;
  const proxies = createProxies(options.trustProxy);
  if (proxies === undefined) {
    throw new TypeError(
      `Invalid trustProxy ${JSON.stringify(options.trustProxy)}. Use a boolean, a number of proxies up to 10, or a list of addresses and networks.`,
    );
  }
  const app = new Koa({ proxy: options.trustProxy !== false && options.trustProxy !== 0 });
  const audit = createAudit(log);
  const limits = options.rateLimits ? createLimits(options) : noLimits;
  const streams = new EventStreams(clock, options.streams);
  const unread = new UnreadResponses(options.maxUnreadBytes);
  const metrics = createMetrics(storeStatus, streams);
  const groups: readonly OperationGroup[] = [
    {
      name: "Accounts",
      description: "Create an account, log in and out, and list and end sessions and tokens.",
      operations: [
        ...accountOperations(messaging, sessionCookie(app, messaging, path), limits),
        ...sessionOperations(messaging),
      ],
    },
    {
      name: "People",
      description: "Show and find users, change the caller's display name, and block users.",
      operations: peopleOperations(messaging, options.userDirectory ?? true),
    },
    {
      name: "Chats",
      description:
        "Create and rename group chats, add and remove participants, list the caller's chats, and mark them as read.",
      operations: chatOperations(messaging, limits),
    },
    {
      name: "Invitations",
      description: "Invite users to group chats by a code, and accept invitations.",
      operations: invitationOperations(messaging),
    },
    {
      name: "Messages",
      description:
        "Send, edit, delete, list and search messages. Each of the three lists is available at two paths.",
      operations: [...messageOperations(messaging), ...searchOperations(messaging)],
    },
    {
      name: "Reactions",
      description: "React to messages with emoji, and list the reactions.",
      operations: reactionOperations(messaging),
    },
    {
      name: "Events",
      description:
        "Receive the changes in the caller's chats by polling, long polling or streaming. A client that continues from the last cursor misses no event and receives none twice.",
      operations: eventOperations(messaging, streams),
    },
    {
      name: "Live signals",
      description:
        "Who types, and who is online. Streams carry both beside the events. They are not stored, and may be lost.",
      operations: liveSignalOperations(messaging),
    },
    {
      name: "Server",
      description: "Check whether the server works, and read this document. Needs no session.",
      operations: [
        ...serverOperations(storeStatus, metrics),
        ...(webClient ? rootOperations(path) : []),
        ...documentationOperations(() => openApiDocument(groups, path)),
      ],
    },
  ];
  const router = new Router({ sensitive: true, strict: true });
  // Before the operation at the root, which responds to everything.
  if (webClient) registerWebClient(router, path);
  for (const { operations } of groups) {
    registerOperations(router, operations, { messaging, limits, audit, unread });
  }

  app.use(logRequests(log, metrics));
  app.use(errorBoundary(log, audit, limits));
  app.use(rejectAmbiguousRequests);
  app.use(readForwarded(app, proxies, log, path));
  app.use(guardOrigin(options.corsOrigins));
  if (options.intercept) app.use(options.intercept);
  app.use(router.routes());
  app.use(rejectUnrouted);
  app.on("closing", () => streams.close());
  logLateErrors(app, log);
  return app;
}
