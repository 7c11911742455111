import { EventEmitter, once } from "node:events";
import type { Repositories, Store } from "../../src/application/ports.js";
import type { Disk } from "../../src/adapters/sqlite/wal/disk.js";
import type { openStoreOn } from "../../src/adapters/sqlite/store.js";
import type { Threads } from "../../src/adapters/sqlite/wal/threads.js";
import type { ChatId } from "../../src/domain/chat.js";
import type { User, UserId, UsernameKey } from "../../src/domain/user.js";
import { seeded, simulatedDisk, type SimulatedDisk } from "./simulated-disk.js";

/** The code of the store, of which each mutant has a modified copy. */
export interface Engine {
  readonly openStoreOn: typeof openStoreOn;
  readonly inline: (disk: Disk) => Threads;
}

/** Opens the store with segments so small that they are filled, switched and compacted all the time. */
export function storeOf(engine: Engine, segmentBytes = 8192): OpenStore {
  return (disk, onFatal) =>
    engine.openStoreOn(disk, whenIdle(engine.inline(disk)), {
      segmentBytes,
      retryAfter: 1,
      onTrouble: () => undefined,
      onFatal,
    });
}

/** Opens a store over a disk. `onFatal` receives the error after which the process must end. */
export type OpenStore = (disk: Disk, onFatal: (error: unknown) => void) => Promise<Store>;

/**
 * Starts each call only when the event loop is idle, as a thread would, so that transactions gather while a frame is
 * written. Like the log's thread, it reports completion without naming the order, and stops after a failure.
 */
function whenIdle(threads: Threads): Threads {
  const thread = new EventEmitter();
  let failed = false;
  const carryOut = async (order: () => Promise<void>): Promise<void> => {
    if (failed) return;
    try {
      await order();
      thread.emit("message");
    } catch (error) {
      failed = true;
      thread.emit("error", error);
    }
  };
  const give = async (order: () => Promise<void>): Promise<void> => {
    setImmediate(() => void carryOut(order));
    await once(thread, "message");
  };
  const later = async <T>(call: () => Promise<T>): Promise<T> => {
    await new Promise((resolve) => void setImmediate(resolve));
    return call();
  };
  return {
    log: {
      prepare: () => later(() => threads.log.prepare()),
      begin: (after, size) => give(() => threads.log.begin(after, size)),
      write: (frame) => give(() => threads.log.write(frame)),
    },
    makeSpare: (size) => later(() => threads.makeSpare(size)),
    compact: (upTo) => later(() => threads.compact(upTo)),
    replaceFromMemory: (snapshot) => later(() => threads.replaceFromMemory(snapshot)),
    stop: () => threads.stop(),
  };
}

/** The user and the chat of all schedules. */
export const USER: User = {
  id: "the-only-user-of-all-these-schedules" as UserId,
  username: "ana",
  createdAt: 1,
};
export const CHAT = 1 as ChatId;

/** The number of disks that schedules start from. On the last, the log is about to be compacted. */
export const PREPARED_DISKS = 6;

/** Creates an empty disk, and disks of a store with a user, a chat and 1, 2, 3, … segments of log without messages. */
export async function prepareDisks(open: OpenStore): Promise<readonly SimulatedDisk[]> {
  const disks = [simulatedDisk(seeded(0))];
  while (disks.length < PREPARED_DISKS) {
    const disk = disks.at(-1)!.copy(seeded(0));
    const store = await open(disk.mount(), rethrow);
    await store.transaction(found);
    await store.close();
    disks.push(disk);
  }
  return disks;
}

/** Adds the user and the chat, or another chat if they exist. */
export async function found({ users, chats }: Repositories): Promise<void> {
  const isNew = await users.add(USER, USER.username as UsernameKey, "digest");
  const { id } = await chats.addGroup(null, 1);
  if (isNew) await chats.addParticipant(id, USER.id, 1);
}

function rethrow(error: unknown): never {
  throw error;
}
