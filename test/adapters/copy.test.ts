import { mkdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import pg from "pg";
import { openPostgresTarget } from "../../src/adapters/postgres/copy.js";
import { replaceEpoch } from "../../src/adapters/postgres/inspection.js";
import { openPostgresStore } from "../../src/adapters/postgres/store.js";
import { compareRows, TABLE_NAMES, type CopySource } from "../../src/adapters/sql/copy.js";
import { openSqliteSource } from "../../src/adapters/sqlite/copy.js";
import { openSqliteStore } from "../../src/adapters/sqlite/store.js";
import { deleteAbandonedChats } from "../../src/application/chats.js";
import type { Store } from "../../src/application/ports.js";
import type { ChatId } from "../../src/domain/chat.js";
import { MessagingError } from "../../src/domain/errors.js";
import { cursorAt, epochOf, positionOf, type LogBounds } from "../../src/domain/event.js";
import type { User } from "../../src/domain/user.js";
import { copyStore } from "../../src/main/cli/copy.js";
import { readSessionKey, writeSessionKey } from "../../src/main/session-key.js";
import {
  ana,
  append,
  bo,
  contentsOf,
  createGroup,
  cy,
  register,
  renamed,
  send,
  TRICKY_TEXTS,
  type ContentsQuery,
} from "../contract/fixtures.js";
import { fill } from "../contract/store.js";
import { coreOf, type Core } from "../support/operator.js";
import { testPorts, type TestPorts } from "../support/ports.js";
import { PostgresStores } from "../support/postgres-stores.js";

const ignore = () => {};

/** Everything in a store, without the current epoch and the numbers of joins, which differ between stores. */
async function contents(store: Store, where: ContentsQuery) {
  const { bounds, users, ...others } = await contentsOf(store, where);
  return {
    ...others,
    bounds: { first: bounds.first, last: bounds.last },
    users: users.map((user) => ({
      ...user,
      list: user.list.map(({ chatId, activity }) => ({ chatId, activity })),
    })),
  };
}

const boundsOf = (store: Store) => store.read(({ events }) => events.bounds());

function cursorsIn(bounds: LogBounds): string[] {
  return Array.from({ length: bounds.last }, (_, index) => cursorAt(epochOf(index + 1, bounds), index + 1));
}

/** The position of a cursor, or the code of the error. */
function positionIn(bounds: LogBounds, cursor: string): number | string {
  try {
    return positionOf(cursor, bounds);
  } catch (error) {
    if (error instanceof MessagingError) return error.code;
    throw error;
  }
}

describe("palaver copy", function () {
  this.timeout(120_000);

  const one = new PostgresStores();
  const two = new PostgresStores();
  let scratch: string;
  let directories = 0;

  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), "palaver-"));
  });
  after(async () => {
    await one.drop();
    await two.drop();
    await rm(scratch, { recursive: true });
  });

  const newDirectory = () => join(scratch, `data-${(directories += 1)}`);
  const openDirectory = (directory: string) => openSqliteStore(directory, { segmentBytes: 2 ** 20 });

  /** The URL of an empty database. */
  async function emptyDatabase(stores: PostgresStores): Promise<string> {
    await (await stores.openEmpty()).close();
    return stores.url;
  }

  async function expectCopied(from: string, to: string): Promise<void> {
    const { fields, sound } = await copyStore(from, to, ignore);
    expect(fields["differences"]).to.deep.equal([]);
    expect(sound).to.equal(true);
  }

  async function filledDirectory() {
    const directory = newDirectory();
    const store = await openDirectory(directory);
    const where = await fill(store);
    const chat = await createGroup(store, ana, bo);
    await send(store, chat, ana, ...TRICKY_TEXTS);
    await append(
      store,
      renamed(chat, "later"),
      renamed(chat, "alone", { user: ana.id, includesRemoved: false }),
    );
    await store.close();
    return { directory, where: { ...where, chatIds: [...where.chatIds, chat.id] } };
  }

  it("keeps everything from a directory to a database, to another database, and back", async () => {
    const { directory, where } = await filledDirectory();
    const back = newDirectory();
    await expectCopied(directory, await emptyDatabase(one));
    await expectCopied(one.url, await emptyDatabase(two));
    await expectCopied(two.url, back);
    const original = await openDirectory(directory);
    const copies = [await one.open(), await two.open(), await openDirectory(back)];
    const before = await contents(original, where);
    const cursors = cursorsIn(await boundsOf(original));
    expect(before.lastId).to.be.above(TRICKY_TEXTS.length);
    expect(before.bounds.first).to.equal(2);
    for (const copy of copies) {
      expect(await contents(copy, where)).to.deep.equal(before);
      const bounds = await boundsOf(copy);
      expect(cursorsIn(bounds)).to.deep.equal(cursors);
      expect(cursors.map((cursor) => positionIn(bounds, cursor))).to.deep.equal(
        cursors.map((_, index) => index + 1),
      );
    }
    for (const store of [original, ...copies]) await store.close();
    await replaceEpoch(two.url);
    const renewed = await two.open();
    const bounds = await boundsOf(renewed);
    expect(new Set(cursors.map((cursor) => positionIn(bounds, cursor)))).to.deep.equal(
      new Set(["cursor_expired"]),
    );
    await renewed.close();
  });

  it("lets the copies go on behind the ids of the original, and expires cursors of what the original has stored since", async () => {
    const { directory, where } = await filledDirectory();
    const back = newDirectory();
    await expectCopied(directory, await emptyDatabase(one));
    await expectCopied(one.url, back);
    const original = await openDirectory(directory);
    const [chatId] = where.chatIds.slice(-1) as [ChatId];
    await append(original, renamed({ id: chatId }, "only in the original"));
    const cursor = cursorsIn(await boundsOf(original)).at(-1)!;
    const { lastId, bounds } = await contents(original, where);
    for (const copy of [await one.open(), await openDirectory(back)]) {
      expect(positionIn(await boundsOf(copy), cursor)).to.equal("cursor_expired");
      const [message] = await send(copy, { id: chatId }, ana, "next");
      expect(message).to.include({ id: lastId + 1, seq: TRICKY_TEXTS.length + 1 });
      await append(copy, renamed({ id: chatId }, "a"), renamed({ id: chatId }, "b"));
      const after = await boundsOf(copy);
      const range = { after: after.last - 2, upTo: after.last, limit: 9 };
      const delivered = await copy.read(({ events }) => events.ofUser(bo.id, range));
      expect(delivered.map(({ change }) => change)).to.deep.equal(
        ["a", "b"].map((title) => ({ type: "chat.renamed", title })),
      );
      expect(after.last).to.equal(bounds.last + 1);
      expect(positionIn(after, cursor)).to.equal("cursor_expired");
      expect((await createGroup(copy, ana)).id).to.equal(chatId + 1);
      await copy.close();
    }
    await original.close();
  });

  it("assigns no id of a deleted chat or message again", async () => {
    const store = await one.openEmpty();
    await register(store, ana);
    const chat = await createGroup(store, ana);
    const [message] = await send(store, chat, ana, "a");
    await store.transaction(async ({ chats, messages, events }) => {
      await chats.removeParticipant(chat.id, ana.id);
      await events.deleteOfChat(chat.id, 9);
      await messages.deleteOfChat(chat.id, 9);
      await chats.delete(chat.id, 9);
    });
    await store.close();
    const directory = newDirectory();
    await expectCopied(one.url, directory);
    await expectCopied(directory, await emptyDatabase(two));
    for (const copy of [await openDirectory(directory), await two.open()]) {
      const next = await createGroup(copy, ana);
      expect(next.id).to.be.above(chat.id);
      expect((await send(copy, next, ana, "b"))[0]!.id).to.be.above(message!.id);
      await copy.close();
    }
  });

  it("delivers to each participant the same events as before if users joined while the relay was behind", async () => {
    const store = await one.openEmpty();
    await register(store, ana, bo, cy);
    const chat = await createGroup(store, ana, bo);
    await append(store, renamed(chat, "before"));
    await boundsOf(store);
    const holder = new pg.Client(one.url);
    await holder.connect();
    await holder.query("BEGIN; SELECT FROM event_log FOR UPDATE");
    const alone = (title: string) => renamed(chat, title, { user: bo.id, includesRemoved: false });
    await append(store, renamed(chat, "missed by cy"), alone("missed by bo"));
    await store.transaction(async ({ chats }) => {
      await chats.removeParticipant(chat.id, bo.id);
      await chats.addParticipant(chat.id, bo.id, 9);
      await chats.addParticipant(chat.id, cy.id, 9);
    });
    await append(store, alone("to bo"), renamed(chat, "to all"), renamed(chat, "also to all"));
    await holder.query("COMMIT");
    await holder.end();
    const where = { people: [ana, bo, cy], chatIds: [chat.id], keys: [], digests: [] };
    const before = await contents(store, where);
    const titles = before.users.map(({ events }) =>
      events.map(({ change }) => (change.type === "chat.renamed" ? change.title : undefined)),
    );
    expect(titles[1]).to.deep.equal(["to bo", "to all", "also to all"]);
    expect(titles[2]).to.deep.equal(["to all", "also to all"]);
    await store.close();
    const directory = newDirectory();
    await expectCopied(one.url, directory);
    const copy = await openDirectory(directory);
    expect(await contents(copy, where)).to.deep.equal(before);
    await copy.close();
  });

  it("leaves an empty target if it is interrupted, and can be repeated", async () => {
    const { directory, where } = await filledDirectory();
    const back = newDirectory();
    await emptyDatabase(one);
    for (const [from, to, open] of [
      [directory, one.url, () => one.open()],
      [one.url, back, () => openDirectory(back)],
    ] as const) {
      const interrupted = copyStore(from, to, ({ phase, table }) => {
        if (phase === "comparing" && table === "events") throw new Error("interrupted");
      });
      expect(String(await interrupted.catch((error: unknown) => error))).to.match(
        /\. Run the command again: interrupted$/,
      );
      await expectCopied(from, to);
      const copy = await open();
      expect((await contents(copy, where)).accounts).to.have.length(3);
      await copy.close();
    }
    const again = await copyStore(directory, one.url, ignore).catch((error: unknown) => error);
    expect(String(again)).to.match(/The database palaver_test_\w+ on .* is not empty\. Name an empty one\./);
    const inDirectory = await copyStore(one.url, back, ignore).catch((error: unknown) => error);
    expect(String(inDirectory)).to.include("is not empty. Name a new one.");
  });

  it("discards a copy in which the target has changed a text, and names the chat", async () => {
    const { directory, where } = await filledDirectory();
    const url = await emptyDatabase(two);
    await two.execute(`
      CREATE FUNCTION alter_text() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN IF NEW.text = 'once' THEN NEW.text := 'twice'; END IF; RETURN NEW; END $$;
      CREATE TRIGGER alter_text BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION alter_text()`);
    try {
      const { sound, fields } = await copyStore(directory, url, ignore);
      expect(sound).to.equal(false);
      expect(fields["differences"]).to.deep.equal([
        `The messages of chat ${where.chatIds[1]} differ: 2 rows were read, and 2 written.`,
      ]);
      expect(await two.execute("SELECT id FROM users")).to.deep.equal([]);
    } finally {
      await two.execute("DROP FUNCTION alter_text CASCADE");
    }
  });

  describe("the comparison", () => {
    let source: CopySource;

    before(async () => {
      source = await openSqliteSource((await filledDirectory()).directory);
    });
    after(() => source.close());

    for (const table of TABLE_NAMES) {
      for (const [mistake, alter] of [
        ["a changed row", (rows) => [...rows.slice(0, -1), [...rows.at(-1)!.slice(0, -1), "changed"]]],
        ["a missing row", (rows) => rows.slice(1)],
        ["a doubled row", (rows) => [...rows, rows.at(-1)!]],
      ] as const satisfies readonly (readonly [string, (rows: Rows) => Rows])[]) {
        it(`finds ${mistake} of the table ${table}`, async () => {
          const altered: CopySource = {
            ...source,
            async *rows(name, order) {
              for await (const rows of source.rows(name, order)) {
                yield name === table ? alter(rows as Rows) : rows;
              }
            },
          };
          expect((await compareRows(source, source, ignore)).differences).to.deep.equal([]);
          for (const [from, to] of [
            [source, altered],
            [altered, source],
          ] as const) {
            const { differences } = await compareRows(from, to, ignore);
            expect(differences).to.have.length(1);
            expect(differences[0]).to.match(new RegExp(`^The ${table} `));
          }
        });
      }
    }
  });

  it("rejects a store in use, and keeps servers off the database until it is done", async () => {
    const { directory } = await filledDirectory();
    const store = await openDirectory(directory);
    const url = await emptyDatabase(one);
    const busy = await copyStore(directory, url, ignore).catch((error: unknown) => error);
    expect(String(busy)).to.include("is in use by another process");
    await store.close();
    const target = await openPostgresTarget(url);
    const hurried = `${url}?lock_timeout=300`;
    const [server, other] = await Promise.allSettled([
      openPostgresStore(hurried),
      openPostgresTarget(hurried),
    ]);
    await target.close();
    for (const opened of [server, other]) {
      expect(String(opened.status === "rejected" && opened.reason)).to.include(
        "Another program migrates the database or copies into it.",
      );
    }
  });

  it("rejects a target on which a server runs, and leaves the server as it was", async () => {
    const { directory } = await filledDirectory();
    const server = await one.openEmpty();
    try {
      const busy = copyStore(directory, `${one.url}?lock_timeout=300`, ignore);
      expect(String(await busy.catch((error: unknown) => error))).to.match(
        /^Error: TO: The database palaver_test_\w+ on \S+ is in use\. Stop the servers on it\.$/,
      );
      await register(server, ana);
      expect(await one.execute("SELECT username FROM users")).to.deep.equal([{ username: ana.username }]);
    } finally {
      await server.close();
    }
  });

  it("lets one of two copies fill a target, and rejects the other", async () => {
    const url = await emptyDatabase(one);
    const sources = [(await filledDirectory()).directory, (await filledDirectory()).directory];
    const results = await Promise.allSettled(sources.map((directory) => copyStore(directory, url, ignore)));
    const reasons = results.flatMap((result) =>
      result.status === "rejected" ? [String(result.reason)] : [],
    );
    expect(reasons).to.have.length(1);
    expect(reasons[0]).to.match(
      /^Error: TO: The database palaver_test_\w+ on \S+ is not empty\. Name an empty one\.$/,
    );
    await expectCopied(url, newDirectory());
  });

  it("overwrites the session key that an interrupted copy left in a directory", async () => {
    const url = await emptyDatabase(one);
    const server = await one.open();
    const key = await server.sessionKey();
    await server.close();
    const directory = newDirectory();
    mkdirSync(directory);
    writeSessionKey(directory, "a key of sixteen characters");
    await expectCopied(url, directory);
    expect(readSessionKey(directory)).to.equal(key);
  });

  it("names the argument and both places if a copy breaks off", async () => {
    const { directory } = await filledDirectory();
    const url = await emptyDatabase(one);
    const other = new pg.Client(url);
    await other.connect();
    try {
      // The copy waits behind the users until its connection ends.
      await other.query("BEGIN; LOCK TABLE messages");
      let ended: Promise<unknown> | undefined;
      const end = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`;
      const copy = copyStore(directory, url, () => void (ended ??= other.query(end)));
      expect(String(await copy.catch((error: unknown) => error))).to.match(
        /^[Ee]rror: The copy of \S+ to the database palaver_test_\w+ on \S+ has failed\. Run the command again: /,
      );
      await ended;
    } finally {
      await other.end();
    }
    await expectCopied(directory, url);
  });

  it("rejects places between which it cannot copy", async () => {
    const reason = async (from: string, to: string) =>
      String(await copyStore(from, to, ignore).catch((error: unknown) => error));
    const url = await emptyDatabase(one);
    expect(await reason(newDirectory(), newDirectory())).to.include("Use `palaver backup FROM TO`");
    expect(await reason(newDirectory(), url)).to.include("There is no store in");
    for (const [from, to, argument] of [
      ["postgres://ana:canary@/x y", url, "FROM"],
      [url, "postgres://ana:canary@db:65536/x", "TO"],
    ] as const) {
      expect(await reason(from, to))
        .to.match(new RegExp(`^Error: ${argument}: Invalid URL of PostgreSQL: `))
        .and.not.include("canary");
    }
    await two.openEmpty().then((store) => store.close());
    await two.execute("CREATE SCHEMA other; CREATE TABLE other.users ()");
    const foreign = `${two.url}?options=-csearch_path%3Dother`;
    for (const [from, to, argument] of [
      [foreign, newDirectory(), "FROM"],
      [newDirectory(), foreign, "FROM"],
      [url, foreign, "TO"],
    ] as const) {
      expect(await reason(from, to)).to.match(new RegExp(`^(?:NoStore)?Error: ${argument}: `));
    }
    expect(await reason(url, foreign)).to.include("has tables of another program");
    const blank = new URL(url);
    blank.pathname = "/postgres";
    expect(await reason(blank.href, newDirectory())).to.include("There is no store in the database");
  });

  const name = fc.constantFrom("ana", "bo", "cy");
  const chatId = fc.constantFrom(1, 2, 3, 4);
  const text = fc.constantFrom("a", "🙂", "\ufeffb");
  const metadata = fc.constantFrom(null, { "\0": "\ufeff🙂\ud800" });
  const anyStep: fc.Arbitrary<Step> = fc.oneof(
    step("sendMessage", { to: fc.record({ chatId }), text }),
    step("sendMessage", {
      to: fc.record({ username: name }),
      text,
      idempotencyKey: fc.constantFrom("k", "K"),
    }),
    step("sendMessage", { to: fc.record({ chatId }), text, mentions: fc.array(name), metadata }),
    step("sendMessage", { to: fc.record({ chatId }), text, replyTo: fc.integer({ min: 1, max: 9 }) }),
    step("editMessage", { id: fc.integer({ min: 1, max: 9 }), text }),
    step("editMessage", { id: fc.integer({ min: 1, max: 9 }), mentions: fc.array(name), metadata }),
    step("deleteMessage", { id: fc.integer({ min: 1, max: 9 }) }),
    step("markRead", { chatId, seq: fc.nat(5) }),
    step("createGroupChat", { participants: fc.array(name, { maxLength: 2 }) }),
    step("addParticipant", { chatId, username: name }),
    step("removeParticipant", { chatId, user: name }),
    step("renameChat", { chatId, title: text }),
    step("changeChat", {
      chatId,
      policy: fc.constantFrom(
        { add: "admins" },
        { history: "since_join" },
        { add: "everyone", post: "everyone" },
      ),
      metadata: fc.constantFrom(null, { topic: "\ufeffb" }),
    }),
    step("setRole", { chatId, user: name, role: fc.constantFrom("owner", "admin", "member") }),
    step("disableUser", { user: name }),
    step("enableUser", { user: name }),
    step("logIn", { username: name, password: fc.constant("a password") }),
  );

  it("keeps any history, and the original and its copies go on with equal results", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyStep, { minLength: 10, maxLength: 40 }),
        fc.array(anyStep, { minLength: 5, maxLength: 20 }),
        async (steps, later) => {
          const directory = newDirectory();
          const users = new Map<string, User>();
          const original = await openDirectory(directory);
          const ports = countedPorts(original);
          const core = coreOf(ports);
          for (const username of ["ana", "bo", "cy"]) {
            users.set(username, await core.registerUser({ username, password: "a password" }));
          }
          for (const each of steps) {
            await outcomeOf(core, each, users);
          }
          await deleteAbandonedChats({ store: original });
          await original.close();
          const back = newDirectory();
          await expectCopied(directory, await emptyDatabase(one));
          await expectCopied(one.url, back);
          const where: ContentsQuery = {
            people: [...users.values()],
            chatIds: Array.from({ length: 9 }, (_, index) => (index + 1) as ChatId),
            keys: ["k", "K"],
            digests: ports.secrets.generated.flatMap((secret) => ports.secrets.digests(secret)),
          };
          const stores = [await openDirectory(directory), await one.open(), await openDirectory(back)];
          const cores = stores.map((store) => coreOf(resumedPorts(store, ports)));
          const expectEqual = async () => {
            for (const store of stores) await deleteAbandonedChats({ store });
            const [first, ...others] = await Promise.all(stores.map((store) => contents(store, where)));
            for (const other of others) expect(other).to.deep.equal(first);
          };
          await expectEqual();
          for (const each of later) {
            const [first, ...others] = await Promise.all(cores.map((other) => outcomeOf(other, each, users)));
            for (const other of others) expect(other).to.deep.equal(first);
          }
          await expectEqual();
          const before = await contents(stores[1]!, where);
          for (const store of stores) await store.close();
          const last = newDirectory();
          await expectCopied(one.url, last);
          const copy = await openDirectory(last);
          expect(await contents(copy, where)).to.deep.equal(before);
          await copy.close();
        },
      ),
      { numRuns: 6, endOnFailure: true },
    );
  });
});

type Rows = (string | number | null)[][];

type Step = { readonly call: keyof Core; readonly by: string } & Readonly<Record<string, unknown>>;

function step(call: keyof Core, fields: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<Step> {
  const by = fc.constantFrom("ana", "bo", "cy");
  return fc.record({ call: fc.constant(call), by, ...fields });
}

type CountedPorts = TestPorts & { readonly idsTaken: () => number };

function countedPorts(store: Store): CountedPorts {
  const ports = testPorts(store);
  let count = 0;
  const next = () => {
    count += 1;
    return ports.ids.next();
  };
  return { ...ports, ids: { next }, idsTaken: () => count };
}

/** Ports whose ids and secrets continue those of others. */
function resumedPorts(store: Store, { idsTaken, secrets }: CountedPorts): TestPorts {
  const ports = testPorts(store);
  for (let taken = 0; taken < idsTaken(); taken += 1) ports.ids.next();
  for (const _ of secrets.generated) ports.secrets.generate();
  return ports;
}

/** The result of a step, or the code of its error. */
async function outcomeOf(core: Core, { call, by, ...fields }: Step, users: ReadonlyMap<string, User>) {
  const command = { ...fields, by: users.get(by)!.id };
  try {
    return { result: await (core[call] as (command: unknown) => Promise<unknown>)(command) };
  } catch (error) {
    if (error instanceof MessagingError) return { code: error.code };
    throw error;
  }
}
