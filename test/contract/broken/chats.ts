import type { ChatId } from "../../../src/domain/chat.js";
import { broken, chats, edited, withRepositories, type Defects } from "./breaking.js";
import { ana, bo } from "../scene.js";

/** Stores that find, give or keep the wrong chats. */
export const brokenChats: Defects = {
  "a store chats of a group are found by their participants as they were made, each under an id of its own": {
    "trims titles": chats((whole) => ({
      addGroup: (title, createdAt) => whole.addGroup(title?.trim() ?? null, createdAt),
    })),
    "takes no title for an empty one": chats((whole) => ({
      addGroup: (title, createdAt) => whole.addGroup(title ?? "", createdAt),
    })),
    "counts from 0": chats((whole) => ({
      addGroup: async (...made) =>
        edited(await whole.addGroup(...made), ({ id }) => ({ id: (id - 1) as ChatId })),
      addParticipant: (id, ...added) => whole.addParticipant((id + 1) as ChatId, ...added),
    })),
  },
  "a store chats of a group begin without participants": {
    "lets somebody in at once": chats((whole) => ({
      async addGroup(title, createdAt) {
        const chat = await whole.addGroup(title, createdAt);
        await whole.addParticipant(chat.id, ana.id, createdAt);
        return chat;
      },
    })),
  },
  "a store chats are hidden from everybody else": {
    "ignores membership": chats((whole) => ({
      ofParticipant: (id) => whole.ofParticipant(id, ana.id),
    })),
  },
  "a store chats take a participant once": {
    "takes them twice": chats((whole) => ({
      addParticipant: async (...added) => (await whole.addParticipant(...added)) || true,
    })),
  },
  "a store chats lose a participant once": {
    "loses them twice": chats((whole) => ({
      removeParticipant: async (...removed) => (await whole.removeParticipant(...removed)) || true,
    })),
    "takes them out of every chat": chats((whole) => ({
      async removeParticipant(id, userId) {
        const removed = await whole.removeParticipant(id, userId);
        for (const each of [1, 2, 3]) await whole.removeParticipant(each as ChatId, userId);
        return removed;
      },
    })),
  },
  "a store chats take back who has left": {
    "bans them": broken((store) => {
      const left = new Set<string>();
      return withRepositories(store, (all) => ({
        ...all,
        chats: {
          ...all.chats,
          removeParticipant(id, userId) {
            left.add(userId);
            return all.chats.removeParticipant(id, userId);
          },
          addParticipant: async (id, userId, joinedAt) =>
            !left.has(userId) && all.chats.addParticipant(id, userId, joinedAt),
        },
      }));
    }),
  },
  "a store chats of two people are one chat from both sides, made when it is first opened": {
    "makes it anew each time": chats((whole) => ({
      openP2p: async (pair, createdAt) => ({ ...(await whole.openP2p(pair, createdAt)), createdAt }),
    })),
    "leaves one of the two out": chats((whole) => ({
      async openP2p(pair, createdAt) {
        const chat = await whole.openP2p(pair, createdAt);
        await whole.removeParticipant(chat.id, pair[1]);
        return chat;
      },
    })),
  },
  "a store chats of two people do not exist before they are opened, however often they are looked for": {
    "makes them when they are looked for": chats((whole) => ({ p2p: (pair) => whole.openP2p(pair, 1) })),
  },
  "a store chats of two people are a chat for each pair, also for the pair of one person": {
    "goes by one of the two": chats((whole) => ({
      openP2p: ([one], createdAt) => whole.openP2p([one, one], createdAt),
    })),
    "lets a third one in": chats((whole) => ({
      async openP2p(pair, createdAt) {
        const chat = await whole.openP2p(pair, createdAt);
        await whole.addParticipant(chat.id, bo.id, createdAt);
        return chat;
      },
    })),
  },
  "a store chats of a group take another title, or none, and no other chat with them": {
    "keeps the first": chats(() => ({ rename: async () => {} })),
    "takes no title for an empty one": chats((whole) => ({
      rename: (id, title) => whole.rename(id, title ?? ""),
    })),
    "renames all": chats((whole) => ({
      async rename(id, title) {
        await whole.rename(id, title);
        for (const each of [1, 2]) await whole.rename(each as ChatId, title);
      },
    })),
  },
  "a store chats tell who is in them and since when, in the order in which they joined, those of one millisecond by id":
    {
      "goes by id alone": chats((whole) => ({
        participants: async (id) =>
          (await whole.participants(id)).toSorted((one, two) => (one.id < two.id ? -1 : 1)),
      })),
      "turns those of one millisecond round": chats((whole) => ({
        participants: async (id) =>
          (await whole.participants(id)).toReversed().toSorted((one, two) => one.joinedAt - two.joinedAt),
      })),
      "takes the second time for the first": chats((whole) => ({
        async addParticipant(id, userId, joinedAt) {
          const added = await whole.addParticipant(id, userId, joinedAt);
          if (!added && (await whole.removeParticipant(id, userId))) {
            await whole.addParticipant(id, userId, joinedAt);
          }
          return added;
        },
      })),
      "remembers when they first joined": broken((store) => {
        const first = new Map<string, number>();
        return withRepositories(store, (all) => ({
          ...all,
          chats: {
            ...all.chats,
            addParticipant(id, userId, joinedAt) {
              const name = `${id} ${userId}`;
              first.set(name, first.get(name) ?? joinedAt);
              return all.chats.addParticipant(id, userId, first.get(name)!);
            },
          },
        }));
      }),
    },
};
