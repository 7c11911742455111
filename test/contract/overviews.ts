import assert from "node:assert/strict";
import type { ChatSlice, Store } from "../../src/application/ports.js";
import { pairOf, type Chat, type ChatId } from "../../src/domain/chat.js";
import type { Message, MessageText } from "../../src/domain/message.js";
import type { User, UserId } from "../../src/domain/user.js";
import { GREATEST, ana, bo, cy, openGroup, register, say, type Runner } from "./scene.js";

const ALL: ChatSlice = { asOf: GREATEST, after: undefined, limit: GREATEST };

export function overviewContract({ describe, it, beforeEach }: Runner, store: () => Store): void {
  const overview = (chat: Chat, user: User) => store().read(({ chats }) => chats.overview(chat.id, user.id));
  const listed = (user: User, page: Partial<ChatSlice> = {}) =>
    store().read(({ chats }) => chats.ofUser(user.id, { ...ALL, ...page }));
  const idsOf = async (user: User, page: Partial<ChatSlice> = {}) =>
    (await listed(user, page)).map(({ chat }) => chat.id);
  const openP2p = (one: User, other: User) =>
    store().transaction(({ chats }) => chats.openP2p(pairOf(one.id, other.id), 1));
  const join = (chat: Chat, user: User) =>
    store().transaction(({ chats }) => chats.addParticipant(chat.id, user.id, 1));
  const leave = (chat: Chat, user: User) =>
    store().transaction(({ chats }) => chats.removeParticipant(chat.id, user.id));
  const read = (chat: Chat, user: User, seq: number) =>
    store().transaction(({ chats }) => chats.setRead(chat.id, user.id, seq));

  async function erase(message: Message): Promise<Message> {
    const erased = { ...message, text: "" as MessageText, deletedAt: 7 };
    await store().transaction(({ messages }) => messages.update(erased));
    return erased;
  }

  describe("overviews", () => {
    beforeEach(() => register(store(), ana, bo, cy));

    it("are what a participant sees of a chat, and of nobody else's", async () => {
      const chat = await openGroup(store(), ana);
      const p2p = await openP2p(ana, cy);
      assert.deepEqual(await overview(chat, ana), {
        chat,
        withUsername: null,
        participantCount: 1,
        lastMessage: null,
        readSeq: 0,
        deletedSinceRead: 0,
      });
      for (const hidden of [chat, p2p]) assert.equal(await overview(hidden, bo), undefined);
      for (const id of [0, -1, GREATEST] as ChatId[]) {
        assert.equal(await overview({ ...chat, id }, ana), undefined);
      }
      assert.equal(await overview(chat, { ...ana, id: "nobody" as UserId }), undefined);
    });

    it("of a chat of two people name the other one, of the chat with oneself oneself", async () => {
      const own = await openP2p(ana, ana);
      const shared = await openP2p(bo, ana);
      for (const [chat, user, name] of [
        [own, ana, "ana"],
        [shared, ana, "bo"],
        [shared, bo, "ana"],
      ] as const) {
        assert.equal((await overview(chat, user))?.withUsername, name);
      }
    });

    it("count the participants there are, whoever comes and goes", async () => {
      const chat = await openGroup(store(), ana);
      const count = async (seen: Chat) => (await overview(seen, ana))?.participantCount;
      for (const [change, user, expected] of [
        [join, bo, 2],
        [join, bo, 2],
        [join, cy, 3],
        [leave, bo, 2],
        [leave, bo, 2],
        [join, bo, 3],
      ] as const) {
        await change(chat, user);
        assert.equal(await count(chat), expected);
      }
      assert.equal(await count(await openP2p(ana, bo)), 2);
      assert.equal(await count(await openP2p(bo, ana)), 2);
      assert.equal(await count(await openP2p(ana, ana)), 1);
    });

    it("have the last message of the chat as it stands, also when it is deleted", async () => {
      const chat = await openGroup(store(), ana, bo);
      const other = await openGroup(store(), ana);
      const [first, last] = await say(store(), chat, bo, "a", "b");
      await say(store(), other, ana, "c");
      await read(chat, ana, 2);
      const seen = async () => (await overview(chat, ana))?.lastMessage;
      assert.deepEqual(await seen(), last);
      const edited = { ...last!, text: "c" as MessageText, editedAt: 5 };
      await store().transaction(({ messages }) => messages.update(edited));
      assert.deepEqual(await seen(), edited);
      const erased = await erase(edited);
      await erase(first!);
      assert.deepEqual(await seen(), erased);
    });

    it("tell how far each participant has read in each chat, also after they were away", async () => {
      const chat = await openGroup(store(), ana, bo);
      const other = await openGroup(store(), ana, bo);
      await say(store(), chat, ana, "a", "b", "c");
      await say(store(), other, ana, "a");
      const seqs = () =>
        Promise.all(
          [chat, other].flatMap((each) =>
            [ana, bo].map(async (user) => (await overview(each, user))?.readSeq),
          ),
        );
      assert.deepEqual(await seqs(), [0, 0, 0, 0]);
      await read(chat, ana, 3);
      await read(chat, bo, 1);
      await read(chat, bo, 2);
      await read(other, bo, 1);
      assert.deepEqual(await seqs(), [3, 2, 0, 1]);
      await leave(chat, bo);
      assert.deepEqual(await seqs(), [3, undefined, 0, 1]);
      await say(store(), chat, ana, "d");
      await join(chat, bo);
      assert.deepEqual(await seqs(), [3, 2, 0, 1]);
    });

    it("count what is deleted behind where the participant has read, each message once", async () => {
      const chat = await openGroup(store(), ana, bo);
      const other = await openGroup(store(), ana);
      const sent = await say(store(), chat, ana, "a", "b", "c", "d", "e");
      await erase((await say(store(), other, ana, "f"))[0]!);
      await read(chat, bo, 2);
      const counts = () =>
        Promise.all([ana, bo].map(async (user) => (await overview(chat, user))?.deletedSinceRead));
      assert.deepEqual(await counts(), [0, 0]);
      const erased = [];
      for (const index of [4, 1, 0, 2]) erased.push(await erase(sent[index]!));
      assert.deepEqual(await counts(), [4, 2]);
      for (const message of erased) await erase(message);
      assert.deepEqual(await counts(), [4, 2]);
      await read(chat, bo, 4);
      assert.deepEqual(await counts(), [4, 1]);
      await read(chat, bo, 5);
      assert.deepEqual(await counts(), [4, 0]);
    });

    it("are listed for a user as they are seen one by one, last active first, and no other chat's", async () => {
      const chats = [
        await openGroup(store(), ana, bo),
        await openP2p(ana, bo),
        await openGroup(store(), ana),
      ];
      await openGroup(store(), bo, cy);
      await openP2p(bo, cy);
      const last = new Map<ChatId, Message>();
      for (const index of [2, 0, 1, 2, 0]) {
        const chat = chats[index]!;
        last.set(chat.id, (await say(store(), chat, ana, `${index}`))[0]!);
      }
      await erase(last.get(chats[1]!.id)!);
      await read(chats[0]!, ana, 2);
      const expected = [];
      for (const index of [0, 2, 1]) {
        const chat = chats[index]!;
        expected.push({ ...(await overview(chat, ana)), activity: last.get(chat.id)!.id });
      }
      assert.deepEqual(await listed(ana), expected);
      assert.deepEqual(await listed({ ...ana, id: "nobody" as UserId }), []);
    });

    it("are listed by when the chat was made while nothing is said in it, the later one first", async () => {
      const before = [await openGroup(store(), ana), await openGroup(store(), ana)];
      const spoken = await openGroup(store(), ana);
      const [first] = await say(store(), spoken, ana, "a");
      const between = await openGroup(store(), ana);
      const p2p = await openP2p(ana, bo);
      const [last] = await say(store(), spoken, ana, "b");
      const after = await openGroup(store(), ana);
      assert.deepEqual(
        (await listed(ana)).map(({ chat, activity }) => [chat.id, activity]),
        [
          [after.id, last!.id],
          [spoken.id, last!.id],
          [p2p.id, first!.id],
          [between.id, first!.id],
          [before[1]!.id, 0],
          [before[0]!.id, 0],
        ],
      );
    });

    it("leave the list with their participant, and come back to it where they were", async () => {
      const chat = await openGroup(store(), ana, bo);
      const other = await openGroup(store(), ana, bo);
      await say(store(), chat, ana, "a");
      await leave(chat, bo);
      assert.deepEqual(await idsOf(bo), [other.id]);
      assert.deepEqual(await idsOf(ana), [chat.id, other.id]);
      await join(chat, bo);
      assert.deepEqual(await idsOf(bo), [chat.id, other.id]);
      await say(store(), other, ana, "b");
      assert.deepEqual(await idsOf(bo), [other.id, chat.id]);
    });

    it("are listed as many as the limit at the most, from behind the one that is named", async () => {
      const ids: ChatId[] = [];
      for (let count = 0; count < 5; count += 1) ids.unshift((await openGroup(store(), ana)).id);
      for (const limit of [0, 1, 4, 5, 6, GREATEST]) {
        assert.deepEqual(await idsOf(ana, { limit }), ids.slice(0, limit));
        const after = { activity: 0, chatId: ids[1]! };
        assert.deepEqual(await idsOf(ana, { limit, after }), ids.slice(2).slice(0, limit));
      }
      assert.deepEqual(await idsOf(ana, { after: { activity: 0, chatId: ids[4]! } }), []);
      assert.deepEqual(await idsOf(ana, { after: { activity: 1, chatId: 1 as ChatId } }), ids);
    });

    it("are listed once each, page by page, in the order of `asOf`, while messages and chats come", async () => {
      const chats: Chat[] = [];
      for (let count = 0; count < 9; count += 1) {
        if (count % 3 === 2) await say(store(), chats[count - 1]!, ana, "a");
        chats.push(await openGroup(store(), ana, bo));
      }
      for (const limit of [1, 2, 4]) {
        const asOf = await store().read(({ messages }) => messages.lastId());
        const expected = (await listed(ana)).map(({ chat, activity }) => `${chat.id} ${activity}`);
        const met: string[] = [];
        let after: ChatSlice["after"];
        for (let turn = 0; ; turn += 1) {
          const page = await listed(ana, { asOf, after, limit });
          if (page.length === 0) break;
          met.push(...page.map(({ chat, activity }) => `${chat.id} ${activity}`));
          const { chat, activity } = page.at(-1)!;
          after = { activity, chatId: chat.id };
          // The newest, an old one, and one that was quiet so far move to the front; a new one comes.
          await say(store(), chats[turn % chats.length]!, bo, "b");
          await say(store(), chats.at(-1)!, bo, "c");
          await openGroup(store(), ana);
        }
        assert.deepEqual(met, expected);
      }
    });
  });
}
