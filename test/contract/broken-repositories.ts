import type { Slice } from "../../src/application/ports.js";
import type { ChatId } from "../../src/domain/chat.js";
import type { MessageText } from "../../src/domain/message.js";
import { usernameKey, type UserId, type UsernameKey } from "../../src/domain/user.js";
import {
  broken,
  chats,
  edited,
  messages,
  sessions,
  users,
  withRepositories,
  type Defects,
} from "./breaking.js";
import { GREATEST, ana, bo } from "./scene.js";

const sliceDefects = (list: "ofChat" | "ofUser") => {
  const sliced = (change: (slice: Slice) => Slice) =>
    messages((whole) =>
      list === "ofChat"
        ? { ofChat: (id, slice) => whole.ofChat(id, change(slice)) }
        : { ofUser: (id, slice) => whole.ofUser(id, change(slice)) },
    );
  return {
    bounds: {
      "takes `after` with it": sliced((slice) => ({ ...slice, after: slice.after - 1 })),
      "stops before `upTo`": sliced((slice) => ({ ...slice, upTo: slice.upTo - 1 })),
      "ignores `upTo`": sliced((slice) => ({ ...slice, upTo: GREATEST })),
    },
    limit: {
      "gives one too many": sliced((slice) => ({ ...slice, limit: slice.limit + 1 })),
      "gives one too few": sliced((slice) => ({ ...slice, limit: slice.limit - 1 })),
      "takes 0 for no limit": sliced((slice) => ({ ...slice, limit: slice.limit || GREATEST })),
    },
    whole: {
      "skips one between two slices": sliced((slice) => ({
        ...slice,
        after: slice.after && slice.after + 1,
      })),
    },
  };
};

const ofChat = sliceDefects("ofChat");
const ofUser = sliceDefects("ofUser");

