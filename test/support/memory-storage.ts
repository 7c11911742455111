import type { Storage, Table } from "../../src/web/state/ports.js";

/** Keeps records in memory. */
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
