import { expect } from "chai";
import fc from "fast-check";
import { openDatabase, type Database } from "../../../src/adapters/sqlite/database.js";
import { repositories } from "../../../src/adapters/sqlite/repositories.js";
import { migrate } from "../../../src/adapters/sqlite/schema.js";
import { openMemoryStore } from "../../../src/adapters/memory/store.js";
import { createMessaging, type Messaging } from "../../../src/application/messaging.js";
import type { Repositories } from "../../../src/application/ports.js";
import { pairOf, type ChatId } from "../../../src/domain/chat.js";
import { userChanged } from "../../../src/domain/event.js";
import type { IdempotencyKey, Message, MessageText } from "../../../src/domain/message.js";
import { newSession, type SessionId } from "../../../src/domain/session.js";
import type { UserId, UsernameKey } from "../../../src/domain/user.js";
import { testPorts } from "../../support/ports.js";
import { seeded } from "../../support/simulated-disk.js";
import { PLAIN, renamed } from "../../contract/fixtures.js";
import { ana, bo } from "./conversation.js";

describe("the SQLite repositories", () => {
  let database: Database;
  /** The SQL of all statements that were run, in order. */
  let statements: string[];
  let repository: Repositories;

  beforeEach(async () => {
    database = await openDatabase();
    migrate(database);
    statements = [];
    repository = repositories({
      row(sql, ...values) {
        statements.push(sql);
        return database.row(sql, ...values);
      },
      each(visit, sql, ...values) {
        statements.push(sql);
        database.each(visit, sql, ...values);
      },
      rows(sql, ...values) {
        statements.push(sql);
        return database.rows(sql, ...values);
      },
      change(sql, ...values) {
        statements.push(sql);
        return database.change(sql, ...values);
      },
    });
    const { users } = repository;
    await users.add(ana, "ana" as UsernameKey, "digest");
    await users.add(bo, "bo" as UsernameKey, "digest");
  });

  afterEach(() => database.close());

  it("use an index in every query, and sort only the chats in a range of messages", async () => {
    const { users, blocks, chats, messages, sessions, events } = repository;
    const chat = await chats.addP2p(pairOf(ana.id, bo.id), 1);
    const group = await chats.addGroup(null, 1);
    const session = newSession("s" as SessionId, ana, undefined, 1);
    const slice = { after: 0, upTo: 10, limit: 10 } as const;
    const once = { key: "key" as IdempotencyKey, textDigest: "digest" };
    const draft = { chatId: chat.id, sender: ana, text: "hello" as MessageText, ...PLAIN, sentAt: 1 };
    await users.byId(ana.id);
    await users.byKey("ana" as UsernameKey);
    await users.credentials("ana" as UsernameKey);
    await users.replacePassword(ana.id, "digest");
    await chats.ofParticipant(chat.id, ana.id);
    await chats.addParticipant(group.id, ana.id, 1);
    await chats.removeParticipant(group.id, ana.id);
    await chats.participants(chat.id, { after: { joinedAt: 1, id: ana.id }, limit: 10 });
    await chats.update(group);
    await chats.setRole(group.id, ana.id, "admin");
    await chats.oldest(group.id, "admin");
    await chats.oldest(group.id);
    await chats.deleteRead(ana.id, 10);
    await users.accountById(bo.id);
    await users.isTaken("ana" as UsernameKey);
    await users.delete(bo.id, 1);
    await users.isToErase(bo.id);
    await users.endErasure(bo.id, 1);
    await chats.summary(group.id);
    await chats.setRead(chat.id, ana.id, 1);
    await chats.overview(chat.id, ana.id);
    const message = await messages.append(draft, once);
    await messages.update(message);
    await messages.erase(message);
    await messages.byId(message.id);
    await messages.sentAs(ana.id, once.key);
    await messages.lastId();
    await messages.timesOf({ after: 0, limit: 10 });
    await messages.tombstonesAfter(group.id, 1);
    await messages.forget(group.id, 10, 10);
    await messages.append({ ...draft, chatId: group.id });
    await messages.forget(group.id, 10, 10);
    for (const from of ["oldest", "newest"] as const) {
      await messages.ofChat(chat.id, { ...slice, from });
      await messages.ofUser(ana.id, { ...slice, from });
      await messages.idsOfChat(chat.id, { ...slice, from });
      await messages.idsOfUser(ana.id, { ...slice, from });
      await messages.ofUser(ana.id, { ...slice, from, scansRange: true });
      await messages.idsOfUser(ana.id, { ...slice, from, scansRange: true });
    }
    await sessions.add(session, "digest");
    await sessions.byDigest("digest");
    await sessions.ofUser(ana.id);
    await sessions.touch(session);
    await sessions.remove(session.id);
    await sessions.removeExpired(ana.id, 3);
    await chats.ofUser(ana.id, { asOf: 1, after: { joinedAfter: 0, chatId: chat.id }, limit: 10 });
    await chats.overviews(ana.id, [chat.id]);
    await chats.hasMoreThan(ana.id, 10);
    await chats.memberships(ana.id, { after: { joinedAfter: 0, chatId: chat.id }, limit: 10 });
    await users.accountById(ana.id);
    await users.setDisplayName(ana.id, "Ana");
    await users.lockedAccount("ana" as UsernameKey);
    await users.matching({ prefix: "a", after: { word: "ana", id: ana.id }, limit: 10 });
    await blocks.add(ana.id, bo.id, 1);
    await blocks.count(ana.id);
    await blocks.between(ana.id, [bo.id]);
    await blocks.ofUser(ana.id, { after: bo.id, limit: 10 });
    await blocks.remove(ana.id, bo.id);
    await events.append(userChanged(ana.id, "user.updated", 1));
    await events.append(renamed(chat, "a"));
    await events.append(renamed(chat, "b", { user: ana.id, includesRemoved: false }));
    await events.append({ sessionId: session.id, userId: ana.id, at: 1 });
    await events.bounds();
    await events.all(slice);
    await events.ofUser(ana.id, slice);
    await events.ofUser(ana.id, { ...slice, scansRange: true });
    await events.forget(2 ** 52, 10);

    const others = new Set(statements);
    expect(others.size).to.be.greaterThan(25);
    await chats.activeOfUser(ana.id, { after: 0, upTo: 10 });
    const active = statements.at(-1)!;
    expect(new Set(statements)).to.have.property("size", others.size + 1);

    for (const sql of others) expect(slowSteps(sql), sql).to.deep.equal([]);
    // The chats in a range of messages are sorted, since an index by chat would be a scan of all messages.
    expect(slowSteps(active)).to.deep.equal(["USE TEMP B-TREE FOR GROUP BY", "SCAN active"]);
    const steps = database.rows(`EXPLAIN QUERY PLAN ${active}`).map((row) => String(row[3]));
    expect(steps).to.include("SEARCH messages USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)");
  });

  /** The steps of the query plan that scan or sort a table. Temporary results of the query are exempt. */
  function slowSteps(sql: string): string[] {
    const steps = database.rows(`EXPLAIN QUERY PLAN ${sql}`).map((row) => String(row[3]));
    // `feed` is the queue of a recursive query, `peers` and `unread_mentions` are temporary results; `identity`, `wanted`, `forgotten`, `reader` and a constant row
    // are single rows.
    return steps.filter((step) =>
      /SCAN (?!feed|peers|unread_mentions|identity|CONSTANT ROW|wanted|forgotten|reader)|TEMP B-TREE/.test(
        step,
      ),
    );
  }

  describe("called by use cases", () => {
    let messaging: Messaging;

    beforeEach(() => {
      const store = { ...openMemoryStore(), transaction: inOne, read: inOne };
      messaging = createMessaging({ ...testPorts(), store });
    });

    async function inOne<T>(work: (repositories: Repositories) => Promise<T>): Promise<T> {
      return work(repository);
    }

    /** The statements of each use case, in a group of that many participants and messages. */
    async function statementsOf(participants: number, messages: number) {
      const by = ana.id;
      const { id: chatId } = await messaging.createGroupChat({ by });
      await messaging.addParticipant({ by, chatId, username: "bo" });
      for (let count = 2; count < participants; count += 1) {
        const id = `user-${count} of ${chatId}` as UserId;
        await repository.users.add({ ...bo, id }, id as string as UsernameKey, "digest");
        await repository.chats.addParticipant(chatId, id, 1);
      }
      const draft = { chatId, sender: bo, text: "a" as MessageText, ...PLAIN, sentAt: 1 };
      for (let count = 0; count < messages; count += 1) await repository.messages.append(draft);
      const to = { chatId };
      const ran = async (act: () => Promise<unknown>) => {
        statements.length = 0;
        await act();
        return [...statements];
      };
      return {
        send: await ran(() => messaging.sendMessage({ by, to, text: "a", idempotencyKey: `${chatId}` })),
        repeat: await ran(() => messaging.sendMessage({ by, to, text: "a", idempotencyKey: `${chatId}` })),
        page: await ran(() => messaging.pageMessages({ by, of: to, limit: 10, before: 1_000_000 })),
        pageOfAll: await ran(() => messaging.pageMessages({ by, of: "all", limit: 10, after: 0 })),
        list: await ran(() => messaging.listChats({ by, limit: 10 })),
        read: await ran(() => messaging.markRead({ by: bo.id, chatId, seq: 5 })),
      };
    }

    it("run the same statements in small and large chats", async () => {
      // Fills the caches.
      await statementsOf(2, 10);
      const small = await statementsOf(2, 10);
      expect(small.send).to.have.lengthOf.within(5, 9);
      expect(await statementsOf(2, 100_000)).to.deep.equal(small);
      expect(await statementsOf(10_000, 10)).to.deep.equal(small);
    });

    it("run no query to authenticate a cached session, until it is changed or removed", async () => {
      const credentials = { username: "cy", password: "password of cy" };
      await messaging.registerUser(credentials);
      const { secret } = await messaging.logIn(credentials);
      const session = await messaging.authenticate({ secret });
      statements.length = 0;
      expect(await messaging.authenticate({ secret })).to.equal(session);
      expect(statements).to.have.length(0);
      const digest = testPorts().secrets.digests(secret)[0];
      const used = { ...session, lastSeenAt: session.lastSeenAt + 1, expiresAt: session.expiresAt + 1 };
      await repository.sessions.touch(used);
      expect(await repository.sessions.byDigest(digest)).to.deep.equal(used);
      await repository.sessions.removeExpired(session.user.id, used.expiresAt);
      expect(await repository.sessions.byDigest(digest)).to.equal(undefined);
    });

    it("run no query for the texts of messages that were just sent", async () => {
      const by = ana.id;
      const { id: chatId } = await messaging.createGroupChat({ by });
      const { message } = await messaging.sendMessage({ by, to: { chatId }, text: "hello" });
      statements.length = 0;
      const page = await messaging.pageMessages({ by, of: { chatId }, limit: 10 });
      expect(page.messages).to.deep.equal([message]);
      expect(statements.filter((sql) => /text/.test(sql))).to.deep.equal([]);
    });

    it("return edits and deletions of a cached message", async () => {
      const by = ana.id;
      const { id: chatId } = await messaging.createGroupChat({ by });
      const { message } = await messaging.sendMessage({ by, to: { chatId }, text: "hello" });
      const page = async () => (await messaging.pageMessages({ by, of: { chatId }, limit: 10 })).messages;
      expect(await page()).to.deep.equal([message]);
      const edited = await messaging.editMessage({ by, id: message.id, text: "hi" });
      expect(await page()).to.deep.equal([edited]);
      expect(edited.text).to.equal("hi");
      const deleted = await messaging.deleteMessage({ by, id: message.id });
      expect(await page()).to.deep.equal([deleted]);
      expect(deleted.text).to.equal("");
    });

    it("store a message of a hundred characters in less than 300 bytes", async () => {
      const by = ana.id;
      const { id: chatId } = await messaging.createGroupChat({ by });
      const before = database.toFile().length;
      for (let count = 0; count < 5_000; count += 1) {
        await messaging.sendMessage({ by, to: { chatId }, text: "x".repeat(100) });
      }
      expect((database.toFile().length - before) / 5_000).to.be.within(100, 300);
    });

    it("run four queries for a page of chats, however many it has", async () => {
      for (let count = 0; count < 30; count += 1) await messaging.createGroupChat({ by: ana.id });
      await messaging.listChats({ by: ana.id, limit: 1 });
      for (const limit of [1, 20, 40]) {
        statements.length = 0;
        await messaging.listChats({ by: ana.id, limit });
        expect(statements).to.have.length(4);
      }
    });
  });

  it("leave no edited, deleted or old text in the database file", async () => {
    const { chats, messages } = repository;
    const chat = await chats.addP2p(pairOf(ana.id, bo.id), 1);
    const choose = seeded(4);
    const word = (count: number) => `<word ${count}>`;
    const filled = (count: number) =>
      (word(count) + "x".repeat(choose(5) ? choose(300) : choose(9000))) as MessageText;
    const standing = new Map<number, { readonly message: Message; readonly count: number }>();
    for (let count = 0; count < 1000; count += 1) {
      const sent = { chatId: chat.id, sender: ana, text: filled(count), ...PLAIN, sentAt: 1 };
      const old = [...standing.values()][choose(standing.size + 20)];
      if (old === undefined) {
        const message = await messages.append(sent);
        standing.set(message.id, { message, count });
      } else if (choose(2)) {
        const message = { ...old.message, text: sent.text, editedAt: 2 };
        await messages.update(message);
        standing.set(message.id, { message, count });
      } else {
        await messages.update({ ...old.message, text: "" as MessageText, deletedAt: 3 });
        standing.delete(old.message.id);
      }
    }
    const file = Buffer.from(database.toFile());
    const found = Array.from({ length: 1000 }, (_, count) => count).filter((count) =>
      file.includes(word(count)),
    );
    const kept = [...standing.values()].map(({ count }) => count).toSorted((one, other) => one - other);
    expect(found).to.deep.equal(kept);
    const inOrder = [...standing.values()].toSorted((one, other) => one.message.id - other.message.id);
    const half = inOrder.length >> 1;
    await messages.forget(chat.id, inOrder[half]!.message.id - 1, 1_000);
    const left = Buffer.from(database.toFile());
    for (const [index, { count }] of inOrder.entries()) {
      expect(left.includes(word(count))).to.equal(index >= half);
    }
    const again = await openDatabase(file);
    expect(again.rows("PRAGMA integrity_check")).to.deep.equal([["ok"]]);
    again.close();
  });

  it("let other events have their turn between two slices of memberships", async () => {
    await repository.chats.addP2p(pairOf(ana.id, bo.id), 1);
    const [first] = await repository.chats.memberships(ana.id, { after: undefined, limit: 1 });
    let hasTurned = false;
    setImmediate(() => (hasTurned = true));
    expect(await repository.chats.memberships(ana.id, { after: first, limit: 1 })).to.deep.equal([]);
    expect(hasTurned).to.equal(true);
  });

  it("search the events of a user from the cursor on, in each chat", async () => {
    await repository.events.ofUser(ana.id, { after: 5, upTo: 10, limit: 10 });
    const sql = [...statements].find((each) => each.includes("FROM events"))!;
    const steps = database.rows(`EXPLAIN QUERY PLAN ${sql}`).map((row) => String(row[3]));
    const searches = steps.filter((step) => step.includes("INDEX events_of"));
    expect(searches).to.have.lengthOf(4);
    for (const step of searches) expect(step).to.match(/\((chat|user)_id=\? AND rowid>\?\)/);
  });

  it("search the messages of a user from the cursor and the start of the history on, in each chat", async () => {
    for (const from of ["oldest", "newest"] as const) {
      await repository.messages.idsOfUser(ana.id, { after: 5, upTo: 10, limit: 10, from });
      const steps = database.rows(`EXPLAIN QUERY PLAN ${statements.at(-1)!}`).map((row) => String(row[3]));
      const searches = steps.filter((step) => step.includes("INDEX messages_of_chat"));
      expect(searches).to.have.lengthOf(2);
      const range = from === "oldest" ? /chat_id=\? AND rowid>\?/ : /chat_id=\? AND rowid<\?/;
      for (const step of searches) expect(step).to.match(range);
    }
  });

  it("return the messages of a user in slices by id, across chats", async () => {
    const { users, chats, messages } = repository;
    let last = 0;
    let readers = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(4), { maxLength: 40 }),
        fc.uniqueArray(fc.nat(4)),
        fc.integer({ min: 1, max: 7 }),
        fc.nat(45),
        async (sentTo, joined, limit, ahead) => {
          const reader = `reader-${readers++}` as UserId;
          await users.add({ ...ana, id: reader }, reader as string as UsernameKey, "digest");
          const own: ChatId[] = [];
          for (let n = 0; n < 5; n++) own.push((await chats.addGroup(null, 1)).id);
          for (const n of joined) await chats.addParticipant(own[n]!, reader, 1);
          const start = last;
          for (const n of sentTo) {
            const sent = { chatId: own[n]!, sender: ana, text: `${n}` as MessageText, ...PLAIN, sentAt: 1 };
            last = (await messages.append(sent)).id;
          }
          const upTo = start + ahead;
          const expected = sentTo.flatMap((n, index) =>
            joined.includes(n) && start + index + 1 <= upTo ? [start + index + 1] : [],
          );
          const found: number[] = [];
          for (let after = start; ; after = found.at(-1)!) {
            const slice = await messages.ofUser(reader, { after, upTo, limit, from: "oldest" });
            expect(slice.length).to.be.at.most(limit);
            if (slice.length === 0) break;
            found.push(...slice.map(({ id }) => id));
          }
          expect(found).to.deep.equal(expected);
        },
      ),
    );
  });
});
