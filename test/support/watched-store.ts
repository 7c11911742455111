import type { Store } from "../../src/application/ports.js";
import { MessagingError } from "../../src/domain/errors.js";

/** A store that tells how it is used, with a hand on it. */
export interface WatchedStore extends Store {
  /** How often it was read. */
  readonly reads: number;
  /** How many subscribe it at the moment. */
  readonly subscribers: number;
  /** Nothing can be stored while this is set. */
  fault: string | undefined;
  /** Awaited before each read; told how many there were since it was set. Where it rejects, so does the read. */
  beforeRead: ((count: number) => Promise<unknown>) | undefined;
  /** Happens once, between the next read and its answer. */
  onRead: (() => Promise<unknown>) | undefined;
}

export function watched(inner: Store): WatchedStore {
  let beforeRead: WatchedStore["beforeRead"];
  let count = 0;
  let reads = 0;
  let subscribers = 0;
  const store: WatchedStore = {
    fault: undefined,
    onRead: undefined,
    get beforeRead() {
      return beforeRead;
    },
    set beforeRead(next) {
      beforeRead = next;
      count = 0;
    },
    get reads() {
      return reads;
    },
    get subscribers() {
      return subscribers;
    },
    async read(work) {
      reads += 1;
      count += 1;
      if (beforeRead) await beforeRead(count);
      const result = await inner.read(work);
      const happens = store.onRead;
      store.onRead = undefined;
      await happens?.();
      return result;
    },
    async transaction(work) {
      if (store.fault !== undefined) throw new MessagingError("store_unavailable", store.fault);
      return inner.transaction(work);
    },
    subscribe(wake) {
      subscribers += 1;
      const end = inner.subscribe(wake);
      return () => {
        subscribers -= 1;
        end();
      };
    },
    status: () => ({ ...inner.status(), fault: store.fault }),
    close: () => inner.close(),
  };
  return store;
}

/** Lets happen what is about to happen in memory. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate);
}
