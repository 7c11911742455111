import { z } from "zod";
import type { EventBatch, FollowEvents } from "../../application/events.js";
import type { Messaging } from "../../application/messaging.js";
import { MessagingError } from "../../domain/errors.js";
import { text } from "./body.js";
import { chatJson, eventJson } from "./json.js";
import { operation, type Operation } from "./operation.js";
import { limit, USUAL_LIMIT, wholeNumber } from "./paging.js";
import { credentials } from "./credentials.js";
import type { EventStreams } from "./streams.js";

/** The longest that an answer is held back for an event to come, in seconds. */
const LONGEST_WAIT = 60;

/** What happens in the caller's chats: asked for, waited for, or streamed. */
export function eventOperations(messaging: Messaging, streams: EventStreams): readonly Operation[] {
  return [
    operation({
      method: "get",
      paths: ["/v1/sync"],
      access: "signed in",
      async handle({ session }) {
        const { chats, cursor } = await messaging.sync({ by: session.user.id });
        return { chats: chats.map(chatJson), cursor };
      },
    }),
    operation({
      method: "get",
      paths: ["/v1/events"],
      access: "signed in",
      fields: { invalid_cursor: "after" },
      query: z.strictObject({
        after: text.optional(),
        limit: limit.default(USUAL_LIMIT),
        wait: wholeNumber(0, LONGEST_WAIT).default(0),
      }),
      async handle({ session, query: { after, limit: most, wait }, ctx }) {
        const { events, cursor, hasMore } = await messaging.listEvents({
          by: session.user.id,
          session: session.id,
          after,
          limit: most,
          until: wait === 0 ? undefined : streams.wait(wait * 1_000, ctx.res),
        });
        return { events: events.map(eventJson), cursor, has_more: hasMore };
      },
    }),
    operation({
      method: "get",
      paths: ["/v1/events/stream"],
      access: "signed in",
      type: "text/event-stream",
      fields: { invalid_cursor: "after" },
      query: z.strictObject({ after: text.optional() }),
      async handle({ session, query, ctx }) {
        // A client that reconnects asks for the same URL: where it has got to is in the header.
        const after = ctx.get("Last-Event-ID") || query.after;
        ctx.set("X-Accel-Buffering", "no");
        return streams.open({
          session,
          renew: () => messaging.authenticate(credentials(ctx)),
          ...(await begin(messaging, { by: session.user.id, session: session.id, after })),
        });
      },
    }),
  ];
}

/** From the cursor on; or, where what was since is no longer known, from now on. */
async function begin(messaging: Messaging, command: FollowEvents) {
  try {
    return { ...(await take(messaging, command)), resync: false };
  } catch (error) {
    if (!(error instanceof MessagingError && error.code === "cursor_expired")) throw error;
    return { ...(await take(messaging, { ...command, after: undefined })), resync: true };
  }
}

async function take(messaging: Messaging, command: FollowEvents) {
  const batches = messaging.followEvents(command);
  const { value } = await batches.next();
  if (value === undefined) throw new MessagingError("not_signed_in", "Your session has ended. Log in.");
  return { first: value as EventBatch, batches };
}
