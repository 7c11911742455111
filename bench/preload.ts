import { setTimeout as delay } from "node:timers/promises";
import { nodeDisk } from "../src/adapters/sqlite/disk.js";
import { compact } from "../src/adapters/sqlite/recovery.js";
import { openStore } from "../src/adapters/sqlite/store.js";
import { workerThreads, type Threads } from "../src/adapters/sqlite/threads.js";
import { keyedSecrets, systemClock, uuids } from "../src/adapters/system.js";
import { sendMessage } from "../src/application/messages.js";
import type { ChatId } from "../src/domain/chat.js";
import { MessagingError } from "../src/domain/errors.js";
import type { UserId } from "../src/domain/user.js";
import { MESSAGE } from "./members.js";

/** How a store is to be filled: with messages of these users to this chat, which are there already. */
export interface Preload {
  readonly directory: string;
  readonly chatId: number;
  readonly userIds: readonly string[];
  /** How many messages are to be in the snapshot, and how many behind it in the log. */
  readonly inSnapshot: number;
  readonly inLog: number;
}

// A process of its own, whose first message is what it is to do.
process.once("message", (preload: Preload) => {
  fill(preload).then(() => process.exit(0), fail);
});

async function fill(preload: Preload): Promise<void> {
  const { directory, inSnapshot, inLog } = preload;
  const last = await send(preload, inSnapshot, workerThreads(directory));
  await compact(nodeDisk(directory), last);
  // The log is left as it is, even where it should be compacted.
  await send(preload, inLog, { ...workerThreads(directory), compact: () => new Promise(() => {}) });
}

const SENDERS = 1000;

/** @returns the number of the last transaction. */
async function send(
  { directory, chatId, userIds }: Preload,
  count: number,
  threads: Threads,
): Promise<number> {
  const store = await openStore(nodeDisk(directory), threads, {});
  const ports = {
    store,
    passwords: { hash: fail, verify: fail, isOutdated: fail },
    secrets: keyedSecrets([""]),
    clock: systemClock,
    ids: uuids,
    refusedPasswords: new Set<string>(),
  };
  const to = { chatId: chatId as ChatId };
  let left = count;

  async function sendMany(by: UserId): Promise<void> {
    while (left > 0) {
      left--;
      try {
        await sendMessage(ports, { by, to, text: MESSAGE });
      } catch (error) {
        if (!(error instanceof MessagingError && error.code === "busy")) throw error;
        left++;
        await delay(1);
      }
    }
  }

  const senders = Array.from({ length: SENDERS }, (_, index) => userIds[index % userIds.length] as UserId);
  await Promise.all(senders.map(sendMany));
  const last = store.opening.last + store.status().transactions;
  await store.close();
  return last;
}

function fail(error: unknown): never {
  console.error(error);
  process.exit(1);
}
