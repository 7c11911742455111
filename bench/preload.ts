import { setTimeout as delay } from "node:timers/promises";
import { openMemoryStore } from "../src/adapters/memory/store.js";
import { nodeDisk } from "../src/adapters/sqlite/wal/disk.js";
import { filesOn } from "../src/adapters/sqlite/wal/files.js";
import { recover } from "../src/adapters/sqlite/wal/recovery.js";
import { replaceFiles } from "../src/adapters/sqlite/wal/snapshot.js";
import { repositories } from "../src/adapters/sqlite/repositories.js";
import { openStoreOn } from "../src/adapters/sqlite/store.js";
import { workerThreads } from "../src/adapters/sqlite/wal/threads.js";
import { keyedSecrets, systemClock, uuids } from "../src/adapters/system.js";
import { sendMessage } from "../src/application/messages.js";
import type { Ports, Store } from "../src/application/ports.js";
import type { ChatId } from "../src/domain/chat.js";
import { MessagingError } from "../src/domain/errors.js";
import type { UserId } from "../src/domain/user.js";
import { MESSAGE } from "./members.js";

/** The messages to add to a store whose users and chat exist. */
export interface Preload {
  readonly directory: string;
  readonly chatId: number;
  readonly userIds: readonly string[];
  /** The number of messages to add to the snapshot. */
  readonly inSnapshot: number;
  /** The number of messages to add to the log. */
  readonly inLog: number;
}

// A separate process. Its first message is the preload.
process.once("message", (preload: Preload) => {
  fill(preload).then(() => process.exit(0), fail);
});

async function fill(preload: Preload): Promise<void> {
  await fillSnapshot(preload);
  if (preload.inLog > 0) await fillLog(preload);
}

/** Bypasses the log and uses one transaction, which is several times faster. */
async function fillSnapshot({ directory, chatId, userIds, inSnapshot }: Preload): Promise<void> {
  const disk = nodeDisk(directory);
  const files = filesOn(disk);
  const { database, last } = await recover(disk, files);
  const databaseRepositories = repositories(database);
  const ports = portsOver({ ...openMemoryStore(), transaction: (work) => work(databaseRepositories) });
  database.execute("BEGIN");
  for (let sent = 0; sent < inSnapshot; sent++) await send(ports, chatId, userIds, sent);
  database.execute("COMMIT");
  replaceFiles(disk, files, last + inSnapshot, database.toFile());
  database.close();
}

const SENDERS = 1000;

/** Disables compaction and does not close the store, so that the log stays as after a kill. */
async function fillLog({ directory, chatId, userIds, inLog }: Preload): Promise<void> {
  const threads = { ...workerThreads(directory), compact: () => new Promise<number>(() => {}) };
  const store = await openStoreOn(nodeDisk(directory), threads, {});
  const ports = portsOver(store);
  let started = 0;

  async function sendMany(): Promise<void> {
    while (started < inLog) {
      const number = started++;
      while (await isBusy(send(ports, chatId, userIds, number))) await delay(1);
    }
  }

  await Promise.all(Array.from({ length: SENDERS }, sendMany));
}

async function isBusy(sending: Promise<unknown>): Promise<boolean> {
  try {
    await sending;
    return false;
  } catch (error) {
    if (error instanceof MessagingError && error.code === "busy") return true;
    throw error;
  }
}

function send(ports: Ports, chatId: number, userIds: readonly string[], number: number): Promise<unknown> {
  const by = userIds[number % userIds.length] as UserId;
  return sendMessage(ports, { by, to: { chatId: chatId as ChatId }, text: MESSAGE });
}

function portsOver(store: Store): Ports {
  return {
    store,
    passwords: { hash: fail, verify: fail, isOutdated: fail },
    secrets: keyedSecrets([""]),
    clock: systemClock,
    ids: uuids,
    refusedPasswords: new Set<string>(),
  };
}

function fail(error: unknown): never {
  console.error(error);
  process.exit(1);
}
