import type { ChatId } from "../../../src/domain/chat.js";
import { usernameKey } from "../../../src/domain/user.js";
import { chats, edited, messages, users, type Defects } from "./breaking.js";
import { MAX_ID, ana, bo } from "../fixtures.js";

/** Stores that tell the operator the wrong things, or keep in who is to be kept out. */
export const brokenAdministration: Defects = {
  "store contract UserRepository.setDisabledAt sets and clears the time for that user only, and returns false for an unknown user":
    {
      "keeps nothing": users(() => ({ setDisabledAt: async (id) => id === ana.id })),
      "takes the beginning of time for no time": users((whole) => ({
        setDisabledAt: (id, at) => whole.setDisabledAt(id, at || null),
      })),
      "keeps times in 32 bits": users((whole) => ({
        setDisabledAt: (id, at) => whole.setDisabledAt(id, at === null ? null : at | 0),
      })),
      "does not enable": users((whole) => ({
        setDisabledAt: async (id, at) => (at === null ? true : whole.setDisabledAt(id, at)),
      })),
      "does not tell": users((whole) => ({
        setDisabledAt: async (...set) => (await whole.setDisabledAt(...set)) || true,
      })),
      "disables everybody": users((whole) => ({
        async setDisabledAt(id, at) {
          await whole.setDisabledAt(bo.id, at);
          return whole.setDisabledAt(id, at);
        },
      })),
      "enables with another password": users((whole) => ({
        async replacePassword(id, digest) {
          await whole.setDisabledAt(id, null);
          return whole.replacePassword(id, digest);
        },
      })),
      "shows the others something of it": users((whole) => ({
        async byId(id) {
          const found = await whole.byId(id);
          const account = found && (await whole.credentials(usernameKey(found.username)));
          return edited(found, () => ({ disabledAt: account?.disabledAt }) as object);
        },
      })),
    },
  "store contract UserRepository.list returns all accounts by id, page by page, without their digests": {
    "lists the last one first": users((whole) => ({
      list: async (page) => (await whole.list(page)).toReversed(),
    })),
    "takes `after` with it": users((whole) => ({
      async list({ after, limit }) {
        const all = await whole.list({ after: undefined, limit: MAX_ID });
        return all.filter(({ user }) => after === undefined || user.id >= after).slice(0, limit);
      },
    })),
    "looks for `after` itself": users((whole) => ({
      async list({ after, limit }) {
        const all = await whole.list({ after: undefined, limit: MAX_ID });
        const place = all.findIndex(({ user }) => user.id === after);
        return after !== undefined && place === -1 ? [] : all.slice(place + 1, place + 1 + limit);
      },
    })),
    "takes 0 for no limit": users((whole) => ({
      list: ({ after, limit }) => whole.list({ after, limit: limit || MAX_ID }),
    })),
    "leaves out who is disabled": users((whole) => ({
      list: async (page) => (await whole.list(page)).filter(({ disabledAt }) => disabledAt === null),
    })),
    "says that nobody is disabled": users((whole) => ({
      list: async (page) => (await whole.list(page)).map((account) => ({ ...account, disabledAt: null })),
    })),
    "gives away digests": users((whole) => ({
      async list(page) {
        const found = [];
        for (const { user } of await whole.list(page)) {
          found.push((await whole.credentials(usernameKey(user.username)))!);
        }
        return found;
      },
    })),
  },
  "store contract ChatRepository.list returns all chats by id, page by page, including those without participants":
    {
      "leaves out those that nobody is in": chats((whole) => ({
        list: async (page) => (await whole.list(page)).filter(({ participantCount }) => participantCount > 0),
      })),
      "takes `after` with it": chats((whole) => ({
        list: ({ after, limit }) =>
          whole.list({ after: after === undefined ? after : ((after - 1) as ChatId), limit }),
      })),
      "gives one too many": chats((whole) => ({
        list: ({ after, limit }) => whole.list({ after, limit: limit + 1 }),
      })),
      "names oneself twice": chats((whole) => ({
        list: async (page) =>
          (await whole.list(page)).map((each) => {
            const [one] = each.between;
            return each.between.length === 1 ? { ...each, between: [one!, one!] } : each;
          }),
      })),
      "counts no deleted messages": chats((whole) => ({
        list: async (page) =>
          (await whole.list(page)).map((each) => ({ ...each, lastSeq: Math.min(each.lastSeq, 1) })),
      })),
      "does not know when it was last written to": chats((whole) => ({
        list: async (page) =>
          (await whole.list(page)).map((each) => ({ ...each, lastSentAt: each.lastSentAt ?? 0 })),
      })),
    },
  "store contract MessageRepository.sentBy returns what the user sent with `after` < id <= `upTo`, including to chats they left":
    {
      "forgets it when they leave": messages((whole) => ({
        sentBy: async (id, span) =>
          (await whole.ofUser(id, { ...span, limit: MAX_ID, from: "oldest" })).filter(
            ({ sender }) => sender.id === id,
          ),
      })),
      "finds what others sent, too": messages((whole) => ({
        sentBy: async (id, span) => [...(await whole.sentBy(id, span)), ...(await whole.sentBy(bo.id, span))],
      })),
      "begins with `after`": messages((whole) => ({
        sentBy: (id, { after, upTo }) => whole.sentBy(id, { after: after - 1, upTo }),
      })),
      "stops before `upTo`": messages((whole) => ({
        sentBy: (id, { after, upTo }) => whole.sentBy(id, { after, upTo: upTo - 1 }),
      })),
      "gives the newest first": messages((whole) => ({
        sentBy: async (...asked) => (await whole.sentBy(...asked)).toReversed(),
      })),
      "leaves out what is deleted": messages((whole) => ({
        sentBy: async (...asked) =>
          (await whole.sentBy(...asked)).filter(({ deletedAt }) => deletedAt === null),
      })),
    },
};
