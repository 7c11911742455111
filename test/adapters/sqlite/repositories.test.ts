import { expect } from "chai";
import fc from "fast-check";
import { openDatabase, type Database } from "../../../src/adapters/sqlite/database.js";
import { repositories } from "../../../src/adapters/sqlite/repositories.js";
import { migrate } from "../../../src/adapters/sqlite/schema.js";
import type { Repositories } from "../../../src/application/ports.js";
import { pairOf, type ChatId } from "../../../src/domain/chat.js";
import type { MessageText } from "../../../src/domain/message.js";
import type { Session, SessionId } from "../../../src/domain/session.js";
import type { UserId, UsernameKey } from "../../../src/domain/user.js";
import { ana, bo } from "./conversation.js";

describe("the SQLite repositories", () => {
  let database: Database;
  let statements: Set<string>;
  let repository: Repositories;

  beforeEach(async () => {
    database = await openDatabase();
    migrate(database);
    statements = new Set();
    repository = repositories({
      row(sql, ...values) {
        statements.add(sql);
        return database.row(sql, ...values);
      },
      rows(sql, ...values) {
        statements.add(sql);
        return database.rows(sql, ...values);
      },
      change(sql, ...values) {
        statements.add(sql);
        return database.change(sql, ...values);
      },
    });
    const { users } = repository;
    await users.add(ana, "ana" as UsernameKey, "digest");
    await users.add(bo, "bo" as UsernameKey, "digest");
  });

  afterEach(() => database.close());

  it("search by an index wherever they look, and sort nothing", async () => {
    const { users, chats, messages, sessions } = repository;
    const chat = await chats.openP2p(pairOf(ana.id, bo.id), 1);
    const group = await chats.addGroup(null, 1);
    const session: Session = { id: "s" as SessionId, user: ana, createdAt: 1, expiresAt: 2 };
    const slice = { after: 0, upTo: 10, limit: 10 };
    await users.byId(ana.id);
    await users.byKey("ana" as UsernameKey);
    await users.credentials("ana" as UsernameKey);
    await chats.ofParticipant(chat.id, ana.id);
    await chats.addParticipant(group.id, ana.id, 1);
    await chats.removeParticipant(group.id, ana.id);
    await messages.append({ chatId: chat.id, sender: ana, text: "hello" as MessageText, sentAt: 1 });
    await messages.lastId();
    await messages.ofChat(chat.id, slice);
    await messages.ofUser(ana.id, slice);
    await sessions.add(session, "digest");
    await sessions.byDigest("digest");
    await sessions.remove(session.id);
    await sessions.removeExpired(ana.id, 3);

    expect(statements.size).to.be.greaterThan(15);
    for (const sql of statements) {
      const steps = database.rows(`EXPLAIN QUERY PLAN ${sql}`).map((row) => String(row[3]));
      // The feed is the queue that the query itself fills; a constant row is one value.
      const slow = steps.filter((step) => /SCAN (?!feed|CONSTANT ROW)|TEMP B-TREE/.test(step));
      expect(slow, sql).to.deep.equal([]);
    }
  });

  it("give a user's messages of all chats in slices, by id, whatever the chats", async () => {
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
            const sent = { chatId: own[n]!, sender: ana, text: `${n}` as MessageText, sentAt: 1 };
            last = (await messages.append(sent)).id;
          }
          const upTo = start + ahead;
          const expected = sentTo.flatMap((n, index) =>
            joined.includes(n) && start + index + 1 <= upTo ? [start + index + 1] : [],
          );
          const found: number[] = [];
          for (let after = start; ; after = found.at(-1)!) {
            const slice = await messages.ofUser(reader, { after, upTo, limit });
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
