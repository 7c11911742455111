import type { ChatSlice, ListedChat } from "../../../src/application/ports.js";
import type { ChatId, ChatOverview } from "../../../src/domain/chat.js";
import { broken, chats, edited, withRepositories, type Defects } from "./breaking.js";
import { MAX_ID, ana, bo } from "../fixtures.js";

/** Chats whose overviews differ. */
function overviews(change: (seen: ChatOverview) => Partial<ListedChat>) {
  return chats((whole) => ({
    async overview(...asked) {
      const seen = await whole.overview(...asked);
      return seen && { ...seen, ...change(seen) };
    },
  }));
}

/** Chats that are listed for another page, or in another way. */
function lists(change: (page: ChatSlice) => ChatSlice) {
  return chats((whole) => ({ ofUser: (userId, page) => whole.ofUser(userId, change(page)) }));
}

/** Chats that count some participants more after each that was to come or to go. */
function miscounting(onAdding: (added: boolean) => number, onRemoving: (removed: boolean) => number) {
  return broken((store) => {
    let more = 0;
    return withRepositories(store, ({ chats: whole, ...all }) => ({
      ...all,
      chats: {
        ...whole,
        async addParticipant(...given) {
          const added = await whole.addParticipant(...given);
          more += onAdding(added);
          return added;
        },
        async removeParticipant(...given) {
          const removed = await whole.removeParticipant(...given);
          more += onRemoving(removed);
          return removed;
        },
        overview: async (...asked) =>
          edited(await whole.overview(...asked), ({ participantCount }) => ({
            participantCount: participantCount + more,
          })),
      },
    }));
  });
}

