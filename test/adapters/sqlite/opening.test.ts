import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { DamageError } from "../../../src/adapters/sqlite/wal/damage.js";
import { openSqliteStore, type SqliteStore } from "../../../src/adapters/sqlite/store.js";
import { cursorAt, positionOf } from "../../../src/domain/event.js";
import { append, renamed } from "../../contract/fixtures.js";
import type { MessageText } from "../../../src/domain/message.js";
import type { User, UserId, UsernameKey } from "../../../src/domain/user.js";
import { bo, openP2p, send, texts } from "./conversation.js";

describe("openSqliteStore", () => {
  let root: string;
  let directory: string;
  let stores: SqliteStore[];

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "palaver-"));
    directory = join(root, "data");
    stores = [];
  });

  afterEach(async () => {
    for (const store of stores) await store.close();
    rmSync(root, { recursive: true });
  });

  async function open(path = directory): Promise<SqliteStore> {
    const store = await openSqliteStore(path, { segmentBytes: SEGMENT_BYTES });
    stores.push(store);
    return store;
  }

  it("leaves no edited or deleted text and no name of a deleted user in the files when it closes", async () => {
    const store = await open();
    const chat = await openP2p(store);
    const [edited, deleted] = await send(store, chat, "an edited text", "a deleted text");
    const gone: User = {
      ...bo,
      id: "the-user-id-of-another-is-longer-than-32" as UserId,
      username: "Zacharias",
    };
    await store.transaction(({ users }) => users.add(gone, "zacharias" as UsernameKey, "digest"));
    await store.close();
    const bytes = () =>
      readdirSync(directory)
        .map((name) => readFileSync(join(directory, name), "latin1"))
        .join();
    expect(bytes()).to.include("an edited text").and.include("a deleted text");

    const again = await open();
    await again.transaction(async ({ messages, users }) => {
      await messages.update({ ...edited!, text: "new" as MessageText, editedAt: 3 });
      await messages.update({ ...deleted!, text: "" as MessageText, deletedAt: 3 });
      await users.delete(gone.id, 3);
    });
    await again.close();
    expect(bytes()).not.to.match(/an edited text|a deleted text|zacharias/i);
  });

  /** Copies the directory as a kill would leave it. */
  function copyOfRunning(): string {
    const copy = join(root, "copy");
    mkdirSync(copy);
    for (const name of readdirSync(directory))
      writeFileSync(join(copy, name), readFileSync(join(directory, name)));
    return copy;
  }

  function names(path: string, pattern: RegExp): string[] {
    return readdirSync(path)
      .filter((name) => pattern.test(name))
      .toSorted();
  }

  it("rejects a path at which no directory can be created", async () => {
    writeFileSync(join(root, "file"), "");
    for (const path of ["/proc/palaver/data", join(root, "file"), join(root, "file/data")]) {
      const error = await openSqliteStore(path).catch((reason: unknown) => reason);
      expect(error, path).to.be.instanceOf(Error);
    }
  });

  it("creates a directory that only its owner can access", async () => {
    const store = await open();
    expect(statSync(directory).mode & 0o777).to.equal(0o700);
    for (const name of readdirSync(directory))
      expect(statSync(join(directory, name)).mode & 0o777).to.equal(0o600);
    expect(store.opening).to.deep.equal({ last: 0, replayed: 0, torn: undefined, migratedFrom: 0 });
  });

  it("reads everything after a close, without a new snapshot", async () => {
    const store = await open();
    const chat = await openP2p(store);
    await send(store, chat, "one", "two");
    await store.close();
    const snapshots = names(directory, /^snapshot/);

    const again = await open();
    expect(await texts(again, chat)).to.deep.equal(["one", "two"]);
    expect(again.opening).to.deep.equal({ last: 3, replayed: 3, torn: undefined, migratedFrom: undefined });
    expect(names(directory, /^snapshot/)).to.deep.equal(snapshots);
    await send(again, chat, "three");
    expect(names(directory, /^log/)).to.deep.equal([
      "log-0000000000000000.palaver",
      "log-0000000000000003.palaver",
    ]);
    await again.close();
    expect(await texts(await open(), chat)).to.deep.equal(["one", "two", "three"]);
  });

  it("writes a snapshot at close if the next start would replay many transactions", async () => {
    const store = await open();
    const chat = await openP2p(store);
    await Promise.all(Array.from({ length: 99 }, (_, n) => send(store, chat, String(n))));
    await store.close();
    expect(names(directory, /^(snapshot|log)/)).to.have.lengthOf(1);
    expect(names(directory, /^snapshot-0000000000000100-/)).to.have.lengthOf(1);
    const again = await open();
    expect(again.opening).to.include({ last: 100, replayed: 0 });
    expect(await texts(again, chat)).to.have.lengthOf(99);
  });

  it("reads everything after a kill, and rewrites only the end of the log", async () => {
    const store = await open();
    const chat = await openP2p(store);
    await send(store, chat, "one", "two");

    const copy = copyOfRunning();
    const files = names(copy, /^(snapshot|log)/);
    const again = await open(copy);
    expect(await texts(again, chat)).to.deep.equal(["one", "two"]);
    expect(again.opening).to.include({ last: 3, replayed: 3, torn: undefined });
    expect(names(copy, /^(snapshot|log)/)).to.deep.equal(files);
    const [log] = names(copy, /^log/);
    expect(statSync(join(copy, log!)).ino).to.not.equal(statSync(join(directory, log!)).ino);
    expect(statSync(join(copy, log!)).size).to.be.below(4096);
    await send(again, chat, "three");
    await again.close();
    const last = await open(copy);
    expect(await texts(last, chat)).to.deep.equal(["one", "two", "three"]);
    expect(last.opening).to.include({ last: 4, replayed: 4 });
  });

  it("writes a snapshot that any SQLite tool opens", async () => {
    await open();
    const [snapshot] = names(directory, /^snapshot/);
    expect(readFileSync(join(directory, snapshot!)).toString("latin1", 0, 16)).to.equal("SQLite format 3\0");
  });

  it("cuts off a torn tail, reports it, and does not read it again", async () => {
    const store = await open();
    const chat = await openP2p(store);
    await send(store, chat, "one", "two");
    const copy = copyOfRunning();
    const [log] = names(copy, /^log/);
    const bytes = readFileSync(join(copy, log!));
    const offset = bytes.lastIndexOf(0x1e);
    bytes.fill(0, offset + 70);
    writeFileSync(join(copy, log!), bytes);

    const again = await open(copy);
    expect(await texts(again, chat)).to.deep.equal(["one"]);
    expect(again.opening.torn).to.deep.equal({ file: log, offset, bytes: 70 });
    await send(again, chat, "other");
    await again.close();
    const last = await open(copy);
    expect(await texts(last, chat)).to.deep.equal(["one", "other"]);
    expect(last.opening.torn).to.equal(undefined);
  });

  for (const file of ["log", "snapshot"]) {
    it(`rejects a damaged ${file} by name, and changes nothing`, async () => {
      const store = await open();
      await send(store, await openP2p(store), "one", "two");
      await store.close();
      const [name] = names(directory, new RegExp(`^${file}`));
      const path = join(directory, name!);
      const bytes = readFileSync(path);
      bytes[300]! ^= 0x04;
      writeFileSync(path, bytes);
      const before = names(directory, /./);

      const error = await open().catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(DamageError);
      expect(error)
        .to.have.property("message")
        .that.includes(`${name} is damaged${file === "snapshot" ? ": its checksum differs" : " at byte "}`);
      expect(names(directory, /./)).to.deep.equal(before);
      expect(readFileSync(path)).to.deep.equal(bytes);
    });

    it(`rejects a directory without its ${file}`, async () => {
      let store = await open();
      const chat = await openP2p(store);
      await store.close();
      store = await open();
      await send(store, chat, "one");
      await store.close();
      rmSync(join(directory, names(directory, new RegExp(`^${file}`))[0]!));
      const error = await open().catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(DamageError);
      expect(error).to.have.property("message").that.includes("missing");
    });
  }

  it("expires the cursors of events that a restored copy of the files does not have", async () => {
    const cursorNow = async (opened: SqliteStore) => {
      const { epoch, last } = await opened.read(({ events }) => events.bounds());
      return cursorAt(epoch, last);
    };
    const isValid = async (opened: SqliteStore, cursor: string) => {
      const bounds = await opened.read(({ events }) => events.bounds());
      try {
        return positionOf(cursor, bounds) >= 0;
      } catch {
        return false;
      }
    };
    const path = mkdtempSync(join(tmpdir(), "palaver-"));
    const [original, copy] = [join(path, "original"), join(path, "copy")];
    let store = await openSqliteStore(original);
    const group = await store.transaction(({ chats }) => chats.addGroup(null, 1));
    await append(store, renamed(group, "a"));
    const before = await cursorNow(store);
    await store.close();
    cpSync(original, copy, { recursive: true });
    store = await openSqliteStore(original);
    await append(store, renamed(group, "b"), renamed(group, "c"));
    const after = await cursorNow(store);
    expect([await isValid(store, before), await isValid(store, after)]).to.deep.equal([true, true]);
    await store.close();
    store = await openSqliteStore(original);
    expect([await isValid(store, before), await isValid(store, after)]).to.deep.equal([true, true]);
    await store.close();
    store = await openSqliteStore(copy);
    await append(store, renamed(group, "d"), renamed(group, "e"), renamed(group, "f"));
    expect([await isValid(store, before), await isValid(store, after)]).to.deep.equal([true, false]);
    await store.close();
    rmSync(path, { recursive: true });
  });

  it("rejects data of a newer schema version", async () => {
    const store = await open();
    await store.transaction(async () => {});
    await store.close();
    const [name] = names(directory, /^snapshot/);
    rmSync(join(directory, name!));
    const { openDatabase } = await import("../../../src/adapters/sqlite/database.js");
    const { nodeDisk } = await import("../../../src/adapters/sqlite/wal/disk.js");
    const { writeSnapshot } = await import("../../../src/adapters/sqlite/wal/snapshot.js");
    const database = await openDatabase();
    database.execute("PRAGMA user_version = 99");
    writeSnapshot(nodeDisk(directory), 0, database.toFile());
    database.close();
    const error = await open().catch((reason: unknown) => reason);
    expect(error).to.have.property("message").that.includes("version 99").and.includes("newer program");
  });

  it("rejects a directory while another store has it open", async () => {
    const store = await open();
    const error = await open().catch((reason: unknown) => reason);
    expect(error).to.have.property("message").that.includes(`${directory} is in use`);
    await store.close();
    expect((await open()).status().fault).to.equal(undefined);
  });
});

const SEGMENT_BYTES = 64 * 1024;
