import assert from "node:assert/strict";
import type { Slice, Store } from "../../src/application/ports.js";
import type { Chat } from "../../src/domain/chat.js";
import { reactionChanged } from "../../src/domain/event.js";
import { lengthOf, tombstone, type Message, type MessageId } from "../../src/domain/message.js";
import { withReaction, type Emoji, type ListedReaction, type Reactions } from "../../src/domain/reaction.js";
import type { User } from "../../src/domain/user.js";
import {
  MAX_ID,
  MAX_TIME_MS,
  ana,
  append,
  bo,
  createGroup,
  cy,
  person,
  register,
  send,
  type Runner,
} from "./fixtures.js";

const ALL: Slice = { after: 0, upTo: MAX_ID, limit: MAX_ID, from: "oldest" };

/** In ascending order by code point, which is not that of UTF-16. Two are canonically equivalent. */
const EMOJI = [
  "!",
  "e\u0301",
  "\u00e9",
  "❤",
  "❤️",
  "\uff5e",
  "👍",
  "👍🏽",
  "👩‍👩‍👧‍👦",
  "🙂",
] as readonly string[] as readonly Emoji[];
const [FIRST, SECOND] = [EMOJI[6]!, EMOJI[3]!];

/** Tests the promises of `ReactionRepository`, and those of others about reactions. */
export function reactionContract({ describe, it, beforeEach }: Runner, store: () => Store): void {
  let chat: Chat;
  let message: Message;
  let other: Message;
  const add = (
    { id: userId }: User,
    emoji: Emoji,
    { id: messageId }: Pick<Message, "id"> = message,
    at = 1,
  ) => store().transaction(({ reactions }) => reactions.add({ messageId, emoji, userId, at }));
  const remove = ({ id: userId }: User, emoji: Emoji, { id: messageId }: Pick<Message, "id"> = message) =>
    store().transaction(({ reactions }) => reactions.remove({ messageId, emoji, userId }));
  const page = ({ id }: Pick<Message, "id"> = message, after?: number, limit = MAX_ID) =>
    store().read(({ reactions }) => reactions.ofMessage(id, { after, limit }));
  const listed = async (of: Pick<Message, "id"> = message) => short(await page(of));
  const short = (list: readonly ListedReaction[]) =>
    list.map(({ emoji, user }) => `${user.username} ${emoji}`);
  const ofUser = async (
    { id }: User,
    after?: { readonly messageId: MessageId; readonly emoji: Emoji },
    limit = MAX_ID,
  ) =>
    (await store().read(({ reactions }) => reactions.ofUser(id, { after, limit }))).map(
      ({ messageId, emoji }) => `${messageId} ${emoji}`,
    );
  const firstUsers = (emoji: Emoji, limit = MAX_ID) =>
    store().read(({ reactions }) => reactions.firstUsers(message.id, emoji, limit));
  const setReactions = (of: Message, reactions: Reactions) =>
    store().transaction(({ messages }) => messages.setReactions({ ...of, reactions }));
  const messageNow = ({ id }: Pick<Message, "id"> = message) =>
    store().read(({ messages }) => messages.byId(id));
  const deleteOfDeleted = (limit: number) =>
    store().transaction(({ reactions }) => reactions.deleteOfDeleted(limit));
  const counted = (emoji: Emoji, ...users: readonly User[]) => ({
    emoji,
    count: users.length,
    userIds: users.map(({ id }) => id),
  });

  async function begin(): Promise<void> {
    await register(store(), ana, bo, cy);
    chat = await createGroup(store(), ana, bo);
    [message, other] = (await send(store(), chat, ana, "a", "b")) as [Message, Message];
  }

  describe("ReactionRepository", () => {
    beforeEach(begin);

    it("adds and removes each reaction once, and tells emoji apart by code point", async () => {
      for (const emoji of EMOJI) assert.equal(await add(ana, emoji), true, emoji);
      for (const emoji of EMOJI) assert.equal(await add(ana, emoji, message, 2), false, emoji);
      assert.equal(await add(bo, FIRST), true);
      assert.equal(await add(ana, FIRST, other), true);
      assert.equal(await remove(cy, FIRST), false);
      assert.equal(await remove(bo, SECOND), false);
      assert.equal(await remove(ana, FIRST), true);
      assert.equal(await remove(ana, FIRST), false);
      const rest = EMOJI.filter((emoji) => emoji !== FIRST).map((emoji) => `ana ${emoji}`);
      assert.deepEqual(await listed(), [...rest, `bo ${FIRST}`]);
      assert.deepEqual(await listed(other), [`ana ${FIRST}`]);
    });

    it("lists the reactions to a message in the order in which they were added, page by page, with current names", async () => {
      await add(bo, FIRST, message, MAX_TIME_MS);
      await add(ana, SECOND, message, 1);
      await add(cy, FIRST, message, 1);
      await add(ana, FIRST, message, 1);
      await remove(ana, SECOND);
      await add(ana, SECOND, message, 5);
      await store().transaction(({ users }) => users.delete(bo.id, 1));
      const all = await page();
      assert.deepEqual(short(all), [`deleted ${FIRST}`, `cy ${FIRST}`, `ana ${FIRST}`, `ana ${SECOND}`]);
      assert.deepEqual(
        all.map(({ at }) => at),
        [MAX_TIME_MS, 1, 1, 5],
      );
      assert.deepEqual(all[0]!.user, { id: bo.id, username: "deleted" });
      for (const [index, { position }] of all.entries()) {
        for (const limit of [0, 1, 2, 9]) {
          assert.deepEqual(await page(message, position, limit), all.slice(index + 1, index + 1 + limit));
        }
        assert.deepEqual(await page(message, undefined, index), all.slice(0, index));
      }
      assert.deepEqual(await page({ id: MAX_ID as MessageId }), []);
    });

    it("finds the first users of an emoji", async () => {
      for (const user of [cy, ana, bo]) await add(user, FIRST);
      await add(bo, SECOND);
      assert.deepEqual(await firstUsers(FIRST), [cy.id, ana.id, bo.id]);
      assert.deepEqual(await firstUsers(FIRST, 2), [cy.id, ana.id]);
      await remove(cy, FIRST);
      assert.deepEqual(await firstUsers(FIRST, 2), [ana.id, bo.id]);
      assert.deepEqual(await firstUsers(EMOJI[0]!), []);
    });

    it("lists the reactions of a user by message and code points, page by page, also in chats that they have left", async () => {
      for (const emoji of EMOJI.toReversed()) await add(bo, emoji, other, MAX_TIME_MS);
      await add(bo, FIRST);
      await add(ana, SECOND);
      await store().transaction(({ chats }) => chats.removeParticipant(chat.id, bo.id));
      const all = [`${message.id} ${FIRST}`, ...EMOJI.map((emoji) => `${other.id} ${emoji}`)];
      assert.deepEqual(await ofUser(bo), all);
      assert.deepEqual(await ofUser(bo, undefined, 2), all.slice(0, 2));
      for (const [index, emoji] of EMOJI.entries()) {
        const after = { messageId: other.id, emoji };
        assert.deepEqual(await ofUser(bo, after, 3), all.slice(index + 2, index + 5));
      }
      const [own] = await store().read(({ reactions }) =>
        reactions.ofUser(ana.id, { after: undefined, limit: 9 }),
      );
      assert.deepEqual(own, { messageId: message.id, emoji: SECOND, userId: ana.id, at: 1 });
    });

    for (const [name, deleteMessage] of [
      [
        "by a tombstone",
        (of: Message) => store().transaction(({ messages }) => messages.update(tombstone(of, 7))),
      ],
      [
        "by an erasure",
        (of: Message) => store().transaction(({ messages }) => messages.erase(tombstone(of, 7))),
      ],
      ["by age", (of: Message) => store().transaction(({ messages }) => messages.forget(chat.id, of.id, 9))],
      ["with its chat", () => store().transaction(({ messages }) => messages.deleteOfChat(chat.id, 1))],
    ] as const) {
      it(`hides the reactions to a message that is deleted ${name}, and deletes them in parts`, async () => {
        const kept = name === "with its chat" ? (await elsewhere())[0]! : other;
        const people = Array.from({ length: 5 }, (_, index) => person(`reader-${index}`));
        await register(store(), ...people);
        const [first] = people as [User];
        const deleted = name === "with its chat" ? [message, other] : [message];
        for (const user of people) for (const of of [...deleted, kept]) await add(user, FIRST, of);
        for (const of of [...deleted, kept]) await setReactions(of, [counted(FIRST, ...people)]);
        for (const of of deleted) await deleteMessage(of);
        for (const of of deleted) {
          assert.deepEqual(await listed(of), []);
          assert.equal(await remove(first, FIRST, of), false);
        }
        assert.deepEqual(await firstUsers(FIRST), []);
        assert.deepEqual(await ofUser(first), [`${kept.id} ${FIRST}`]);
        const rows = 5 * deleted.length;
        assert.equal(await deleteOfDeleted(2), 2);
        assert.equal(await deleteOfDeleted(2), 2);
        assert.deepEqual(await ofUser(first), [`${kept.id} ${FIRST}`]);
        assert.equal(await deleteOfDeleted(MAX_ID), rows - 4);
        assert.equal(await deleteOfDeleted(MAX_ID), 0);
        assert.deepEqual(
          await listed(kept),
          people.map(({ username }) => `${username} ${FIRST}`),
        );
        assert.deepEqual((await messageNow(kept))?.reactions, [counted(FIRST, ...people)]);
      });
    }

    it("lets transactions that read the message before decide one after the other", async () => {
      const people = Array.from({ length: 12 }, (_, index) => person(`racer-${index}`));
      await register(store(), ...people);
      await Promise.all(
        people.map((user) =>
          store().transaction(async ({ messages, reactions }) => {
            const before = (await messages.byId(message.id))!;
            await reactions.add({ messageId: message.id, emoji: FIRST, userId: user.id, at: 1 });
            await messages.setReactions({
              ...before,
              reactions: withReaction(before.reactions, FIRST, user.id),
            });
          }),
        ),
      );
      const users = await firstUsers(FIRST);
      assert.equal(users.length, people.length);
      assert.deepEqual((await messageNow())?.reactions, [
        { emoji: FIRST, count: users.length, userIds: users },
      ]);
    });
  });

  /** Sends a message to another chat. */
  async function elsewhere(): Promise<readonly Message[]> {
    return send(store(), await createGroup(store(), ana), ana, "c");
  }

  describe("MessageRepository.setReactions", () => {
    beforeEach(begin);
    const reactions = [counted(FIRST, bo, ana), counted(SECOND, ana)];

    it("replaces the reactions in every list, and nothing else", async () => {
      const before = [message, other];
      await store().read(({ messages }) => messages.ofChat(chat.id, { ...ALL, from: "newest" }));
      for (const now of [reactions, [counted(EMOJI[0]!, ana)], []]) {
        await setReactions(other, now);
        const expected = [before[0], { ...before[1]!, reactions: now }];
        await store().read(async ({ messages, chats }) => {
          assert.deepEqual(await messages.ofChat(chat.id, ALL), expected);
          assert.deepEqual(await messages.ofChat(chat.id, { ...ALL, from: "newest" }), expected);
          assert.deepEqual(await messages.ofUser(bo.id, ALL), expected);
          assert.deepEqual(await messages.byIds([other.id], {}), expected.slice(1));
          assert.deepEqual((await chats.overview(chat.id, bo.id))?.lastMessage, expected[1]);
          const [overview] = await chats.overviews(bo.id, [chat.id]);
          assert.deepEqual(overview?.lastMessage, { ...other, text: "", reactions: [] });
        });
      }
    });

    it("keeps the reactions when a text changes, and a tombstone has none", async () => {
      await setReactions(message, reactions);
      const edited = { ...message, text: "edited" as Message["text"], editedAt: 5 };
      await store().transaction(({ messages }) => messages.update(edited));
      assert.deepEqual(await messageNow(), { ...edited, reactions });
      await store().transaction(({ messages }) => messages.update({ ...edited, deletedAt: 6 }));
      assert.deepEqual(await messageNow(), { ...edited, deletedAt: 6 });
      await setReactions(other, reactions);
      await store().transaction(({ messages }) => messages.erase(tombstone(other, 6)));
      assert.deepEqual((await messageNow(other))?.reactions, []);
    });

    it("counts the reactions in the length of a slice", async () => {
      const [third] = await send(store(), chat, bo, "c");
      await setReactions(message, reactions);
      await setReactions(other, reactions);
      const maxCharacters = lengthOf({ ...message, reactions }) + 1;
      await store().read(async ({ messages }) => {
        for (const [from, expected] of [
          ["oldest", [message.id, other.id]],
          ["newest", [message.id, other.id, third!.id]],
        ] as const) {
          const slice = {
            ...ALL,
            from,
            maxCharacters: from === "oldest" ? maxCharacters : maxCharacters + 1,
          };
          assert.deepEqual(
            (await messages.ofChat(chat.id, slice)).map(({ id }) => id),
            expected,
          );
          assert.deepEqual(
            (await messages.ofUser(bo.id, slice)).map(({ id }) => id),
            expected,
          );
        }
        const found = await messages.byIds([message.id, other.id], { maxCharacters: maxCharacters - 1 });
        assert.deepEqual(
          found.map(({ id }) => id),
          [message.id],
        );
      });
    });
  });

  describe("EventLog with reactions", () => {
    beforeEach(begin);
    const reactions = [counted(FIRST, bo)];
    const reacted = (of: Message) =>
      append(
        store(),
        reactionChanged("reaction.added", of, { messageId: of.id, emoji: FIRST, userId: bo.id, at: 5 }),
      );
    const read = async (maxCharacters?: number) => {
      const slice = { after: 0, upTo: MAX_ID, limit: MAX_ID, maxCharacters };
      return store().read(
        async ({ events }) => [await events.all(slice), await events.ofUser(ana.id, slice)] as const,
      );
    };

    it("returns the current reactions, and no text", async () => {
      await reacted(message);
      await setReactions(message, reactions);
      for (const [entry] of await read()) {
        assert.deepEqual(
          { ...entry, id: 0 },
          {
            id: 0,
            chatId: chat.id,
            chatKind: "group",
            to: "participants",
            at: 5,
            change: { type: "reaction.added", emoji: FIRST, user: { id: bo.id } },
            message: { ...message, text: "", reactions },
          },
        );
      }
      await store().transaction(({ messages }) => messages.update(tombstone(message, 7)));
      for (const [entry] of await read()) {
        assert.deepEqual(entry && "message" in entry && entry.message, tombstone(message, 7));
      }
      await store().transaction(({ messages }) => messages.forget(chat.id, message.id, 1));
      for (const [entry] of await read()) assert.equal(entry && "message" in entry && entry.message, null);
    });

    it("counts the reactions in the length of a slice, and no text", async () => {
      const [long] = await send(store(), chat, ana, "long ".repeat(100));
      for (let count = 0; count < 3; count += 1) await reacted(long!);
      for (const found of await read(1)) assert.equal(found.length, 3);
      await setReactions(long!, reactions);
      const length = lengthOf({ ...message, text: "" as Message["text"], reactions });
      for (const found of await read(length)) assert.equal(found.length, 1);
      for (const found of await read(length + 1)) assert.equal(found.length, 2);
    });

    it("returns no message that the user cannot read", async () => {
      await store().transaction(async ({ chats, messages }) => {
        await chats.addParticipant(chat.id, cy.id, 1, "member", await messages.lastId());
      });
      await reacted(message);
      const [entry] = await store().read(({ events }) =>
        events.ofUser(cy.id, { after: 0, upTo: MAX_ID, limit: 1 }),
      );
      assert.equal(entry && "message" in entry && entry.message, null);
    });
  });
}
