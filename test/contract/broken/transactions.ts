import { openMemoryStore } from "../../../src/adapters/memory/store.js";
import type { Repositories, UserRepository } from "../../../src/application/ports.js";
import type { ChatId } from "../../../src/domain/chat.js";
import type { Message } from "../../../src/domain/message.js";
import type { Session } from "../../../src/domain/session.js";
import type { User, UserId } from "../../../src/domain/user.js";
import {
  broken,
  chats,
  edited,
  events,
  keysOfNobody,
  letOut,
  messages,
  reopened,
  users,
  withRepositories,
  type Defects,
} from "./breaking.js";
import { ana, register } from "../fixtures.js";
import type { StoreOpening } from "../store.js";

const commitsWhatFails = broken((store) => ({
  ...store,
  async transaction(work) {
    const outcome = await store.transaction(async (repositories) => {
      const [settled] = await Promise.allSettled([work(repositories)]);
      return settled;
    });
    if (outcome.status === "rejected") throw outcome.reason;
    return outcome.value;
  },
}));

const takesNoTurns = broken((store) => {
  const repositories = letOut(store);
  return { ...store, transaction: async (work) => work(await repositories) };
});

const readsOutOfTurn = broken((store) => {
  const repositories = letOut(store);
  return { ...store, read: async (work) => work(await repositories) };
});

/** Reads that begin in the midst of a transaction look at what it has written so far. */
const readsWhatIsUnderWay = broken((store) => {
  let live: Repositories | undefined;
  return {
    ...store,
    transaction: (work) =>
      store.transaction(async (all) => {
        live = all;
        try {
          return await work(all);
        } finally {
          live = undefined;
        }
      }),
    read: async (work) => (live ? work(live) : store.read(work)),
  };
});

/** Reads that begin in the midst of a transaction wait for the end of its work, but not until that is taken back. */
const readsWhatIsTakenBack = broken((store) => {
  let live: { readonly ended: Promise<Repositories>; readonly reading: Promise<unknown>[] } | undefined;
  return {
    ...store,
    transaction: (work) =>
      store.transaction(async (all) => {
        let end: (all: Repositories) => void = () => {};
        const ended = new Promise<Repositories>((resolve) => (end = resolve));
        const reading: Promise<unknown>[] = [];
        live = { ended, reading };
        try {
          return await work(all);
        } finally {
          live = undefined;
          end(all);
          await Promise.allSettled(reading);
        }
      }),
    read(work) {
      if (!live) return store.read(work);
      const read = live.ended.then(work);
      live.reading.push(read);
      return read;
    },
  };
});

/** A store that does one thing again, when the transaction it was done in has been taken back. */
function outlasting(
  what: (whole: Repositories, done: (again: (all: Repositories) => Promise<unknown>) => void) => Repositories,
): () => StoreOpening {
  return broken((store) => ({
    ...store,
    async transaction(work) {
      const done: ((all: Repositories) => Promise<unknown>)[] = [];
      try {
        return await store.transaction((all) => work(what(all, (again) => done.push(again))));
      } catch (error) {
        await store.transaction(async (all) => {
          for (const again of done) await again(all);
        });
        throw error;
      }
    },
  }));
}

