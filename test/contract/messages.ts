import assert from "node:assert/strict";
import type { Slice, Store } from "../../src/application/ports.js";
import { pairOf, type Chat, type ChatId } from "../../src/domain/chat.js";
import type { IdempotencyKey, Message, MessageId, MessageText } from "../../src/domain/message.js";
import type { User, UserId } from "../../src/domain/user.js";
import {
  MAX_ID,
  TRICKY_TEXTS,
  MAX_TIME_MS,
  PLAIN,
  ana,
  bo,
  cy,
  draft,
  createGroup,
  messagesOfUser,
  register,
  send,
  type Runner,
} from "./fixtures.js";

const ALL: Slice = { after: 0, upTo: MAX_ID, limit: MAX_ID, from: "oldest" };

/** Tests the promises of `MessageRepository`. */
export function messageContract({ describe, it, beforeEach }: Runner, store: () => Store): void {
  const ofUser = (id: UserId, slice: Slice = ALL) => messagesOfUser(store(), { id }, slice);
  const ofChat = (id: ChatId, slice: Slice = ALL) =>
    store().read(({ messages }) => messages.ofChat(id, slice));

  const describeMethod = (name: string, body: () => void) =>
    describe(`MessageRepository.${name}`, () => {
      beforeEach(() => register(store(), ana, bo, cy));
      body();
    });

  /** The promises about slices that both lists share. */
  function itReturnsSlices(method: "ofChat" | "ofUser"): void {
    const sliceOf = async (chat: Chat, part: Partial<Slice>) => {
      const slice = { ...ALL, ...part };
      const ids = idsOf(await (method === "ofChat" ? ofChat(chat.id, slice) : ofUser(bo.id, slice)));
      if (method === "ofChat" && slice.maxCharacters === undefined) {
        assert.deepEqual(await store().read(({ messages }) => messages.idsOfChat(chat.id, slice)), ids);
      }
      return ids;
    };

    it("returns messages with `after` < id <= `upTo`", async () => {
      const chat = await createGroup(store(), bo);
      const ids = idsOf(await send(store(), chat, bo, "a", "b", "c", "d", "e"));
      assert.deepEqual(await sliceOf(chat, { after: ids[1]! }), ids.slice(2));
      assert.deepEqual(await sliceOf(chat, { upTo: ids[3]! }), ids.slice(0, 4));
      assert.deepEqual(await sliceOf(chat, { after: ids[0]!, upTo: ids[2]! }), ids.slice(1, 3));
      assert.deepEqual(await sliceOf(chat, { after: ids[2]!, upTo: ids[2]! }), []);
      assert.deepEqual(await sliceOf(chat, { after: ids[3]!, upTo: ids[1]! }), []);
      assert.deepEqual(await sliceOf(chat, { after: ids[4]! }), []);
      assert.deepEqual(await sliceOf(chat, { after: MAX_ID }), []);
      assert.deepEqual(await sliceOf(chat, { upTo: 0 }), []);
    });

    it("returns the oldest messages, at most `limit`", async () => {
      const chat = await createGroup(store(), bo);
      const ids = idsOf(await send(store(), chat, bo, "a", "b", "c", "d"));
      for (const limit of [0, 1, 3, 4, 5, MAX_ID]) {
        assert.deepEqual(await sliceOf(chat, { limit }), ids.slice(0, limit));
        assert.deepEqual(await sliceOf(chat, { after: ids[0]!, limit }), ids.slice(1).slice(0, limit));
      }
    });

    it("returns the newest messages, oldest first, when asked for those", async () => {
      const chat = await createGroup(store(), bo);
      const ids = idsOf(await send(store(), chat, bo, "a", "b", "c", "d", "e"));
      const from = "newest";
      for (const limit of [0, 1, 3, 5, 6, MAX_ID]) {
        const last = (some: readonly number[]) => some.slice(Math.max(0, some.length - limit));
        assert.deepEqual(await sliceOf(chat, { from, limit }), last(ids));
        assert.deepEqual(await sliceOf(chat, { from, limit, upTo: ids[3]! }), last(ids.slice(0, 4)));
        assert.deepEqual(await sliceOf(chat, { from, limit, after: ids[1]! }), last(ids.slice(2)));
      }
      assert.deepEqual(await sliceOf(chat, { from, upTo: 0 }), []);
      assert.deepEqual(await sliceOf(chat, { from, after: ids[2]!, upTo: ids[2]! }), []);
    });

    it("ends a slice behind the message with which the texts have `maxCharacters`", async () => {
      const chat = await createGroup(store(), bo);
      const ids = idsOf(await send(store(), chat, bo, "abc", "d", "ef", "ghij", "k"));
      const oldest = (maxCharacters: number, limit = MAX_ID) => sliceOf(chat, { maxCharacters, limit });
      assert.deepEqual(await oldest(1), ids.slice(0, 1));
      assert.deepEqual(await oldest(3), ids.slice(0, 1));
      assert.deepEqual(await oldest(4), ids.slice(0, 2));
      assert.deepEqual(await oldest(5), ids.slice(0, 3));
      assert.deepEqual(await oldest(11), ids);
      assert.deepEqual(await oldest(100), ids);
      assert.deepEqual(await oldest(100, 2), ids.slice(0, 2));
      const newest = (maxCharacters: number, limit = MAX_ID) =>
        sliceOf(chat, { maxCharacters, limit, from: "newest" });
      for (const _ of ["from the store", "from a cache"]) {
        assert.deepEqual(await newest(1), ids.slice(4));
        assert.deepEqual(await newest(2), ids.slice(3));
        assert.deepEqual(await newest(5), ids.slice(3));
        assert.deepEqual(await newest(6), ids.slice(2));
        assert.deepEqual(await newest(100, 2), ids.slice(3));
        assert.deepEqual(await newest(100), ids);
      }
    });

    it("returns each message once, slice by slice, from either end", async () => {
      const chats: Chat[] = [];
      for (let count = 0; count < 9; count += 1) chats.push(await createGroup(store(), bo));
      const sent = await store().transaction(async ({ messages }) => {
        const appended = [];
        for (let index = 0; index < 150; index += 1) {
          const chat = chats[(index * index + (index >> 3)) % chats.length]!;
          appended.push(await messages.append(draft(chat, bo, `${index}`)));
        }
        return appended;
      });
      const chat = chats[0]!;
      const expected = idsOf(method === "ofUser" ? sent : sent.filter(({ chatId }) => chatId === chat.id));
      const assertProgress = (read: readonly number[]) =>
        assert.ok(
          read.length <= expected.length,
          `The slices repeat messages: ${read.length} so far, expected ${expected.length}.`,
        );
      for (const limit of [1, 2, 7, 50]) {
        const read: number[] = [];
        for (let slice; slice === undefined || slice.length > 0; read.push(...slice)) {
          assertProgress(read);
          slice = await sliceOf(chat, { after: read.at(-1) ?? 0, limit });
        }
        assert.deepEqual(read, expected);
        const readBack: number[] = [];
        for (let slice; slice === undefined || slice.length > 0; readBack.unshift(...slice)) {
          assertProgress(readBack);
          slice = await sliceOf(chat, { upTo: (readBack[0] ?? MAX_ID) - 1, limit, from: "newest" });
        }
        assert.deepEqual(readBack, expected);
      }
    });
  }

  describeMethod("append", () => {
    it("returns the stored message, which every list contains unchanged", async () => {
      const chat = await createGroup(store(), ana, bo);
      const drafts = TRICKY_TEXTS.map((text, index) => draft(chat, ana, text, index % 2 ? MAX_TIME_MS : 0));
      const sent = await store().transaction(async ({ messages }) => {
        const appended = [];
        for (const each of drafts) appended.push(await messages.append(each));
        return appended;
      });
      const expected = drafts.map(({ chatId, text, sentAt }, index) => ({
        id: sent[index]!.id,
        chatId,
        seq: index + 1,
        sender: { id: ana.id, username: ana.username },
        text,
        ...PLAIN,
        sentAt,
        editedAt: null,
        deletedAt: null,
        reactions: [],
      }));
      assert.deepEqual(sent, expected);
      assert.deepEqual(await ofChat(chat.id), expected);
      assert.deepEqual(await ofUser(bo.id), expected);
    });

    it("counts seq 1, 2, 3 in each chat while ids increase across chats", async () => {
      const one = await createGroup(store(), ana);
      const other = await createGroup(store(), ana);
      const sent = [
        ...(await send(store(), one, ana, "a", "b")),
        ...(await send(store(), other, ana, "c")),
        ...(await send(store(), one, ana, "d")),
        ...(await send(store(), other, ana, "e", "f")),
      ];
      assert.deepEqual(
        sent.map(({ seq }) => seq),
        [1, 2, 1, 3, 2, 3],
      );
      const ids = idsOf(sent);
      assert.ok(ids.every((id, index) => Number.isSafeInteger(id) && id > (ids[index - 1] ?? 0)));
    });

    it("throws for an idempotency key that the sender has used, and keeps the first message", async () => {
      const chat = await createGroup(store(), ana, bo);
      const other = await createGroup(store(), ana);
      const once = { key: "key" as IdempotencyKey, textDigest: "digest" };
      const append = (sender: User, to = chat) =>
        store().transaction(async ({ messages }) => {
          await messages.append(draft(to, sender, "before it"));
          return messages.append(draft(to, sender, "a"), once);
        });
      const first = await append(ana);
      await assert.rejects(append(ana));
      await assert.rejects(append(ana, other));
      assert.equal((await append(bo)).seq, 4);
      const deleted = { ...first, text: "" as MessageText, deletedAt: 5 };
      await store().transaction(({ messages }) => messages.update(deleted));
      await assert.rejects(append(ana));
      assert.equal((await ofChat(chat.id)).length, 4);
      assert.deepEqual(await ofChat(other.id), []);
      await store().read(async ({ messages }) => {
        assert.deepEqual(await messages.sentAs(ana.id, once.key), { message: deleted, textDigest: "digest" });
      });
      assert.equal((await send(store(), chat, ana, "b"))[0]!.seq, 5);
    });
  });

  describeMethod("lastId", () => {
    it("returns 0 before the first message, then the greatest id", async () => {
      const lastId = () => store().read(({ messages }) => messages.lastId());
      const chat = await createGroup(store(), ana);
      assert.equal(await lastId(), 0);
      for (const text of ["a", "b"]) {
        const [message] = await send(store(), chat, ana, text);
        assert.equal(await lastId(), message!.id);
      }
    });
  });

  describeMethod("settledId", () => {
    it("returns the greatest id while no transaction is open", async () => {
      const settledId = () => store().read(({ messages }) => messages.settledId());
      const chat = await createGroup(store(), ana);
      assert.equal(await settledId(), 0);
      for (const text of ["a", "b"]) {
        const [message] = await send(store(), chat, ana, text);
        assert.equal(await settledId(), message!.id);
      }
    });
  });

  describeMethod("byId", () => {
    it("returns the message with exactly that id", async () => {
      const chat = await createGroup(store(), ana);
      const sent = await send(store(), chat, ana, ...TRICKY_TEXTS);
      await store().read(async ({ messages }) => {
        for (const message of sent) assert.deepEqual(await messages.byId(message.id), message);
        for (const unknown of [0, -1, 0.5, sent.at(-1)!.id + 1, MAX_ID]) {
          assert.equal(await messages.byId(unknown as MessageId), undefined);
        }
      });
    });
  });

  describeMethod("byIds", () => {
    it("returns the messages with those ids in their order, up to the one with `maxCharacters`", async () => {
      const chat = await createGroup(store(), ana, bo);
      const sent = await send(store(), chat, bo, "abc", "d", "ef", "g");
      const [abc, d, ef] = sent as [Message, Message, Message];
      const byIds = (ids: readonly number[], maxCharacters?: number) =>
        store().read(({ messages }) => messages.byIds(ids as readonly MessageId[], { maxCharacters }));
      const ids = [ef.id, 0, abc.id, MAX_ID, d.id];
      assert.deepEqual(await byIds(ids), [ef, abc, d]);
      assert.deepEqual(await byIds(ids, 6), [ef, abc, d]);
      assert.deepEqual(await byIds(ids, 5), [ef, abc]);
      assert.deepEqual(await byIds(ids, 3), [ef, abc]);
      assert.deepEqual(await byIds(ids, 2), [ef]);
      assert.deepEqual(await byIds([]), []);
    });
  });

  describeMethod("sentAs", () => {
    it("returns the message and text digest of exactly that sender and key", async () => {
      const chat = await createGroup(store(), ana, bo);
      const digests = TRICKY_TEXTS.map((text) => `digest of ${text}`);
      const keys = ["a", "A", "a ", "k".repeat(64), "~", "!", "null", "0"] as IdempotencyKey[];
      const sent = await store().transaction(async ({ messages }) => {
        const appended = [];
        for (const [index, key] of keys.entries()) {
          appended.push(
            await messages.append(draft(chat, ana, TRICKY_TEXTS[index]!), {
              key,
              textDigest: digests[index]!,
            }),
          );
        }
        await messages.append(draft(chat, ana, "without a key"));
        return appended;
      });
      await store().read(async ({ messages }) => {
        for (const [index, key] of keys.entries()) {
          const found = { message: sent[index], textDigest: digests[index] };
          assert.deepEqual(await messages.sentAs(ana.id, key), found);
          assert.equal(await messages.sentAs(bo.id, key), undefined);
          assert.equal(await messages.sentAs("nobody" as UserId, key), undefined);
        }
        for (const unknown of ["", "b", " a", "k".repeat(63)] as IdempotencyKey[]) {
          assert.equal(await messages.sentAs(ana.id, unknown), undefined);
        }
      });
    });
  });

  describeMethod("update", () => {
    it("changes text, editedAt and deletedAt of that message only, in every list", async () => {
      const chat = await createGroup(store(), ana, bo);
      const once = { key: "key" as IdempotencyKey, textDigest: "digest" };
      const [before] = await send(store(), chat, bo, "a");
      const sent = await store().transaction(({ messages }) => messages.append(draft(chat, ana, "b"), once));
      const [after] = await send(store(), chat, ana, "c");
      const texts = [...TRICKY_TEXTS, ""] as MessageText[];
      const versions: Message[] = texts.flatMap((text, index) => [
        { ...sent, text, editedAt: index },
        { ...sent, text, editedAt: MAX_TIME_MS, deletedAt: index },
        { ...sent, text, deletedAt: MAX_TIME_MS },
      ]);
      for (const version of versions) {
        await store().transaction(({ messages }) => messages.update(version));
        assert.deepEqual(await ofChat(chat.id), [before, version, after]);
        assert.deepEqual(await ofUser(bo.id), [before, version, after]);
        await store().read(async ({ messages }) => {
          assert.deepEqual(await messages.byId(sent.id), version);
          assert.deepEqual((await messages.sentAs(ana.id, once.key))?.message, version);
        });
      }
    });
  });

  describeMethod("ofChat and ofUser", () => {
    it("order messages by id, regardless of their times", async () => {
      const chat = await createGroup(store(), ana);
      const other = await createGroup(store(), ana);
      const times = [5, 5, 4, 5, 1, 1, 9, 0];
      const sent = await store().transaction(async ({ messages }) => {
        const ids = [];
        for (const [index, time] of times.entries()) {
          ids.push((await messages.append(draft(index % 3 ? chat : other, ana, `${index}`, time))).id);
        }
        return ids;
      });
      assert.deepEqual(idsOf(await ofUser(ana.id)), sent);
      assert.deepEqual(
        idsOf(await ofChat(chat.id)),
        sent.filter((_, index) => index % 3),
      );
    });

    it("return an empty list for an unknown chat or user", async () => {
      await send(store(), await createGroup(store(), ana), ana, "a");
      assert.deepEqual(await ofChat(MAX_ID as ChatId), []);
      assert.deepEqual(await ofChat(0 as ChatId), []);
      assert.deepEqual(await ofUser("nobody" as UserId), []);
      assert.deepEqual(await ofUser(bo.id), []);
    });
  });

  describeMethod("ofChat", () => {
    it("returns the messages of that chat only, by every sender", async () => {
      const one = await createGroup(store(), ana, bo);
      const other = await createGroup(store(), ana, bo);
      const [first] = await send(store(), one, ana, "a");
      await send(store(), other, ana, "b");
      const [last] = await send(store(), one, bo, "c");
      assert.deepEqual(await ofChat(one.id), [first, last]);
    });

    itReturnsSlices("ofChat");
  });

  describeMethod("ofUser", () => {
    it("merges the messages of all chats of the user, and of no other chat", async () => {
      const chats = [await createGroup(store(), ana, bo), await createGroup(store(), bo, cy)];
      for (const pair of [pairOf(ana.id, bo.id), pairOf(ana.id, ana.id), pairOf(bo.id, cy.id)]) {
        chats.push(await store().transaction(({ chats: repository }) => repository.addP2p(pair, 1)));
      }
      const sent: Message[] = [];
      for (const index of [0, 1, 2, 3, 4, 2, 1, 0, 4, 3, 3, 0]) {
        sent.push(...(await send(store(), chats[index]!, index === 1 || index === 4 ? bo : ana, `${index}`)));
      }
      const among = (...indices: readonly number[]) => {
        const ids = indices.map((index) => chats[index]!.id);
        return sent.filter(({ chatId }) => ids.includes(chatId));
      };
      assert.deepEqual(await ofUser(ana.id), among(0, 2, 3));
      assert.deepEqual(await ofUser(bo.id), among(0, 1, 2, 4));
      assert.deepEqual(await ofUser(cy.id), among(1, 4));
    });

    it("omits a chat while the user is removed, and includes all its messages afterwards", async () => {
      const chat = await createGroup(store(), ana, bo);
      const other = await createGroup(store(), bo);
      const sent = await send(store(), chat, ana, "a", "b");
      const own = await send(store(), other, bo, "c");
      await store().transaction(({ chats }) => chats.removeParticipant(chat.id, bo.id));
      assert.deepEqual(await ofUser(bo.id), own);
      const later = await send(store(), chat, ana, "d");
      assert.deepEqual(await ofUser(bo.id), own);
      await store().transaction(({ chats }) => chats.addParticipant(chat.id, bo.id, 9));
      assert.deepEqual(await ofUser(bo.id), [...sent, ...own, ...later]);
      assert.deepEqual(await ofUser(ana.id), [...sent, ...later]);
    });

    itReturnsSlices("ofUser");
  });

  describeMethod("sentBy", () => {
    it("returns what the user sent with `after` < id <= `upTo`, including to chats they left", async () => {
      await register(store(), ana, bo);
      const group = await createGroup(store(), ana, bo);
      const other = await createGroup(store(), ana);
      const mine: Message[] = [];
      for (const chat of [group, other, group]) {
        mine.push(...(await send(store(), chat, ana, "mine")));
        await send(store(), chat, bo, "not mine");
      }
      const [first, second, third] = mine;
      const gone = { ...second!, text: "" as MessageText, deletedAt: 9 };
      await store().transaction(async ({ chats, messages }) => {
        await messages.update(gone);
        await chats.removeParticipant(group.id, ana.id);
      });
      await store().read(async ({ messages }) => {
        const sent = (after: number, upTo: number) => messages.sentBy(ana.id, { after, upTo });
        assert.deepEqual(await sent(0, MAX_ID), [first, gone, third]);
        assert.deepEqual(await sent(first!.id, third!.id), [gone, third]);
        assert.deepEqual(await sent(first!.id, third!.id - 1), [gone]);
        assert.deepEqual(await sent(first!.id - 1, first!.id), [first]);
        assert.deepEqual(await sent(third!.id, MAX_ID), []);
        assert.deepEqual(await sent(third!.id, first!.id), []);
        assert.deepEqual(await messages.sentBy("nobody" as UserId, { after: 0, upTo: MAX_ID }), []);
      });
    });
  });
}

function idsOf(messages: readonly Message[]): number[] {
  return messages.map(({ id }) => id);
}
