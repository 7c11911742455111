import assert from "node:assert/strict";
import type { Slice, Store } from "../../src/application/ports.js";
import type { Chat } from "../../src/domain/chat.js";
import { messageChanged } from "../../src/domain/event.js";
import { MAX_MENTION_COUNT } from "../../src/domain/mention.js";
import type { Message, MessageDraft, MessageText } from "../../src/domain/message.js";
import type { Metadata } from "../../src/domain/metadata.js";
import type { User } from "../../src/domain/user.js";
import {
  MAX_ID,
  TRICKY_TEXTS,
  ana,
  bo,
  createGroup,
  cy,
  draft,
  PLAIN,
  register,
  type Runner,
} from "./fixtures.js";

const ALL: Slice = { after: 0, upTo: MAX_ID, limit: MAX_ID, from: "oldest" };

/** Metadata that encodings may change. */
const TRICKY_METADATA: Metadata = {
  b: TRICKY_TEXTS.slice(0, -1),
  a: { "\0": "\ud800", numbers: [0.1, -1e300, MAX_ID], nothing: null, yes: true, list: [[], {}] },
  "2": "after 1",
  "1": "",
};

/** Tests the promises of `MessageRepository` and `ChatReader` about replies, mentions and metadata. */
export function messageFieldContract({ describe, it, beforeEach }: Runner, store: () => Store): void {
  const append = (chat: Chat, sender: User, fields: Partial<MessageDraft> = {}) =>
    store().transaction(({ messages }) => messages.append({ ...draft(chat, sender, "a"), ...fields }));
  const update = (message: Message) => store().transaction(({ messages }) => messages.update(message));
  /** The `mentionCount` of the user in `overview`, which `overviews` repeats. */
  const countOf = (chat: Chat, user: User) =>
    store().read(async ({ chats }) => {
      const overview = await chats.overview(chat.id, user.id);
      const [listed] = await chats.overviews(user.id, [chat.id]);
      assert.equal(listed?.mentionCount, overview?.mentionCount);
      return overview?.mentionCount;
    });
  const countsOf = async (chat: Chat) => [await countOf(chat, ana), await countOf(chat, bo)];
  const read = (chat: Chat, user: User, seq: number) =>
    store().transaction(({ chats }) => chats.setRead(chat.id, user.id, seq));
  const tombstoneOf = (message: Message): Message => ({
    ...message,
    text: "" as MessageText,
    mentions: [],
    metadata: null,
    deletedAt: 9,
  });

  describe("replies, mentions and metadata of messages", () => {
    beforeEach(() => register(store(), ana, bo, cy));

    it("are returned unchanged by every list, and in events, also after changes", async () => {
      const chat = await createGroup(store(), ana, bo);
      const first = await append(chat, bo);
      assert.deepEqual(first, { ...first, ...PLAIN });
      const fields = { replyTo: first.id, mentions: [cy.id, ana.id], metadata: TRICKY_METADATA };
      const message = await store().transaction(async ({ messages, events }) => {
        const appended = await messages.append({ ...draft(chat, ana, "b"), ...fields });
        await events.append(messageChanged("message.created", appended, 1));
        return appended;
      });
      assert.deepEqual(message, { ...message, ...fields });
      for (const version of [
        message,
        { ...message, mentions: [bo.id, ana.id, cy.id] },
        { ...message, mentions: [], metadata: {} },
        { ...message, metadata: null },
        { ...message, mentions: [ana.id], metadata: { other: [1] } },
        tombstoneOf(message),
      ]) {
        await update(version);
        await store().read(async ({ chats, messages, events }) => {
          assert.deepEqual(await messages.ofChat(chat.id, ALL), [first, version]);
          assert.deepEqual(await messages.ofUser(bo.id, { ...ALL, from: "newest" }), [first, version]);
          assert.deepEqual(await messages.byId(message.id), version);
          assert.deepEqual(await messages.byIds([message.id], {}), [version]);
          assert.deepEqual(await messages.sentBy(ana.id, ALL), [version]);
          assert.deepEqual((await chats.overview(chat.id, bo.id))?.lastMessage, version);
          const [event] = await events.all(ALL);
          assert.deepEqual(event && "message" in event && event.message, version);
        });
      }
    });

    it("leave the mentions and the metadata of last messages empty in `overviews`", async () => {
      const chat = await createGroup(store(), ana, bo);
      const message = await append(chat, ana, { mentions: [bo.id], metadata: { a: 1 } });
      const [listed] = await store().read(({ chats }) => chats.overviews(bo.id, [chat.id]));
      assert.deepEqual(listed?.lastMessage, { ...message, text: "", mentions: [], metadata: null });
    });

    it("count as JSON in the `maxCharacters` of a slice", async () => {
      const chat = await createGroup(store(), ana);
      const sent = [
        await append(chat, ana, { metadata: { a: "🙂" } }),
        await append(chat, ana, { mentions: [ana.id] }),
        await append(chat, ana),
      ];
      const lengths = sent.map(
        ({ mentions, metadata }) =>
          1 +
          (mentions.length && JSON.stringify(mentions).length) +
          (metadata ? JSON.stringify(metadata).length : 0),
      );
      for (const from of ["oldest", "newest"] as const) {
        const [one, two] = from === "oldest" ? lengths : lengths.toReversed();
        for (const [maxCharacters, count] of [
          [one!, 1],
          [one! + 1, 2],
          [one! + two!, 2],
          [one! + two! + 1, 3],
        ] as const) {
          const slice = { ...ALL, from, maxCharacters };
          const found = await store().read(({ messages }) => messages.ofChat(chat.id, slice));
          assert.deepEqual(found, from === "oldest" ? sent.slice(0, count) : sent.slice(3 - count));
        }
      }
    });
  });

  describe("ChatReader: mentionCount", () => {
    beforeEach(() => register(store(), ana, bo, cy));

    it("counts the messages of the chat after `readSeq` that mention the user", async () => {
      const chat = await createGroup(store(), ana, bo);
      const other = await createGroup(store(), ana, bo);
      assert.deepEqual(await countsOf(chat), [0, 0]);
      await append(chat, cy, { mentions: [bo.id] });
      await append(chat, cy, { mentions: [ana.id, bo.id] });
      await append(chat, cy);
      await append(chat, cy, { mentions: [cy.id] });
      await append(other, cy, { mentions: [ana.id] });
      assert.deepEqual([...(await countsOf(chat)), ...(await countsOf(other))], [1, 2, 1, 0]);
      await read(chat, bo, 1);
      await read(chat, ana, 1);
      assert.deepEqual(await countsOf(chat), [1, 1]);
      await read(chat, bo, 2);
      assert.deepEqual(await countsOf(chat), [1, 0]);
      assert.equal(await countOf(chat, cy), undefined);
    });

    it("follows changes of the mentions, and loses those of deleted messages", async () => {
      const chat = await createGroup(store(), ana, bo);
      const message = await append(chat, cy, { mentions: [ana.id] });
      const erased = await append(chat, cy, { mentions: [ana.id] });
      await update({ ...message, mentions: [bo.id, cy.id] });
      assert.deepEqual(await countsOf(chat), [1, 1]);
      await update({ ...message, mentions: [bo.id, ana.id], text: "b" as MessageText });
      assert.deepEqual(await countsOf(chat), [2, 1]);
      await store().transaction(({ messages }) => messages.erase(tombstoneOf(erased)));
      assert.deepEqual(await countsOf(chat), [1, 1]);
      await update(tombstoneOf(message));
      assert.deepEqual(await countsOf(chat), [0, 0]);
      const failure = new Error("The work fails.");
      const failed = store().transaction(async ({ messages }) => {
        await messages.append({ ...draft(chat, cy, "c"), mentions: [ana.id, bo.id] });
        await messages.update({ ...message, mentions: [ana.id] });
        throw failure;
      });
      await assert.rejects(failed, failure);
      assert.deepEqual(await countsOf(chat), [0, 0]);
    });

    it("loses the mentions of messages that `forget` and `deleteOfChat` delete", async () => {
      const chat = await createGroup(store(), ana, bo);
      const sent: Message[] = [];
      for (let n = 0; n < 4; n += 1) sent.push(await append(chat, cy, { mentions: [ana.id] }));
      await store().transaction(({ messages }) => messages.forget(chat.id, sent[1]!.id, MAX_ID));
      assert.deepEqual(await countsOf(chat), [2, 0]);
      await store().transaction(({ messages }) => messages.deleteOfChat(chat.id, MAX_ID));
      assert.deepEqual(await countsOf(chat), [0, 0]);
      await append(chat, cy, { mentions: [bo.id] });
      assert.deepEqual(await countsOf(chat), [0, 1]);
    });

    it("is at most MAX_MENTION_COUNT", async () => {
      const chat = await createGroup(store(), ana, bo);
      await store().transaction(async ({ messages }) => {
        for (let n = 0; n < MAX_MENTION_COUNT - 1; n += 1) {
          await messages.append({ ...draft(chat, cy, "a"), mentions: [ana.id] });
        }
      });
      assert.equal(await countOf(chat, ana), MAX_MENTION_COUNT - 1);
      for (let n = 0; n < 2; n += 1) {
        await append(chat, cy, { mentions: [ana.id] });
        assert.equal(await countOf(chat, ana), MAX_MENTION_COUNT);
      }
    });
  });
}
