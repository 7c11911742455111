import type { Storage } from "./ports.js";

const RECORDS = "records";
/** Requests and sends wait for the storage, so they must not wait without end. */
const ANSWER_TIMEOUT_MS = 5_000;

/**
 * Keeps records in IndexedDB, by owner, table and key. Opens the database again after a failure. All methods reject while the browser
 * does not store anything, or does not answer.
 *
 * @param getFactory returns the factory of the browser; it may throw, since some browsers forbid even to ask
 */
export function indexedDbStorage(
  getFactory: () => Pick<IDBFactory, "open"> | undefined,
  name: string,
): Storage {
  let opening: Promise<IDBDatabase> | undefined;
  /** The number of operations that have taken too long, and have not ended. Others then fail at once. */
  let unanswered = 0;

  async function open(): Promise<IDBDatabase> {
    const factory = getFactory();
    if (!factory) throw new Error("This browser has no IndexedDB.");
    const request = factory.open(name, 1);
    request.addEventListener("upgradeneeded", () => request.result.createObjectStore(RECORDS));
    const database = await resultOf(request);
    const forget = () => (opening = undefined);
    database.addEventListener("close", forget);
    // Another tab deletes the database, or has a later version of it.
    database.addEventListener("versionchange", () => {
      forget();
      database.close();
    });
    return database;
  }

  function begin(database: IDBDatabase, mode: IDBTransactionMode): IDBTransaction {
    try {
      return database.transaction(RECORDS, mode);
    } catch (error) {
      // The connection is closed.
      opening = undefined;
      throw error;
    }
  }

  async function run<Result>(
    mode: IDBTransactionMode,
    work: (records: IDBObjectStore) => IDBRequest<Result>,
  ): Promise<Result> {
    if (unanswered > 0) throw notAnswered();
    return new Promise((resolve, reject) => {
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        unanswered += 1;
        reject(notAnswered());
      }, ANSWER_TIMEOUT_MS);
      void transact(mode, work)
        .then(resolve, reject)
        .finally(() => {
          clearTimeout(timer);
          if (isLate) unanswered -= 1;
        });
    });
  }

  async function transact<Result>(
    mode: IDBTransactionMode,
    work: (records: IDBObjectStore) => IDBRequest<Result>,
  ): Promise<Result> {
    opening ??= open();
    const database = await opening.catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    const transaction = begin(database, mode);
    const request = work(transaction.objectStore(RECORDS));
    // A write is stored when the transaction is complete, and not when the request is.
    return new Promise((resolve, reject) => {
      transaction.addEventListener("complete", () => resolve(request.result));
      transaction.addEventListener("abort", () =>
        reject(transaction.error ?? new Error("The browser did not store the record.")),
      );
    });
  }

  // An array comes after all strings.
  const rangeOf = (...start: readonly string[]) => IDBKeyRange.bound([...start], [...start, []]);

  return {
    list: (table, owner) => run("readonly", (records) => records.getAll(rangeOf(owner, table))),
    async put(table, owner, key, value) {
      await run("readwrite", (records) => records.put(value, [owner, table, key]));
    },
    async delete(table, owner, key) {
      await run("readwrite", (records) => records.delete([owner, table, key]));
    },
    async clear(owner) {
      await run("readwrite", (records) => records.delete(rangeOf(owner)));
    },
    close() {
      opening?.then(
        (database) => database.close(),
        () => {},
      );
      opening = undefined;
    },
  };
}

function resultOf<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () =>
      reject(request.error ?? new Error("The browser did not open the database.")),
    );
  });
}

function notAnswered(): Error {
  return new Error("The browser does not answer.");
}
