import assert from "node:assert/strict";
import type { ForgottenMessages, Slice, Store } from "../../src/application/ports.js";
import { pairOf, type Chat } from "../../src/domain/chat.js";
import { messageChanged } from "../../src/domain/event.js";
import type { IdempotencyKey, Message, MessageText } from "../../src/domain/message.js";
import type { User } from "../../src/domain/user.js";
import {
  MAX_ID,
  ana,
  append,
  bo,
  createGroup,
  cy,
  draft,
  membershipsOf,
  messagesOfUser,
  receivedBy,
  register,
  renamed,
  send,
  type Runner,
} from "./fixtures.js";

const ALL: Slice = { after: 0, upTo: MAX_ID, limit: MAX_ID, from: "oldest" };

/** Tests the promises about messages that some participants cannot read, and about those that were deleted by age. */
export function historyContract({ describe, it, beforeEach }: Runner, store: () => Store): void {
  const join = (chat: Chat, user: User, historyStart?: number) =>
    store().transaction(({ chats }) => chats.addParticipant(chat.id, user.id, 1, "member", historyStart));
  const leave = (chat: Chat, user: User) =>
    store().transaction(({ chats }) => chats.removeParticipant(chat.id, user.id));
  const overview = (chat: Chat, user: User) => store().read(({ chats }) => chats.overview(chat.id, user.id));
  const forget = (chat: Chat, upTo: number, limit = MAX_ID) =>
    store().transaction(({ messages }) => messages.forget(chat.id, upTo, limit));
  const idsOfUser = async (user: User, part: Partial<Slice> = {}) =>
    idsOf(await messagesOfUser(store(), user, { ...ALL, ...part }));
  const readSlices = async (user: User, limit: number, from: Slice["from"]) => {
    const read: number[] = [];
    for (let slice; slice === undefined || slice.length > 0;) {
      const bounds = from === "oldest" ? { after: read.at(-1) ?? 0 } : { upTo: (read[0] ?? MAX_ID) - 1 };
      slice = await idsOfUser(user, { ...bounds, limit, from });
      if (from === "oldest") read.push(...slice);
      else read.unshift(...slice);
      assert.ok(read.length <= 100, "The slices repeat messages.");
    }
    return read;
  };

  const describePromise = (name: string, body: () => void) =>
    describe(name, () => {
      beforeEach(() => register(store(), ana, bo, cy));
      body();
    });

  describePromise("Membership.historyStart", () => {
    it("is 0 by default, and otherwise that of the last addParticipant", async () => {
      const chat = await createGroup(store(), ana);
      const p2p = await store().transaction(({ chats }) => chats.addP2p(pairOf(ana.id, bo.id), 1));
      const starts = async (user: User) =>
        store().read(async ({ chats }) => ({
          membership: (await chats.ofParticipant(chat.id, user.id))?.historyStart,
          overview: (await chats.overview(chat.id, user.id))?.historyStart,
          listed: (await chats.overviews(user.id, [chat.id]))[0]?.historyStart,
          read: (await membershipsOf(chats, user.id)).find(({ chatId }) => chatId === chat.id)?.historyStart,
        }));
      const at = (start: number) => ({
        membership: start,
        overview: start,
        listed: start,
        read: start,
      });
      const none = { membership: undefined, overview: undefined, listed: undefined, read: undefined };
      assert.deepEqual(await starts(ana), at(0));
      assert.deepEqual(await starts(bo), none);
      await join(chat, bo, 7);
      assert.equal(await join(chat, bo, 8), false);
      assert.deepEqual(await starts(bo), at(7));
      assert.equal((await overview(p2p, bo))?.historyStart, 0);
      await leave(chat, bo);
      assert.deepEqual(await starts(bo), none);
      await join(chat, bo, 9);
      assert.deepEqual(await starts(bo), at(9));
      await leave(chat, bo);
      await join(chat, bo);
      assert.deepEqual(await starts(bo), at(0));
      assert.deepEqual(await starts(ana), at(0));
    });

    it("hides the messages up to it from the lists of that user, in each slice from either end", async () => {
      const chats: Chat[] = [];
      for (let count = 0; count < 4; count += 1) chats.push(await createGroup(store(), ana));
      const sent: Message[] = [];
      const starts = new Map<number, number>();
      for (let index = 0; index < 24; index += 1) {
        const chat = chats[(index * index + (index >> 2)) % chats.length]!;
        sent.push(...(await send(store(), chat, ana, `${index}`)));
        const joined = { 5: 0, 9: 1, 14: 2, 23: 3 }[index];
        if (joined === undefined) continue;
        const start = index === 5 ? 0 : sent.at(-1)!.id;
        await join(chats[joined]!, bo, start);
        starts.set(chats[joined]!.id, start);
      }
      const expected = idsOf(sent.filter(({ id, chatId }) => id > starts.get(chatId)!));
      assert.ok(expected.length > 6 && expected.length < 20);
      for (const limit of [1, 2, 5, 100]) {
        assert.deepEqual(await readSlices(bo, limit, "oldest"), expected);
        assert.deepEqual(await readSlices(bo, limit, "newest"), expected);
        assert.deepEqual(await readSlices(ana, limit, "newest"), idsOf(sent));
      }
    });

    it("hides the last message of the chat, but not its seq", async () => {
      const chat = await createGroup(store(), ana);
      const [, last] = await send(store(), chat, ana, "a", "b");
      await join(chat, bo, last!.id);
      const seen = async (user: User) => {
        const one = await overview(chat, user);
        const [listed] = await store().read(({ chats }) => chats.overviews(user.id, [chat.id]));
        assert.deepEqual(
          [listed?.lastMessage?.id, listed?.lastSeq, listed?.readSeq],
          [one?.lastMessage?.id, one?.lastSeq, one?.readSeq],
        );
        return [one?.lastMessage ?? null, one?.lastSeq];
      };
      assert.deepEqual(await seen(bo), [null, 2]);
      assert.deepEqual(await seen(ana), [last, 2]);
      const [next] = await send(store(), chat, ana, "c");
      assert.deepEqual(await seen(bo), [next, 3]);
    });

    it("hides the message of an event from that user", async () => {
      const chat = await createGroup(store(), ana);
      const other = await createGroup(store(), ana);
      const [old] = await send(store(), chat, ana, "abc");
      await join(chat, bo, old!.id);
      await join(other, bo);
      const [next] = await send(store(), chat, ana, "d");
      await append(store(), messageChanged("message.edited", old!, 1), renamed(chat, "a"));
      await append(store(), messageChanged("message.created", next!, 1), renamed(other, "b"));
      const found = (user: User, maxCharacters?: number) =>
        receivedBy(store(), user, { ...ALL, maxCharacters }).then((events) =>
          events.map((event) => ("message" in event ? event.message : undefined)),
        );
      assert.deepEqual(await found(bo), [null, null, next, null]);
      assert.deepEqual(await found(ana), [old, null, next, null]);
      // A hidden text does not count.
      assert.deepEqual(await found(bo, 1), [null, null, next]);
      assert.deepEqual(await found(ana, 1), [old]);
      const all = await store().read(({ events }) => events.all(ALL));
      assert.deepEqual(
        all.map((entry) => "message" in entry && entry.message),
        [old, null, next, null],
      );
    });
  });

  describePromise("MessageRepository.timesOf", () => {
    it("returns the chats and times of the first messages with a greater id", async () => {
      const chats = [await createGroup(store(), ana), await createGroup(store(), bo)] as const;
      const sent = await store().transaction(async ({ messages }) => {
        const appended = [];
        for (const [index, at] of [5, 0, 9, 3].entries()) {
          appended.push(await messages.append(draft(chats[index % 2]!, index % 2 ? bo : ana, "a", at)));
        }
        return appended;
      });
      const times = (after: number, limit: number) =>
        store().read(({ messages }) => messages.timesOf({ after, limit }));
      const expected = sent.map(({ id, chatId, sentAt }) => ({ id, chatId, sentAt }));
      assert.deepEqual(await times(0, MAX_ID), expected);
      assert.deepEqual(await times(0, 2), expected.slice(0, 2));
      assert.deepEqual(await times(sent[1]!.id, 1), expected.slice(2, 3));
      assert.deepEqual(await times(sent[3]!.id, 1), []);
      await forget(chats[0], sent[0]!.id);
      assert.deepEqual(await times(0, 2), expected.slice(1, 3));
    });
  });

  describePromise("MessageRepository.forget", () => {
    let chat: Chat;
    let other: Chat;
    let sent: readonly Message[];
    let kept: readonly Message[];

    beforeEach(async () => {
      chat = await createGroup(store(), ana, bo);
      other = await createGroup(store(), ana);
      sent = await send(store(), chat, ana, "a", "b", "c", "d", "e");
      kept = await send(store(), other, ana, "f", "g");
    });

    const forgotten = (count: number, forgottenSeq: number): ForgottenMessages => ({
      count,
      forgottenSeq,
      forgottenAt: sent[forgottenSeq - 1]!.sentAt,
    });
    const tombstonesAfter = (seq: number, { id } = chat) =>
      store().read(({ messages }) => messages.tombstonesAfter(id, seq));
    async function deleteMessage(message: Message): Promise<Message> {
      const deleted = { ...message, text: "" as MessageText, deletedAt: 7 };
      await store().transaction(({ messages }) => messages.update(deleted));
      return deleted;
    }

    it("deletes the oldest messages of the chat up to an id, at most `limit`, from every list", async () => {
      const ids = idsOf(sent);
      const found = () =>
        store().read(async ({ messages }) => {
          const ofChat = idsOf(await messages.ofChat(chat.id, ALL));
          assert.deepEqual(await messages.idsOfChat(chat.id, ALL), ofChat);
          assert.deepEqual(idsOf(await messages.ofChat(chat.id, { ...ALL, from: "newest" })), ofChat);
          assert.deepEqual(
            idsOf(
              await messages.byIds(
                sent.map(({ id }) => id),
                {},
              ),
            ),
            ofChat,
          );
          for (const { id } of sent) {
            assert.equal((await messages.byId(id))?.id, ofChat.includes(id) ? id : undefined);
          }
          assert.deepEqual(idsOf(await messages.sentBy(ana.id, ALL)), [...ofChat, ...idsOf(kept)]);
          assert.deepEqual(idsOf(await messages.ofChat(other.id, ALL)), idsOf(kept));
          return ofChat;
        });
      const ofUser = () => idsOfUser(bo);
      assert.deepEqual(await found(), ids);
      assert.equal(await forget(chat, ids[0]! - 1), undefined);
      assert.equal(await forget(chat, ids[4]!, 0), undefined);
      assert.deepEqual(await found(), ids);
      assert.deepEqual(await forget(chat, ids[2]!, 2), forgotten(2, 2));
      assert.deepEqual([await found(), await ofUser()], [ids.slice(2), ids.slice(2)]);
      assert.deepEqual(await forget(chat, ids[2]!, 2), forgotten(1, 3));
      assert.equal(await forget(chat, ids[2]!, 2), undefined);
      assert.deepEqual([await found(), await ofUser()], [ids.slice(3), ids.slice(3)]);
      assert.deepEqual(await forget(chat, MAX_ID), forgotten(2, 5));
      assert.deepEqual([await found(), await ofUser()], [[], []]);
      assert.equal(await forget(chat, MAX_ID), undefined);
    });

    it("continues the ids and seqs behind those of deleted messages", async () => {
      const lastId = () => store().read(({ messages }) => messages.lastId());
      await forget(other, MAX_ID);
      await forget(chat, sent[1]!.id);
      assert.equal(await lastId(), kept[1]!.id);
      const [next] = await send(store(), chat, bo, "h");
      const [first] = await send(store(), other, ana, "i");
      assert.deepEqual([next!.seq, first!.seq], [6, 3]);
      assert.ok(next!.id > kept[1]!.id && first!.id > next!.id);
      await forget(chat, MAX_ID);
      await forget(other, MAX_ID);
      assert.equal(await lastId(), first!.id);
      const [again] = await send(store(), chat, bo, "j");
      assert.equal(again!.seq, 7);
      assert.ok(again!.id > first!.id);
      const edited = { ...again!, text: "k" as MessageText, editedAt: 5 };
      await store().transaction(({ messages }) => messages.update(edited));
      assert.deepEqual(await store().read(({ messages }) => messages.ofChat(chat.id, ALL)), [edited]);
    });

    it("counts what is deleted as read, and keeps the last seq", async () => {
      const deleted = [await deleteMessage(sent[1]!), await deleteMessage(sent[3]!)];
      await store().transaction(({ chats }) => chats.setRead(chat.id, ana.id, 3));
      const seen = async (user: User) => {
        const { lastMessage, lastSeq, readSeq, deletedSinceRead } = (await overview(chat, user))!;
        return [lastMessage?.seq, lastSeq, readSeq, deletedSinceRead];
      };
      assert.deepEqual(
        [await seen(ana), await seen(bo)],
        [
          [5, 5, 3, 1],
          [5, 5, 0, 2],
        ],
      );
      assert.deepEqual(await forget(chat, deleted[0]!.id), forgotten(2, 2));
      assert.deepEqual(
        [await seen(ana), await seen(bo)],
        [
          [5, 5, 3, 1],
          [5, 5, 2, 1],
        ],
      );
      assert.deepEqual(await forget(chat, deleted[1]!.id), forgotten(2, 4));
      assert.deepEqual(
        [await seen(ana), await seen(bo)],
        [
          [5, 5, 4, 0],
          [5, 5, 4, 0],
        ],
      );
      await forget(chat, MAX_ID);
      assert.deepEqual(
        [await seen(ana), await seen(bo)],
        [
          [undefined, 5, 5, 0],
          [undefined, 5, 5, 0],
        ],
      );
      await send(store(), chat, ana, "h");
      assert.deepEqual(await seen(bo), [6, 6, 5, 0]);
    });

    it("leaves tombstones behind the deleted messages, which `tombstonesAfter` counts", async () => {
      const counts = async () => [
        await tombstonesAfter(0),
        await tombstonesAfter(2),
        await tombstonesAfter(4),
      ];
      assert.deepEqual(await counts(), [0, 0, 0]);
      for (const index of [0, 1, 3]) await deleteMessage(sent[index]!);
      assert.deepEqual(await counts(), [3, 1, 0]);
      assert.equal(await tombstonesAfter(0, other), 0);
      await forget(chat, sent[0]!.id);
      assert.deepEqual(await counts(), [2, 1, 0]);
      await forget(chat, MAX_ID);
      assert.deepEqual(await counts(), [0, 0, 0]);
      assert.equal(await tombstonesAfter(0, { ...chat, id: (other.id + 1) as Chat["id"] }), 0);
    });

    it("keeps the activity of the chat, also without messages", async () => {
      const activity = () =>
        store().read(async ({ chats }) =>
          (await chats.ofUser(ana.id, { asOf: MAX_ID, after: undefined, limit: MAX_ID })).map(
            (each) => each.activity,
          ),
        );
      const before = await activity();
      assert.deepEqual(before, [sent[4]!.id, kept[1]!.id]);
      await forget(chat, sent[2]!.id);
      assert.deepEqual(await activity(), before);
      await forget(chat, MAX_ID);
      assert.deepEqual(await activity(), before);
      const active = await store().read(({ chats }) =>
        chats.activeOfUser(ana.id, { after: 0, upTo: MAX_ID }),
      );
      assert.deepEqual(
        active.map(({ chatId }) => chatId),
        [other.id],
      );
    });

    it("shows the operator how many messages are left", async () => {
      const summary = async () => {
        const found = await store().read(({ chats }) => chats.summary(chat.id));
        const listed = await store().read(({ chats }) => chats.list({ after: undefined, limit: 1 }));
        assert.deepEqual(listed, [found]);
        return [found?.lastSeq, found?.forgottenSeq, found?.lastSentAt];
      };
      const { sentAt } = sent[4]!;
      assert.deepEqual(await summary(), [5, 0, sentAt]);
      await forget(chat, sent[1]!.id);
      assert.deepEqual(await summary(), [5, 2, sentAt]);
      await forget(chat, MAX_ID);
      assert.deepEqual(await summary(), [5, 5, null]);
    });

    it("keeps the events, without the messages", async () => {
      await append(store(), ...sent.slice(0, 2).map((each) => messageChanged("message.created", each, 1)));
      await forget(chat, sent[0]!.id);
      for (const found of [
        await store().read(({ events }) => events.all(ALL)),
        await receivedBy(store(), bo, ALL),
      ]) {
        assert.deepEqual(
          found.map((entry) => "message" in entry && entry.message),
          [null, sent[1]],
        );
      }
    });

    it("frees the idempotency keys of the messages", async () => {
      const once = { key: "key" as IdempotencyKey, textDigest: "digest" };
      const sendOnce = () =>
        store().transaction(({ messages }) => messages.append(draft(chat, bo, "once"), once));
      const sentAs = () => store().read(({ messages }) => messages.sentAs(bo.id, once.key));
      const first = await sendOnce();
      assert.deepEqual((await sentAs())?.message, first);
      await forget(chat, first.id);
      assert.equal(await sentAs(), undefined);
      const second = await sendOnce();
      assert.deepEqual((await sentAs())?.message, second);
      assert.equal(second.seq, 7);
    });

    it("is undone by a rollback", async () => {
      const deleted = await deleteMessage(sent[1]!);
      const state = () =>
        store().read(async ({ chats, messages }) => ({
          messages: await messages.ofChat(chat.id, ALL),
          byId: await messages.byId(deleted.id),
          overview: await chats.overview(chat.id, bo.id),
          summary: await chats.summary(chat.id),
          list: await chats.ofUser(bo.id, { asOf: sent[0]!.id - 1, after: undefined, limit: 9 }),
        }));
      const before = await state();
      await store()
        .transaction(async ({ messages }) => {
          await messages.forget(chat.id, sent[2]!.id, 2);
          await messages.forget(chat.id, MAX_ID, 2);
          throw new Error("no");
        })
        .catch(() => {});
      assert.deepEqual(await state(), before);
      const [next] = await send(store(), chat, ana, "h");
      assert.equal(next!.seq, 6);
    });
  });
}

function idsOf(messages: readonly Message[]): number[] {
  return messages.map(({ id }) => id);
}
