import type { EventLog, EventSlice } from "../../../src/application/ports.js";
import type { StoredEvent } from "../../../src/domain/event.js";
import { broken, chats, edited, events, withRepositories, type Defects } from "./breaking.js";
import { MAX_ID, bo, renamed } from "../fixtures.js";

const ALL: EventSlice = { after: 0, upTo: MAX_ID, limit: MAX_ID };

type List = "all" | "ofUser";

/** Events whose lists are asked for, or answered, wrongly. */
function sliced(list: List, change: (slice: EventSlice) => EventSlice) {
  return events((whole) =>
    list === "all"
      ? { all: (slice) => whole.all(change(slice)) }
      : { ofUser: (id, slice) => whole.ofUser(id, change(slice)) },
  );
}

const sliceDefects = (list: List) => ({
  "takes `after` with it": sliced(list, (slice) => ({ ...slice, after: slice.after - 1 })),
  "stops before `upTo`": sliced(list, (slice) => ({ ...slice, upTo: slice.upTo - 1 })),
  "ignores `upTo`": sliced(list, (slice) => ({ ...slice, upTo: MAX_ID })),
  "gives one too many": sliced(list, (slice) => ({ ...slice, limit: slice.limit + 1 })),
  "gives one too few": sliced(list, (slice) => ({ ...slice, limit: slice.limit - 1 })),
  "takes 0 for no limit": sliced(list, (slice) => ({ ...slice, limit: slice.limit || MAX_ID })),
  "gives the newest": events((whole) => ({
    all: async (slice) =>
      list === "ofUser" || slice.limit === 0
        ? whole.all(slice)
        : (await whole.all({ ...slice, limit: MAX_ID })).slice(-slice.limit),
    ofUser: async (id, slice) =>
      list === "all" || slice.limit === 0
        ? whole.ofUser(id, slice)
        : (await whole.ofUser(id, { ...slice, limit: MAX_ID })).slice(-slice.limit),
  })),
});

/** What the log has for a user, found by going through all of it. */
function ofUserBy(isFor: (event: StoredEvent, userId: string) => boolean) {
  return events((whole) => ({
    async ofUser(userId, slice) {
      const found: StoredEvent[] = [];
      for (const entry of await whole.all({ ...slice, limit: MAX_ID })) {
        if ("change" in entry && isFor(entry, userId)) found.push(entry);
      }
      return found.slice(0, slice.limit);
    },
  }));
}

/** What happens to events on their way into the log. */
function appending(change: (event: Parameters<EventLog["append"]>[0]) => Parameters<EventLog["append"]>[0]) {
  return events((whole) => ({ append: (event) => whole.append(change(event)) }));
}

