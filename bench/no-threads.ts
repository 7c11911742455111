import type { Threads } from "../src/adapters/sqlite/wal/threads.js";

/** Threads that discard all writes and report them as durable immediately. */
export const noThreads: Threads = {
  log: { prepare: async () => {}, begin: async () => {}, write: async () => {} },
  makeSpare: async () => {},
  compact: async () => 0,
  replaceFromMemory: async () => 0,
  stop: async () => {},
};
