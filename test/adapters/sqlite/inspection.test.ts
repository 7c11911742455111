import { existsSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { backUpStore, checkStore } from "../../../src/adapters/sqlite/inspection.js";
import { salvageStore } from "../../../src/adapters/sqlite/salvage.js";
import { openSqliteStore, type SqliteStore } from "../../../src/adapters/sqlite/store.js";
import { createAdministration } from "../../../src/application/administration.js";
import type { Chat } from "../../../src/domain/chat.js";
import { messageChanged } from "../../../src/domain/event.js";
import type { MessageId } from "../../../src/domain/message.js";
import type { Emoji } from "../../../src/domain/reaction.js";
import type { UsernameKey } from "../../../src/domain/user.js";
import { testPorts } from "../../support/ports.js";
import { append, person, register, renamed } from "../../contract/fixtures.js";
import { openP2p, send, texts } from "./conversation.js";

const OPTIONS = { segmentBytes: 1024 * 1024 };
const WORDS = Array.from({ length: 40 }, (_, n) => `${n} ${"x".repeat(600)}`);

describe("an SQLite data directory", () => {
  let root: string;
  let directory: string;
  let target: string;
  let stores: SqliteStore[];
  let chat: Chat;

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), "palaver-"));
    directory = join(root, "data");
    target = join(root, "target");
    stores = [];
    const store = await open(directory);
    chat = await openP2p(store);
    await send(store, chat, ...WORDS);
    writeFileSync(join(directory, "a-key"), "a foreign file");
  });

  afterEach(async () => {
    await closeAll();
    rmSync(root, { recursive: true });
  });

  async function open(path: string): Promise<SqliteStore> {
    const store = await openSqliteStore(path, OPTIONS);
    stores.push(store);
    return store;
  }

  async function closeAll(): Promise<void> {
    for (const store of stores) await store.close();
  }

  /** Switches to a copy of the directory as a kill would leave it, and closes the stores. */
  async function kill(): Promise<void> {
    const left = mkdtempSync(join(root, "killed-"));
    cpSync(directory, left, { recursive: true });
    await closeAll();
    directory = left;
  }

  /** The epoch of the event log of the store in this directory. */
  async function epochOf(path: string): Promise<string> {
    const store = await openSqliteStore(path, OPTIONS);
    const { epoch } = await store.read(({ events }) => events.bounds());
    await store.close();
    return epoch;
  }

  async function readTexts(path: string): Promise<string[]> {
    const store = await openSqliteStore(path, OPTIONS);
    const found = await texts(store, chat);
    await store.close();
    return found;
  }

  /** Repeats the send while the store is busy. */
  async function sendWithRetries(store: SqliteStore, text: string): Promise<void> {
    while (!(await send(store, chat, text).catch(() => undefined))) await sleep(1);
  }

  function file(pattern: RegExp): string {
    return join(
      directory,
      readdirSync(directory)
        .filter((name) => pattern.test(name))
        .toSorted()[0]!,
    );
  }

  function damage(path: string, change: (bytes: Buffer) => void): void {
    const bytes = readFileSync(path);
    change(bytes);
    writeFileSync(path, bytes);
  }

  /** The position of the text in the log. */
  function positionOf(bytes: Buffer, text: string): number {
    return bytes.indexOf(`"${text}"`);
  }

  describe("checkStore", () => {
    it("finds no faults in a running store and in a closed one", async () => {
      expect(await checkStore(directory)).to.deep.equal({ last: 41, torn: undefined, faults: [] });
      await closeAll();
      const before = readdirSync(directory);
      expect(await checkStore(directory)).to.deep.equal({ last: 41, torn: undefined, faults: [] });
      expect(readdirSync(directory)).to.deep.equal(before);
    });

    it("finds no faults in a store with an erased user", async () => {
      const ports = { ...testPorts(), store: stores[0]! };
      expect(await createAdministration(ports).eraseUser({ user: "Ana" })).to.include({ isErased: true });
      expect((await checkStore(directory)).faults).to.deep.equal([]);
      await closeAll();
      expect((await checkStore(directory)).faults).to.deep.equal([]);
    });

    it("reports a message that does not count the reactions to it, which a salvage counts again", async () => {
      const [store] = stores as [SqliteStore];
      const people = Array.from({ length: 22 }, (_, index) => person(`reader-${index}`));
      await register(store, ...people);
      const [messageId, other] = [1, 2] as MessageId[] as [MessageId, MessageId];
      const emoji = "👍" as Emoji;
      await store.transaction(async ({ messages, reactions }) => {
        for (const { id: userId } of people) await reactions.add({ messageId, emoji, userId, at: 1 });
        const summary = [{ emoji, count: 1, userIds: [people[0]!.id] }];
        for (const id of [messageId, other]) {
          await messages.setReactions({ ...(await messages.byId(id))!, reactions: summary });
        }
      });
      expect((await checkStore(directory)).faults).to.deep.equal([
        "Message 1 does not count the reactions to it as they are.",
        "Message 2 does not count the reactions to it as they are.",
      ]);
      await closeAll();
      await salvageStore(directory, target);
      expect((await checkStore(target)).faults).to.deep.equal([]);
      const found = await (await open(target)).read(({ messages }) => messages.byIds([messageId, other], {}));
      const userIds = people.slice(0, 20).map(({ id }) => id);
      expect(found.map(({ reactions }) => reactions)).to.deep.equal([[{ emoji, count: 22, userIds }], []]);
    });

    it("reports each damaged segment", async () => {
      await kill();
      await send(await open(directory), chat, "again");
      await kill();
      const logs = readdirSync(directory).filter((name) => name.startsWith("log-"));
      expect(logs).to.have.lengthOf(2);
      for (const log of logs) damage(join(directory, log), (bytes) => void (bytes[200]! ^= 1));
      const { last, faults } = await checkStore(directory);
      expect(last).to.equal(undefined);
      expect(faults).to.have.lengthOf(2);
      for (const [index, fault] of faults.entries())
        expect(fault).to.include(`${logs[index]} is damaged at byte`);
    });

    it("reports a damaged snapshot", async () => {
      await closeAll();
      damage(file(/^snapshot/), (bytes) => void (bytes[9000]! ^= 1));
      expect((await checkStore(directory)).faults[0]).to.match(/^snapshot-.* is damaged/);
    });

    it("rejects a directory without a store", async () => {
      for (const path of [root, join(root, "nowhere")]) {
        const error = await checkStore(path).catch((reason: unknown) => reason);
        expect(error).to.have.property("message", `There is no store in ${path}.`);
      }
    });
  });

  describe("backUpStore", () => {
    it("copies everything while the store continues", async () => {
      const backup = await backUpStore(directory, target);
      await send(stores[0]!, chat, "later");
      expect(backup.last).to.equal(41);
      expect(readFileSync(join(target, "a-key"), "utf8")).to.equal("a foreign file");
      expect(readdirSync(target)).to.have.lengthOf(2);
      expect(await texts(await open(target), chat)).to.deep.equal(WORDS);
    });

    it("gives each copy another epoch, and leaves that of the original", async () => {
      const before = await stores[0]!.read(({ events }) => events.bounds());
      await backUpStore(directory, target);
      await backUpStore(directory, join(root, "another"));
      await closeAll();
      const epochs = [await epochOf(directory), await epochOf(target), await epochOf(join(root, "another"))];
      expect(epochs[0]).to.equal(before.epoch);
      expect(new Set(epochs)).to.have.property("size", 3);
      expect(epochs.join(" ")).to.match(/^[0-9a-f]{16} [0-9a-f]{16} [0-9a-f]{16}$/);
    });

    it("copies a consistent state of a busy store that compacts its log meanwhile", async () => {
      const busy = await openSqliteStore(join(root, "busy"), { segmentBytes: 128 * 1024 });
      stores.push(busy);
      chat = await openP2p(busy);
      const sent: string[] = [];
      const stop = new AbortController();
      const sending = (async () => {
        while (!stop.signal.aborted) {
          const words = Array.from({ length: 50 }, (_, n) => `${sent.length + n} ${"y".repeat(500)}`);
          await Promise.all(words.map((text) => sendWithRetries(busy, text)));
          sent.push(...words);
        }
      })();
      const snapshots = new Set<string>();
      for (let n = 0; snapshots.size < 2; n++) {
        const copy = join(root, `copy-${n}`);
        const acknowledged = [...sent];
        const { last } = await backUpStore(join(root, "busy"), copy);
        const found = await readTexts(copy);
        expect(found).to.have.lengthOf(last - 1);
        expect([...new Set([...found, ...acknowledged])]).to.have.lengthOf(found.length);
        for (const name of readdirSync(join(root, "busy"))) {
          if (name.startsWith("snapshot-")) snapshots.add(name);
        }
      }
      stop.abort();
      await sending;
    });

    it("rejects a target that is not empty, and a damaged store", async () => {
      const error = await backUpStore(directory, root).catch((reason: unknown) => reason);
      expect(error).to.have.property("message").that.includes("is not empty");
      await kill();
      damage(file(/^log/), (bytes) => void (bytes[200]! ^= 1));
      const damaged = await backUpStore(directory, target).catch((reason: unknown) => reason);
      expect(damaged).to.have.property("name", "DamageError");
      expect(existsSync(target)).to.equal(false);
    });
  });

  describe("salvageStore", () => {
    it("saves everything of an undamaged store", async () => {
      await closeAll();
      expect(await salvageStore(directory, target)).to.deep.equal({
        last: 41,
        faults: [],
        missing: [],
        leftOut: [],
        rowsLeftOut: 0,
      });
      expect(await texts(await open(target), chat)).to.deep.equal(WORDS);
      expect(readFileSync(join(target, "a-key"), "utf8")).to.equal("a foreign file");
    });

    it("gives the new store another epoch and all events", async () => {
      await append(stores[0]!, renamed(chat, "kept"), renamed(chat, "kept, too"));
      const all = (store: SqliteStore) =>
        store.read(({ events }) => events.all({ after: 0, upTo: 9, limit: 9 }));
      const before = await all(stores[0]!);
      await closeAll();
      await salvageStore(directory, target);
      expect(await epochOf(target)).to.match(/^[0-9a-f]{16}$/);
      expect(await epochOf(target)).not.to.equal(await epochOf(directory));
      expect(await all(await open(target))).to.deep.equal(before);
    });

    it("keeps the events of messages that were deleted by age", async () => {
      const all = (store: SqliteStore) =>
        store.read(({ events }) => events.all({ after: 0, upTo: 9, limit: 9 }));
      const [message] = await send(stores[0]!, chat, "old");
      await append(stores[0]!, messageChanged("message.created", message!, 1));
      await stores[0]!.transaction(({ messages }) => messages.forget(chat.id, message!.id, 99));
      const before = await all(stores[0]!);
      expect(before).to.have.length(1);
      await closeAll();
      await salvageStore(directory, target);
      expect(await all(await open(target))).to.deep.equal(before);
    });

    it("saves everything but a damaged frame, and reports the missing transactions", async () => {
      await kill();
      const path = file(/^log/);
      damage(path, (bytes) => void (bytes[positionOf(bytes, WORDS[5]!)]! ^= 1));
      const before = readFileSync(path);
      const { missing, leftOut, faults } = await salvageStore(directory, target);
      expect(missing).to.deep.equal([[7, 7]]);
      expect(leftOut).to.deep.equal([]);
      expect(faults[0]).to.include("is damaged at byte");
      expect(await texts(await open(target), chat)).to.deep.equal(WORDS.filter((text) => text !== WORDS[5]));
      expect(readFileSync(path)).to.deep.equal(before);
    });

    it("gives an owner to a group whose owner joined in a missing transaction", async () => {
      const [one, other, deleted] = [person("one"), person("other"), person("a deleted user")];
      await register(stores[0]!, one, other, deleted);
      const group = await stores[0]!.transaction(async ({ chats }) => {
        const made = await chats.addGroup(null, 1);
        await chats.addParticipant(made.id, one.id, 1, "member");
        await chats.addParticipant(made.id, other.id, 2, "admin");
        await chats.addParticipant(made.id, deleted.id, 1, "admin");
        return made;
      });
      await stores[0]!.transaction(({ users }) => users.delete(deleted.id, 3));
      await stores[0]!.transaction(async ({ users, chats }) => {
        const lost = person("a lost user");
        await users.add(lost, lost.username as UsernameKey, "digest");
        await chats.addParticipant(group.id, lost.id, 0, "owner");
      });
      await kill();
      damage(file(/^log/), (bytes) => void (bytes[positionOf(bytes, "a lost user")]! ^= 1));
      await salvageStore(directory, target);
      const saved = await open(target);
      const slice = { after: undefined, limit: 9 };
      const roles = await saved.read(({ chats }) => chats.participants(group.id, slice));
      expect(roles.map(({ username, role }) => [username, role])).to.deep.equal([
        ["deleted", "admin"],
        ["one", "member"],
        ["other", "owner"],
      ]);
    });

    it("leaves out transactions that depend on missing ones", async () => {
      await kill();
      damage(file(/^log/), (bytes) => void (bytes[positionOf(bytes, "Ana")]! ^= 1));
      const { missing, leftOut, last } = await salvageStore(directory, target);
      expect(missing).to.deep.equal([[1, 1]]);
      expect(leftOut).to.deep.equal(Array.from({ length: 40 }, (_, n) => n + 2));
      expect(last).to.equal(41);
      expect(await texts(await open(target), chat)).to.deep.equal([]);
    });

    it("saves the readable rows of a damaged snapshot", async () => {
      await closeAll();
      await backUpStore(directory, target);
      cpSync(target, (directory = join(root, "copy")), { recursive: true });
      const path = file(/^snapshot/);
      const bytes = readFileSync(path);
      const lost = bytes.subarray(0, bytes.indexOf(WORDS[20]!)).length;
      damage(path, (all) => void all.fill(0xff, lost - (lost % 4096), lost - (lost % 4096) + 4096));
      const { faults } = await salvageStore(directory, join(root, "saved"));
      expect(faults[0]).to.match(/^snapshot-.* is damaged/);
      expect(await epochOf(join(root, "saved"))).to.match(/^[0-9a-f]{16}$/);
      const found = await texts(await open(join(root, "saved")), chat);
      expect(found.length).to.be.within(30, 39);
      expect(WORDS).to.include.members(found);
      expect(faults.filter((fault) => /table (?!messages)/.test(fault))).to.deep.equal([]);
    });

    it("rejects a directory that a store has open", async () => {
      const error = await salvageStore(directory, target).catch((reason: unknown) => reason);
      expect(error).to.have.property("message").that.includes("in use by another process");
    });
  });
});
