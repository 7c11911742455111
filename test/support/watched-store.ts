import type { Store } from "../../src/application/ports.js";

/** A store that tells how it is used. */
export interface WatchedStore extends Store {
  /** How often it was read. */
  readonly reads: number;
  /** How many follow it. */
  readonly followers: number;
  /** What whoever reads it is answered, if it is broken. */
  fault: Error | undefined;
  /** Happens once, between the next read and its answer. */
  onRead: (() => Promise<unknown>) | undefined;
}

export function watched(store: Store): WatchedStore {
  let reads = 0;
  let followers = 0;
  const watching: WatchedStore = {
    ...store,
    fault: undefined,
    onRead: undefined,
    get reads() {
      return reads;
    },
    get followers() {
      return followers;
    },
    async read(work) {
      reads += 1;
      if (watching.fault) throw watching.fault;
      const result = await store.read(work);
      const happens = watching.onRead;
      watching.onRead = undefined;
      await happens?.();
      return result;
    },
    follow(wake) {
      followers += 1;
      const end = store.follow(wake);
      return () => {
        followers -= 1;
        end();
      };
    },
  };
  return watching;
}

/** Lets happen what is about to happen in memory. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate);
}
