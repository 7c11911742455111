import { expect } from "chai";
import { unreadCount, type Chat, type ChatId, type ChatOverview } from "../../src/domain/chat.js";
import type { User } from "../../src/domain/user.js";
import { errorCodeOf } from "../support/error-code.js";
import { contents, expectRejection, openWorld, type World } from "../support/world.js";

const UNKNOWN = 999_999 as ChatId;

describe("sync", () => {
  it("returns the 1,000 chats that were active last, and whether there are more", async () => {
    const world = await openWorld();
    const by = world.ana.id;
    const ids = [];
    for (let count = 0; count < 1_000; count += 1) ids.push((await world.createGroupChat({ by })).id);
    expect((await world.sync({ by })).more).to.equal(false);
    ids.push((await world.createGroupChat({ by })).id);
    await world.sendMessage({ by, to: { chatId: ids[0]! }, text: "a" });
    const { chats, more } = await world.sync({ by });
    expect(more).to.equal(true);
    expect(chats.map(({ chat }) => chat.id)).to.deep.equal([ids[0], ...ids.slice(2).toReversed()]);
  });

  it("reads long last messages in slices, and leaves out chats that the caller leaves meanwhile", async () => {
    const world = await openWorld();
    const by = world.ana.id;
    const text = "x".repeat(10_000);
    const ids: ChatId[] = [];
    for (let count = 0; count < 9; count += 1) {
      const { id: chatId } = await world.createGroupChat({ by });
      await world.sendMessage({ by, to: { chatId }, text });
      ids.unshift(chatId);
    }
    for (const start of [() => world.sliceSync({ by }), () => world.sliceChats({ by, limit: 9 })]) {
      const { first, rest } = await start();
      expect(first.map(({ chat }) => chat.id)).to.deep.equal(ids.slice(0, 4));
      const left = ids.pop()!;
      await world.removeParticipant({ by, chatId: left, user: "ana" });
      const later = [];
      for await (const slice of rest!) later.push(slice);
      expect(later.flat().map(({ chat }) => chat.id)).to.deep.equal(ids.slice(4));
      for (const slice of [first, ...later]) {
        expect(slice.length).to.be.at.most(4);
        for (const { lastMessage } of slice) expect(lastMessage?.text).to.equal(text);
      }
    }
  });
});

