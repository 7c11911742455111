import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { checkStore } from "../../../src/adapters/sqlite/inspection.js";
import { openSqliteStore, type SqliteStore } from "../../../src/adapters/sqlite/store.js";
import type { Chat } from "../../../src/domain/chat.js";
import { MessagingError } from "../../../src/domain/errors.js";
import { openP2p, send, texts } from "./conversation.js";

const FIRST_SEGMENT = "log-0000000000000000.palaver";

describe("SqliteStore on a disk that damages finished files", () => {
  let directory: string;
  let store: SqliteStore;
  let chat: Chat;
  let trouble: Error[];
  let sent: string[];

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), "palaver-"));
    trouble = [];
    sent = [];
    store = await open();
    chat = await openP2p(store);
  });

  afterEach(async () => {
    await store.close();
    rmSync(directory, { recursive: true });
  });

  const open = (path = directory) =>
    openSqliteStore(path, { segmentBytes: 32 * 1024, onTrouble: (error) => void trouble.push(error) });

  /** Sends texts in a transaction each, so that there are many segments. */
  async function sendSome(count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      const text = `${sent.length} ${"x".repeat(800)}`;
      await whenReady(() => send(store, chat, text));
      sent.push(text);
    }
  }

  /** The next segment may not be ready, since these segments are small. */
  async function whenReady(work: () => Promise<unknown>): Promise<void> {
    for (;;) {
      try {
        await work();
        return;
      } catch (error) {
        if (!(error instanceof MessagingError) || error.code !== "busy") throw error;
        await sleep(2);
      }
    }
  }

  /** Flips a bit in the middle of the written part of the file. */
  function damage(name: string): void {
    const bytes = readFileSync(join(directory, name));
    bytes[2_000]! ^= 1;
    writeFileSync(join(directory, name), bytes);
  }

  async function sendUntil(isReached: () => boolean): Promise<void> {
    for (let round = 0; !isReached(); round++) {
      if (round === 2_000) throw new Error("The state was not reached.");
      await sendSome(4);
      await sleep(5);
    }
  }

  /** The texts that a start would read, without a close of the running store. */
  async function textsAfterKill(): Promise<readonly string[]> {
    const copy = mkdtempSync(join(tmpdir(), "palaver-"));
    cpSync(directory, copy, { recursive: true });
    const opened = await open(copy);
    try {
      return await texts(opened, chat);
    } finally {
      await opened.close();
      rmSync(copy, { recursive: true });
    }
  }

  const snapshotNames = () => readdirSync(directory).filter((name) => name.startsWith("snapshot-0"));

  for (const [file, nameOf] of [
    ["segment", () => FIRST_SEGMENT],
    ["snapshot", () => snapshotNames()[0]!],
  ] as const) {
    it(`replaces a damaged ${file} at the next compaction, and reports it`, async () => {
      await sendSome(40);
      damage(nameOf());
      await sendUntil(() => store.status().repairs === 1);
      expect(store.status()).to.include({ fault: undefined, damage: undefined });
      expect(trouble.map(({ message }) => message)).to.deep.equal([
        "Files of the store were damaged. A new snapshot from memory has replaced them, and nothing is lost. Check the disk.",
      ]);
      expect(String(trouble[0]!.cause)).to.match(
        new RegExp(
          file === "segment" ? "log-0\\S* is damaged at byte" : "snapshot-0\\S* is damaged: its checksum",
        ),
      );
      await sendSome(40);
      expect((await checkStore(directory)).faults).to.deep.equal([]);
      expect(await textsAfterKill()).to.deep.equal(sent);
    });
  }

  it("reports the damage in its status until a new snapshot can be written", async () => {
    await sendSome(40);
    damage(FIRST_SEGMENT);
    const obstacle = join(directory, "snapshot.tmp");
    mkdirSync(obstacle);
    await sendUntil(() => store.status().damage !== undefined && trouble.length > 0);
    const { damage: text, fault, repairs } = store.status();
    expect(text).to.match(
      /^log-0+\.palaver is damaged at byte \d+: .*\. This process has all data in memory/,
    );
    expect({ fault, repairs }).to.deep.equal({ fault: undefined, repairs: 0 });
    expect(trouble.map(({ message }) => message)).to.deep.equal([
      "Files of the store are damaged, and could not be replaced.",
    ]);
    rmdirSync(obstacle);
    await sendUntil(() => store.status().repairs === 1);
    expect(store.status().damage).to.equal(undefined);
    expect(await textsAfterKill()).to.deep.equal(sent);
  });

  it("replaces a damaged file at close, and reports it", async () => {
    await sendSome(40);
    damage(FIRST_SEGMENT);
    await store.close();
    expect(trouble.map(({ message }) => message.split(".")[0])).to.deep.equal([
      "Files of the store were damaged",
    ]);
    store = await open();
    expect(await texts(store, chat)).to.deep.equal(sent);
  });

  it("replaces a missing file at close, and reports it", async () => {
    await sendSome(80);
    rmSync(join(directory, readdirSync(directory).filter((name) => name.startsWith("log-0"))[1]!));
    await store.close();
    expect(trouble).to.have.lengthOf(1);
    store = await open();
    expect(await texts(store, chat)).to.deep.equal(sent);
  });

  it("reports nothing while its files are sound", async () => {
    await sendSome(200);
    await store.close();
    store = await open();
    expect({ trouble, ...store.status() }).to.deep.include({ trouble: [], damage: undefined, repairs: 0 });
    expect(await texts(store, chat)).to.deep.equal(sent);
  });
});
