import { expect } from "chai";
import type { SearchMessages } from "../../src/application/search.js";
import { searchMessages } from "../../src/application/search.js";
import type { ReadRepositories, Store } from "../../src/application/ports.js";
import { openTestMessaging, type TestMessaging } from "../../src/main/testing.js";
import type { User } from "../../src/domain/user.js";
import { draft } from "../contract/fixtures.js";
import { errorCodeOf } from "../support/error-code.js";

/** The store with other readers in its reads. */
function readingFrom(store: Store, change: (all: ReadRepositories) => Partial<ReadRepositories>): Store {
  return { ...store, read: (work) => store.read((all) => work({ ...all, ...change(all) })) };
}

/** A store whose index has no message. */
const unindexed = (store: Store) =>
  readingFrom(store, ({ search }) => ({ search: { ...search, indexedUpTo: async () => 0 } }));

for (const [name, storeOf] of [
  ["an index", (store: Store) => store],
  ["an index that has no message yet", unindexed],
] as const) {
  describe(`searchMessages over ${name}`, () => {
    let messaging: TestMessaging;
    let people: Readonly<Record<"ana" | "bo" | "cy", User>>;
    beforeEach(async () => {
      messaging = openTestMessaging();
      people = await messaging.users("ana", "bo", "cy");
    });
    afterEach(() => messaging.close());

    const search = (user: User, query: string, part: Partial<SearchMessages> = {}) => {
      const ports = { ...messaging.ports, store: storeOf(messaging.ports.store) };
      return searchMessages(ports, { by: user.id, query, limit: 100, ...part });
    };
    const textsOf = async (...given: Parameters<typeof search>) =>
      (await search(...given)).messages.map(({ text }) => text);
    const send = async (
      { id: by }: User,
      to: Parameters<TestMessaging["sendMessage"]>[0]["to"],
      text: string,
    ) => (await messaging.sendMessage({ by, to, text })).message;

    it("finds the messages of all chats of the caller, newest first", async () => {
      const { ana, bo, cy } = people;
      const chat = await messaging.group(ana, bo);
      await send(ana, { chatId: chat.id }, "Lunch?");
      await send(bo, { username: "ana" }, "lunch at noon");
      await send(bo, { username: "cy" }, "no lunch");
      await send(cy, { username: "ana" }, "supper");
      expect(await textsOf(ana, "lunch")).to.deep.equal(["lunch at noon", "Lunch?"]);
      expect(await textsOf(bo, "lunch")).to.deep.equal(["no lunch", "lunch at noon", "Lunch?"]);
      expect(await textsOf(bo, "lunch no")).to.deep.equal(["no lunch", "lunch at noon"]);
      expect(await textsOf(cy, "supper lunch")).to.deep.equal([]);
    });

    it("finds the messages of one chat, of one sender, before and after an id", async () => {
      const { ana, bo } = people;
      const chat = await messaging.group(ana, bo);
      const one = await send(ana, { chatId: chat.id }, "word one");
      await send(bo, { chatId: chat.id }, "word two");
      const three = await send(bo, { username: "ana" }, "word three");
      await send(ana, { username: "bo" }, "word four");
      expect(await textsOf(ana, "word", { chatId: chat.id })).to.deep.equal(["word two", "word one"]);
      expect(await textsOf(ana, "word", { from: "BO" })).to.deep.equal(["word three", "word two"]);
      expect(await textsOf(ana, "word", { from: bo.id, chatId: chat.id })).to.deep.equal(["word two"]);
      expect(await textsOf(ana, "word", { before: three.id })).to.deep.equal(["word two", "word one"]);
      expect(await textsOf(ana, "word", { after: three.id })).to.deep.equal(["word four"]);
      expect(await textsOf(ana, "word", { after: one.id, before: three.id })).to.deep.equal(["word two"]);
      expect(await textsOf(ana, "word", { before: 1 })).to.deep.equal([]);
    });

    it("finds nothing that the caller cannot read", async () => {
      const { ana, bo, cy } = people;
      const chat = await messaging.group(ana, bo);
      await messaging.changeChat({ by: ana.id, chatId: chat.id, policy: { history: "since_join" } });
      await send(ana, { chatId: chat.id }, "word one");
      await messaging.addParticipant({ by: ana.id, chatId: chat.id, username: "cy" });
      await send(ana, { chatId: chat.id }, "word two");
      for (const part of [{}, { chatId: chat.id }]) {
        expect(await textsOf(cy, "word", part)).to.deep.equal(["word two"]);
        expect(await textsOf(bo, "word", part)).to.deep.equal(["word two", "word one"]);
      }
      await messaging.removeParticipant({ by: bo.id, chatId: chat.id, user: "bo" });
      expect(await search(bo, "word")).to.deep.equal({ messages: [], isComplete: true, next: undefined });
      expect(await errorCodeOf(search(bo, "word", { chatId: chat.id }))).to.equal("not_a_participant");
    });

    it("finds an edited text, and none that was edited or deleted", async () => {
      const { ana } = people;
      const [first, second] = [
        await send(ana, { username: "bo" }, "word one"),
        await send(ana, { username: "bo" }, "word two"),
      ];
      await messaging.editMessage({ by: ana.id, id: first.id, text: "other" });
      await messaging.deleteMessage({ by: ana.id, id: second.id });
      expect(await textsOf(ana, "word")).to.deep.equal([]);
      expect(await textsOf(ana, "other")).to.deep.equal(["other"]);
      await messaging.eraseAccount({
        by: (await messaging.logIn({ username: "ana", password: "password of ana" })).session,
        password: "password of ana",
      });
      expect(await textsOf(people.bo, "other")).to.deep.equal([]);
    });

    it("returns each match once over pages, while messages arrive", async () => {
      const { ana } = people;
      for (let count = 0; count < 7; count += 1) await send(ana, { username: "bo" }, `word ${count}`);
      for (const limit of [1, 2, 3, 7, 8]) {
        const before = await textsOf(ana, "word");
        const found: string[] = [];
        let cursor: string | undefined;
        do {
          const page = await search(ana, "word", { limit, cursor });
          expect(page.messages).to.have.lengthOf.at.most(limit);
          found.push(...page.messages.map(({ text }) => text));
          cursor = page.next;
          await send(ana, { username: "bo" }, `word, later ${found.length} ${limit}`);
        } while (cursor !== undefined);
        expect(found).to.deep.equal(before);
      }
    });

    it("rejects a query without words, an unknown sender, and a cursor that it has not returned", async () => {
      const { ana } = people;
      expect(await errorCodeOf(search(ana, "?!"))).to.equal("invalid_query");
      expect(await errorCodeOf(search(ana, "a", { from: "nobody" }))).to.equal("unknown_user");
      for (const cursor of ["", "0", "-1", "1.5", "x", "9007199254740993", "99999999999999999999"]) {
        expect(await errorCodeOf(search(ana, "a", { cursor })), cursor).to.equal("invalid_cursor");
      }
    });
  });
}

