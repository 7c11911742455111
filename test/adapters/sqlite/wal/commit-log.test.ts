import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { CommitLog } from "../../../../src/adapters/sqlite/wal/commit-log.js";
import type { Change } from "../../../../src/adapters/sql/columns.js";
import { nodeDisk, type Disk, type OpenFile } from "../../../../src/adapters/sqlite/wal/disk.js";
import { encodeFrame, SEGMENT_HEADER_BYTES } from "../../../../src/adapters/sqlite/wal/segment.js";
import { openStoreOn, type SqliteOptions, type SqliteStore } from "../../../../src/adapters/sqlite/store.js";
import { inline, type Threads } from "../../../../src/adapters/sqlite/wal/threads.js";
import type { Chat } from "../../../../src/domain/chat.js";
import { MessagingError } from "../../../../src/domain/errors.js";
import type { MessageText } from "../../../../src/domain/message.js";
import type { UsernameKey } from "../../../../src/domain/user.js";
import { ana, openP2p, send, texts } from "../conversation.js";
import { PLAIN } from "../../../contract/fixtures.js";

const SEGMENT_BYTES = 32 * 1024;

describe("SqliteStore.transaction", () => {
  let directory: string;
  let store: SqliteStore;
  let chat: Chat;
  /** The error codes that disk calls fail with, by call and file. */
  let faults: Map<string, string>;
  /** The write calls of the disk, as call and file. */
  let calls: string[];
  /** Each write of the log waits for this. */
  let gate: Promise<void>;
  let openGate: () => void;
  /** The first transaction of each frame that was written. */
  let frames: number[];
  let fatal: Error[];
  let trouble: Error[];
  let spaceReports: number;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), "palaver-"));
    faults = new Map();
    calls = [];
    gate = Promise.resolve();
    frames = [];
    fatal = [];
    trouble = [];
    spaceReports = 0;
    store = await open();
    chat = await openP2p(store);
  });

  afterEach(async () => {
    openGate?.();
    faults.clear();
    await store.close();
    rmSync(directory, { recursive: true });
  });

  function open(options: SqliteOptions = {}): Promise<SqliteStore> {
    const disk = faultyDisk(nodeDisk(directory));
    const threads = inline(disk);
    const gated: Threads = {
      ...threads,
      log: {
        ...threads.log,
        async write(frame) {
          frames.push(frame.first);
          await gate;
          await threads.log.write(frame);
        },
      },
    };
    return openStoreOn(disk, gated, {
      segmentBytes: SEGMENT_BYTES,
      retryAfter: 1,
      onFatal: (error) => void fatal.push(error),
      onTrouble: (error) => void trouble.push(error),
      onSpace: () => void spaceReports++,
      ...options,
    });
  }

  function faultyDisk(disk: Disk): Disk {
    function call(name: string): void {
      calls.push(name);
      const code = faults.get(name) ?? faults.get(name.replace(/\d{16}.*\./, "N."));
      if (code) throw Object.assign(new Error(`${code} in ${name}`), { code });
    }
    const opened: { name: string }[] = [];
    const file = (openedAs: string, inner: OpenFile): OpenFile => {
      const current = { name: openedAs };
      opened.push(current);
      return {
        write(bytes, offset) {
          call(`write ${current.name}`);
          return inner.write(bytes, offset);
        },
        sync() {
          call(`sync ${current.name}`);
          inner.sync();
        },
        close: () => inner.close(),
      };
    };
    return {
      ...disk,
      create(name) {
        call(`create ${name}`);
        return file(name, disk.create(name));
      },
      open(name) {
        call(`open ${name}`);
        return file(name, disk.open(name));
      },
      rename(from, to) {
        call(`rename ${to}`);
        disk.rename(from, to);
        for (const current of opened) if (current.name === from) current.name = to;
      },
    };
  }

  function closeGate(): void {
    gate = new Promise((resolve) => {
      openGate = resolve;
    });
  }

  /** Whether the promise settles within a turn of the event loop. */
  async function isSettled(promise: Promise<unknown>): Promise<boolean> {
    let settled = false;
    const mark = () => {
      settled = true;
    };
    promise.then(mark, mark);
    await turn();
    return settled;
  }

  async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
    try {
      await promise;
      return undefined;
    } catch (error) {
      return error instanceof MessagingError ? error.code : String(error);
    }
  }

  it("makes all waiting transactions durable in one commit", async () => {
    const before = store.status();
    await Promise.all(Array.from({ length: 20 }, (_, n) => send(store, chat, `${n}`)));
    const after = store.status();
    expect(after.transactions - before.transactions).to.equal(20);
    expect(after.commits - before.commits).to.equal(1);
    expect(await texts(store, chat)).to.have.lengthOf(20);
  });

  it("commits nothing for a transaction without changes", async () => {
    const before = store.status();
    await store.transaction(async ({ users, sessions }) => {
      await users.add(ana, "ana" as UsernameKey, "other digest");
      await sessions.removeExpired(ana.id, 5);
    });
    await store.read(({ users }) => users.byId(ana.id));
    expect(store.status()).to.deep.equal(before);
  });

  it("settles, as do reads and failed transactions that have seen its changes, once they are durable", async () => {
    closeGate();
    const sent = send(store, chat, "one");
    const read = texts(store, chat);
    const idle = store.transaction(({ messages }) => messages.lastId());
    const failed = store.transaction(async ({ messages }) => {
      throw new MessagingError("unknown_user", `${await messages.lastId()}`);
    });
    for (const promise of [sent, read, idle, failed]) expect(await isSettled(promise)).to.equal(false);
    openGate();
    expect(await read).to.deep.equal(["one"]);
    expect(await idle).to.equal(1);
    expect(await codeOf(failed)).to.equal("unknown_user");
    expect(await sent).to.have.lengthOf(1);
  });

  it("does not delay a read for later transactions", async () => {
    closeGate();
    const first = send(store, chat, "one");
    const read = texts(store, chat);
    while (!frames.includes(2)) await turn();
    const second = send(store, chat, "two");
    await turn();
    openGate();
    closeGate();
    expect(await read).to.deep.equal(["one"]);
    expect(await first).to.have.lengthOf(1);
    expect(await isSettled(second)).to.equal(false);
    openGate();
    expect(await second).to.have.lengthOf(1);
  });

  it("rolls back everything where the work throws", async () => {
    const failed = store.transaction(async ({ users, messages }) => {
      await users.add({ ...ana, id: "another" as typeof ana.id }, "cy" as UsernameKey, "digest");
      await messages.append({
        chatId: chat.id,
        sender: ana,
        text: "lost" as MessageText,
        ...PLAIN,
        sentAt: 1,
      });
      throw new Error("no");
    });
    expect(await codeOf(failed)).to.equal("Error: no");
    expect(await store.read(({ users }) => users.byKey("cy" as UsernameKey))).to.equal(undefined);
    expect(await texts(store, chat)).to.deep.equal([]);
    expect((await send(store, chat, "kept"))[0]).to.include({ id: 1, seq: 1 });
  });

  it("rejects writes of a repository after its transaction", async () => {
    const kept = await store.transaction(async ({ messages }) => messages);
    const late = kept.append({
      chatId: chat.id,
      sender: ana,
      text: "late" as MessageText,
      ...PLAIN,
      sentAt: 1,
    });
    expect(await codeOf(late)).to.include("after its transaction");
    expect(await texts(store, chat)).to.deep.equal([]);
  });

  it("rolls back a transaction that exceeds the size limit", async () => {
    expect(await codeOf(send(store, chat, "x".repeat(SEGMENT_BYTES / 8)))).to.include("exceeds the limit");
    await send(store, chat, "small");
    expect(await texts(store, chat)).to.deep.equal(["small"]);
  });

  it("rejects as unavailable a transaction that exceeds the maximum size of the database", async () => {
    await store.close();
    store = await open({ largestDatabase: 200_000 });
    let stored = 0;
    let code: string | undefined;
    while (code === undefined && stored < 1000) {
      code = await codeOf(send(store, chat, "x".repeat(2000)));
      if (code === undefined) stored++;
    }
    expect(code).to.equal("store_unavailable");
    expect(await texts(store, chat)).to.have.lengthOf(stored);
    await store.close();
    store = await open();
    expect(await texts(store, chat)).to.have.lengthOf(stored);
  });

  it("keeps the transactions of the same turn before and after one that the full database rejects", async () => {
    await store.close();
    store = await open({ largestDatabase: 100_000, segmentBytes: 2 ** 20 });
    const large = (code: string) => code.repeat(1800);
    const sent = Array.from({ length: 60 }, (_, n) => (n % 3 === 0 ? large("x") : `small ${n}`));
    const codes = await Promise.all(sent.map((text) => codeOf(send(store, chat, text))));
    const stored = sent.filter((_, n) => codes[n] === undefined);
    expect(new Set(codes)).to.deep.equal(new Set([undefined, "store_unavailable"]));
    expect(codes.lastIndexOf(undefined)).to.be.greaterThan(codes.indexOf("store_unavailable"));
    expect(await texts(store, chat)).to.deep.equal(stored);
    await store.close();
    store = await open();
    expect(await texts(store, chat)).to.deep.equal(stored);
  });

  it("rejects as busy, with nothing applied, while the disk is slower than the incoming writes", async () => {
    closeGate();
    const text = "x".repeat(2000);
    const codes = Array.from({ length: 10 }, () => codeOf(send(store, chat, text)));
    expect(await Promise.race(codes)).to.equal("busy");
    openGate();
    const settled = await Promise.all(codes);
    const rejected = settled.filter((code) => code === "busy").length;
    expect(rejected).to.be.within(1, 9);
    expect(settled.filter((code) => code === undefined)).to.have.lengthOf(10 - rejected);
    expect(await texts(store, chat)).to.have.lengthOf(10 - rejected);
    await send(store, chat, "later");
  });

  for (const call of ["write", "sync"]) {
    it(`never settles after a failed ${call} of the log, and later calls are rejected`, async () => {
      // Enough transactions for a shutdown snapshot.
      for (let n = 0; n < 30; n++) await send(store, chat, "kept");
      closeGate();
      faults.set(`${call} log-N.palaver`, "EIO");
      const waiting = [send(store, chat, "one"), send(store, chat, "two"), texts(store, chat)];
      await turn();
      openGate();
      for (const promise of waiting) expect(await isSettled(promise)).to.equal(false);
      const failed = calls.length;
      expect(await codeOf(send(store, chat, "three"))).to.equal("store_unavailable");
      expect(await codeOf(texts(store, chat))).to.equal("store_unavailable");
      expect(store.status().fault).to.include("EIO");
      expect(fatal.map(String)).to.deep.equal([`Error: EIO in ${call} log-0000000000000000.palaver`]);
      await store.close();
      expect(calls).to.have.lengthOf(failed);

      faults.clear();
      store = await open();
      expect((await texts(store, chat))[0]).to.equal("kept");
    });
  }

  it("is rejected on a full disk, while reads work, and succeeds by itself once there is space", async () => {
    faults.set("create spare.palaver", "ENOSPC");
    let stored = 0;
    let code: string | undefined;
    while (code === undefined && stored < 1000) {
      code = await codeOf(send(store, chat, "x".repeat(1000)));
      if (code === undefined) stored++;
    }
    expect(code).to.equal("store_unavailable");
    expect(store.status().fault).to.include("ENOSPC");
    expect(trouble[0]?.message).to.include("No disk space for the log");
    expect(fatal).to.deep.equal([]);
    expect(await texts(store, chat)).to.have.lengthOf(stored);

    await sleep(20);
    expect([trouble.length, spaceReports]).to.deep.equal([1, 0]);

    faults.clear();
    while (store.status().fault) await sleep(1);
    await send(store, chat, "again");
    expect(await texts(store, chat)).to.have.lengthOf(stored + 1);
    expect([trouble.length, spaceReports]).to.deep.equal([1, 1]);
  });

  it("needs no new file descriptor for the next segment, is rejected where the one after it cannot be opened, and succeeds by itself later", async () => {
    for (const call of ["create spare.palaver", "open spare.palaver", "open log-N.palaver"]) {
      faults.set(call, "EMFILE");
    }
    let stored = 0;
    let code: string | undefined;
    while (code === undefined && stored < 1000) {
      code = await codeOf(send(store, chat, "x".repeat(1000)));
      if (code === undefined) stored++;
    }
    expect(fatal).to.deep.equal([]);
    expect(code).to.equal("store_unavailable");
    // The segment in use and the one after it.
    expect(stored).to.be.above((1.5 * SEGMENT_BYTES) / 1100);
    expect(store.status().fault).to.include("EMFILE").and.include("ulimit -n");

    faults.delete("create spare.palaver");
    await sleep(20);
    expect(await codeOf(send(store, chat, "x"))).to.equal("store_unavailable");

    faults.clear();
    while (store.status().fault) await sleep(1);
    await send(store, chat, "again");
    expect(await texts(store, chat)).to.have.lengthOf(stored + 1);
    expect(trouble).to.have.lengthOf(1);
  });

  it("is rejected where the store was opened on a full disk, while reads and close work", async () => {
    await send(store, chat, "kept");
    await store.close();
    faults.set("create spare.palaver", "ENOSPC");
    store = await open();
    expect(await texts(store, chat)).to.deep.equal(["kept"]);
    expect(await codeOf(send(store, chat, "rejected"))).to.equal("store_unavailable");
    await store.close();
    faults.clear();
    store = await open();
    expect(await texts(store, chat)).to.deep.equal(["kept"]);
  });

  it("stays durable where the next open fails on a full disk after a crash and reports the needed space", async () => {
    await send(store, chat, "kept");
    await store.transaction(async () => faults.set("write log-N.palaver", "EIO"));
    void send(store, chat, "unanswered");
    while (fatal.length === 0) await turn();
    await store.close();
    faults.clear();
    faults.set("write spare.palaver", "ENOSPC");
    const error = await open().catch((reason: unknown) => reason);
    expect(error)
      .to.have.property("message")
      .that.matches(/Free \d+ bytes, and start again/);
    faults.clear();
    store = await open();
    expect((await texts(store, chat))[0]).to.equal("kept");
  });

  it("triggers a compaction of the log, which keeps all messages", async () => {
    const sent = Array.from({ length: 400 }, (_, n) => `${n} ${"x".repeat(800)}`);
    await send(store, chat, ...sent);
    await sleep(1);
    const disk = nodeDisk(directory);
    expect(disk.list().filter((name) => name.startsWith("snapshot-"))).to.have.lengthOf(1);
    expect(disk.list().filter((name) => name.startsWith("log-")).length).to.be.below(10);
    expect(disk.list()).to.not.include("log-0000000000000000.palaver");
    await store.close();
    store = await open();
    expect(await texts(store, chat)).to.deep.equal(sent);
    expect(trouble).to.deep.equal([]);
  });

  it("succeeds when a compaction fails, which is reported once and repeated later", async () => {
    faults.set("write snapshot.tmp", "ENOSPC");
    const sent = Array.from({ length: 200 }, (_, n) => `${n} ${"x".repeat(800)}`);
    await send(store, chat, ...sent);
    await sleep(1);
    expect(trouble[0]?.cause).to.include({ code: "ENOSPC" });
    expect(trouble).to.have.lengthOf(1);
    expect(nodeDisk(directory).list())
      .to.include("log-0000000000000000.palaver")
      .and.not.include("snapshot.tmp");

    faults.clear();
    await send(store, chat, ...sent);
    await sleep(1);
    expect(nodeDisk(directory).list()).to.not.include("log-0000000000000000.palaver");
    expect(await texts(store, chat)).to.deep.equal([...sent, ...sent]);
  });
});

