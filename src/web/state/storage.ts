import type { Storage, Table } from "./ports.js";

const RECORDS = "records";

/** Keeps records for as long as the page is open, where a browser offers nothing better. */
export function memoryStorage(): Storage {
  const records = new Map<string, unknown>();
  const prefixOf = (owner: string, table?: Table) =>
    JSON.stringify(table ? [owner, table] : [owner]).slice(0, -1);
  const keysOf = (prefix: string) =>
    [...records.keys()].filter((key) => key.startsWith(`${prefix},`)).toSorted();
  return {
    list: async (table, owner) => keysOf(prefixOf(owner, table)).map((key) => records.get(key)),
    async put(table, owner, key, value) {
      records.set(JSON.stringify([owner, table, key]), structuredClone(value));
    },
    async delete(table, owner, key) {
      records.delete(JSON.stringify([owner, table, key]));
    },
    async clear(owner) {
      for (const key of keysOf(prefixOf(owner))) records.delete(key);
    },
    close() {},
  };
}

/** Keeps records in IndexedDB, by owner, table and key. Opens the database again if the browser closes it. */
export function indexedDbStorage(factory: IDBFactory, name: string): Storage {
  let opening: Promise<IDBDatabase> | undefined;

  async function open(): Promise<IDBDatabase> {
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

  async function run<Result>(
    mode: IDBTransactionMode,
    work: (records: IDBObjectStore) => IDBRequest<Result>,
  ): Promise<Result> {
    opening ??= open();
    const database = await opening.catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    const transaction = database.transaction(RECORDS, mode);
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
      void opening?.then((database) => database.close());
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