/** Stores whose log of events tells, keeps or forgets the wrong things. */
export const brokenEvents: Defects = {
  "store contract EventLog.bounds returns 1 and 0 for an empty log": {
    "begins with 0": events((whole) => ({
      bounds: async () => edited(await whole.bounds(), ({ last }) => ({ first: last && 1 })),
    })),
    "has one that nobody appended": events(() => ({
      ofUser: async () => [{ ...renamed({ id: 1 } as never, "a"), id: 1, message: null }],
    })),
  },
  "store contract EventLog.append stores events of every type and ends of sessions unchanged": {
    "cuts what was said": appending((event) =>
      "change" in event && event.change.type === "chat.renamed"
        ? { ...event, change: { ...event.change, title: event.change.title?.slice(0, 1000) ?? null } }
        : event,
    ),
    "keeps times in 32 bits": appending((event) => ({ ...event, at: event.at | 0 })),
    "loses the ends of sessions": events((whole) => ({
      append: async (event) => ("sessionId" in event ? undefined : whole.append(event)),
    })),
    "forgets whom they are for": events((whole) => ({
      all: async (slice) =>
        (await whole.all(slice)).map((entry) => ("to" in entry ? { ...entry, to: "participants" } : entry)),
    })),
    "loses the messages": events((whole) => ({
      all: async (slice) =>
        (await whole.all(slice)).map((entry) => ("message" in entry ? { ...entry, message: null } : entry)),
    })),
    "loses how somebody found the chat": appending((event) =>
      "change" in event && event.change.type === "participant.added"
        ? { ...event, change: { ...event.change, overview: undefined } as never }
        : event,
    ),
  },
  "store contract EventLog.append assigns increasing ids in the order of appending, across chats and whatever the times":
    {
      "goes by time": events((whole) => ({
        all: async (slice) => (await whole.all(slice)).toSorted((one, other) => one.at - other.at),
      })),
      "goes by chat": events((whole) => ({
        ofUser: async (...asked) =>
          (await whole.ofUser(...asked)).toSorted((one, other) => one.chatId - other.chatId),
      })),
      "tells the next number": events((whole) => ({
        bounds: async () => edited(await whole.bounds(), ({ last }) => ({ last: last && last + 1 })),
      })),
    },
  "store contract EventLog.all and ofUser return each message in its current state": {
    "keeps it as it stood": broken((store) => {
      const held = new Map<number, StoredEvent["message"]>();
      return withRepositories(store, (all) => ({
        ...all,
        events: {
          ...all.events,
          async append(event) {
            await all.events.append(event);
            if ("messageId" in event && event.messageId !== null) {
              held.set(event.messageId, (await all.messages.byId(event.messageId)) ?? null);
            }
          },
          ofUser: async (...asked) =>
            (await all.events.ofUser(...asked)).map((event) => ({
              ...event,
              message: event.message && (held.get(event.message.id) ?? null),
            })),
        },
      }));
    }),
  },
  "store contract EventLog.all returns the oldest entries with `after` < id <= `upTo`, at most `limit`":
    sliceDefects("all"),
  "store contract EventLog.ofUser returns the oldest entries with `after` < id <= `upTo`, at most `limit`":
    sliceDefects("ofUser"),
  "store contract EventLog.ofUser returns the events of the user's chats since the user joined": {
    "tells what another is told": events((whole) => ({ ofUser: (_, slice) => whole.ofUser(bo.id, slice) })),
    "tells everybody": ofUserBy(() => true),
    "tells nobody": ofUserBy(() => false),
  },
  "store contract EventLog.ofUser omits the events of a chat that the user left, also after the user joins again":
    {
      "goes on telling": chats(() => ({ removeParticipant: async () => true })),
      "takes nobody back": chats((whole) => ({
        addParticipant: async (id, userId, joinedAt) =>
          joinedAt === 1 || whole.addParticipant(id, userId, joinedAt),
      })),
      "tells of the time before": broken((store) => {
        // Nobody ever leaves, but is hidden from the lists for as long as they are gone.
        const gone = new Set<string>();
        return withRepositories(store, (all) => ({
          ...all,
          chats: {
            ...all.chats,
            async removeParticipant(id, userId) {
              gone.add(`${id} ${userId}`);
              return true;
            },
            async addParticipant(id, userId, joinedAt) {
              return gone.delete(`${id} ${userId}`) || all.chats.addParticipant(id, userId, joinedAt);
            },
          },
          events: {
            ...all.events,
            ofUser: async (userId, slice) =>
              (await all.events.ofUser(userId, slice)).filter(
                ({ chatId }) => !gone.has(`${chatId} ${userId}`),
              ),
          },
        }));
      }),
    },
  "store contract EventLog.ofUser includes events appended after the user joined in the same transaction": {
    "begins with the next transaction": broken((store) => ({
      ...store,
      transaction: (work) =>
        store.transaction(async (all) => {
          const joins: (() => Promise<unknown>)[] = [];
          const result = await work({
            ...all,
            chats: {
              ...all.chats,
              async addParticipant(...added) {
                joins.push(() => all.chats.addParticipant(...added));
                return true;
              },
            },
          });
          for (const join of joins) await join();
          return result;
        }),
    })),
  },
  "store contract EventLog.ofUser returns an event for one user to that user only, while they are in the chat":
    {
      "tells them outside of it": appending((event) =>
        "to" in event && event.to !== "participants"
          ? { ...event, to: { ...event.to, includesRemoved: true } }
          : event,
      ),
      "tells all participants": appending((event) =>
        "to" in event ? { ...event, to: "participants" } : event,
      ),
    },
  "store contract EventLog.ofUser returns an event with `includesRemoved` to its user, in the chat or not": {
    "tells them inside of it": appending((event) =>
      "to" in event && event.to !== "participants"
        ? { ...event, to: { ...event.to, includesRemoved: false } }
        : event,
    ),
    "tells everybody": ofUserBy((event) => event.to !== "participants"),
  },
  "store contract EventLog.forget deletes the oldest entries before a time, at most `limit`, and returns their number":
    {
      "ignores the time": events((whole) => ({ forget: (_, limit) => whole.forget(MAX_ID, limit) })),
      "forgets what happened at that time": events((whole) => ({
        forget: (before, limit) => whole.forget(before + 1, limit),
      })),
      "ignores the limit": events((whole) => ({ forget: (before) => whole.forget(before, MAX_ID) })),
      "counts what it does not forget": events((whole) => ({
        forget: async (...asked) => (await whole.forget(...asked)) + 1,
      })),
      "begins where it began": events((whole) => ({
        bounds: async () => ({ ...(await whole.bounds()), first: 1 }),
      })),
      "goes on telling users": broken((store) => {
        const held: StoredEvent[] = [];
        return withRepositories(store, (all) => ({
          ...all,
          events: {
            ...all.events,
            async forget(...asked) {
              if (held.length === 0) held.push(...(await all.events.ofUser(bo.id, ALL)));
              return all.events.forget(...asked);
            },
            ofUser: async (userId, asked) =>
              userId === bo.id && held.length > 0 ? held : all.events.ofUser(userId, asked),
          },
        }));
      }),
    },
  "store contract EventLog.forget keeps the last entry, so that ids continue to increase": {
    "forgets them all": broken((store) => {
      let empty = false;
      return withRepositories(store, (all) => ({
        ...all,
        events: {
          ...all.events,
          async forget(...asked) {
            empty ||= (await all.events.forget(...asked)) > 0;
            return empty ? 2 : 0;
          },
          all: async (asked) => (empty ? [] : all.events.all(asked)),
        },
      }));
    }),
    "counts anew": broken((store) => {
      let forgotten = 0;
      return withRepositories(store, (all) => ({
        ...all,
        events: {
          ...all.events,
          async forget(...asked) {
            const count = await all.events.forget(...asked);
            forgotten += count;
            return count;
          },
          bounds: async () =>
            edited(await all.events.bounds(), ({ first, last }) => ({
              first: first - forgotten,
              last: last - forgotten,
            })),
        },
      }));
    }),
  },
  "store contract ChatRepository.idsOfUser returns the ids of the chats that the user is in": {
    "tells one of them": chats((whole) => ({
      idsOfUser: async (userId) => (await whole.idsOfUser(userId)).slice(0, 1),
    })),
    "tells those of others": chats((whole) => ({ idsOfUser: () => whole.idsOfUser(bo.id) })),
    "tells them twice": chats((whole) => ({
      async idsOfUser(userId) {
        const ids = await whole.idsOfUser(userId);
        return [...ids, ...ids];
      },
    })),
  },
};
