import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { SearchRange, Store } from "../../src/application/ports.js";
import type { Chat } from "../../src/domain/chat.js";
import type { Message, MessageText } from "../../src/domain/message.js";
import { matchesQuery, parseSearchQuery, searchTerms } from "../../src/domain/search.js";
import type { User } from "../../src/domain/user.js";
import {
  MAX_ID,
  TRICKY_TEXTS,
  ana,
  bo,
  createGroup,
  cy,
  draft,
  register,
  send,
  type Runner,
} from "./fixtures.js";

const MAX_ATTEMPTS = 100;
const DELAY_MS = 20;

/**
 * Indexes all messages. Their ids can be settled some time after the commit.
 *
 * @param takesMany whether a call may leave messages to the next one.
 */
export async function indexAll(store: Store, takesMany = true): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    while (await store.transaction(({ search }) => search.indexNext())) {
      assert.ok(takesMany, "A call that reaches the last message returns false.");
    }
    const isBehind = await store.read(
      async ({ messages, search }) => (await search.indexedUpTo()) < (await messages.lastId()),
    );
    if (!isBehind) return;
    assert.ok(attempt < MAX_ATTEMPTS, "The index never reaches the last message.");
    await sleep(DELAY_MS);
  }
}

/** Tests the promises of `SearchIndex`. */
export function searchContract({ describe, it, beforeEach }: Runner, store: () => Store): void {
  /**
   * The messages behind the index, and those that the calls of `find` return, newest first. Asserts what is promised about the order.
   */
  async function findAll(
    user: User,
    query: string,
    part: Partial<SearchRange> = {},
  ): Promise<readonly Message[]> {
    return store().read(async ({ messages, search }) => {
      const indexedUpTo = await search.indexedUpTo();
      const range = { after: 0, upTo: MAX_ID, chatId: undefined, senderId: undefined, ...part };
      const after = Math.max(range.after, indexedUpTo);
      const behind = await messages.ofUser(user.id, { ...range, after, limit: MAX_ID, from: "newest" });
      const found = behind.filter(({ text }) => matchesQuery(parseSearchQuery(query), text)).toReversed();
      for (let upTo = Math.min(range.upTo, indexedUpTo); upTo > range.after;) {
        const { ids, reached } = await search.find(user.id, parseSearchQuery(query), { ...range, upTo });
        assert.ok(
          reached < upTo && reached >= range.after,
          "Each call comes closer to the end of the range.",
        );
        assert.ok(
          ids.every((id) => id > reached && id <= upTo),
          "Each call finds what is in its range.",
        );
        assert.deepEqual(
          ids,
          ids.toSorted((one, other) => other - one),
        );
        found.push(...(await messages.byIds(ids, {})));
        upTo = reached;
      }
      return found;
    });
  }

  /** The texts that match, newest first, as a caller compares them. */
  async function find(
    user: User,
    query: string,
    part: Partial<SearchRange> = {},
  ): Promise<readonly string[]> {
    const found = await findAll(user, query, part);
    return found.map(({ text }) => text).filter((text) => matchesQuery(parseSearchQuery(query), text));
  }

  async function sendIndexed(chat: Chat, sender: User, ...texts: readonly string[]): Promise<Message[]> {
    const sent = await send(store(), chat, sender, ...texts);
    await indexAll(store());
    return sent;
  }

  const change = (message: Message, text: string) =>
    store().transaction(({ messages }) =>
      messages.update({ ...message, text: text as MessageText, editedAt: 1 }),
    );

  describe("SearchIndex.indexNext", () => {
    it("returns false when it has reached the last message", async () => {
      await register(store(), ana);
      const chat = await createGroup(store(), ana);
      for (const text of ["one", "two"]) {
        await send(store(), chat, ana, text, text);
        await indexAll(store(), false);
      }
      assert.equal((await find(ana, "two")).length, 2);
    });
  });

  describe("SearchIndex.find", () => {
    beforeEach(() => register(store(), ana, bo, cy));

    it("finds the messages that have each word, newest first", async () => {
      const chat = await createGroup(store(), ana);
      await sendIndexed(
        chat,
        ana,
        "Lunch at noon?",
        "the LUNCH menu",
        "noon",
        "Lunchtime, at noon",
        "at last",
        "🙂",
      );
      assert.deepEqual(await find(ana, "lunch"), ["Lunchtime, at noon", "the LUNCH menu", "Lunch at noon?"]);
      assert.deepEqual(await find(ana, "noon lunch"), ["Lunchtime, at noon", "Lunch at noon?"]);
      assert.deepEqual(await find(ana, "lunch noon"), ["Lunch at noon?"]);
      assert.deepEqual(await find(ana, "at l"), ["at last", "Lunchtime, at noon", "Lunch at noon?"]);
      assert.deepEqual(await find(ana, "unch"), []);
      assert.deepEqual(await find(ana, "supper"), []);
    });

    it("finds words of any script in any form", async () => {
      const chat = await createGroup(store(), ana);
      const texts = [
        "明天去東京",
        "こんにちは、世界",
        "ＣＡＦÉ",
        "Straße",
        "İSTANBUL ve ısı",
        "שָׁלוֹם",
        "مُحَمَّد",
        "서울에서 만나요",
        "ไปกินข้าว",
        "it's 𝔘nicode",
        "O\u0308l",
      ];
      await sendIndexed(chat, ana, ...texts);
      const queries = [
        "東京",
        "世",
        "cafe",
        "STRASSE",
        "istanbul ISI",
        "שלום",
        "محمد",
        "서울",
        "ข้าว",
        "it's UNI",
        "öl",
      ];
      for (const [index, query] of queries.entries())
        assert.deepEqual(await find(ana, query), [texts[index]]);
      assert.deepEqual(await find(ana, "京東"), []);
    });

    it("finds every text by each of its terms", async () => {
      const chat = await createGroup(store(), ana);
      const texts = [...TRICKY_TEXTS, "x".repeat(10_000), "長い".repeat(5_000)];
      await sendIndexed(chat, ana, ...texts);
      for (const text of texts) {
        for (const term of searchTerms(text))
          assert.equal((await find(ana, term)).includes(text), true, term);
      }
    });

    it("finds nothing that the user cannot read", async () => {
      const [first, second] = [await createGroup(store(), ana, bo), await createGroup(store(), bo)];
      await send(store(), first, bo, "secret one");
      await send(store(), second, bo, "secret two");
      const [last] = await send(store(), first, bo, "secret three");
      await store().transaction(async ({ chats }) => {
        await chats.addParticipant(first.id, cy.id, 1, "member", last!.id);
        await chats.addParticipant(second.id, cy.id, 1);
      });
      await sendIndexed(first, bo, "secret four");
      const read = async (user: User) => (await findAll(user, "secret")).map(({ text }) => text);
      assert.deepEqual(await read(ana), ["secret four", "secret three", "secret one"]);
      assert.deepEqual(await read(bo), ["secret four", "secret three", "secret two", "secret one"]);
      assert.deepEqual(await read(cy), ["secret four", "secret two"]);
      await store().transaction(({ chats }) => chats.removeParticipant(second.id, cy.id));
      assert.deepEqual(await read(cy), ["secret four"]);
      assert.deepEqual(await findAll(cy, "secret", { chatId: second.id }), []);
    });

    it("finds messages with `after` < id <= `upTo`, of a chat, of a sender", async () => {
      const [first, second] = [await createGroup(store(), ana, bo), await createGroup(store(), ana, bo)];
      const ids: number[] = [];
      for (const [chat, sender] of [
        [first, ana],
        [second, ana],
        [first, bo],
        [second, bo],
      ] as const) {
        const [sent] = await send(store(), chat, sender, "word");
        ids.push(sent!.id);
      }
      await indexAll(store());
      const idsOf = async (part: Partial<SearchRange>) =>
        (await findAll(ana, "word", part)).map(({ id }) => id);
      assert.deepEqual(await idsOf({}), ids.toReversed());
      assert.deepEqual(await idsOf({ after: ids[0]! }), ids.slice(1).toReversed());
      assert.deepEqual(await idsOf({ upTo: ids[2]! }), ids.slice(0, 3).toReversed());
      assert.deepEqual(await idsOf({ chatId: second.id }), [ids[3], ids[1]]);
      assert.deepEqual(await idsOf({ senderId: ana.id }), [ids[1], ids[0]]);
      assert.deepEqual(await idsOf({ chatId: first.id, senderId: bo.id, after: ids[1]! }), [ids[2]]);
    });

    it("finds a text that was edited, and not the one before", async () => {
      const chat = await createGroup(store(), ana);
      const [first, second, third] = await sendIndexed(chat, ana, "one", "🙂", "three");
      await change(first!, "uno");
      await change(second!, "dos");
      assert.deepEqual(await find(ana, "one"), []);
      assert.deepEqual(await find(ana, "uno"), ["uno"]);
      assert.deepEqual(await find(ana, "dos"), ["dos"]);
      await indexAll(store());
      await change(third!, "🙂");
      await indexAll(store());
      await change(third!, "tres");
      await indexAll(store());
      for (const word of ["uno", "dos", "tres"]) assert.deepEqual(await find(ana, word), [word]);
      for (const word of ["one", "three"]) assert.deepEqual(await findAll(ana, word), []);
    });

    it("finds no deleted text", async () => {
      const [chat, other] = [await createGroup(store(), ana), await createGroup(store(), bo)];
      const [updated, erased] = await sendIndexed(chat, ana, "word", "word", "word", "word kept");
      await sendIndexed(other, bo, "word", "word");
      await store().transaction(async ({ messages }) => {
        const tombstone = { text: "" as MessageText, deletedAt: 1 };
        await messages.update({ ...updated!, ...tombstone });
        await messages.erase({ ...erased!, ...tombstone });
        await messages.forget(chat.id, MAX_ID, 3);
        await messages.deleteOfChat(other.id, 10);
      });
      assert.deepEqual(await find(ana, "word"), ["word kept"]);
      assert.deepEqual(await find(bo, "word"), []);
      await indexAll(store());
      assert.deepEqual(await find(ana, "word"), ["word kept"]);
      assert.deepEqual(await findAll(bo, "word"), []);
    });

    it("finds a text whose change was rolled back", async () => {
      const chat = await createGroup(store(), ana);
      const [sent] = await sendIndexed(chat, ana, "before");
      const failure = new Error("rolled back");
      const failing = store().transaction(async ({ messages }) => {
        await messages.update({ ...sent!, text: "after" as MessageText, editedAt: 1 });
        await messages.append(draft(chat, ana, "never"));
        throw failure;
      });
      await assert.rejects(failing, failure);
      for (const _ of ["before the index is read again", "after it"]) {
        assert.deepEqual(await find(ana, "before"), ["before"]);
        assert.deepEqual(await find(ana, "after"), []);
        assert.deepEqual(await find(ana, "never"), []);
        await indexAll(store());
      }
      assert.equal((await sendIndexed(chat, ana, "next")).length, 1);
      assert.deepEqual(await find(ana, "next"), ["next"]);
    });

    it("finds each message once, call by call, as the texts compare", async () => {
      const chats = [await createGroup(store(), ana, bo), await createGroup(store(), bo)];
      let state = 1;
      const random = (below: number) => (state = (state * 48_271) % 2_147_483_647) % below;
      const words = ["a", "ab", "abc", "b", "東京", "京都", "é", "word", "words", "🙂"];
      const textOf = () => Array.from({ length: 1 + random(4) }, () => words[random(words.length)]).join(" ");
      const sent: Message[] = [];
      for (let round = 0; round < 6; round += 1) {
        sent.push(
          ...(await store().transaction(async ({ messages }) => {
            const appended = [];
            for (let count = 0; count < 250; count += 1) {
              appended.push(await messages.append(draft(chats[random(5) === 0 ? 1 : 0]!, bo, textOf())));
            }
            return appended;
          })),
        );
        if (round % 2 === 0) await indexAll(store());
        await store().transaction(async ({ messages }) => {
          for (let count = 0; count < 20; count += 1) {
            const index = random(sent.length);
            const text = textOf() as MessageText;
            sent[index] = { ...sent[index]!, text, editedAt: 1 };
            await messages.update(sent[index]);
          }
        });
      }
      await indexAll(store());
      for (const query of ["a", "ab", "ab a", "word", "words a", "東京", "京", "é b", "abc 都 w"]) {
        for (const [user, readable] of [
          [ana, sent.filter(({ chatId }) => chatId === chats[0]!.id)],
          [bo, sent],
        ] as const) {
          const expected = readable
            .map(({ text }) => text)
            .filter((text) => matchesQuery(parseSearchQuery(query), text));
          assert.deepEqual(await find(user, query), expected.toReversed());
        }
      }
    });
  });
}
