import { z } from "zod";
import type { Subscribe } from "../../../application/events.js";
import type { Messaging } from "../../../application/messaging.js";
import { MessagingError } from "../../../domain/errors.js";
import * as field from "../json/fields.js";
import { chatJson } from "../json/chat.js";
import { eventJson, eventPageSchema, snapshotSchema } from "../json/event.js";
import { operation, type Operation } from "../operation.js";
import { limit, DEFAULT_LIMIT, wholeNumber } from "../paging.js";
import { credentials } from "../credentials.js";
import type { EventStreams } from "../streams.js";

/** The longest that an answer is held back for an event to come, in seconds. */
const MAX_WAIT_SECONDS = 60;

const frames = z.string().meta({
  description:
    "Frames of `id` (a cursor), `event` (the type) and `data` (a `ChatEvent`, as `listEvents` gives it). The first one has a " +
    "`retry` and the cursor to go on from. Where the cursor that was asked for can't be served any more, it is an `event: " +
    'resync` with `data: {"cursor"}`: read your chats anew. Comments, lines that begin with a colon, show that it lives.',
  examples: [
    "retry: 3000\nid: 9f3c2a1b00d4e5f6-17\n\n" +
      'id: 9f3c2a1b00d4e5f6-18\nevent: chat.renamed\ndata: {"type":"chat.renamed",' +
      '"cursor":"9f3c2a1b00d4e5f6-18","chat_id":4,"at":"2026-11-23T10:15:00.123Z","title":"Plans"}\n\n',
  ],
});

/** What happens in the caller's chats: asked for, waited for, or streamed. */
export function eventOperations(messaging: Messaging, streams: EventStreams): readonly Operation[] {
  return [
    operation({
      name: "sync",
      summary: "Read all the caller's chats, and the cursor at which they are so.",
      description: "What it answers plus the events after its cursor is what it would answer later.",
      method: "get",
      paths: ["/v1/sync"],
      access: "signed in",
      response: snapshotSchema,
      async handle({ session }) {
        const { chats, cursor } = await messaging.sync({ by: session.user.id });
        return { chats: chats.map(chatJson), cursor };
      },
    }),
    operation({
      name: "listEvents",
      summary: "List what happened in the caller's chats since a cursor, oldest first.",
      description:
        "Whoever goes on from the cursor of each answer misses nothing and is told nothing twice. " +
        "Without `after` there are no events, and the cursor of now.",
      method: "get",
      paths: ["/v1/events"],
      access: "signed in",
      fields: { invalid_cursor: "after" },
      query: z.strictObject({
        after: field.eventCursor.optional(),
        limit: limit.default(DEFAULT_LIMIT),
        wait: wholeNumber(0, MAX_WAIT_SECONDS)
          .default(0)
          .meta({ description: "How many seconds to wait for an event where there is none yet." }),
      }),
      response: eventPageSchema,
      errors: ["invalid_cursor", "cursor_expired"],
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
      name: "streamEvents",
      summary: "Follow what happens in the caller's chats, as Server-Sent Events.",
      description:
        "What happened since the cursor comes first, then what happens, with no seam. " +
        "The stream ends with the session, and where its reader is too slow: connect again, and it goes on.",
      method: "get",
      paths: ["/v1/events/stream"],
      access: "signed in",
      query: z.strictObject({ after: field.eventCursor.optional() }),
      requestHeaders: ["Last-Event-ID"],
      type: "text/event-stream",
      response: frames,
      errors: ["invalid_cursor"],
      fields: { invalid_cursor: "after" },
      async handle({ session, query, ctx }) {
        // A client that reconnects asks for the same URL: where it has got to is in the header.
        const after = ctx.get("Last-Event-ID") || query.after;
        ctx.set("X-Accel-Buffering", "no");
        const told = await begin(messaging, { by: session.user.id, session: session.id, after });
        const renew = () => messaging.authenticate(credentials(ctx));
        return (response) => streams.open(response, { session, renew, ...told });
      },
    }),
  ];
}

/** From the cursor on; or, where what was since is no longer known, from now on. */
async function begin(messaging: Messaging, command: Subscribe) {
  try {
    return { ...(await take(messaging, command)), resync: false };
  } catch (error) {
    if (!(error instanceof MessagingError && error.code === "cursor_expired")) throw error;
    return { ...(await take(messaging, { ...command, after: undefined })), resync: true };
  }
}

async function take(messaging: Messaging, command: Subscribe) {
  const batches = messaging.subscribe(command);
  const { value } = await batches.next();
  if (value === undefined) throw new MessagingError("not_signed_in", "Your session has ended. Log in.");
  return { first: value, batches };
}
