import assert from "node:assert/strict";
import type { Store } from "../../src/application/ports.js";
import { pairOf, type ChatId } from "../../src/domain/chat.js";
import type { Message, MessageText } from "../../src/domain/message.js";
import { usernameKey, type UserId } from "../../src/domain/user.js";
import { GREATEST, LAST_TIME, ana, bo, cy, openGroup, person, register, say, type Runner } from "./scene.js";

/** What the operator of a service asks of a store: lists of all there is, and who is kept out. */
export function administrationContract({ describe, it }: Runner, store: () => Store): void {
  const disabledAtOf = (...people: readonly { readonly username: string }[]) =>
    store().read(async ({ users }) => {
      const found = [];
      for (const { username } of people) {
        found.push((await users.credentials(usernameKey(username)))?.disabledAt);
      }
      return found;
    });

  describe("for the operator", () => {
    it("keeps since when a user is disabled, and nothing else of them changes, nor of anybody else", async () => {
      await register(store(), ana, bo);
      assert.deepEqual(await disabledAtOf(ana, bo), [null, null]);
      for (const disabledAt of [LAST_TIME, 0, 5, null]) {
        await store().transaction(async ({ users }) => {
          assert.equal(await users.setDisabledAt(ana.id, disabledAt), true);
          assert.equal(await users.setDisabledAt("nobody" as UserId, 1), false);
        });
        assert.deepEqual(await disabledAtOf(ana, bo), [disabledAt, null]);
      }
      await store().transaction(async ({ users }) => {
        await users.setDisabledAt(ana.id, 7);
        await users.replacePassword(ana.id, "new digest");
      });
      await store().read(async ({ users }) => {
        assert.deepEqual(await users.credentials(usernameKey(ana.username)), {
          user: ana,
          passwordDigest: "new digest",
          disabledAt: 7,
        });
        assert.deepEqual(await users.byId(ana.id), ana);
      });
    });

    it("lists all users by id, whenever they came, page by page", async () => {
      const people = ["c", "a", "e", "b", "d"].map(person);
      await register(store(), ...people);
      const [one, two, three, four, five] = people.toSorted((a, b) => (a.id < b.id ? -1 : 1));
      await store().transaction(({ users }) => users.setDisabledAt(two!.id, 7));
      await store().read(async ({ users }) => {
        const page = async (after: UserId | undefined, limit: number) =>
          (await users.list({ after, limit })).map(({ user, disabledAt }) => [user, disabledAt]);
        const accounts = [one, two, three, four, five].map((user) => [user, user === two ? 7 : null]);
        assert.deepEqual(await page(undefined, GREATEST), accounts);
        assert.deepEqual(await page(undefined, 2), accounts.slice(0, 2));
        assert.deepEqual(await page(two!.id, 2), accounts.slice(2, 4));
        assert.deepEqual(await page(four!.id, 2), accounts.slice(4));
        assert.deepEqual(await page(five!.id, 2), []);
        assert.deepEqual(await page(three!.id.slice(0, -1) as UserId, 1), accounts.slice(2, 3));
        assert.deepEqual(await page(undefined, 0), []);
        assert.deepEqual(Object.keys((await users.list({ after: undefined, limit: 1 }))[0]!).toSorted(), [
          "disabledAt",
          "user",
        ]);
      });
    });

    it("lists all chats by id, whoever is in them, page by page", async () => {
      await register(store(), ana, bo, cy);
      const empty = await store().transaction(({ chats }) => chats.addGroup("nobody's", LAST_TIME));
      const p2p = await store().transaction(({ chats }) => chats.openP2p(pairOf(bo.id, ana.id), 5));
      const group = await openGroup(store(), ana, bo, cy);
      const own = await store().transaction(({ chats }) => chats.openP2p(pairOf(cy.id, cy.id), 6));
      const [first, second] = await say(store(), group, ana, "a", "b");
      await say(store(), own, cy, "c");
      await store().transaction(async ({ chats, messages }) => {
        await messages.update({ ...second!, text: "" as MessageText, deletedAt: 9 });
        await chats.removeParticipant(group.id, ana.id);
      });
      const silent = { between: [], lastSeq: 0, lastSentAt: null };
      const { sentAt } = first!;
      const summaries = [
        { ...silent, chat: empty, participantCount: 0 },
        { ...silent, chat: p2p, between: ["ana", "bo"], participantCount: 2 },
        { chat: group, between: [], participantCount: 2, lastSeq: 2, lastSentAt: sentAt },
        { chat: own, between: ["cy"], participantCount: 1, lastSeq: 1, lastSentAt: sentAt },
      ];
      await store().read(async ({ chats }) => {
        const page = (after: ChatId | undefined, limit: number) => chats.list({ after, limit });
        assert.deepEqual(await page(undefined, GREATEST), summaries);
        assert.deepEqual(await page(undefined, 1), summaries.slice(0, 1));
        assert.deepEqual(await page(empty.id, 2), summaries.slice(1, 3));
        assert.deepEqual(await page(group.id, 2), summaries.slice(3));
        assert.deepEqual(await page(own.id, 2), []);
        assert.deepEqual(await page(undefined, 0), []);
      });
    });

    it("finds what a user sent, between two ids, the oldest first, also where they have left", async () => {
      await register(store(), ana, bo);
      const group = await openGroup(store(), ana, bo);
      const other = await openGroup(store(), ana);
      const mine: Message[] = [];
      for (const chat of [group, other, group]) {
        mine.push(...(await say(store(), chat, ana, "mine")));
        await say(store(), chat, bo, "not mine");
      }
      const [first, second, third] = mine;
      const gone = { ...second!, text: "" as MessageText, deletedAt: 9 };
      await store().transaction(async ({ chats, messages }) => {
        await messages.update(gone);
        await chats.removeParticipant(group.id, ana.id);
      });
      await store().read(async ({ messages }) => {
        const sent = (after: number, upTo: number) => messages.sentBy(ana.id, { after, upTo });
        assert.deepEqual(await sent(0, GREATEST), [first, gone, third]);
        assert.deepEqual(await sent(first!.id, third!.id), [gone, third]);
        assert.deepEqual(await sent(first!.id, third!.id - 1), [gone]);
        assert.deepEqual(await sent(first!.id - 1, first!.id), [first]);
        assert.deepEqual(await sent(third!.id, GREATEST), []);
        assert.deepEqual(await sent(third!.id, first!.id), []);
        assert.deepEqual(await messages.sentBy("nobody" as UserId, { after: 0, upTo: GREATEST }), []);
      });
    });
  });
}
