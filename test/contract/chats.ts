import assert from "node:assert/strict";
import type { Store } from "../../src/application/ports.js";
import { pairOf, type ChatId } from "../../src/domain/chat.js";
import type { User, UserId } from "../../src/domain/user.js";
import { GREATEST, HARD_TEXTS, LAST_TIME, ana, bo, cy, openGroup, register, type Runner } from "./scene.js";

export function chatContract({ describe, it, beforeEach }: Runner, store: () => Store): void {
  describe("chats", () => {
    beforeEach(() => register(store(), ana, bo, cy));

    it("of a group are found by their participants as they were made, each under an id of its own", async () => {
      const made = [
        { title: null, createdAt: 0 },
        ...HARD_TEXTS.map((title) => ({ title, createdAt: LAST_TIME })),
      ];
      const chats = await store().transaction(async (repositories) => {
        const added = [];
        for (const { title, createdAt } of made) {
          const chat = await repositories.chats.addGroup(title, createdAt);
          await repositories.chats.addParticipant(chat.id, ana.id, LAST_TIME);
          assert.ok(Number.isSafeInteger(chat.id) && chat.id > 0);
          assert.deepEqual(chat, { id: chat.id, kind: "group", title, createdAt });
          added.push(chat);
        }
        return added;
      });
      assert.equal(new Set(chats.map(({ id }) => id)).size, made.length);
      await store().read(async (repositories) => {
        for (const chat of chats) {
          assert.deepEqual(await repositories.chats.ofParticipant(chat.id, ana.id), chat);
        }
      });
    });

    it("of a group begin without participants", async () => {
      const chat = await openGroup(store());
      await store().read(async ({ chats }) => {
        for (const user of [ana, bo, cy]) {
          assert.equal(await chats.ofParticipant(chat.id, user.id), undefined);
        }
      });
    });

    it("are hidden from everybody else", async () => {
      const chat = await openGroup(store(), ana);
      await openGroup(store(), bo);
      await store().read(async ({ chats }) => {
        assert.equal(await chats.ofParticipant(chat.id, bo.id), undefined);
        assert.equal(await chats.ofParticipant(chat.id, "nobody" as UserId), undefined);
        for (const unknown of [0, -1, GREATEST]) {
          assert.equal(await chats.ofParticipant(unknown as ChatId, ana.id), undefined);
        }
      });
    });

    it("take a participant once", async () => {
      const chat = await openGroup(store(), ana);
      await store().transaction(async ({ chats }) => {
        assert.equal(await chats.addParticipant(chat.id, bo.id, 1), true);
        assert.equal(await chats.addParticipant(chat.id, bo.id, 2), false);
        assert.equal(await chats.addParticipant(chat.id, ana.id, 2), false);
        assert.deepEqual(await chats.ofParticipant(chat.id, bo.id), chat);
      });
    });

    it("lose a participant once", async () => {
      const chat = await openGroup(store(), ana, bo);
      const other = await openGroup(store(), ana, bo);
      await store().transaction(async ({ chats }) => {
        assert.equal(await chats.removeParticipant(chat.id, bo.id), true);
        assert.equal(await chats.removeParticipant(chat.id, bo.id), false);
        assert.equal(await chats.removeParticipant(chat.id, cy.id), false);
        assert.equal(await chats.removeParticipant(GREATEST as ChatId, ana.id), false);
      });
      await store().read(async ({ chats }) => {
        assert.equal(await chats.ofParticipant(chat.id, bo.id), undefined);
        assert.deepEqual(await chats.ofParticipant(chat.id, ana.id), chat);
        assert.deepEqual(await chats.ofParticipant(other.id, bo.id), other);
      });
    });

    it("take back who has left", async () => {
      const chat = await openGroup(store(), ana, bo);
      await store().transaction(({ chats }) => chats.removeParticipant(chat.id, bo.id));
      await store().transaction(async ({ chats }) => {
        assert.equal(await chats.addParticipant(chat.id, bo.id, 3), true);
      });
      await store().read(async ({ chats }) => {
        assert.deepEqual(await chats.ofParticipant(chat.id, bo.id), chat);
      });
    });

    it("of a group take another title, or none, and no other chat with them", async () => {
      const chat = await openGroup(store(), ana);
      const other = await openGroup(store(), ana);
      for (const title of [...HARD_TEXTS, null, "again"]) {
        await store().transaction(({ chats }) => chats.rename(chat.id, title));
        await store().read(async ({ chats }) => {
          assert.deepEqual(await chats.ofParticipant(chat.id, ana.id), { ...chat, title });
          assert.deepEqual(await chats.ofParticipant(other.id, ana.id), other);
        });
      }
    });

    it("tell who is in them and since when, in the order in which they joined, those of one millisecond by id", async () => {
      const chat = await openGroup(store());
      const other = await openGroup(store(), cy);
      const participants = () => store().read(({ chats }) => chats.participants(chat.id));
      assert.deepEqual(await participants(), []);
      const joined = ({ id, username }: User, joinedAt: number) => ({ id, username, joinedAt });
      await store().transaction(async ({ chats }) => {
        await chats.addParticipant(chat.id, cy.id, 5);
        await chats.addParticipant(chat.id, bo.id, 5);
        await chats.addParticipant(chat.id, ana.id, LAST_TIME);
        await chats.addParticipant(chat.id, bo.id, 9);
      });
      assert.deepEqual(await participants(), [joined(bo, 5), joined(cy, 5), joined(ana, LAST_TIME)]);
      await store().transaction(async ({ chats }) => {
        await chats.removeParticipant(chat.id, ana.id);
        await chats.removeParticipant(chat.id, bo.id);
        await chats.removeParticipant(other.id, cy.id);
        await chats.addParticipant(chat.id, ana.id, 0);
      });
      assert.deepEqual(await participants(), [joined(ana, 0), joined(cy, 5)]);
      await store().read(async ({ chats }) => {
        for (const id of [other.id, 0, GREATEST]) {
          assert.deepEqual(await chats.participants(id as ChatId), []);
        }
      });
    });

    it("of two people are one chat from both sides, made when it is first opened", async () => {
      const chat = await store().transaction(({ chats }) => chats.openP2p(pairOf(ana.id, bo.id), 5));
      assert.deepEqual(chat, { id: chat.id, kind: "p2p", title: null, createdAt: 5 });
      await store().transaction(async ({ chats }) => {
        assert.deepEqual(await chats.openP2p(pairOf(bo.id, ana.id), 6), chat);
      });
      await store().read(async ({ chats }) => {
        assert.deepEqual(await chats.p2p(pairOf(bo.id, ana.id)), chat);
        assert.deepEqual(await chats.ofParticipant(chat.id, ana.id), chat);
        assert.deepEqual(await chats.ofParticipant(chat.id, bo.id), chat);
        assert.equal(await chats.ofParticipant(chat.id, cy.id), undefined);
      });
    });

    it("of two people do not exist before they are opened, however often they are looked for", async () => {
      for (let time = 0; time < 2; time += 1) {
        await store().read(async ({ chats }) => {
          for (const peer of [bo.id, ana.id, "nobody" as UserId]) {
            assert.equal(await chats.p2p(pairOf(ana.id, peer)), undefined);
          }
        });
      }
    });

    it("of two people are a chat for each pair, also for the pair of one person", async () => {
      const pairs = [
        pairOf(ana.id, ana.id),
        pairOf(ana.id, bo.id),
        pairOf(ana.id, cy.id),
        pairOf(bo.id, bo.id),
        pairOf(bo.id, cy.id),
      ];
      const opened = await store().transaction(async ({ chats }) => {
        const made = [];
        for (const pair of pairs) made.push(await chats.openP2p(pair, 5));
        return made;
      });
      assert.equal(new Set(opened.map(({ id }) => id)).size, pairs.length);
      await store().read(async ({ chats }) => {
        for (const [index, pair] of pairs.entries()) {
          assert.deepEqual(await chats.p2p(pair), opened[index]);
          for (const user of [ana, bo, cy]) {
            const seen = await chats.ofParticipant(opened[index]!.id, user.id);
            assert.deepEqual(seen, pair.includes(user.id) ? opened[index] : undefined);
          }
        }
      });
    });
  });
}
