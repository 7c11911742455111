import { EventEmitter, once } from "node:events";
import type { Repositories, Store } from "../../src/application/ports.js";
import type { Disk } from "../../src/adapters/sqlite/wal/disk.js";
import type { openStoreOn } from "../../src/adapters/sqlite/store.js";
import type { Threads } from "../../src/adapters/sqlite/wal/threads.js";
import type { ChatId } from "../../src/domain/chat.js";
import type { User, UserId, UsernameKey } from "../../src/domain/user.js";
import { seeded, simulatedDisk, type SimulatedDisk } from "./simulated-disk.js";

/** The store's own code, of which the mutants have a changed copy. */
export interface Engine {
  readonly openStoreOn: typeof openStoreOn;
  readonly inline: (disk: Disk) => Threads;
}

/** The store over segments so small that they are filled, switched and compacted all the time. */
export function storeOf(engine: Engine, segmentBytes = 8192): OpenStore {
  return (disk, onFatal) =>
    engine.openStoreOn(disk, whenIdle(engine.inline(disk)), {
      segmentBytes,
      retryAfter: 1,
      onTrouble: () => undefined,
      onFatal,
    });
}

/** Opens a store over a disk. `onFatal` is told when the process has to end. */
export type OpenStore = (disk: Disk, onFatal: (error: unknown) => void) => Promise<Store>;

/**
 * Begins each call only when everything else is done, as a thread would: so transactions gather while a frame is written.
 * The log's thread does not say which order it has carried out, and does nothing more once it has failed.
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
      begin: (after, size) => give(() => threads.log.begin(after, size)),
      write: (frame) => give(() => threads.log.write(frame)),
    },
    makeSpare: (size) => later(() => threads.makeSpare(size)),
    compact: (upTo) => later(() => threads.compact(upTo)),
    stop: () => threads.stop(),
  };
}

/** Who writes in all schedules, and where. */
export const USER: User = {
  id: "the-only-user-of-all-these-schedules" as UserId,
  username: "ana",
  createdAt: 1,
};
export const CHAT = 1 as ChatId;

/** How many disks the schedules begin with: on the last, the log is about to be compacted. */
export const PREPARED_DISKS = 6;

/** An empty disk, and disks of a store with a user, a chat and 1, 2, 3, … segments of log, which hold no message. */
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

/** Puts in the user and the chat, or, where they are there, another chat. */
export async function found({ users, chats }: Repositories): Promise<void> {
  const isNew = await users.add(USER, USER.username as UsernameKey, "digest");
  const { id } = await chats.addGroup(null, 1);
  if (isNew) await chats.addParticipant(id, USER.id, 1);
}

function rethrow(error: unknown): never {
  throw error;
}
