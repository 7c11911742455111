import { z } from "zod";
import type { Subscribe } from "../../../application/events.js";
import type { Messaging } from "../../../application/messaging.js";
import type { ChatOverview } from "../../../domain/chat.js";
import { MessagingError } from "../../../domain/errors.js";
import { allSlices } from "../../../application/slices.js";
import { jsonArray, JsonChunks } from "../json-chunks.js";
import * as field from "../json/fields.js";
import { chatJson } from "../json/chat.js";
import { eventJson, eventPageSchema, snapshotSchema } from "../json/event.js";
import { operation, type Operation } from "../operation.js";
import { limit, DEFAULT_LIMIT, wholeNumber } from "../paging.js";
import { credentials } from "../credentials.js";
import type { EventStreams } from "../streams.js";

/** Proxies end a request without a response after 60 seconds. */
const MAX_WAIT_SECONDS = 50;

const frames = z.string().meta({
  description:
    "Frames of `id` (a cursor), `event` (the type) and `data` (a `ChatEvent`, as `listEvents` returns it). The first frame has " +
    "a `retry`, and the cursor to resume from if no events follow it at once. If the requested cursor has expired, the first frame " +
    'is an `event: resync` with `data: {"cursor"}`: read your chats again. Comments (lines that begin with a colon) are heartbeats. ' +
    "Frames of `event: typing` (`data: {chat_id, user_id, username, expires_in_ms}`) and `event: presence` (`data`: a `Presence`) have " +
    "no `id`: they are not stored, and may be lost.",
  examples: [
    "retry: 3000\nid: 9f3c2a1b00d4e5f6-17\n\n" +
      'id: 9f3c2a1b00d4e5f6-18\nevent: chat.renamed\ndata: {"type":"chat.renamed",' +
      '"cursor":"9f3c2a1b00d4e5f6-18","chat_id":4,"chat_kind":"group","at":"2026-11-23T10:15:00.123Z","title":"Plans"}\n\n',
  ],
});

/** The events in the caller's chats: listed, waited for, or streamed. */
export function eventOperations(messaging: Messaging, streams: EventStreams): readonly Operation[] {
  return [
    operation({
      name: "sync",
      summary: "Read the chats of the caller, and the cursor behind them.",
      description:
        "A response and the events after its cursor add up to any later response. A response has at most 1,000 chats, last active " +
        "first. `more` says whether there are others, which `listChats` returns.",
      method: "get",
      paths: ["/v1/sync"],
      access: "signed in",
      response: snapshotSchema,
      large: true,
      async handle({ session }) {
        const { first, rest, more, cursor } = await messaging.sliceSync({ by: session.user.id });
        const tail = JSON.stringify({ cursor, more }).slice(1);
        const serialize = (chat: ChatOverview) => JSON.stringify(chatJson(chat));
        return new JsonChunks(jsonArray(allSlices({ first, rest }), serialize, '{"chats":[', `],${tail}`));
      },
    }),
    operation({
      name: "listEvents",
      summary: "List the events in the caller's chats after a cursor, oldest first.",
      description:
        "A client that continues from the cursor of each response receives every event exactly once. " +
        "Without `after`, the response has no events, and the cursor of now. A response with long messages has fewer events than " +
        "`limit`; `has_more` says whether others follow.",
      method: "get",
      paths: ["/v1/events"],
      access: "signed in",
      fields: { invalid_cursor: "after" },
      query: z.strictObject({
        after: field.eventCursor.optional(),
        limit: limit.default(DEFAULT_LIMIT),
        wait: wholeNumber(0, MAX_WAIT_SECONDS)
          .default(0)
          .meta({ description: "How many seconds to wait for the first event." }),
      }),
      response: eventPageSchema,
      errors: ["invalid_cursor", "cursor_expired"],
      large: true,
      waits: true,
      async handle({ session, query: { after, limit: pageSize, wait }, ctx }) {
        const { events, cursor, hasMore } = await messaging.listEvents({
          by: session.user.id,
          session: session.id,
          after,
          limit: pageSize,
          until: wait === 0 ? undefined : streams.wait(wait * 1_000, ctx.res),
        });
        return { events: events.map(eventJson), cursor, has_more: hasMore };
      },
    }),
    operation({
      name: "streamEvents",
      summary: "Stream the events in the caller's chats as Server-Sent Events.",
      description:
        "The events after the cursor come first, then each new event, without a gap. " +
        "The stream ends with the session, or if its client reads too slowly: connect again to resume. A user can have 20 open " +
        "streams; one more is rejected.",
      method: "get",
      paths: ["/v1/events/stream"],
      access: "signed in",
      query: z.strictObject({ after: field.eventCursor.optional() }),
      requestHeaders: ["Last-Event-ID"],
      type: "text/event-stream",
      response: frames,
      errors: ["invalid_cursor", "too_many_streams"],
      fields: { invalid_cursor: "after" },
      async handle({ session, query, ctx }) {
        // A client that reconnects sends the same URL, and its position in the header.
        const after = ctx.get("Last-Event-ID") || query.after;
        ctx.set("X-Accel-Buffering", "no");
        const by = session.user.id;
        const release = streams.reserve(by);
        try {
          const streamed = await subscribe(messaging, { by, session: session.id, after, signals: true });
          const renew = () => messaging.authenticate(credentials(ctx));
          return (response) => streams.open(response, { session, renew, ...streamed }, release);
        } catch (error) {
          release();
          throw error;
        }
      },
    }),
  ];
}

/** Starts after the cursor, or now if the cursor has expired. */
async function subscribe(messaging: Messaging, command: Subscribe) {
  try {
    return { ...(await start(messaging, command)), resync: false };
  } catch (error) {
    if (!(error instanceof MessagingError && error.code === "cursor_expired")) throw error;
    return { ...(await start(messaging, { ...command, after: undefined })), resync: true };
  }
}

/** Reads the first batch, so that an error is still a response with its own status. */
async function start(messaging: Messaging, command: Subscribe) {
  const subscription = messaging.subscribe(command);
  const first = await subscription.next();
  if (first === undefined) throw new MessagingError("not_signed_in", "Your session has ended. Log in.");
  return { first, subscription };
}
