import type { OpenCounter } from "../adapters/http/counter.js";
import { keyedSecrets, systemClock, uuids } from "../adapters/system.js";
import { createMessaging, type Messaging } from "../application/messaging.js";
import type { Clock, Ports, Registration, StoreStatus } from "../application/ports.js";
import { refusedForm } from "../domain/user.js";
import { assertStorage, type PostgresStorage, type Storage } from "./settings.js";

export { createMessaging, type Messaging, type PostgresStorage, type Storage };
export { keyedSecrets, systemClock, uuids };
export { unreadCount } from "../domain/chat.js";
export { isArchived, settingsOf } from "../domain/chat-settings.js";
export { MessagingError, type ErrorCode } from "../domain/errors.js";
export { refusedForm, usernameKey } from "../domain/user.js";
export type * from "../application/accounts.js";
export type * from "../application/chats.js";
export type { EraseAccount } from "../application/erasure.js";
export type * from "../application/events.js";
export type { GetPresence, PresentParticipant, SendTyping } from "../application/live-signals.js";
export type * from "../application/message-retention.js";
export type * from "../application/invitations.js";
export type * from "../application/messages.js";
export type * from "../application/ports.js";
export type * from "../application/reactions.js";
export type * from "../application/search.js";
export type * from "../application/sessions.js";
export type * from "../application/slices.js";
export type * from "../domain/chat.js";
export type * from "../domain/chat-settings.js";
export type * from "../domain/event.js";
export type * from "../domain/invitation.js";
export type * from "../domain/live-signal.js";
export type * from "../domain/message.js";
export type * from "../domain/metadata.js";
export type * from "../domain/policy.js";
export type * from "../domain/reaction.js";
export type * from "../domain/session.js";
export type * from "../domain/user.js";

/** Options of `openMessaging`. Ports given here replace the default adapters. */
export interface MessagingOptions extends Partial<Pick<Ports, "passwords" | "secrets" | "clock" | "ids">> {
  readonly storage: Storage;
  /** Passwords that nobody may choose. Case and compatibility form do not count. */
  readonly refusedPasswords?: readonly string[] | ReadonlySet<string> | undefined;
  /** Whether `registerUser` creates accounts. Closed, it rejects, and `ensureUser` and the operator create them. Open by default. */
  readonly registration?: Registration | undefined;
  /** Whether users see who is online, by `getPresence` and by signals. True by default. */
  readonly presence?: boolean | undefined;
  /** How long events are kept for clients that resume, in milliseconds. Defaults to 30 days. */
  readonly eventRetention?: number | undefined;
  /** How long messages are kept, in milliseconds. By default they stay. */
  readonly messageRetention?: number | undefined;
  /**
   * Receives the error when the log of the SQLite store cannot be written. Pending calls are never answered, since it is
   * unknown what is stored: end the process, and the next start reads what the disk holds. By default the error is thrown
   * as an uncaught exception, which ends the process too.
   */
  readonly onFatal?: ((error: Error) => void) | undefined;
  /** Receives a failure that will be retried, such as a full disk. By default the process emits a warning. */
  readonly onTrouble?: ((trouble: Error) => void) | undefined;
  /** Receives a sentence when a trouble of the storage is over: the disk has space, or the database can be written again. */
  readonly onRecovery?: ((notice: string) => void) | undefined;
}

/** The messaging core, open. */
export interface OpenMessaging extends Messaging {
  /** The ports of the core, for instance for `createAdministration` of `palaver/operator`. */
  readonly ports: Ports;
  /** The clock that its timestamps come from. */
  readonly clock: Clock;
  /** Whether it can store at the moment, and how much it has stored. */
  status(): StoreStatus;
  /** Opens the counters of requests that all nodes on the storage share, for `palaver/http`. PostgreSQL has them. */
  readonly openCounter?: OpenCounter | undefined;
  /**
   * Ends all subscriptions, finishes pending work and releases the directory or the connections. A store of your own stays
   * open. Call nothing else afterwards.
   */
  close(): Promise<void>;
}

const DEFAULT_EVENT_RETENTION_MS = 30 * 24 * 60 * 60 * 1_000;

/**
 * Opens the messaging core over a storage, with every use case as a method. By default passwords are hashed with argon2id,
 * and secrets are stored under a key that is kept in the directory or the database, as `palaver serve` does; the two can open
 * the same directory in turn, and the same database at a time. Without either the key is new each time, so sessions end with the
 * process, unless `secrets` is given.
 *
 * @throws TypeError for an invalid `storage`, `registration` or `presence`
 * @throws Error if the directory cannot be used, another process has it open, or a file in it is damaged; or if the database
 * cannot be opened.
 */
export async function openMessaging(options: MessagingOptions): Promise<OpenMessaging> {
  // A JavaScript program may leave the options out: the storage is then rejected.
  assertStorage((options as MessagingOptions | undefined)?.storage);
  const {
    storage,
    registration,
    presence,
    eventRetention = DEFAULT_EVENT_RETENTION_MS,
    messageRetention,
  } = options;
  const { onFatal, onTrouble = warn, onRecovery = () => {} } = options;
  // A misspelt value would leave the registration open.
  if (registration !== undefined && registration !== "open" && registration !== "closed") {
    throw new TypeError(`Invalid \`registration\` ${JSON.stringify(registration)}. Use "open" or "closed".`);
  }
  if (presence !== undefined && typeof presence !== "boolean") {
    throw new TypeError(`Invalid \`presence\` ${JSON.stringify(presence)}. Use true or false.`);
  }
  const refusedPasswords = new Set(Array.from(options.refusedPasswords ?? [], refusedForm));
  const { createContainer, openCore } = await import("./container.js");
  const onSpace = () => onRecovery("The disk has space again. Writing resumes.");
  const sqlite = { onTrouble, onSpace, ...(onFatal && { onFatal }) };
  const postgres = { onTrouble, onRecovery };
  const settings = { storage, refusedPasswords, registration, presence, sqlite, postgres };
  const container = createContainer(settings, options);
  const retention = { events: eventRetention, messages: messageRetention };
  const { messaging, ports, close } = await openCore(container, retention, onTrouble);
  const { store, clock } = ports;
  let closing: Promise<void> | undefined;
  return {
    ...messaging,
    ports,
    clock,
    openCounter: store.openCounter,
    status: () => store.status(),
    close: () => (closing ??= close()),
  };
}

function warn(trouble: Error): void {
  process.emitWarning(trouble);
}
