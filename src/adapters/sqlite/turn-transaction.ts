import { randomBytes } from "node:crypto";
import type { Repositories } from "../../application/ports.js";
import { MessagingError } from "../../domain/errors.js";
import type { Change, SqlValue } from "../sql/columns.js";
import type { Database, Statements } from "./database.js";
import { MessageIndex } from "./message-index.js";
import { repositories } from "./repositories.js";
import type { TurnBudget } from "./turn-budget.js";
import type { CommitLog } from "./wal/commit-log.js";

/**
 * Runs store transactions on the database, all of one turn of the event loop in one SQLite transaction: a COMMIT in memory
 * costs a third of a send. Durability does not depend on that COMMIT; it comes from the log alone.
 */
export class TurnTransaction {
  readonly #database: Database;
  readonly #log: CommitLog;
  readonly #onFatal: (error: Error) => void;
  readonly #scheduleCommit: (commit: () => void) => void;
  readonly #statements: Statements;
  readonly #epoch = randomBytes(8).toString("hex");
  readonly #index = new MessageIndex();
  #repositories: Repositories;
  /** The changes of the running store transaction. */
  #changes: Change[] | undefined;
  /** The error of a statement of the running store transaction, which fails even if its work catches the error. */
  #failure: unknown;
  #isOpen = false;
  #hasErased = false;
  /** The changes of the store transactions that succeeded since BEGIN. All of them are in the log. */
  #logged: Change[] = [];

  /**
   * @param budget counts the rows of all statements.
   * @param scheduleCommit runs the commit after this turn, between two store transactions.
   */
  constructor(
    database: Database,
    log: CommitLog,
    budget: Pick<TurnBudget, "spend">,
    scheduleCommit: (commit: () => void) => void,
    onFatal: (error: Error) => void,
  ) {
    this.#database = database;
    this.#log = log;
    this.#scheduleCommit = scheduleCommit;
    this.#onFatal = onFatal;
    this.#statements = {
      row(sql, ...values) {
        budget.spend(1);
        return database.row(sql, ...values);
      },
      rows(sql, ...values) {
        const found = database.rows(sql, ...values);
        budget.spend(1 + found.length);
        return found;
      },
      each(visit, sql, ...values) {
        budget.spend(1);
        database.each(
          (row) => {
            budget.spend(1);
            return visit(row);
          },
          sql,
          ...values,
        );
      },
      change: (sql, ...values) => {
        const count = this.#change(sql, values);
        budget.spend(1 + count);
        return count;
      },
    };
    this.#repositories = this.#newRepositories();
  }

  #newRepositories(): Repositories {
    return repositories(this.#statements, this.#epoch, () => (this.#hasErased = true), this.#index);
  }

  /** Whether a text or a name has changed or gone in this run. */
  get hasErased(): boolean {
    return this.#hasErased;
  }

  /** They write only while `run` is under way. */
  get repositories(): Repositories {
    return this.#repositories;
  }

  /**
   * Runs `work` and appends its changes to the log, or undoes them if it fails.
   *
   * @throws MessagingError `store_unavailable` where the database has reached its maximum size.
   */
  async run<T>(work: (repositories: Repositories) => Promise<T>): Promise<T> {
    const changes: Change[] = [];
    this.#changes = changes;
    this.#failure = undefined;
    try {
      const value = await work(this.#repositories);
      if (this.#failure) throw this.#failure;
      if (changes.length > 0) {
        this.#log.append(changes);
        this.#logged.push(...changes);
      }
      return value;
    } catch (error) {
      if (this.#failure || changes.length > 0) this.#fatalOnError(() => this.#rollbackAndReplay());
      throw isFull(error) ? databaseFull(error) : error;
    } finally {
      this.#changes = undefined;
    }
  }

  commit(): void {
    if (!this.#isOpen) return;
    this.#database.change("COMMIT");
    this.#isOpen = false;
    this.#logged = [];
  }

  #begin(): void {
    if (this.#isOpen) return;
    this.#database.change("BEGIN");
    this.#isOpen = true;
    this.#scheduleCommit(() => this.#fatalOnError(() => this.commit()));
  }

  #change(sql: string, values: readonly SqlValue[]): number {
    if (this.#changes === undefined) {
      throw new Error("A repository was used to write after its transaction. Write within `work`.");
    }
    try {
      this.#begin();
      const count = this.#database.change(sql, ...values);
      if (count > 0) this.#changes.push([sql, ...values]);
      return count;
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  /** Undoes the running store transaction: rolls back the whole turn, and applies what succeeded in it again. */
  #rollbackAndReplay(): void {
    // The caches may hold values that were rolled back.
    this.#repositories = this.#newRepositories();
    try {
      this.#database.change("ROLLBACK");
    } catch (error) {
      // SQLite rolls back by itself when the database is full.
      if (!String(error).includes("no transaction is active")) throw error;
    }
    this.#isOpen = false;
    this.#begin();
    for (const [sql, ...values] of this.#logged) this.#database.change(sql, ...values);
  }

  /** After an error in `work`, the database in memory no longer matches the log. */
  #fatalOnError(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#onFatal(error as Error);
    }
  }
}

function isFull(error: unknown): boolean {
  return error instanceof Error && /database or disk is full|out of memory/.test(error.message);
}

function databaseFull(cause: unknown): MessagingError {
  const message = "The database has reached its maximum size. Ask the operator to raise it or to free space.";
  return new MessagingError("store_unavailable", message, { cause });
}