describe("chat overviews", () => {
  let world: World;
  let ana: User;
  let bo: User;
  let cy: User;
  beforeEach(async () => {
    world = await openWorld();
    ({ ana, bo, cy } = world);
  });

  const list = (by: User, limit = 100, cursor?: string) => world.listChats({ by: by.id, limit, cursor });
  const idsOf = (chats: readonly ChatOverview[]) => chats.map(({ chat }) => chat.id);
  const say = async (by: User, chat: Chat, text = "a") =>
    (await world.sendMessage({ by: by.id, to: { chatId: chat.id }, text })).message;
  const write = async (by: User, to: User, text = "a") =>
    (await world.sendMessage({ by: by.id, to: { username: to.username }, text })).message;
  const seen = async (by: User, { id }: Chat) => (await world.getChat({ by: by.id, chatId: id })).overview;
  const unread = async (by: User, chat: Chat) => unreadCount(await seen(by, chat));
  const read = (by: User, { id }: Chat, seq: number) => world.markRead({ by: by.id, chatId: id, seq });

  describe("listChats", () => {
    it("returns an empty page and creates nothing for a user without chats", async () => {
      const before = await contents(world);
      expect(await list(ana)).to.deep.equal({ chats: [], next: undefined });
      expect(await contents(world)).to.deep.equal(before);
    });

    it("returns the caller's chats, most recently active first, as getChat returns them", async () => {
      const quiet = await world.group(ana, bo);
      const busy = await world.group(ana, bo, cy);
      await world.group(bo, cy);
      const { chatId: p2p } = await write(bo, ana);
      await write(bo, cy);
      await say(cy, busy);
      const { chats } = await list(ana);
      expect(idsOf(chats)).to.deep.equal([busy.id, p2p, quiet.id]);
      for (const overview of chats) expect(overview).to.deep.include(await seen(ana, overview.chat));
      expect(chats.map(({ withUsername }) => withUsername)).to.deep.equal([null, "bo", null]);
    });

    it("moves a chat to the front for a new message and for no other change", async () => {
      const one = await world.group(ana, bo);
      const other = await world.group(ana, bo);
      const message = await say(ana, one);
      await say(ana, other);
      const expected = [other.id, one.id];
      expect(idsOf((await list(bo)).chats)).to.deep.equal(expected);
      await world.editMessage({ by: ana.id, id: message.id, text: "b" });
      await world.renameChat({ by: ana.id, chatId: one.id, title: "title" });
      await world.addParticipant({ by: ana.id, chatId: one.id, username: "cy" });
      await read(bo, one, 1);
      await world.deleteMessage({ by: ana.id, id: message.id });
      expect(idsOf((await list(bo)).chats)).to.deep.equal(expected);
      await say(bo, one);
      expect(idsOf((await list(bo)).chats)).to.deep.equal([one.id, other.id]);
    });

    it("returns each chat on one page while messages and chats are added", async () => {
      const chats: Chat[] = [];
      for (let count = 0; count < 10; count += 1) {
        chats.push(await world.group(ana, bo));
        if (count % 3 === 1) await say(bo, chats[count >> 1]!);
      }
      for (const limit of [1, 3, 9, 10, 11]) {
        const expected = idsOf((await list(ana)).chats);
        const met: ChatId[] = [];
        let cursor: string | undefined;
        let turn = 0;
        do {
          const page = await list(ana, limit, cursor);
          expect(page.chats.length).to.be.within(1, limit);
          met.push(...idsOf(page.chats));
          cursor = page.next;
          await say(bo, chats[turn % chats.length]!);
          await world.group(ana);
          turn += 1;
          expect(turn).to.be.below(200);
        } while (cursor !== undefined);
        expect(met).to.deep.equal(expected);
      }
    });

    it("returns the current state of a chat on a later page", async () => {
      const [old, young] = [await world.group(ana, bo), await world.group(ana, bo)];
      const { chats, next } = await list(ana, 1);
      expect(idsOf(chats)).to.deep.equal([young.id]);
      const message = await say(bo, old);
      const later = await list(ana, 1, next);
      expect(later.next).to.equal(undefined);
      expect(later.chats[0]).to.deep.include({ chat: old, lastMessage: message });
    });

    it("omits a chat that the caller has left, and keeps its position when they return", async () => {
      const chat = await world.group(ana, bo);
      const other = await world.group(ana, bo);
      await world.removeParticipant({ by: bo.id, chatId: other.id, user: "bo" });
      expect(idsOf((await list(bo)).chats)).to.deep.equal([chat.id]);
      await say(ana, chat);
      await world.addParticipant({ by: ana.id, chatId: other.id, username: "bo" });
      expect(idsOf((await list(bo)).chats)).to.deep.equal([chat.id, other.id]);
    });

    it("rejects an invalid cursor", async () => {
      await world.group(ana);
      for (const cursor of ["", "1", "1.2", "1.2.3.4", "a.b.c", "1.2.-3", "1.2.3 ", "1..3", "9".repeat(17)]) {
        await expectRejection(world, () => list(ana, 1, cursor), "invalid_cursor");
      }
      await expectRejection(world, () => list(ana, 1, `1.${"9".repeat(17)}.1`), "invalid_cursor");
    });
  });

  describe("markRead", () => {
    let chat: Chat;
    beforeEach(async () => {
      chat = await world.group(ana, bo);
      for (const text of ["a", "b", "c", "d"]) await say(ana, chat, text);
    });

    it("counts as unread the messages that others sent after readSeq", async () => {
      expect(await unread(bo, chat)).to.equal(4);
      expect(await unread(ana, chat)).to.equal(0);
      for (const [seq, left] of [
        [1, 3],
        [3, 1],
        [4, 0],
      ] as const) {
        const overview = await read(bo, chat, seq);
        expect(overview).to.deep.equal(await seen(bo, chat));
        expect(overview.readSeq).to.equal(seq);
        expect(unreadCount(overview)).to.equal(left);
      }
      await say(ana, chat);
      expect(await unread(bo, chat)).to.equal(1);
    });

    it("never decreases readSeq, and stores nothing for a smaller seq", async () => {
      await read(bo, chat, 3);
      const before = await contents(world);
      for (const seq of [3, 2, 1, 0]) expect((await read(bo, chat, seq)).readSeq).to.equal(3);
      expect(await contents(world)).to.deep.equal(before);
    });

    it("moves the peerReadSeq of the other user of a p2p chat, as sending does", async () => {
      const { chatId: id } = await write(ana, bo);
      const p2p = (await seen(ana, { id } as Chat)).chat;
      const peerReads = async () => [
        (await seen(ana, p2p)).peerReadSeq,
        (await seen(bo, p2p)).peerReadSeq,
        (await seen(ana, chat)).peerReadSeq,
      ];
      expect(await peerReads()).to.deep.equal([0, 1, null]);
      await read(bo, p2p, 1);
      expect(await peerReads()).to.deep.equal([1, 1, null]);
      await say(ana, p2p);
      await say(bo, p2p);
      expect(await peerReads()).to.deep.equal([3, 2, null]);
    });

    it("moves one's own peerReadSeq in the chat with oneself", async () => {
      const { chatId: id } = await write(ana, ana);
      expect(await seen(ana, { id } as Chat)).to.deep.include({ readSeq: 1, peerReadSeq: 1 });
    });

    it("shows and delivers to blocked users how far the other one has read", async () => {
      const { chatId: id } = await write(ana, bo);
      const p2p = { id } as Chat;
      const { cursor } = await world.sync({ by: ana.id });
      await world.blockUser({ by: bo.id, user: "ana" });
      await read(bo, p2p, 1);
      const { events } = await world.listEvents({ by: ana.id, after: cursor, limit: 9 });
      expect(events.map((event) => event.type === "chat.read" && event.readSeq)).to.deep.equal([1]);
      expect((await seen(ana, p2p)).peerReadSeq).to.equal(1);
    });

    it("never exceeds the last message", async () => {
      expect((await read(bo, chat, Number.MAX_SAFE_INTEGER)).readSeq).to.equal(4);
      await say(ana, chat);
      expect(await unread(bo, chat)).to.equal(1);
      const empty = await world.group(ana);
      expect((await read(ana, empty, 5)).readSeq).to.equal(0);
    });

    it("is implied by sending a message", async () => {
      await say(bo, chat);
      expect(await seen(bo, chat)).to.deep.include({ readSeq: 5, deletedSinceRead: 0 });
      expect(await unread(ana, chat)).to.equal(1);
    });

    it("is not implied by repeating a message under its key", async () => {
      const once = { by: bo.id, to: { chatId: chat.id }, text: "a", idempotencyKey: "key" };
      await world.sendMessage(once);
      await say(ana, chat);
      await world.sendMessage(once);
      expect(await unread(bo, chat)).to.equal(1);
    });

    it("does not count deleted messages as unread", async () => {
      await read(bo, chat, 1);
      const ids = (await world.pageMessages({ by: ana.id, of: { chatId: chat.id }, limit: 9 })).messages.map(
        ({ id }) => id,
      );
      for (const [index, left] of [
        [0, 3],
        [2, 2],
        [3, 1],
        [3, 1],
        [1, 0],
      ] as const) {
        await world.deleteMessage({ by: ana.id, id: ids[index]! });
        expect(await unread(bo, chat)).to.equal(left);
      }
      await say(ana, chat);
      expect(await unread(bo, chat)).to.equal(1);
    });

    it("starts at the last message for a new participant and for one who returns", async () => {
      await world.addParticipant({ by: ana.id, chatId: chat.id, username: "cy" });
      expect(await seen(cy, chat)).to.deep.include({ readSeq: 4, deletedSinceRead: 0 });
      expect(await unread(cy, chat)).to.equal(0);
      await say(ana, chat);
      expect(await unread(cy, chat)).to.equal(1);
      await world.removeParticipant({ by: ana.id, chatId: chat.id, user: "cy" });
      await say(ana, chat);
      await world.addParticipant({ by: ana.id, chatId: chat.id, username: "cy" });
      expect(await seen(cy, chat)).to.deep.include({ readSeq: 6 });
      expect(await unread(cy, chat)).to.equal(0);
    });

    it("applies to the caller alone, also in p2p chats", async () => {
      const { chatId } = await write(ana, bo);
      await write(ana, bo);
      const p2p = { ...chat, id: chatId };
      expect([await unread(ana, p2p), await unread(bo, p2p)]).to.deep.equal([0, 2]);
      await read(bo, p2p, 1);
      expect([await unread(ana, p2p), await unread(bo, p2p)]).to.deep.equal([0, 1]);
      const own = { ...chat, id: (await write(ana, ana)).chatId };
      expect(await unread(ana, own)).to.equal(0);
    });

    it("rejects a caller who is not a participant, and an unknown chat, with the same error", async () => {
      await expectRejection(world, () => read(cy, chat, 1), "not_a_participant");
      await expectRejection(world, () => read(ana, { ...chat, id: UNKNOWN }, 1), "not_a_participant");
      await world.removeParticipant({ by: ana.id, chatId: chat.id, user: "bo" });
      expect(await errorCodeOf(read(bo, chat, 1))).to.equal("not_a_participant");
    });
  });
});
