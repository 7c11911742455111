import type { ChatId } from "../../../src/domain/chat.js";
import { broken, chats, edited, withRepositories, type Defects } from "./breaking.js";
import { ana, bo } from "../fixtures.js";

/** Stores that find, give or keep the wrong chats. */
export const brokenChats: Defects = {
  "store contract ChatRepository.addGroup creates a chat with a new id, which participants find unchanged": {
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
  "store contract ChatRepository.addGroup adds no participant": {
    "lets somebody in at once": chats((whole) => ({
      async addGroup(title, createdAt) {
        const chat = await whole.addGroup(title, createdAt);
        await whole.addParticipant(chat.id, ana.id, createdAt);
        return chat;
      },
    })),
  },
  "store contract ChatRepository.ofParticipant returns undefined for other users and for unknown chats": {
    "ignores membership": chats((whole) => ({
      ofParticipant: (id) => whole.ofParticipant(id, ana.id),
    })),
  },
  "store contract ChatRepository.addParticipant returns false for a participant and changes nothing": {
    "takes them twice": chats((whole) => ({
      addParticipant: async (...added) => (await whole.addParticipant(...added)) || true,
    })),
  },
  "store contract ChatRepository.removeParticipant removes the user from that chat only, and returns false for other users":
    {
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
  "store contract ChatRepository.addParticipant adds a removed user again": {
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
  "store contract ChatRepository.openP2p creates one chat for both users and returns it afterwards": {
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
  "store contract ChatRepository.p2p returns undefined and creates nothing while the chat is not open": {
    "makes them when they are looked for": chats((whole) => ({ p2p: (pair) => whole.openP2p(pair, 1) })),
  },
  "store contract ChatRepository.openP2p creates one chat per pair, including the pair of a user with themself":
    {
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
  "store contract ChatRepository.rename sets and clears the title of that chat only": {
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
  "store contract ChatRepository.participants returns the current participants by joining time, then by id": {
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