/** Stores that show chats wrongly, alone or in lists. */
export const brokenOverviews: Defects = {
  "store contract ChatRepository.overview returns what a participant sees, and undefined for other users and unknown chats":
    {
      "shows them to everybody": chats((whole) => ({
        overview: async (id, userId) => (await whole.overview(id, userId)) ?? whole.overview(id, ana.id),
      })),
      "takes none for the first": chats((whole) => ({
        overview: async (id, userId) => whole.overview((id || 1) as ChatId, userId),
      })),
      "has something more": overviews(() => ({ activity: 0 })),
    },
  "store contract ChatRepository.overview names the other user of a p2p chat, or the user themself where there is no other":
    {
      "names the first of the two": overviews(({ withUsername }) => ({
        withUsername: withUsername && "ana",
      })),
      "names nobody in the chat with oneself": overviews(({ withUsername, participantCount }) => ({
        withUsername: participantCount === 1 ? null : withUsername,
      })),
    },
  "store contract ChatRepository.overview counts the current participants": {
    "counts who is in already": miscounting(
      (added) => (added ? 0 : 1),
      () => 0,
    ),
    "goes on counting who has left": miscounting(
      () => 0,
      (removed) => (removed ? 1 : 0),
    ),
    "counts who was not there to leave": miscounting(
      () => 0,
      (removed) => (removed ? 0 : -1),
    ),
    "counts two in every chat of people": overviews(({ withUsername, participantCount }) => ({
      participantCount: withUsername === null ? participantCount : 2,
    })),
  },
  "store contract ChatRepository.overview includes the last message in its current state, even if deleted": {
    "has none that is deleted": overviews(({ lastMessage }) => ({
      lastMessage: lastMessage?.deletedAt == null ? lastMessage : null,
    })),
    "has the one that was last read": broken((store) =>
      withRepositories(store, (all) => ({
        ...all,
        chats: {
          ...all.chats,
          async overview(id, userId) {
            const seen = await all.chats.overview(id, userId);
            const slice = { after: 0, upTo: MAX_ID, limit: seen?.readSeq ?? 0, from: "oldest" } as const;
            const read = await all.messages.ofChat(id, { ...slice, limit: slice.limit - 1 });
            return seen && { ...seen, lastMessage: read.at(-1) ?? null };
          },
        },
      })),
    ),
    "has it as it was sent": overviews(({ lastMessage }) => ({
      lastMessage: lastMessage && { ...lastMessage, editedAt: null },
    })),
  },
  "store contract ChatRepository.setRead stores a read position per user and chat, and keeps it while the user is removed":
    {
      "forgets it when they leave": chats((whole) => ({
        async removeParticipant(id, userId) {
          await whole.setRead(id, userId, 0);
          return whole.removeParticipant(id, userId);
        },
      })),
      "keeps the first": chats((whole) => ({
        async setRead(id, userId, seq) {
          if ((await whole.overview(id, userId))?.readSeq === 0) await whole.setRead(id, userId, seq);
        },
      })),
      "keeps one for all participants": chats((whole) => ({
        async setRead(id, _, seq) {
          for (const user of [ana, bo]) await whole.setRead(id, user.id, seq);
        },
      })),
      "keeps one for all chats": chats((whole) => ({
        async setRead(_, userId, seq) {
          for (const id of [1, 2]) await whole.setRead(id as ChatId, userId, seq);
        },
      })),
    },
  "store contract ChatRepository.overview counts each message deleted after the read position once": {
    "counts none": overviews(() => ({ deletedSinceRead: 0 })),
    "counts the one that was read last, too": chats((whole) => ({
      async setRead(id, userId, seq) {
        await whole.setRead(id, userId, Math.max(0, seq - 1));
      },
    })),
    "counts them all": broken((store) =>
      withRepositories(store, (all) => ({
        ...all,
        chats: {
          ...all.chats,
          async overview(id, userId) {
            const slice = { after: 0, upTo: MAX_ID, limit: MAX_ID, from: "oldest" } as const;
            const said = await all.messages.ofChat(id, slice);
            const deleted = said.filter(({ deletedAt }) => deletedAt !== null);
            return edited(await all.chats.overview(id, userId), () => ({ deletedSinceRead: deleted.length }));
          },
        },
      })),
    ),
    "counts one twice": broken((store) => {
      let more = 0;
      return withRepositories(store, (all) => ({
        ...all,
        messages: {
          ...all.messages,
          async update(message) {
            if ((await all.messages.byId(message.id))?.deletedAt != null) more += 1;
            await all.messages.update(message);
          },
        },
        chats: {
          ...all.chats,
          overview: async (...asked) =>
            edited(await all.chats.overview(...asked), ({ deletedSinceRead }) => ({
              deletedSinceRead: deletedSinceRead + more,
            })),
        },
      }));
    }),
  },
  "store contract ChatRepository.ofUser returns the overviews of the user's chats, last active first": {
    "lists the least active first": chats((whole) => ({
      ofUser: async (...asked) => (await whole.ofUser(...asked)).toReversed(),
    })),
    "lists them by id": chats((whole) => ({
      ofUser: async (...asked) =>
        (await whole.ofUser(...asked)).toSorted((one, two) => two.chat.id - one.chat.id),
    })),
    "lists those of others": chats((whole) => ({ ofUser: (_, page) => whole.ofUser(bo.id, page) })),
    "lists them without what was read": chats((whole) => ({
      ofUser: async (...asked) => (await whole.ofUser(...asked)).map((each) => ({ ...each, readSeq: 0 })),
    })),
    "lists none whose last message is deleted": chats((whole) => ({
      ofUser: async (...asked) =>
        (await whole.ofUser(...asked)).filter(({ lastMessage }) => lastMessage?.deletedAt == null),
    })),
  },
  "store contract ChatRepository.ofUser ranks a chat without messages by its creation, later ones first": {
    "lists them last": chats((whole) => ({
      ofUser: async (...asked) =>
        (await whole.ofUser(...asked)).map((each) => (each.lastMessage ? each : { ...each, activity: 0 })),
    })),
    "lists them as active as the newest message is": broken((store) =>
      withRepositories(store, (all) => ({
        ...all,
        chats: {
          ...all.chats,
          async ofUser(...asked) {
            const activity = await all.messages.lastId();
            const found = await all.chats.ofUser(...asked);
            return found.map((each) => (each.lastMessage ? each : { ...each, activity }));
          },
        },
      })),
    ),
    "lists the earlier one first": chats((whole) => ({
      ofUser: async (...asked) =>
        (await whole.ofUser(...asked)).toSorted(
          (one, two) => two.activity - one.activity || one.chat.id - two.chat.id,
        ),
    })),
  },
  "store contract ChatRepository.ofUser omits a chat while the user is removed, and restores its position afterwards":
    {
      "keeps listing them": broken((store) => {
        const gone = new Set<string>();
        return withRepositories(store, (all) => ({
          ...all,
          chats: {
            ...all.chats,
            async removeParticipant(id, userId) {
              gone.add(userId);
              return all.chats.removeParticipant(id, userId);
            },
            ofUser: (userId, page) => all.chats.ofUser(gone.has(userId) ? ana.id : userId, page),
          },
        }));
      }),
      "takes the coming back for activity": broken((store) => {
        const gone = new Set<ChatId>();
        const back = new Set<ChatId>();
        return withRepositories(store, (all) => ({
          ...all,
          chats: {
            ...all.chats,
            addParticipant(id, userId, joinedAt) {
              if (gone.has(id)) back.add(id);
              return all.chats.addParticipant(id, userId, joinedAt);
            },
            removeParticipant(id, userId) {
              gone.add(id);
              return all.chats.removeParticipant(id, userId);
            },
            async ofUser(...asked) {
              const found = await all.chats.ofUser(...asked);
              return found.toSorted(
                (one, two) => Number(back.has(two.chat.id)) - Number(back.has(one.chat.id)),
              );
            },
          },
        }));
      }),
    },
  "store contract ChatRepository.ofUser returns at most `limit` chats, starting after the given one": {
    "gives one too many": lists((page) => ({ ...page, limit: page.limit + 1 })),
    "gives one too few": lists((page) => ({ ...page, limit: page.limit - 1 })),
    "takes 0 for no limit": lists((page) => ({ ...page, limit: page.limit || MAX_ID })),
    "takes the named one with it": lists(({ after, ...page }) => ({
      ...page,
      after: after && { ...after, chatId: (after.chatId + 1) as ChatId },
    })),
    "skips those that are as active": lists(({ after, ...page }) => ({
      ...page,
      after: after && { ...after, chatId: 0 as ChatId },
    })),
    "goes by the id alone": lists(({ after, ...page }) => ({
      ...page,
      after: after && { ...after, activity: 0 },
    })),
  },
  "store contract ChatRepository.ofUser returns each chat once across pages with one `asOf` while messages and chats are added":
    {
      "ignores `asOf`": lists((page) => ({ ...page, asOf: MAX_ID })),
      "counts activity up to the one before": lists((page) => ({ ...page, asOf: page.asOf - 1 })),
      "leaves out what has been spoken in since": chats((whole) => ({
        ofUser: async (userId, page) =>
          (await whole.ofUser(userId, page)).filter(
            ({ lastMessage }) => (lastMessage?.id ?? 0) <= page.asOf || page.after === undefined,
          ),
      })),
    },
};
