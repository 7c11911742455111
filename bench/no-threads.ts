import type { Threads } from "../src/adapters/sqlite/threads.js";

/** What is to be written counts as written at once. */
export const noThreads: Threads = {
  log: { begin: async () => {}, write: async () => {} },
  makeSpare: async () => {},
  compact: async () => 0,
  stop: async () => {},
};
