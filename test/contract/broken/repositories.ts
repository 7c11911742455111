import type { Slice } from "../../../src/application/ports.js";
import type { ChatId } from "../../../src/domain/chat.js";
import type { IdempotencyKey, Message, MessageId, MessageText } from "../../../src/domain/message.js";
import { usernameKey, type UserId, type UsernameKey } from "../../../src/domain/user.js";
import {
  broken,
  chats,
  edited,
  keysOfNobody,
  messages,
  sessions,
  users,
  withRepositories,
  type Defects,
} from "./breaking.js";
import { MAX_ID, ana, bo } from "../fixtures.js";

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
      "goes one beyond `upTo`": sliced((slice) => ({ ...slice, upTo: slice.upTo + 1 })),
      "ignores `upTo`": sliced((slice) => ({ ...slice, upTo: MAX_ID })),
    },
    limit: {
      "gives one too many": sliced((slice) => ({ ...slice, limit: slice.limit + 1 })),
      "gives one too few": sliced((slice) => ({ ...slice, limit: slice.limit - 1 })),
      "takes 0 for no limit": sliced((slice) => ({ ...slice, limit: slice.limit || MAX_ID })),
    },
    newest: {
      "gives the oldest all the same": sliced((slice) => ({ ...slice, from: "oldest" })),
      "ignores `upTo` from that end": sliced((slice) =>
        slice.from === "newest" ? { ...slice, upTo: MAX_ID } : slice,
      ),
      "ignores `after` from that end": sliced((slice) =>
        slice.from === "newest" ? { ...slice, after: 0 } : slice,
      ),
    },
    whole: {
      "gives the last one of a slice again": sliced((slice) => ({ ...slice, after: slice.after - 1 })),
      "gives the first one of a slice again from the newest": sliced((slice) => ({
        ...slice,
        upTo: slice.upTo + 1,
      })),
      "skips one between two slices": sliced((slice) => ({
        ...slice,
        after: slice.after && slice.after + 1,
      })),
      "skips one between two slices from the newest": sliced((slice) => ({
        ...slice,
        upTo: slice.upTo < MAX_ID - 1 ? slice.upTo - 1 : slice.upTo,
      })),
    },
  };
};

const ofChat = sliceDefects("ofChat");
const ofUser = sliceDefects("ofUser");

