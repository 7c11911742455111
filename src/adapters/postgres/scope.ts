import type { ChatId } from "../../domain/chat.js";
import type { UserId } from "../../domain/user.js";
import type { Row, SqlValue } from "../sql/columns.js";
import type { Statements, Value } from "./connection.js";
import type { Relay } from "./relay.js";

/** The state of a `read` over its attempts, each of which reads another snapshot. */
export class Attempts {
  /** The number of this attempt, from 1 on. */
  count = 1;
  /** Whether this attempt has found that its snapshot cannot be read exactly before the relay has run. */
  isBehind = false;
  /** Whether the work reads more than the row of a `lookUp`, so that it needs one view from its first statement on. */
  needsView = false;
  /** The message id that has to be settled: the last one in the first snapshot. */
  lastMessageId: number | undefined;
}

/** Another transaction has changed what this one has decided about. The work runs again. */
export class RacedError extends Error {
  override readonly name = "RacedError";
}

/** Thrown through the work of a read, which runs again on a later snapshot. */
class LogBehind extends Error {
  override readonly name = "LogBehind";
}

/** Thrown through the work of a read, which runs again in a transaction. */
class ViewNeeded extends Error {
  override readonly name = "ViewNeeded";
}

/**
 * The connection of one transaction or read, as its repositories use it.
 *
 * READ COMMITTED gives each statement its own snapshot. So a transaction locks what it decides about, and reads it in a later
 * statement: a chat, with its participants, messages and read markers, by `lockChat`; a user, with the password and sessions, by
 * `lockUser`.
 */
export class Scope implements Statements {
  /** Of a read; undefined in a transaction. */
  readonly attempts: Attempts | undefined;
  readonly #statements: Statements;
  #locked = new Set<ChatId | UserId>();
  readonly #forks: Scope[] = [];
  #hasWritten = false;
  #fault: { readonly error: unknown } | undefined;
  #unsettled: Promise<unknown> = Promise.resolve();

  readonly #relay: Pick<Relay, "run">;
  #hasRelayed = false;
  readonly #begin: () => void;
  #hasLookedUp = false;

  /** @param begin begins the transaction of a read. Called before each statement but those of `lookUp`. */
  constructor(
    statements: Statements,
    relay: Pick<Relay, "run">,
    attempts?: Attempts,
    begin: () => void = () => {},
  ) {
    this.#statements = statements;
    this.#relay = relay;
    this.attempts = attempts;
    this.#begin = begin;
  }

  get hasWritten(): boolean {
    return this.#hasWritten || this.#forks.some((fork) => fork.hasWritten);
  }

  /** The first error of a statement. Later statements of a transaction fail because of it. */
  get fault(): { readonly error: unknown } | undefined {
    return this.#fault ?? this.#forks.find(({ fault }) => fault !== undefined)?.fault;
  }

  /** The scope of further work in the same transaction. Its writes and errors are also those of this scope. */
  fork(): Scope {
    const fork = new Scope(this.#statements, this.#relay);
    fork.#locked = this.#locked;
    this.#forks.push(fork);
    return fork;
  }

  row(sql: string, ...values: Value[]): Promise<Row | undefined> {
    this.#beginView();
    return this.#watched(this.#statements.row(sql, ...values));
  }

  rows(sql: string, ...values: Value[]): Promise<readonly Row[]> {
    this.#beginView();
    return this.#watched(this.#statements.rows(sql, ...values));
  }

  /** As `row`, for a read that often reads this one row. It begins no transaction; if the work reads on, it starts again in one. */
  lookUp(sql: string, ...values: Value[]): Promise<Row | undefined> {
    this.#hasLookedUp = true;
    return this.#watched(this.#statements.row(sql, ...values));
  }

  each(sql: string, ...values: SqlValue[]): Promise<Row | undefined> {
    this.#beginView();
    return this.#watched(this.#statements.each(sql, ...values));
  }

  async change(sql: string, ...values: Value[]): Promise<number> {
    const count = await this.#watched(this.#statements.change(sql, ...values));
    this.#hasWritten ||= count > 0;
    return count;
  }

  /** Runs an INSERT with a RETURNING clause. Returns its row; undefined if it inserted none. */
  async insert(sql: string, ...values: Value[]): Promise<Row | undefined> {
    const inserted = await this.row(sql, ...values);
    this.#hasWritten ||= inserted !== undefined;
    return inserted;
  }

  /** Sends a statement that writes, without waiting for it. The transaction fails if it does. */
  send(sql: string, ...values: Value[]): void {
    this.#hasWritten = true;
    this.#unsettled = this.#watched(this.#statements.change(sql, ...values)).catch(() => {});
  }

  /** As `each`, for a statement that inserts. */
  insertEach(sql: string, ...values: SqlValue[]): Promise<Row | undefined> {
    this.#hasWritten = true;
    return this.each(sql, ...values);
  }

  /** As `send`, for a statement of `each`. */
  sendEach(sql: string, ...values: SqlValue[]): void {
    this.#unsettled = this.insertEach(sql, ...values).catch(() => {});
  }

  /** Locks those of the chats until the end of the transaction that exist and no other transaction has locked. */
  async lockFreeChats(ids: readonly ChatId[]): Promise<ReadonlySet<ChatId>> {
    const found = await this.rows(
      "SELECT id FROM chats WHERE id = ANY($1) FOR NO KEY UPDATE SKIP LOCKED",
      ids,
    );
    const locked = new Set(found.map(([id]) => id as ChatId));
    for (const id of locked) this.#locked.add(id);
    return locked;
  }

  /** Locks the chat until the end of the transaction; in a read, does nothing. */
  lockChat(id: ChatId): void {
    this.#lock(id, "SELECT FROM chats WHERE id = $1 FOR NO KEY UPDATE");
  }

  /** Locks the user until the end of the transaction; in a read, does nothing. */
  lockUser(id: UserId): void {
    this.#lock(id, "SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE");
  }

  /** Resolves once no sent statement is in progress. */
  async settled(): Promise<void> {
    await this.#unsettled;
    for (const fork of this.#forks) await fork.settled();
  }

  /** Lets the relay move what was committed before. In a transaction, before it locks the log; only the first call waits. */
  async relayOnce(): Promise<void> {
    if (this.#hasRelayed) return;
    this.#hasRelayed = true;
    await this.#relay.run();
  }

  /** Ends this attempt of a read. The next one reads a snapshot in which the relay has moved what this one has seen. */
  throwBehind(attempts: Attempts): never {
    attempts.isBehind = true;
    throw new LogBehind("The event log is behind.");
  }

  #beginView(): void {
    if (this.attempts !== undefined && this.#hasLookedUp && !this.attempts.needsView) {
      this.attempts.needsView = true;
      throw new ViewNeeded("The work reads more than one row.");
    }
    this.#begin();
  }

  #lock(id: ChatId | UserId, sql: string): void {
    if (this.attempts !== undefined || this.#locked.has(id)) return;
    this.#locked.add(id);
    this.#unsettled = this.#watched(this.#statements.row(sql, id)).catch(() => {});
  }

  #watched<T>(statement: Promise<T>): Promise<T> {
    return statement.catch((error: unknown) => {
      this.#fault ??= { error };
      throw error;
    });
  }
}