/** Stores that find, give or keep the wrong things. */
export const brokenRepositories: Defects = {
  "a store users are found by id, by key and with their credentials, as they were added": {
    "cuts long names": users((whole) => ({
      byId: async (id) =>
        edited(await whole.byId(id), ({ username }) => ({ username: username.slice(0, 255) })),
    })),
    "keeps times in 32 bits": users((whole) => ({
      byKey: async (key) => edited(await whole.byKey(key), ({ createdAt }) => ({ createdAt: createdAt | 0 })),
    })),
    "loses digests": users((whole) => ({
      credentials: async (key) => edited(await whole.credentials(key), () => ({ passwordDigest: "" })),
    })),
  },
  "a store users are not found before they are added": {
    "finds ids without regard to case": users((whole) => ({
      byId: async (id) => (await whole.byId(id)) ?? whole.byId(id.toLowerCase() as UserId),
    })),
  },
  "a store users are refused under a key that is in use, and the first stays": {
    "accepts the second": users((whole) => ({
      add: async (...added) => (await whole.add(...added)) || true,
    })),
    "refuses the second but keeps it": users((whole) => ({
      async add(user, key, digest) {
        if (await whole.add(user, key, digest)) return true;
        await whole.add(user, `${key} again` as UsernameKey, digest);
        return false;
      },
    })),
  },
  "a store users are told apart by every character of their keys": {
    "trims keys": users((whole) => ({
      add: (user, key, digest) => whole.add(user, key.trim() as UsernameKey, digest),
    })),
    "folds keys": users((whole) => ({
      add: (user, key, digest) => whole.add(user, usernameKey(key), digest),
      byKey: (key) => whole.byKey(usernameKey(key)),
    })),
  },

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

  "a store messages are found in every list as they were answered when they were stored": {
    "answers the sender as it was given": messages((whole) => ({
      append: async (draft) => ({ ...(await whole.append(draft)), sender: draft.sender }),
    })),
    "normalises texts": messages((whole) => ({
      append: (draft) => whole.append({ ...draft, text: draft.text.normalize() as MessageText }),
    })),
    "counts half characters": messages((whole) => ({
      append: (draft) => whole.append({ ...draft, text: draft.text.slice(0, 10_000) as MessageText }),
    })),
    "loses something in one list": messages((whole) => ({
      ofUser: async (id, slice) => (await whole.ofUser(id, slice)).map((each) => ({ ...each, sentAt: 0 })),
    })),
  },
  "a store messages count 1, 2, 3 in each chat, while their ids grow over all chats": {
    "counts over all chats": messages((whole) => ({
      append: async (draft) => edited(await whole.append(draft), ({ id }) => ({ seq: id })),
    })),
    "has ids for each chat": messages((whole) => ({
      append: async (draft) => edited(await whole.append(draft), ({ seq }) => ({ id: seq })),
    })),
    "leaves a gap": messages((whole) => ({
      append: async (draft) =>
        edited(await whole.append(draft), ({ seq }) => ({ seq: seq < 3 ? seq : seq + 1 })),
    })),
  },
  "a store messages have 0 as the last id before the first of them, then the id of the last": {
    "begins with 1": messages((whole) => ({ lastId: async () => (await whole.lastId()) || 1 })),
    "tells the next id": messages((whole) => ({
      lastId: async () => edited({ id: await whole.lastId() }, ({ id }) => ({ id: id && id + 1 })).id,
    })),
  },
  "a store messages come in the order in which they were stored, also where their times are equal or fall": {
    "goes by time in a chat": messages((whole) => ({
      ofChat: async (...asked) =>
        (await whole.ofChat(...asked)).toSorted((one, two) => one.sentAt - two.sentAt),
    })),
    "goes by time over all chats": messages((whole) => ({
      ofUser: async (...asked) =>
        (await whole.ofUser(...asked)).toSorted((one, two) => one.sentAt - two.sentAt),
    })),
  },
  "a store messages are nowhere for a chat or a user that does not exist": {
    "takes an unknown chat for the first": messages((whole) => ({
      ofChat: (id, slice) => whole.ofChat(id === 0 ? (1 as ChatId) : id, slice),
    })),
    "fails for an unknown user": messages((whole) => ({
      ofUser: async (id, slice) =>
        id.startsWith("user-") ? whole.ofUser(id, slice) : Promise.reject(new Error("who?")),
    })),
  },
  "a store messages of a chat are those of that chat alone, whoever wrote them": {
    "adds those of other chats": messages((whole) => ({ ofChat: (_, slice) => whole.ofUser(ana.id, slice) })),
    "leaves out those of others": messages((whole) => ({
      ofChat: async (...asked) => (await whole.ofChat(...asked)).filter(({ sender }) => sender.id === ana.id),
    })),
  },
  "a store messages of a user are those of all their chats, merged, and of no other chat": {
    "gives one chat after the other": messages((whole) => ({
      ofUser: async (...asked) =>
        (await whole.ofUser(...asked)).toSorted((one, two) => one.chatId - two.chatId),
    })),
    "gives everybody's": messages((whole) => ({ ofUser: (_, slice) => whole.ofUser(bo.id, slice) })),
  },
  "a store messages of a user leave with the chat and come back with it, those of the meantime too": {
    "goes on showing them": chats(() => ({ removeParticipant: async () => true })),
    "shows only what came before": chats(() => ({ addParticipant: async () => true })),
  },
  "a store messages of a chat begin after `after` and end with `upTo`": ofChat.bounds,
  "a store messages of a chat are as many as the limit at the most, the oldest first": {
    ...ofChat.limit,
    "gives the newest": messages((whole) => ({
      ofChat: async (id, slice) =>
        slice.limit > 0 ? (await whole.ofChat(id, { ...slice, limit: GREATEST })).slice(-slice.limit) : [],
    })),
  },
  "a store messages of a chat are all there once, slice by slice": ofChat.whole,
  "a store messages of a user begin after `after` and end with `upTo`": ofUser.bounds,
  "a store messages of a user are as many as the limit at the most, the oldest first": ofUser.limit,
  "a store messages of a user are all there once, slice by slice": ofUser.whole,

  "a store sessions are found by the digest of their secret as they were added, dead or alive": {
    "hides the dead": sessions((whole) => ({
      async byDigest(digest) {
        const session = await whole.byDigest(digest);
        return session && session.expiresAt > 0 ? session : undefined;
      },
    })),
    "loses when their user came": sessions((whole) => ({
      byDigest: async (digest) =>
        edited(await whole.byDigest(digest), ({ user }) => ({ user: { ...user, createdAt: 0 } })),
    })),
  },
  "a store sessions are found by nothing else": {
    "ignores case": sessions((whole) => ({ byDigest: (digest) => whole.byDigest(digest.toLowerCase()) })),
  },
  "a store sessions are removed once, and no other with them": {
    "removes them twice": sessions((whole) => ({ remove: async (id) => (await whole.remove(id)) || true })),
    "removes all of the user's": sessions((whole) => ({
      async remove(id) {
        const removed = await whole.remove(id);
        await whole.removeExpired(ana.id, GREATEST);
        return removed;
      },
    })),
  },
  "a store sessions of a user are forgotten when they expired at that time or before, and nobody else's": {
    "spares the last moment": sessions((whole) => ({
      removeExpired: (userId, now) => whole.removeExpired(userId, now - 1),
    })),
    "comes too early": sessions((whole) => ({
      removeExpired: (userId, now) => whole.removeExpired(userId, now + 1),
    })),
    "forgets everybody's": sessions((whole) => ({
      async removeExpired(_, now) {
        for (const user of [ana, bo]) await whole.removeExpired(user.id, now);
      },
    })),
  },
};
