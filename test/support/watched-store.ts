import type { Store } from "../../src/application/ports.js";
import { MessagingError } from "../../src/domain/errors.js";

/** A store that counts its use and injects faults. */
export interface WatchedStore extends Store {
  /** The number of reads. */
  readonly reads: number;
  /** The number of current subscribers. */
  readonly subscribers: number;
  /** While set, transactions are rejected with `store_unavailable` and this text. */
  fault: string | undefined;
  /** The `damage` of its status. */
  damage: string | undefined;
  /** Awaited before each read, with the number of reads since it was set. A rejection rejects the read. */
  beforeRead: ((count: number) => Promise<unknown>) | undefined;
  /** Called once, between the next read and its result. */
  onRead: (() => Promise<unknown>) | undefined;
}

export function watched(inner: Store): WatchedStore {
  let beforeRead: WatchedStore["beforeRead"];
  let count = 0;
  let reads = 0;
  let subscribers = 0;
  const store: WatchedStore = {
    fault: undefined,
    damage: undefined,
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
      const onRead = store.onRead;
      store.onRead = undefined;
      await onRead?.();
      return result;
    },
    async transaction(work, appendsTo) {
      if (store.fault !== undefined) throw new MessagingError("store_unavailable", store.fault);
      return inner.transaction(work, appendsTo);
    },
    subscribe(wake) {
      subscribers += 1;
      const end = inner.subscribe(wake);
      return () => {
        subscribers -= 1;
        end();
      };
    },
    status: () => ({ ...inner.status(), fault: store.fault, damage: store.damage }),
    close: () => inner.close(),
  };
  return store;
}

/** Waits until pending work in memory is done. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate);
}