/** Stores that find, give or keep the wrong things. */
export const brokenRepositories: Defects = {
  "store contract UserRepository.add stores a user that byId, byKey and credentials return unchanged": {
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
  "store contract UserRepository.byId, byKey and credentials return undefined for a user who does not exist":
    {
      "finds ids without regard to case": users((whole) => ({
        byId: async (id) => (await whole.byId(id)) ?? whole.byId(id.toLowerCase() as UserId),
      })),
    },
  "store contract UserRepository.add returns false for a key in use and keeps the first user": {
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
  "store contract UserRepository.add compares keys character by character": {
    "trims keys": users((whole) => ({
      add: (user, key, digest) => whole.add(user, key.trim() as UsernameKey, digest),
    })),
    "folds keys": users((whole) => ({
      add: (user, key, digest) => whole.add(user, usernameKey(key), digest),
      byKey: (key) => whole.byKey(usernameKey(key)),
    })),
  },
  "store contract UserRepository.replacePassword replaces the digest of that user only, and returns false for an unknown user":
    {
      "keeps the old one": users(() => ({ replacePassword: async () => true })),
      "sets it for nobody": users((whole) => ({
        replacePassword: async (...set) => (await whole.replacePassword(...set)) || true,
      })),
      "sets everybody's": users((whole) => ({
        async replacePassword(id, digest) {
          await whole.replacePassword(bo.id, digest);
          return whole.replacePassword(id, digest);
        },
      })),
    },

  "store contract MessageRepository.append returns the stored message, which every list contains unchanged": {
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
  "store contract MessageRepository.append counts seq 1, 2, 3 in each chat while ids increase across chats": {
    "counts over all chats": messages((whole) => ({
      append: async (draft) => edited(await whole.append(draft), ({ id }) => ({ seq: id })),
    })),
    "has ids for each chat": messages((whole) => ({
      append: async (draft) => edited(await whole.append(draft), ({ seq }) => ({ id: seq as MessageId })),
    })),
    "leaves a gap": messages((whole) => ({
      append: async (draft) =>
        edited(await whole.append(draft), ({ seq }) => ({ seq: seq < 3 ? seq : seq + 1 })),
    })),
  },
  "store contract MessageRepository.lastId returns 0 before the first message, then the greatest id": {
    "begins with 1": messages((whole) => ({ lastId: async () => (await whole.lastId()) || 1 })),
    "tells the next id": messages((whole) => ({
      lastId: async () => edited({ id: await whole.lastId() }, ({ id }) => ({ id: id && id + 1 })).id,
    })),
  },
  "store contract MessageRepository.ofChat and ofUser order messages by id, whatever their times": {
    "goes by time in a chat": messages((whole) => ({
      ofChat: async (...asked) =>
        (await whole.ofChat(...asked)).toSorted((one, two) => one.sentAt - two.sentAt),
    })),
    "goes by time over all chats": messages((whole) => ({
      ofUser: async (...asked) =>
        (await whole.ofUser(...asked)).toSorted((one, two) => one.sentAt - two.sentAt),
    })),
  },
  "store contract MessageRepository.ofChat and ofUser return an empty list for an unknown chat or user": {
    "takes an unknown chat for the first": messages((whole) => ({
      ofChat: (id, slice) => whole.ofChat(id === 0 ? (1 as ChatId) : id, slice),
    })),
    "fails for an unknown user": messages((whole) => ({
      ofUser: async (id, slice) =>
        id.startsWith("user-") ? whole.ofUser(id, slice) : Promise.reject(new Error("who?")),
    })),
  },
  "store contract MessageRepository.ofChat returns the messages of that chat only, by every sender": {
    "adds those of other chats": messages((whole) => ({ ofChat: (_, slice) => whole.ofUser(ana.id, slice) })),
    "leaves out those of others": messages((whole) => ({
      ofChat: async (...asked) => (await whole.ofChat(...asked)).filter(({ sender }) => sender.id === ana.id),
    })),
  },
  "store contract MessageRepository.ofUser merges the messages of all chats of the user, and of no other chat":
    {
      "gives one chat after the other": messages((whole) => ({
        ofUser: async (...asked) =>
          (await whole.ofUser(...asked)).toSorted((one, two) => one.chatId - two.chatId),
      })),
      "gives everybody's": messages((whole) => ({ ofUser: (_, slice) => whole.ofUser(bo.id, slice) })),
    },
  "store contract MessageRepository.ofUser omits a chat while the user is removed, and includes all its messages afterwards":
    {
      "goes on showing them": chats(() => ({ removeParticipant: async () => true })),
      "shows only what came before": chats(() => ({ addParticipant: async () => true })),
    },
  "store contract MessageRepository.byId returns the message with exactly that id": {
    "takes an unknown id for the first": messages((whole) => ({
      byId: async (id) => (await whole.byId(id)) ?? whole.byId(1 as MessageId),
    })),
    "rounds ids": messages((whole) => ({ byId: (id) => whole.byId(Math.ceil(id) as MessageId) })),
  },
  "store contract MessageRepository.sentAs returns the message and text digest of exactly that sender and key":
    {
      "ignores case": messages((whole) => ({
        append: (draft, once) =>
          whole.append(
            draft,
            once && { ...once, key: `${lower(once.key)}${once.key.length}` as IdempotencyKey },
          ),
        sentAs: (userId, key) => whole.sentAs(userId, `${lower(key)}${key.length}` as IdempotencyKey),
      })),
      "finds them for everybody": messages((whole) => ({ sentAs: (_, key) => whole.sentAs(ana.id, key) })),
      "loses digests": messages((whole) => ({
        sentAs: async (...asked) => edited(await whole.sentAs(...asked), () => ({ textDigest: "" })),
      })),
      "cuts long keys": messages((whole) => ({
        append: (draft, once) => whole.append(draft, once && { ...once, key: cut(once.key) }),
        sentAs: (userId, key) => whole.sentAs(userId, cut(key)),
      })),
    },
  "store contract MessageRepository.append throws for an idempotency key that the sender has used, and keeps the first message":
    {
      "heeds no key": messages((whole) => ({ append: (draft) => whole.append(draft) })),
      "has keys for each chat": messages((whole) => ({
        append: (draft, once) =>
          whole.append(draft, once && { ...once, key: `${once.key} ${draft.chatId}` as IdempotencyKey }),
        sentAs: (userId, key) => whole.sentAs(userId, `${key} 1` as IdempotencyKey),
      })),
      "has keys for all senders together": keysOfNobody,
      "answers the first in silence": messages((whole) => ({
        async append(draft, once) {
          const sent = once && (await whole.sentAs(draft.sender.id, once.key));
          return sent ? sent.message : whole.append(draft, once);
        },
      })),
      "keeps what else was written": broken((store) => ({
        ...store,
        async transaction(work) {
          let refusal: unknown;
          const result = await store.transaction((all) => {
            const append: typeof all.messages.append = (...given) =>
              all.messages.append(...given).catch((error: unknown) => {
                refusal = error;
                return all.messages.append(given[0]);
              });
            return work({ ...all, messages: { ...all.messages, append } });
          });
          if (refusal) throw refusal;
          return result;
        },
      })),
    },
  "store contract MessageRepository.update changes text, editedAt and deletedAt of that message only, in every list":
    {
      "updates nothing": messages(() => ({ update: async () => {} })),
      "keeps the text that was there": messages((whole) => ({
        async update(message) {
          const before = await whole.byId(message.id);
          await whole.update(message.text === "" && before ? { ...message, text: before.text } : message);
        },
      })),
      "never takes back that it was deleted": messages((whole) => ({
        async update(message) {
          const before = await whole.byId(message.id);
          await whole.update({ ...message, deletedAt: message.deletedAt ?? before?.deletedAt ?? null });
        },
      })),
      "keeps no time of editing": messages((whole) => ({
        update: (message) => whole.update({ ...message, editedAt: null }),
      })),
      "updates the one before with it": messages((whole) => ({
        async update(message) {
          await whole.update(message);
          await whole.update({ ...message, id: (message.id - 1) as MessageId });
        },
      })),
      "answers repeats as they were": broken((store) => {
        const first = new Map<number, Message>();
        return withRepositories(store, (all) => ({
          ...all,
          messages: {
            ...all.messages,
            async sentAs(...asked) {
              const sent = await all.messages.sentAs(...asked);
              if (sent && !first.has(sent.message.id)) first.set(sent.message.id, sent.message);
              return sent && { ...sent, message: first.get(sent.message.id)! };
            },
          },
        }));
      }),
    },
  "store contract MessageRepository.ofChat returns messages with `after` < id <= `upTo`": ofChat.bounds,
  "store contract MessageRepository.ofChat returns the oldest messages, at most `limit`": {
    ...ofChat.limit,
    "gives the newest": messages((whole) => ({
      ofChat: async (id, slice) =>
        slice.limit > 0 ? (await whole.ofChat(id, { ...slice, limit: MAX_ID })).slice(-slice.limit) : [],
    })),
  },
  "store contract MessageRepository.ofChat returns the newest messages, oldest first, when asked for those": {
    ...ofChat.newest,
    "gives the newest of them first": messages((whole) => ({
      ofChat: async (id, slice) => {
        const found = await whole.ofChat(id, slice);
        return slice.from === "newest" ? found.toReversed() : found;
      },
    })),
  },
  "store contract MessageRepository.ofChat returns each message once, slice by slice, from either end":
    ofChat.whole,
  "store contract MessageRepository.ofUser returns messages with `after` < id <= `upTo`": ofUser.bounds,
  "store contract MessageRepository.ofUser returns the oldest messages, at most `limit`": ofUser.limit,
  "store contract MessageRepository.ofUser returns the newest messages, oldest first, when asked for those": {
    ...ofUser.newest,
    "gives the newest of them first": messages((whole) => ({
      ofUser: async (id, slice) => {
        const found = await whole.ofUser(id, slice);
        return slice.from === "newest" ? found.toReversed() : found;
      },
    })),
  },
  "store contract MessageRepository.ofUser returns each message once, slice by slice, from either end":
    ofUser.whole,

  "store contract SessionRepository.add stores a session that byDigest returns unchanged, expired or not": {
    "hides the dead": sessions((whole) => ({
      async byDigest(digest) {
        const session = await whole.byDigest(digest);
        return session && session.expiresAt > session.createdAt ? session : undefined;
      },
    })),
    "loses when their user came": sessions((whole) => ({
      byDigest: async (digest) =>
        edited(await whole.byDigest(digest), ({ user }) => ({ user: { ...user, createdAt: 0 } })),
    })),
  },
  "store contract SessionRepository.byDigest returns undefined for any other text": {
    "ignores case": sessions((whole) => ({ byDigest: (digest) => whole.byDigest(digest.toLowerCase()) })),
  },
  "store contract SessionRepository.remove removes that session only, and returns false when there is none": {
    "removes them twice": sessions((whole) => ({ remove: async (id) => (await whole.remove(id)) || true })),
    "removes all of the user's": sessions((whole) => ({
      async remove(id) {
        const removed = await whole.remove(id);
        await whole.removeExpired(ana.id, MAX_ID);
        return removed;
      },
    })),
  },
  "store contract SessionRepository.removeExpired removes the user's sessions with `expiresAt` <= `now` only":
    {
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
  "store contract SessionRepository.ofUser returns the sessions of that user by creation time, then by id": {
    "lists the last one first": sessions((whole) => ({
      ofUser: async (id) => (await whole.ofUser(id)).toReversed(),
    })),
    "goes by id alone": sessions((whole) => ({
      ofUser: async (id) => (await whole.ofUser(id)).toSorted((one, other) => (one.id < other.id ? -1 : 1)),
    })),
    "leaves tokens out": sessions((whole) => ({
      ofUser: async (id) => (await whole.ofUser(id)).filter(({ kind }) => kind === "cookie"),
    })),
    "lists everybody's": sessions((whole) => ({
      ofUser: async (id) => [...(await whole.ofUser(id)), ...(await whole.ofUser(bo.id))],
    })),
  },
  "store contract SessionRepository.touch updates `lastSeenAt` and `expiresAt` of that session only": {
    "keeps what they were": sessions(() => ({ touch: async () => true })),
    "keeps one of the two": sessions((whole) => ({
      touch: (session) => whole.touch({ ...session, expiresAt: 10 }),
    })),
    "touches all of the user's": sessions((whole) => ({
      async touch(session) {
        for (const own of await whole.ofUser(session.user.id)) await whole.touch({ ...session, id: own.id });
        return true;
      },
    })),
    "keeps the rest too": sessions((whole) => ({
      async touch(session) {
        await whole.remove(session.id);
        await whole.add(session, "used");
        return true;
      },
    })),
  },
  "store contract SessionRepository.touch returns false for a removed session and does not restore it": {
    "brings them back": sessions((whole) => ({
      async touch(session) {
        if (!(await whole.touch(session))) await whole.add(session, "removed");
        return false;
      },
    })),
    "does not tell": sessions((whole) => ({
      touch: async (session) => (await whole.touch(session)) || true,
    })),
  },
};

function lower(key: IdempotencyKey): string {
  return key.toLowerCase();
}

function cut(key: IdempotencyKey): IdempotencyKey {
  return key.slice(0, 63) as IdempotencyKey;
}
