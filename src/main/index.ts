import { openMemoryStore } from "../adapters/memory/store.js";
import { keyedSecrets, systemClock, uuids } from "../adapters/system.js";
import type { SqliteOptions } from "../adapters/sqlite/store.js";
import { EventFeed } from "../application/feed.js";
import { createMessaging, type Messaging } from "../application/messaging.js";
import type { Clock, Ports, Secrets, Store, StoreStatus } from "../application/ports.js";
import { refusedForm } from "../domain/user.js";
import { forgetOldEvents } from "./retention.js";
import { keptKey, newKey } from "./session-key.js";

export { createMessaging, type Messaging };
export { keyedSecrets, systemClock, uuids };
export { lastSeq, unreadCount } from "../domain/chat.js";
export { MessagingError, type ErrorCode } from "../domain/errors.js";
export { refusedForm, usernameKey } from "../domain/user.js";
export type * from "../application/accounts.js";
export type * from "../application/chats.js";
export type * from "../application/events.js";
export type * from "../application/messages.js";
export type * from "../application/ports.js";
export type * from "../application/sessions.js";
export type * from "../domain/chat.js";
export type * from "../domain/event.js";
export type * from "../domain/message.js";
export type * from "../domain/session.js";
export type * from "../domain/user.js";

/**
 * Where everything is kept: nowhere, so that it is gone with the process; in a directory, by SQLite, which is made if it is
 * not there, and which one process can have at a time; or in a store of one's own.
 */
export type Storage = "memory" | { readonly sqlite: string } | Store;

/** Ports that are given here take the place of the usual ones. */
export interface MessagingOptions extends Partial<Pick<Ports, "passwords" | "secrets" | "clock" | "ids">> {
  readonly storage: Storage;
  /** Passwords that nobody may choose. Case and compatibility form do not count. */
  readonly refusedPasswords?: readonly string[] | ReadonlySet<string> | undefined;
  /** For how long what happened is told to whoever comes back, in milliseconds; 30 days unless given. */
  readonly eventRetention?: number | undefined;
  /**
   * The log of the SQLite store could not be written. Whoever waits for it is never answered, since nobody knows what is
   * stored: end the process, and the next start reads what is there. Without this, the error is thrown out of the process,
   * which ends it too.
   */
  readonly onFatal?: ((error: Error) => void) | undefined;
  /** Something failed that will be tried again, a full disk say. Without this, the process is warned. */
  readonly onTrouble?: ((trouble: Error) => void) | undefined;
}

/** The messaging core with all that it needs. */
export interface OpenMessaging extends Messaging {
  /** What its times are told by. */
  readonly clock: Clock;
  /** Whether it can store at the moment, and how much it has stored. */
  status(): StoreStatus;
  /**
   * Ends it: those who follow the events are done, what is under way is stored, the directory is let go of. A store of one's
   * own stays open. Nothing else may be called after it.
   */
  close(): Promise<void>;
}

const DAY = 24 * 60 * 60 * 1_000;

/**
 * The messaging core, ready for use: every use case as a method, over that storage. Passwords are hashed by argon2id, and
 * secrets are stored under a key that is kept in the directory, as `palaver serve` does, which can have the directory in turn.
 * Without a directory the key is new each time, and sessions last as long as the process, unless `secrets` is given.
 *
 * @throws Error where the directory cannot be used, another process has it, or a file in it is damaged.
 */
export async function openMessaging(options: MessagingOptions): Promise<OpenMessaging> {
  const { storage, clock = systemClock, ids = uuids, eventRetention = 30 * DAY } = options;
  const { onTrouble = warn, onFatal } = options;
  const refusedPasswords = new Set(Array.from(options.refusedPasswords ?? [], refusedForm));
  const passwords = options.passwords ?? (await import("../adapters/argon2.js")).argon2Hasher();
  const store = await openStore(storage, { onTrouble, ...(onFatal && { onFatal }) });
  const close = async () => (store === storage ? undefined : store.close());
  try {
    const secrets = options.secrets ?? usualSecrets(storage);
    const feed = new EventFeed({ store, clock });
    const messaging = createMessaging({ store, passwords, secrets, clock, ids, refusedPasswords }, feed);
    const stopForgetting = forgetOldEvents(messaging, clock, eventRetention, onTrouble);
    let closing: Promise<void> | undefined;
    const end = async () => {
      feed.close();
      await stopForgetting();
      await close();
    };
    return { ...messaging, clock, status: () => store.status(), close: () => (closing ??= end()) };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openStore(storage: Storage, options: SqliteOptions): Promise<Store> {
  if (storage === "memory") return openMemoryStore();
  if (typeof storage !== "object" || storage === null) {
    throw new TypeError(
      `\`storage\` is "memory", { sqlite: directory } or a store, and not ${JSON.stringify(storage)}.`,
    );
  }
  if (!("sqlite" in storage)) return storage;
  const { openSqliteStore } = await import("../adapters/sqlite/store.js");
  return openSqliteStore(storage.sqlite, options);
}

function usualSecrets(storage: Storage): Secrets {
  const hasDirectory = typeof storage === "object" && "sqlite" in storage;
  return keyedSecrets([hasDirectory ? keptKey(storage.sqlite) : newKey()]);
}

function warn(trouble: Error): void {
  process.emitWarning(trouble);
}
