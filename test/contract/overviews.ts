import assert from "node:assert/strict";
import type {
  ChatActivity,
  ChatSlice,
  JoinedChat,
  JoinPosition,
  Store,
} from "../../src/application/ports.js";
import { pairOf, type Chat, type ChatId } from "../../src/domain/chat.js";
import { DEFAULT_CHAT_SETTINGS, type StoredChatSettings } from "../../src/domain/chat-settings.js";
import type { Message, MessageText } from "../../src/domain/message.js";
import type { User, UserId } from "../../src/domain/user.js";
import {
  MAX_ID,
  ana,
  append,
  bo,
  cy,
  createGroup,
  register,
  renamed,
  send,
  type Runner,
} from "./fixtures.js";

const ALL: ChatSlice = { asOf: MAX_ID, after: undefined, limit: MAX_ID };

/** A page of chats ranked by `activity`, as the use cases rank them. */
interface RankedPage {
  readonly asOf?: number;
  readonly after?: ChatActivity | undefined;
  readonly limit?: number;
}

/** Tests the promises of `ChatRepository` about overviews, read positions and lists of chats. */
export function overviewContract({ describe, it, beforeEach }: Runner, store: () => Store): void {
  const overview = (chat: Chat, user: User) => store().read(({ chats }) => chats.overview(chat.id, user.id));
  const listed = (user: User, { asOf = MAX_ID, after, limit = MAX_ID }: RankedPage = {}) =>
    store().read(async ({ chats }) => {
      const compare = (one: ChatActivity, other: ChatActivity) =>
        other.activity - one.activity || other.chatId - one.chatId;
      const page = (await chats.ofUser(user.id, { ...ALL, asOf }))
        .toSorted(compare)
        .filter((each) => after === undefined || compare(after, each) < 0)
        .slice(0, limit);
      const overviews = await chats.overviews(
        user.id,
        page.map(({ chatId }) => chatId),
      );
      return overviews.map((each, index) => ({ ...each, activity: page[index]!.activity }));
    });
  const overviews = (user: User, chats: readonly Chat[]) =>
    store().read((all) =>
      all.chats.overviews(
        user.id,
        chats.map(({ id }) => id),
      ),
    );
  const textless = async (chat: Chat, user: User) => {
    const seen = await overview(chat, user);
    return seen && { ...seen, lastMessage: seen.lastMessage && { ...seen.lastMessage, text: "" } };
  };
  const joined = (user: User, slice: Partial<ChatSlice> = {}) =>
    store().read(({ chats }) => chats.ofUser(user.id, { ...ALL, ...slice }));
  const idsOf = async (user: User, page: RankedPage = {}) =>
    (await listed(user, page)).map(({ chat }) => chat.id);
  const openP2p = (one: User, other: User) =>
    store().transaction(({ chats }) => chats.addP2p(pairOf(one.id, other.id), 1));
  const join = (chat: Chat, user: User) =>
    store().transaction(({ chats }) => chats.addParticipant(chat.id, user.id, 1));
  const leave = (chat: Chat, user: User) =>
    store().transaction(({ chats }) => chats.removeParticipant(chat.id, user.id));
  const read = (chat: Chat, user: User, seq: number) =>
    store().transaction(({ chats }) => chats.setRead(chat.id, user.id, seq));

  async function deleteMessage(message: Message): Promise<Message> {
    const deleted = { ...message, text: "" as MessageText, deletedAt: 7 };
    await store().transaction(({ messages }) => messages.update(deleted));
    return deleted;
  }

  const describeMethod = (name: string, body: () => void) =>
    describe(`ChatRepository.${name}`, () => {
      beforeEach(() => register(store(), ana, bo, cy));
      body();
    });

  describeMethod("overview", () => {
    it("returns what a participant sees, and undefined for other users and unknown chats", async () => {
      const chat = await createGroup(store(), ana);
      const p2p = await openP2p(ana, cy);
      assert.deepEqual(await overview(chat, ana), {
        chat,
        withUsername: null,
        role: "owner",
        participantCount: 1,
        historyStart: 0,
        lastMessage: null,
        lastSeq: 0,
        lastSentAt: null,
        readSeq: 0,
        peerReadSeq: null,
        deletedSinceRead: 0,
        mentionCount: 0,
        settings: DEFAULT_CHAT_SETTINGS,
      });
      for (const hidden of [chat, p2p]) assert.equal(await overview(hidden, bo), undefined);
      for (const id of [0, -1, MAX_ID] as ChatId[]) {
        assert.equal(await overview({ ...chat, id }, ana), undefined);
      }
      assert.equal(await overview(chat, { ...ana, id: "nobody" as UserId }), undefined);
    });

    it("names the other user of a p2p chat, or the user themself where there is no other", async () => {
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

    it("returns how far the other user of a p2p chat has read, or the user themself where there is no other", async () => {
      const own = await openP2p(ana, ana);
      const shared = await openP2p(bo, ana);
      const group = await createGroup(store(), ana, bo);
      const seen = (user: User) =>
        Promise.all([own, shared, group].map(async (chat) => (await overview(chat, user))?.peerReadSeq));
      assert.deepEqual(
        [await seen(ana), await seen(bo)],
        [
          [0, 0, null],
          [undefined, 0, null],
        ],
      );
      for (const chat of [own, shared, group]) await send(store(), chat, ana, "a", "b", "c");
      await read(own, ana, 1);
      await read(shared, ana, 3);
      for (const chat of [shared, group]) await read(chat, bo, 2);
      assert.deepEqual(
        [await seen(ana), await seen(bo)],
        [
          [1, 2, null],
          [undefined, 3, null],
        ],
      );
      for (const { id } of [own, shared]) {
        await store().transaction(({ messages }) => messages.forget(id, MAX_ID, MAX_ID));
      }
      assert.deepEqual(await seen(ana), [3, 3, null]);
    });

    it("returns null for how far a deleted user has read", async () => {
      const chat = await openP2p(ana, bo);
      await send(store(), chat, ana, "a", "b");
      await read(chat, bo, 2);
      const seen = async (user: User) => (await overview(chat, user))?.peerReadSeq;
      await store().transaction(({ users }) => users.setDisabledAt(bo.id, 5));
      assert.equal(await seen(ana), 2);
      await store().transaction(({ users }) => users.delete(bo.id, 7));
      assert.deepEqual([await seen(ana), await seen(bo)], [null, 0]);
      await store().transaction(({ chats }) => chats.deleteRead(bo.id, MAX_ID));
      assert.equal(await seen(ana), null);
    });

    it("counts the current participants", async () => {
      const chat = await createGroup(store(), ana);
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
      assert.equal(await count(await openP2p(ana, ana)), 1);
    });

    it("includes the last message in its current state, even if deleted", async () => {
      const chat = await createGroup(store(), ana, bo);
      const other = await createGroup(store(), ana);
      const [first, last] = await send(store(), chat, bo, "a", "b");
      await send(store(), other, ana, "c");
      await read(chat, ana, 2);
      const seen = async () => (await overview(chat, ana))?.lastMessage;
      assert.deepEqual(await seen(), last);
      const edited = { ...last!, text: "c" as MessageText, editedAt: 5 };
      await store().transaction(({ messages }) => messages.update(edited));
      assert.deepEqual(await seen(), edited);
      const deleted = await deleteMessage(edited);
      await deleteMessage(first!);
      assert.deepEqual(await seen(), deleted);
    });

    it("counts each message deleted after the read position once", async () => {
      const chat = await createGroup(store(), ana, bo);
      const other = await createGroup(store(), ana);
      const sent = await send(store(), chat, ana, "a", "b", "c", "d", "e");
      await deleteMessage((await send(store(), other, ana, "f"))[0]!);
      await read(chat, bo, 2);
      const counts = () =>
        Promise.all([ana, bo].map(async (user) => (await overview(chat, user))?.deletedSinceRead));
      assert.deepEqual(await counts(), [0, 0]);
      const deleted = [];
      for (const index of [4, 1, 0, 2]) deleted.push(await deleteMessage(sent[index]!));
      assert.deepEqual(await counts(), [4, 2]);
      for (const message of deleted) await deleteMessage(message);
      assert.deepEqual(await counts(), [4, 2]);
      await read(chat, bo, 4);
      assert.deepEqual(await counts(), [4, 1]);
      await read(chat, bo, 5);
      assert.deepEqual(await counts(), [4, 0]);
    });
  });

  describeMethod("setRead", () => {
    it("stores a read position per user and chat, and keeps it while the user is removed", async () => {
      const chat = await createGroup(store(), ana, bo);
      const other = await createGroup(store(), ana, bo);
      await send(store(), chat, ana, "a", "b", "c");
      await send(store(), other, ana, "a");
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
      await send(store(), chat, ana, "d");
      await join(chat, bo);
      assert.deepEqual(await seqs(), [3, 2, 0, 1]);
    });
  });

  describeMethod("setSettings", () => {
    it("stores the settings of that participant in that chat only, until they leave", async () => {
      const chat = await createGroup(store(), ana, bo);
      const other = await createGroup(store(), ana, bo);
      const p2p = await openP2p(ana, bo);
      const set = (of: Chat, settings: StoredChatSettings) =>
        store().transaction(({ chats }) => chats.setSettings(of.id, ana.id, settings));
      const seen = (user: User) =>
        Promise.all([chat, other, p2p].map(async (each) => (await overview(each, user))?.settings));
      const initial = DEFAULT_CHAT_SETTINGS;
      assert.deepEqual(await seen(ana), [initial, initial, initial]);
      for (const settings of [
        { mutedUntil: 5, archivedSeq: 0, pinned: false },
        { mutedUntil: 253_402_300_799_999, archivedSeq: null, pinned: true },
        { mutedUntil: -62_167_219_200_000, archivedSeq: MAX_ID, pinned: true },
        { mutedUntil: null, archivedSeq: 3, pinned: false },
      ]) {
        await set(chat, settings);
        await set(p2p, { ...settings, pinned: !settings.pinned });
        const expected = [settings, initial, { ...settings, pinned: !settings.pinned }];
        assert.deepEqual(await seen(ana), expected);
        const inList = await overviews(ana, [chat, other, p2p]);
        assert.deepEqual(
          inList.map((each) => each.settings),
          expected,
        );
      }
      assert.deepEqual(await seen(bo), [initial, initial, initial]);
      await store().transaction(({ chats }) => chats.setRole(chat.id, ana.id, "admin"));
      assert.deepEqual((await overview(chat, ana))?.settings.archivedSeq, 3);
      await leave(chat, ana);
      await join(chat, ana);
      assert.deepEqual((await overview(chat, ana))?.settings, initial);
    });
  });

  describeMethod("overviews", () => {
    it("returns what a participant sees, in the order of the ids, without the texts of last messages", async () => {
      const chats = [await createGroup(store(), ana, bo), await openP2p(ana, bo)];
      const other = await createGroup(store(), bo);
      const empty = await createGroup(store(), ana);
      await send(store(), chats[0]!, bo, "a", "b");
      await deleteMessage((await send(store(), chats[1]!, bo, "c", "d"))[1]!);
      await read(chats[0]!, ana, 1);
      await read(chats[1]!, bo, 2);
      for (const order of [
        [chats[0]!, empty, chats[1]!],
        [chats[1]!, chats[0]!, other, empty],
      ]) {
        const expected = [];
        for (const chat of order) if (chat !== other) expected.push(await textless(chat, ana));
        assert.deepEqual(await overviews(ana, order), expected);
      }
      assert.deepEqual(await overviews(ana, []), []);
      assert.deepEqual(await overviews(ana, [{ ...empty, id: MAX_ID as ChatId }, other]), []);
      await leave(chats[0]!, ana);
      assert.deepEqual(await overviews(ana, chats), [await textless(chats[1]!, ana)]);
    });

    it("returns long lists whole", async () => {
      const chats: Chat[] = [];
      for (let count = 0; count < 450; count += 1) chats.push(await createGroup(store(), ana));
      assert.deepEqual(
        (await overviews(ana, chats)).map(({ chat }) => chat),
        chats,
      );
    });
  });

  describeMethod("ofUser", () => {
    it("returns the user's chats in slices, in ascending order of `joinedAfter`, then of id", async () => {
      const chats: Chat[] = [];
      for (let count = 0; count < 6; count += 1) chats.push(await createGroup(store(), bo));
      for (const index of [4, 2]) await join(chats[index]!, ana);
      await append(store(), renamed(chats[0]!, "a"));
      for (const index of [3, 1, 5]) await join(chats[index]!, ana);
      await append(store(), renamed(chats[0]!, "b"));
      const before = await joined(ana);
      await leave(chats[2]!, ana);
      await join(chats[2]!, ana);
      const expected = await joined(ana);
      assert.deepEqual(
        expected
          .map(({ chatId, activity }) => [chatId, activity])
          .toSorted(([one], [other]) => one! - other!),
        [1, 2, 3, 4, 5].map((index) => [chats[index]!.id, 0]),
      );
      assert.equal(expected[0]!.chatId, chats[4]!.id);
      assert.equal(expected.at(-1)!.chatId, chats[2]!.id);
      const positionIn = (list: readonly JoinedChat[]) => list.find(({ chatId }) => chatId === chats[2]!.id)!;
      assert.ok(positionIn(expected).joinedAfter > positionIn(before).joinedAfter);
      for (const [index, chat] of expected.entries()) {
        const next = expected[index + 1] ?? { joinedAfter: MAX_ID, chatId: 0 };
        assert.ok(chat.joinedAfter < next.joinedAfter || chat.chatId < next.chatId);
      }
      for (const limit of [1, 2, 4, 5, 6, MAX_ID]) {
        const found: JoinedChat[] = [];
        for (let after: JoinedChat | undefined; ; after = found.at(-1)) {
          const slice = await joined(ana, { after, limit });
          assert.ok(slice.length <= limit);
          if (slice.length === 0) break;
          found.push(...slice);
          assert.ok(found.length <= expected.length, "The slices repeat chats.");
        }
        assert.deepEqual(found, expected);
      }
      assert.deepEqual(await joined(cy), []);
    });

    it("returns behind `lastJoin` each chat that a user joins later", async () => {
      const lastJoin = () => store().read(({ chats }) => chats.lastJoin());
      const first = await createGroup(store(), ana, bo);
      await append(store(), renamed(first, "a"));
      const behindFirst = await lastJoin();
      const second = await createGroup(store(), ana);
      await join(second, bo);
      const idsBehind = async (user: User, after: JoinPosition) =>
        (await joined(user, { after })).map(({ chatId }) => chatId);
      for (const user of [ana, bo]) assert.ok((await idsBehind(user, behindFirst)).includes(second.id));
    });

    it("keeps that order after a transaction that failed", async () => {
      const chats = [await createGroup(store(), ana), await createGroup(store(), ana)];
      const before = await joined(ana);
      await assert.rejects(
        store().transaction(async (all) => {
          await all.chats.removeParticipant(chats[0]!.id, ana.id);
          const { id } = await all.chats.addGroup(null, 1);
          await all.chats.addParticipant(id, ana.id, 1);
          throw new Error("rejected");
        }),
      );
      assert.deepEqual(await joined(ana), before);
    });

    it("returns the activity of the user's chats", async () => {
      const chats = [
        await createGroup(store(), ana, bo),
        await openP2p(ana, bo),
        await createGroup(store(), ana),
      ];
      await createGroup(store(), bo, cy);
      await openP2p(bo, cy);
      const last = new Map<ChatId, Message>();
      for (const index of [2, 0, 1, 2, 0]) {
        const chat = chats[index]!;
        last.set(chat.id, (await send(store(), chat, ana, `${index}`))[0]!);
      }
      await deleteMessage(last.get(chats[1]!.id)!);
      await read(chats[0]!, ana, 2);
      const expected = [];
      for (const index of [0, 2, 1]) {
        const chat = chats[index]!;
        expected.push({ ...(await textless(chat, ana)), activity: last.get(chat.id)!.id });
      }
      assert.deepEqual(await listed(ana), expected);
      assert.deepEqual(await listed({ ...ana, id: "nobody" as UserId }), []);
    });

    it("ranks a chat without messages by its creation, later ones first", async () => {
      const before = [await createGroup(store(), ana), await createGroup(store(), ana)];
      const spoken = await createGroup(store(), ana);
      const [first] = await send(store(), spoken, ana, "a");
      const between = await createGroup(store(), ana);
      const p2p = await openP2p(ana, bo);
      const [last] = await send(store(), spoken, ana, "b");
      const after = await createGroup(store(), ana);
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

    it("omits a chat while the user is removed, and restores its position afterwards", async () => {
      const chat = await createGroup(store(), ana, bo);
      const other = await createGroup(store(), ana, bo);
      await send(store(), chat, ana, "a");
      await leave(chat, bo);
      assert.deepEqual(await idsOf(bo), [other.id]);
      assert.deepEqual(await idsOf(ana), [chat.id, other.id]);
      await join(chat, bo);
      assert.deepEqual(await idsOf(bo), [chat.id, other.id]);
      await send(store(), other, ana, "b");
      assert.deepEqual(await idsOf(bo), [other.id, chat.id]);
    });

    it("returns each chat once across pages with one `asOf` while messages and chats are added", async () => {
      const chats: Chat[] = [];
      for (let count = 0; count < 9; count += 1) {
        if (count % 3 === 2) await send(store(), chats[count - 1]!, ana, "a");
        chats.push(await createGroup(store(), ana, bo));
      }
      for (const limit of [1, 2, 4]) {
        const asOf = await store().read(({ messages }) => messages.lastId());
        const expected = (await listed(ana)).map(({ chat, activity }) => `${chat.id} ${activity}`);
        const met: string[] = [];
        let after: ChatActivity | undefined;
        for (let turn = 0; ; turn += 1) {
          const page = await listed(ana, { asOf, after, limit });
          if (page.length === 0) break;
          assert.ok(turn < expected.length, `The pages repeat chats: more than ${expected.length} pages.`);
          met.push(...page.map(({ chat, activity }) => `${chat.id} ${activity}`));
          const { chat, activity } = page.at(-1)!;
          after = { activity, chatId: chat.id };
          // Moves the newest chat and another one to the front, and adds a chat.
          await send(store(), chats[turn % chats.length]!, bo, "b");
          await send(store(), chats.at(-1)!, bo, "c");
          await createGroup(store(), ana);
        }
        assert.deepEqual(met, expected);
      }
    });
  });

  describeMethod("activeOfUser", () => {
    it("returns the last message in the range of each chat of the user", async () => {
      const chats = [
        await createGroup(store(), ana, bo),
        await openP2p(ana, bo),
        await createGroup(store(), bo),
      ];
      const ids: number[] = [];
      for (const index of [0, 1, 2, 0, 1, 1, 2])
        ids.push((await send(store(), chats[index]!, bo, "a"))[0]!.id);
      const active = async (user: User, after: number, upTo: number) => {
        const found = await store().read((all) => all.chats.activeOfUser(user.id, { after, upTo }));
        return found.toSorted((one, other) => one.chatId - other.chatId);
      };
      const at = (index: number, sent: number, before = 0) => {
        return { chatId: chats[index]!.id, activity: ids[sent]!, before };
      };
      assert.deepEqual(await active(ana, 0, MAX_ID), [at(0, 3), at(1, 5)]);
      assert.deepEqual(await active(bo, 0, MAX_ID), [at(0, 3), at(1, 5), at(2, 6)]);
      assert.deepEqual(await active(ana, ids[0]!, ids[1]!), [at(1, 1)]);
      assert.deepEqual(await active(ana, ids[3]!, ids[4]!), [at(1, 4, ids[1])]);
      assert.deepEqual(await active(ana, ids[5]!, MAX_ID), []);
      await leave(chats[0]!, ana);
      assert.deepEqual(await active(ana, 0, MAX_ID), [at(1, 5)]);
    });
  });
}