describe("CommitLog.assertCapacity", () => {
  it("accepts only records that fit into the last segment of a full disk, also where a frame is written before the record", async () => {
    for (let length = 300; length < 500; length++) {
      const written = await fillLastSegment(length);
      expect(written, `with records of ${length}`).to.be.within(2500, 4096);
    }
  });

  /** @returns how many bytes of the segment are written once the capacity is exhausted and the log has ended. */
  async function fillLastSegment(length: number): Promise<number> {
    let segments = 0;
    let written = 0;
    let finish: () => void = () => {};
    const log = await CommitLog.start({
      threads: {
        makeSpare: () => Promise.reject(new Error("full")),
        log: {
          prepare: async () => {},
          begin: async () => {
            segments++;
            written = SEGMENT_HEADER_BYTES;
          },
          write: async (frame) => {
            written += encodeFrame("", frame).length;
            await new Promise<void>((resolve) => (finish = resolve));
          },
        },
      },
      makeFirstSpare: () => {},
      last: 0,
      segmentBytes: 4096,
      retryAfter: 1e9,
      onDurable: () => {},
      onSwitch: () => {},
      onTrouble: () => {},
      onSpace: () => {},
      onFatal: () => {},
    });
    const hasCapacity = () => {
      try {
        log.assertCapacity();
        return true;
      } catch {
        return false;
      }
    };
    let records = 0;
    /** Changes whose record has that many bytes. */
    const changes = (bytes: number): Change[] => [
      [String(records++).padStart(bytes - '[[""]],\n'.length, "x")],
    ];
    log.append(changes(length));
    await turn();
    while (hasCapacity()) {
      log.append(changes(length));
      const next = hasCapacity();
      finish();
      await turn();
      if (next) log.append(changes(512));
      await turn();
    }
    const ending = log.end();
    for (let n = 0; n < 5; n++) {
      finish();
      await turn();
    }
    await ending;
    expect(segments).to.equal(1);
    return written;
  }
});