describe("searchMessages", () => {
  let messaging: TestMessaging;
  beforeEach(() => {
    messaging = openTestMessaging();
  });
  afterEach(() => messaging.close());

  /** A chat of ana in which every hundredth message has the word `rare`. */
  async function longChat(length: number): Promise<User> {
    const { ana } = await messaging.users("ana");
    const chat = await messaging.group(ana);
    await messaging.ports.store.transaction(async ({ messages }) => {
      for (let count = 1; count <= length; count += 1) {
        await messages.append(draft(chat, ana, count % 100 === 0 ? "rare" : "often"));
      }
    });
    return ana;
  }

  it("bounds the work of a page, and returns a cursor where it stops", async () => {
    const { id: by } = await longChat(21_000);
    const first = await messaging.searchMessages({ by, query: "never", limit: 10 });
    expect(first).to.deep.equal({ messages: [], isComplete: true, next: "1001" });
    const last = await messaging.searchMessages({ by, query: "never", limit: 10, cursor: first.next });
    expect(last).to.deep.equal({ messages: [], isComplete: true, next: undefined });
  });

  it("bounds the size of a page of long texts, and returns the others behind its cursor", async () => {
    const { ana } = await messaging.users("ana");
    const chat = await messaging.group(ana);
    await messaging.ports.store.transaction(async ({ messages }) => {
      for (let count = 0; count < 40; count += 1)
        await messages.append(draft(chat, ana, "word ".repeat(2_000)));
    });
    const found: number[] = [];
    let cursor: string | undefined;
    do {
      const page = await messaging.searchMessages({ by: ana.id, query: "word", limit: 100, cursor });
      expect(page.messages).to.have.lengthOf.below(32);
      found.push(...page.messages.map(({ id }) => id));
      cursor = page.next;
    } while (cursor !== undefined);
    expect(found).to.deep.equal(Array.from({ length: 40 }, (_, index) => 40 - index));
  });

  it("takes the part of the index or of the history that reaches further back", async () => {
    const { id: by } = await longChat(900);
    const { store } = messaging.ports;
    for (const [indexStep, reads] of [
      [10, 5],
      [900, 1],
    ] as const) {
      let count = 0;
      const stepping = readingFrom(store, ({ search }) => ({
        search: {
          ...search,
          find: async (user, query, range) => {
            count += 1;
            const after = Math.max(range.after, range.upTo - indexStep);
            return search.find(user, query, { ...range, after });
          },
        },
      }));
      const page = await searchMessages(
        { ...messaging.ports, store: stepping },
        { by, query: "rare", limit: 100 },
      );
      expect(page.messages.map(({ id }) => id)).to.deep.equal(
        Array.from({ length: 9 }, (_, index) => 900 - 100 * index),
      );
      expect(count).to.equal(reads);
    }
  });

  it("says that the index is not complete while more than 10,000 messages wait for it", async () => {
    const { id: by } = await longChat(1);
    const { store } = messaging.ports;
    for (const [waiting, isComplete] of [
      [10_000, true],
      [10_001, false],
    ] as const) {
      const lagging = readingFrom(store, ({ search, messages }) => ({
        search: { ...search, indexedUpTo: async () => 0 },
        messages: { ...messages, lastId: async () => waiting },
      }));
      const page = await searchMessages(
        { ...messaging.ports, store: lagging },
        { by, query: "often", limit: 1 },
      );
      expect(page).to.include({ isComplete, next: undefined });
      expect(page.messages).to.have.lengthOf(1);
    }
  });
});