/** Stores that do not keep their transactions apart, or do not keep them. */
export const brokenTransactions: Defects = {
  "store contract Store.transaction and read resolve with the result of the work": {
    "answers a copy": broken((store) => ({
      ...store,
      transaction: async (work) => structuredClone(await store.transaction(work)),
    })),
    "reads a copy": broken((store) => ({
      ...store,
      read: async (work) => structuredClone(await store.read(work)),
    })),
  },
  "store contract Store.transaction and read reject with the error that the work threw": {
    "wraps the error of a transaction": broken((store) => ({
      ...store,
      transaction: (work) => store.transaction(work).catch(wrap),
    })),
    "wraps the error of a read": broken((store) => ({
      ...store,
      read: (work) => store.read(work).catch(wrap),
    })),
  },
  "store contract Store.transaction and read see all earlier writes, and a transaction sees its own": {
    "shows a text as it was before": messages((whole) => {
      const sent = new Map<number, Message>();
      return {
        async append(...given) {
          const message = await whole.append(...given);
          sent.set(message.id, message);
          return message;
        },
        byId: async (id) => sent.get(id) ?? whole.byId(id),
      };
    }),
    "shows them when they are over": broken((store) => ({
      ...store,
      transaction: (work) =>
        store.transaction(async (all) => {
          const added: Parameters<UserRepository["add"]>[] = [];
          const add: UserRepository["add"] = async (...each) => {
            added.push(each);
            return !(await all.users.byKey(each[1]));
          };
          const result = await work({ ...all, users: { ...all.users, add } });
          for (const each of added) await all.users.add(...each);
          return result;
        }),
    })),
  },
  "store contract Store.transaction rolls back every write when the work throws": {
    "commits it": commitsWhatFails,
    ...Object.fromEntries(
      (["users", "sessions", "events"] as const).map((noun) => [
        `commits the ${noun}`,
        broken((store) => {
          const other = letOut(openMemoryStore());
          return {
            ...store,
            transaction: (work) =>
              store.transaction(async (all) => work({ ...all, [noun]: (await other)[noun] })),
            read: (work) => store.read(async (all) => work({ ...all, [noun]: (await other)[noun] })),
          };
        }),
      ]),
    ),
    "keeps a title": outlasting(({ chats: whole, ...others }, done) => ({
      ...others,
      chats: {
        ...whole,
        rename(...given) {
          done((all) => all.chats.rename(...given));
          return whole.rename(...given);
        },
      },
    })),
    "keeps how far somebody has read": outlasting(({ chats: whole, ...others }, done) => ({
      ...others,
      chats: {
        ...whole,
        setRead(...given) {
          done((all) => all.chats.setRead(...given));
          return whole.setRead(...given);
        },
      },
    })),
    "keeps the times at which somebody joined": outlasting(({ chats: whole, ...others }, done) => ({
      ...others,
      chats: {
        ...whole,
        addParticipant(...given) {
          done(async ({ chats: again }) => {
            if (await again.removeParticipant(given[0], given[1])) await again.addParticipant(...given);
          });
          return whole.addParticipant(...given);
        },
      },
    })),
    "keeps an edited text": outlasting(({ messages: whole, ...others }, done) => ({
      ...others,
      messages: {
        ...whole,
        update(message) {
          if (message.deletedAt === null) done((all) => all.messages.update(message));
          return whole.update(message);
        },
      },
    })),
    "keeps that a message was deleted": outlasting(({ messages: whole, ...others }, done) => ({
      ...others,
      messages: {
        ...whole,
        update(message) {
          if (message.deletedAt !== null) done((all) => all.messages.update(message));
          return whole.update(message);
        },
      },
    })),
    "remembers a key": keysOfNobody,
    "counts the messages that it took back": broken((store) => {
      const counts = new Map<ChatId, number>();
      return withRepositories(store, (all) => ({
        ...all,
        messages: {
          ...all.messages,
          async append(draft) {
            const seq = (counts.get(draft.chatId) ?? 0) + 1;
            counts.set(draft.chatId, seq);
            return { ...(await all.messages.append(draft)), seq };
          },
        },
      }));
    }),
  },
  "store contract Store.transaction runs 50 concurrent transactions as if one after the other, without gaps in seq":
    { "takes no turns": takesNoTurns },
  "store contract Store.transaction rolls back only the failed ones of 50 concurrent transactions": {
    "commits what fails": commitsWhatFails,
    "takes no turns": takesNoTurns,
    "does not recover": broken((store) => {
      let last: Promise<unknown> = Promise.resolve();
      return {
        ...store,
        transaction(work) {
          const result = last.then(() => store.transaction(work));
          last = result;
          return result;
        },
      };
    }),
  },
  "store contract Store.transaction gives a username to one of 50 concurrent users and opens one p2p chat for all":
    {
      "adds a user whom it did not see in time": users((whole) => ({
        add: async (...added) => (await whole.add(...added)) || true,
      })),
      "opens a chat that it did not see in time": chats((whole) => ({
        openP2p: async (pair, createdAt) => ({ ...(await whole.openP2p(pair, createdAt)), createdAt }),
      })),
    },
  "store contract Store.read sees one state from beginning to end while transactions wait": {
    "reads out of turn": readsOutOfTurn,
  },
  "store contract Store.read never sees half of a transaction": {
    "reads out of turn": readsOutOfTurn,
  },
  "store contract Store.read begun during a transaction, sees all or nothing of it, and nothing after a rollback":
    {
      "reads what is under way": readsWhatIsUnderWay,
      "reads what is taken back": readsWhatIsTakenBack,
    },
  "store contract Store.transaction and read share no mutable value with their callers": {
    "holds what it was given": broken((store) => {
      const held = new Map<UserId, User>();
      return withRepositories(store, (all) => ({
        ...all,
        users: {
          ...all.users,
          add(user, key, digest) {
            held.set(user.id, user);
            return all.users.add(user, key, digest);
          },
          byId: async (id) => held.get(id),
        },
      }));
    }),
    "hands out what it holds": broken((store) => {
      const held = new Map<string, Session>();
      return withRepositories(store, (all) => ({
        ...all,
        sessions: {
          ...all.sessions,
          async byDigest(digest) {
            const session = held.get(digest) ?? (await all.sessions.byDigest(digest));
            if (session) held.set(digest, { ...session });
            return held.get(digest);
          },
        },
      }));
    }),
  },

  "store contract EventLog.bounds returns an epoch that no other store has": {
    "has a name that all have": events((whole) => ({
      bounds: async () => ({ ...(await whole.bounds()), epoch: "0123456789abcdef" }),
    })),
    "has a name that is none": events((whole) => ({
      bounds: async () => edited(await whole.bounds(), ({ epoch }) => ({ epoch: epoch.toUpperCase() + "-" })),
    })),
  },
  "store contract Store.status reports no fault, and counts stored transactions but not rolled-back ones": {
    "counts all": broken((store) => {
      let transactions = 0;
      return {
        ...store,
        transaction(work) {
          transactions += 1;
          return store.transaction(work);
        },
        status: () => ({ ...store.status(), transactions }),
      };
    }),
    "has a fault": broken((store) => ({ ...store, status: () => ({ ...store.status(), fault: "" }) })),
    "commits what it does not store": broken((store) => ({
      ...store,
      status: () => ({ ...store.status(), commits: store.status().transactions + 1 }),
    })),
  },
  "store contract Store.close waits for the transactions and reads that have begun": {
    "does not wait for it": broken((store) => ({ ...store, close: async () => {} })),
    "drops it": broken((store) => {
      let closed = false;
      return {
        ...store,
        async transaction(work) {
          const result = await store.transaction(work);
          if (closed) throw new Error("closed");
          return result;
        },
        close() {
          closed = true;
          return store.close();
        },
      };
    }),
  },
  "store contract A reopened store contains everything that was stored, and continues every numbering": {
    "keeps nothing": reopened(async () => openMemoryStore()),
    "forgets the sessions": reopened(async (kept) =>
      withRepositories(kept, (all) => ({
        ...all,
        sessions: { ...all.sessions, byDigest: async () => undefined },
      })),
    ),
    "takes another name": reopened(async (kept) =>
      withRepositories(kept, (all) => ({
        ...all,
        events: {
          ...all.events,
          bounds: async () => ({ ...(await all.events.bounds()), epoch: "0123456789abcdef" }),
        },
      })),
    ),
    "forgets the keys": reopened(async (kept) =>
      withRepositories(kept, (all) => ({
        ...all,
        messages: { ...all.messages, append: (draft) => all.messages.append(draft) },
      })),
    ),
    "forgets how far everybody has read": reopened(async (kept) =>
      withRepositories(kept, (all) => ({
        ...all,
        chats: {
          ...all.chats,
          overview: async (...asked) => edited(await all.chats.overview(...asked), () => ({ readSeq: 0 })),
        },
      })),
    ),
    "counts anew": reopened(async (kept) =>
      withRepositories(kept, (all) => ({
        ...all,
        messages: {
          ...all.messages,
          append: async (draft) => ({ ...(await all.messages.append(draft)), seq: 1 }),
        },
      })),
    ),
  },
  "store contract A reopened store counts transactions from 0": {
    "goes on counting": reopened(async (kept) => kept),
  },
  "store contract A reopened store is empty if nothing was stored": {
    "makes something up": reopened(async (kept) => {
      await register(kept, ana);
      return kept;
    }),
  },
};

function wrap(cause: unknown): never {
  throw new Error("The store failed.", { cause });
}
