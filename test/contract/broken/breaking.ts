import { openMemoryStore } from "../../../src/adapters/memory/store.js";
import type {
  ChatRepository,
  EventLog,
  MessageRepository,
  Repositories,
  SessionRepository,
  Store,
  UserRepository,
} from "../../../src/application/ports.js";
import type { StoreOpening } from "../store.js";

/** For each case of the contract, by its title, stores that must fail it, each by what is wrong with it. */
export type Defects = Readonly<Record<string, Readonly<Record<string, () => StoreOpening>>>>;

/** A store with nothing wrong, which keeps what it holds. */
export function sound(): StoreOpening {
  return broken((store) => store)();
}

/** Makes a sound store into one that breaks a promise. */
type Defect = (store: Store) => Store;

export function broken(defect: Defect): () => StoreOpening {
  return () => {
    let kept = openKept();
    return {
      open: async () => {
        kept = openKept();
        return defect(kept);
      },
      reopen: async () => defect(countedAnew(kept)),
    };
  };
}

/** A store in memory that can be opened again: closing it loses nothing. */
function openKept(): Store {
  const store = openMemoryStore();
  return { ...store, close: () => store.read(async () => {}) };
}

/** The same store, as if it had just been opened. */
function countedAnew(store: Store): Store {
  const before = store.status().transactions;
  return {
    ...store,
    status: () => ({ ...store.status(), transactions: store.status().transactions - before }),
  };
}

export function reopened(reopen: (kept: Store) => Promise<Store>): () => StoreOpening {
  return () => {
    let kept = openKept();
    return { open: async () => (kept = openKept()), reopen: () => reopen(kept) };
  };
}

/** A store whose repositories differ from those of the sound store. */
export function withRepositories(store: Store, change: (whole: Repositories) => Repositories): Store {
  return {
    ...store,
    transaction: (work) => store.transaction((repositories) => work(change(repositories))),
    read: (work) => store.read((repositories) => work(change(repositories as Repositories))),
  };
}

export function users(change: (whole: UserRepository) => Partial<UserRepository>): () => StoreOpening {
  return broken((store) =>
    withRepositories(store, (all) => ({ ...all, users: { ...all.users, ...change(all.users) } })),
  );
}

export function chats(change: (whole: ChatRepository) => Partial<ChatRepository>): () => StoreOpening {
  return broken((store) =>
    withRepositories(store, (all) => ({ ...all, chats: { ...all.chats, ...change(all.chats) } })),
  );
}

export function messages(
  change: (whole: MessageRepository) => Partial<MessageRepository>,
): () => StoreOpening {
  return broken((store) =>
    withRepositories(store, (all) => ({ ...all, messages: { ...all.messages, ...change(all.messages) } })),
  );
}

export function sessions(
  change: (whole: SessionRepository) => Partial<SessionRepository>,
): () => StoreOpening {
  return broken((store) =>
    withRepositories(store, (all) => ({ ...all, sessions: { ...all.sessions, ...change(all.sessions) } })),
  );
}

export function events(change: (whole: EventLog) => Partial<EventLog>): () => StoreOpening {
  return broken((store) =>
    withRepositories(store, (all) => ({ ...all, events: { ...all.events, ...change(all.events) } })),
  );
}

/** The repositories of a store, let out of its door: they take no turns and nothing takes back what they write. */
export async function letOut(store: Store): Promise<Repositories> {
  return store.transaction(async (repositories) => repositories);
}

/** A copy of the value with something changed; undefined stays undefined. */
export function edited<Value extends object | undefined>(
  value: Value,
  change: (value: NonNullable<Value>) => Partial<Value>,
): Value {
  return value === undefined ? value : { ...value, ...change(value) };
}

/** Once a key was used it is in use, whoever sent under it and whatever became of the transaction. */
export const keysOfNobody = broken((store) => {
  const used = new Set<string>();
  return withRepositories(store, (all) => ({
    ...all,
    messages: {
      ...all.messages,
      append(draft, once) {
        if (once && used.has(once.key)) throw new Error("This key is in use.");
        if (once) used.add(once.key);
        return all.messages.append(draft, once);
      },
    },
  }));
});
