import assert from "node:assert/strict";
import type { MessageReader, Slice, Store } from "../../src/application/ports.js";
import { pairOf, type Chat, type ChatId } from "../../src/domain/chat.js";
import type { IdempotencyKey, Message, MessageId, MessageText } from "../../src/domain/message.js";
import type { User, UserId } from "../../src/domain/user.js";
import {
  GREATEST,
  HARD_TEXTS,
  LAST_TIME,
  ana,
  bo,
  cy,
  draft,
  openGroup,
  register,
  say,
  type Runner,
} from "./scene.js";

const ALL: Slice = { after: 0, upTo: GREATEST, limit: GREATEST, from: "oldest" };

export function messageContract({ describe, it, beforeEach }: Runner, store: () => Store): void {
  const ofUser = (id: UserId, slice: Slice = ALL) =>
    store().read(({ messages }) => messages.ofUser(id, slice));
  const ofChat = (id: ChatId, slice: Slice = ALL) =>
    store().read(({ messages }) => messages.ofChat(id, slice));

  describe("messages", () => {
    beforeEach(() => register(store(), ana, bo, cy));

    it("are found in every list as they were answered when they were stored", async () => {
      const chat = await openGroup(store(), ana, bo);
      const drafts = HARD_TEXTS.map((text, index) => draft(chat, ana, text, index % 2 ? LAST_TIME : 0));
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
        sentAt,
        editedAt: null,
        deletedAt: null,
      }));
      assert.deepEqual(sent, expected);
      assert.deepEqual(await ofChat(chat.id), expected);
      assert.deepEqual(await ofUser(bo.id), expected);
    });

    it("count 1, 2, 3 in each chat, while their ids grow over all chats", async () => {
      const one = await openGroup(store(), ana);
      const other = await openGroup(store(), ana);
      const sent = [
        ...(await say(store(), one, ana, "a", "b")),
        ...(await say(store(), other, ana, "c")),
        ...(await say(store(), one, ana, "d")),
        ...(await say(store(), other, ana, "e", "f")),
      ];
      assert.deepEqual(
        sent.map(({ seq }) => seq),
        [1, 2, 1, 3, 2, 3],
      );
      const ids = idsOf(sent);
      assert.ok(ids.every((id, index) => Number.isSafeInteger(id) && id > (ids[index - 1] ?? 0)));
    });

    it("have 0 as the last id before the first of them, then the id of the last", async () => {
      const lastId = () => store().read(({ messages }) => messages.lastId());
      const chat = await openGroup(store(), ana);
      assert.equal(await lastId(), 0);
      for (const text of ["a", "b"]) {
        const [message] = await say(store(), chat, ana, text);
        assert.equal(await lastId(), message!.id);
      }
    });

    it("come in the order in which they were stored, also where their times are equal or fall", async () => {
      const chat = await openGroup(store(), ana);
      const other = await openGroup(store(), ana);
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

    it("are nowhere for a chat or a user that does not exist", async () => {
      await say(store(), await openGroup(store(), ana), ana, "a");
      assert.deepEqual(await ofChat(GREATEST as ChatId), []);
      assert.deepEqual(await ofChat(0 as ChatId), []);
      assert.deepEqual(await ofUser("nobody" as UserId), []);
      assert.deepEqual(await ofUser(bo.id), []);
    });

    it("of a chat are those of that chat alone, whoever wrote them", async () => {
      const one = await openGroup(store(), ana, bo);
      const other = await openGroup(store(), ana, bo);
      const [first] = await say(store(), one, ana, "a");
      await say(store(), other, ana, "b");
      const [last] = await say(store(), one, bo, "c");
      assert.deepEqual(await ofChat(one.id), [first, last]);
    });

    it("of a user are those of all their chats, merged, and of no other chat", async () => {
      const chats = [await openGroup(store(), ana, bo), await openGroup(store(), bo, cy)];
      for (const pair of [pairOf(ana.id, bo.id), pairOf(ana.id, ana.id), pairOf(bo.id, cy.id)]) {
        chats.push(await store().transaction(({ chats: repository }) => repository.openP2p(pair, 1)));
      }
      const sent: Message[] = [];
      for (const index of [0, 1, 2, 3, 4, 2, 1, 0, 4, 3, 3, 0]) {
        sent.push(...(await say(store(), chats[index]!, index === 1 || index === 4 ? bo : ana, `${index}`)));
      }
      const among = (...indices: readonly number[]) => {
        const ids = indices.map((index) => chats[index]!.id);
        return sent.filter(({ chatId }) => ids.includes(chatId));
      };
      assert.deepEqual(await ofUser(ana.id), among(0, 2, 3));
      assert.deepEqual(await ofUser(bo.id), among(0, 1, 2, 4));
      assert.deepEqual(await ofUser(cy.id), among(1, 4));
    });

    it("of a user leave with the chat and come back with it, those of the meantime too", async () => {
      const chat = await openGroup(store(), ana, bo);
      const other = await openGroup(store(), bo);
      const sent = await say(store(), chat, ana, "a", "b");
      const own = await say(store(), other, bo, "c");
      await store().transaction(({ chats }) => chats.removeParticipant(chat.id, bo.id));
      assert.deepEqual(await ofUser(bo.id), own);
      const later = await say(store(), chat, ana, "d");
      assert.deepEqual(await ofUser(bo.id), own);
      await store().transaction(({ chats }) => chats.addParticipant(chat.id, bo.id, 9));
      assert.deepEqual(await ofUser(bo.id), [...sent, ...own, ...later]);
      assert.deepEqual(await ofUser(ana.id), [...sent, ...later]);
    });

    it("are found by their id, and by no other", async () => {
      const chat = await openGroup(store(), ana);
      const sent = await say(store(), chat, ana, ...HARD_TEXTS);
      await store().read(async ({ messages }) => {
        for (const message of sent) assert.deepEqual(await messages.byId(message.id), message);
        for (const unknown of [0, -1, 0.5, sent.at(-1)!.id + 1, GREATEST]) {
          assert.equal(await messages.byId(unknown as MessageId), undefined);
        }
      });
    });

    it("sent under a key are found by their sender and that key, with the digest of their text", async () => {
      const chat = await openGroup(store(), ana, bo);
      const digests = HARD_TEXTS.map((text) => `digest of ${text}`);
      const keys = ["a", "A", "a ", "k".repeat(64), "~", "!", "null", "0"] as IdempotencyKey[];
      const sent = await store().transaction(async ({ messages }) => {
        const appended = [];
        for (const [index, key] of keys.entries()) {
          appended.push(
            await messages.append(draft(chat, ana, HARD_TEXTS[index]!), { key, textDigest: digests[index]! }),
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

    it("are stored once under a key of their sender, whatever became of the first, and that one stays", async () => {
      const chat = await openGroup(store(), ana, bo);
      const other = await openGroup(store(), ana);
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
      const erased = { ...first, text: "" as MessageText, deletedAt: 5 };
      await store().transaction(({ messages }) => messages.update(erased));
      await assert.rejects(append(ana));
      assert.equal((await ofChat(chat.id)).length, 4);
      assert.deepEqual(await ofChat(other.id), []);
      await store().read(async ({ messages }) => {
        assert.deepEqual(await messages.sentAs(ana.id, once.key), { message: erased, textDigest: "digest" });
      });
      assert.equal((await say(store(), chat, ana, "b"))[0]!.seq, 5);
    });

    it("are found everywhere as they were last updated, and no other with them", async () => {
      const chat = await openGroup(store(), ana, bo);
      const once = { key: "key" as IdempotencyKey, textDigest: "digest" };
      const [before] = await say(store(), chat, bo, "a");
      const sent = await store().transaction(({ messages }) => messages.append(draft(chat, ana, "b"), once));
      const [after] = await say(store(), chat, ana, "c");
      const texts = [...HARD_TEXTS, ""] as MessageText[];
      const versions: Message[] = texts.flatMap((text, index) => [
        { ...sent, text, editedAt: index },
        { ...sent, text, editedAt: LAST_TIME, deletedAt: index },
        { ...sent, text, deletedAt: LAST_TIME },
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

    for (const [title, list] of [
      ["of a chat", (messages: MessageReader, chat: Chat, slice: Slice) => messages.ofChat(chat.id, slice)],
      ["of a user", (messages: MessageReader, _: Chat, slice: Slice) => messages.ofUser(bo.id, slice)],
    ] as const) {
      const sliceOf = (chat: Chat, slice: Partial<Slice>) =>
        store().read(async ({ messages }) => idsOf(await list(messages, chat, { ...ALL, ...slice })));

      it(`${title} begin after \`after\` and end with \`upTo\``, async () => {
        const chat = await openGroup(store(), bo);
        const ids = idsOf(await say(store(), chat, bo, "a", "b", "c", "d", "e"));
        assert.deepEqual(await sliceOf(chat, { after: ids[1]! }), ids.slice(2));
        assert.deepEqual(await sliceOf(chat, { upTo: ids[3]! }), ids.slice(0, 4));
        assert.deepEqual(await sliceOf(chat, { after: ids[0]!, upTo: ids[2]! }), ids.slice(1, 3));
        assert.deepEqual(await sliceOf(chat, { after: ids[2]!, upTo: ids[2]! }), []);
        assert.deepEqual(await sliceOf(chat, { after: ids[3]!, upTo: ids[1]! }), []);
        assert.deepEqual(await sliceOf(chat, { after: ids[4]! }), []);
        assert.deepEqual(await sliceOf(chat, { after: GREATEST }), []);
        assert.deepEqual(await sliceOf(chat, { upTo: 0 }), []);
      });

      it(`${title} are as many as the limit at the most, the oldest first`, async () => {
        const chat = await openGroup(store(), bo);
        const ids = idsOf(await say(store(), chat, bo, "a", "b", "c", "d"));
        for (const limit of [0, 1, 3, 4, 5, GREATEST]) {
          assert.deepEqual(await sliceOf(chat, { limit }), ids.slice(0, limit));
          assert.deepEqual(await sliceOf(chat, { after: ids[0]!, limit }), ids.slice(1).slice(0, limit));
        }
      });

      it(`${title} are the newest ones where those are asked for, the oldest of them first`, async () => {
        const chat = await openGroup(store(), bo);
        const ids = idsOf(await say(store(), chat, bo, "a", "b", "c", "d", "e"));
        const from = "newest";
        for (const limit of [0, 1, 3, 5, 6, GREATEST]) {
          const last = (some: readonly number[]) => some.slice(Math.max(0, some.length - limit));
          assert.deepEqual(await sliceOf(chat, { from, limit }), last(ids));
          assert.deepEqual(await sliceOf(chat, { from, limit, upTo: ids[3]! }), last(ids.slice(0, 4)));
          assert.deepEqual(await sliceOf(chat, { from, limit, after: ids[1]! }), last(ids.slice(2)));
        }
        assert.deepEqual(await sliceOf(chat, { from, upTo: 0 }), []);
        assert.deepEqual(await sliceOf(chat, { from, after: ids[2]!, upTo: ids[2]! }), []);
      });

      it(`${title} are all there once, slice by slice, from either end`, async () => {
        const chats: Chat[] = [];
        for (let count = 0; count < 9; count += 1) chats.push(await openGroup(store(), bo));
        const sent = await store().transaction(async ({ messages }) => {
          const appended = [];
          for (let index = 0; index < 150; index += 1) {
            const chat = chats[(index * index + (index >> 3)) % chats.length]!;
            appended.push(await messages.append(draft(chat, bo, `${index}`)));
          }
          return appended;
        });
        const chat = chats[0]!;
        const expected = idsOf(
          title === "of a user" ? sent : sent.filter(({ chatId }) => chatId === chat.id),
        );
        const requireProgress = (read: readonly number[]) =>
          assert.ok(
            read.length <= expected.length,
            `The slices do not end: they hold ${read.length} messages already, and there are ${expected.length}.`,
          );
        for (const limit of [1, 2, 7, 50]) {
          const read: number[] = [];
          for (let slice; slice === undefined || slice.length > 0; read.push(...slice)) {
            requireProgress(read);
            slice = await sliceOf(chat, { after: read.at(-1) ?? 0, limit });
          }
          assert.deepEqual(read, expected);
          const readBack: number[] = [];
          for (let slice; slice === undefined || slice.length > 0; readBack.unshift(...slice)) {
            requireProgress(readBack);
            slice = await sliceOf(chat, { upTo: (readBack[0] ?? GREATEST) - 1, limit, from: "newest" });
          }
          assert.deepEqual(readBack, expected);
        }
      });
    }
  });
}

function idsOf(messages: readonly Message[]): number[] {
  return messages.map(({ id }) => id);
}
