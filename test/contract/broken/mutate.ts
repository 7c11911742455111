import { openMemoryStore } from "../../../src/adapters/memory/store.js";
import type { Repositories, Store } from "../../../src/application/ports.js";
import type { Runner } from "../fixtures.js";
import { storeContract, type StoreOpening } from "../store.js";

/** A contract over an adapter that breaks a promise. The name says how. */
export interface Mutant {
  readonly name: string;
  readonly define: (runner: Runner) => void;
}

type Noun = keyof Repositories;
type Given<R, M extends keyof R> = R[M] extends (...given: infer A) => unknown ? A : never;
type Result<R, M extends keyof R> = R[M] extends (...given: never[]) => Promise<infer T> ? T : never;
type Call<R, M extends keyof R> = (...given: Given<R, M>) => Promise<Result<R, M>>;
type Methods = Record<string, (...given: unknown[]) => Promise<unknown>>;

/** A store with other members. */
export function store(name: string, change: (sound: Store) => Partial<Store>): Mutant {
  const derive = (sound: Store) => ({ ...sound, ...change(sound) });
  return { name, define: (runner) => storeContract(runner, { open: async () => derive(openMemoryStore()) }) };
}

/** Opens stores that keep their contents when they are closed, for `reopen`. */
export function reopenable(reopen: (kept: Store) => Promise<Store>): StoreOpening {
  let kept: Store;
  const keep = (sound: Store) => (kept = { ...sound, close: () => sound.read(async () => {}) });
  return { open: async () => keep(openMemoryStore()), reopen: () => reopen(kept) };
}

/** `transaction` and `read` of a store whose repositories have other methods. */
export function withMethods(
  sound: Store,
  change: (all: Repositories) => { readonly [N in Noun]?: Partial<Repositories[N]> },
): Pick<Store, "transaction" | "read"> {
  const changed = (all: Repositories) => {
    const changes = Object.entries(change(all)) as [Noun, object][];
    const mutated = changes.map(([noun, methods]) => [noun, { ...all[noun], ...methods }]);
    return { ...all, ...Object.fromEntries(mutated) } as Repositories;
  };
  return {
    transaction: (work) => sound.transaction((all) => work(changed(all))),
    read: (work) => sound.read((all) => work(changed(all as Repositories))),
  };
}

/** Makes stores with one other method of a repository. */
function on<N extends Noun, R = Repositories[N]>(noun: N) {
  /** Replaces the method by `call`, which gets the repositories, with the sound method as `sound`. */
  const method = <M extends string & keyof R>(
    name: M,
    call: (all: Repositories & { sound: Call<R, M> }, ...given: Given<R, M>) => Promise<Result<R, M>>,
  ) =>
    store(`${noun}.${name}`, (outer) =>
      withMethods(outer, (all) => {
        const sound = (all[noun] as R)[name] as Call<R, M>;
        return { [noun]: { [name]: (...given: Given<R, M>) => call({ ...all, sound }, ...given) } };
      }),
    );
  return {
    method,
    /** Changes the arguments of the method. */
    args: <M extends string & keyof R>(
      name: M,
      change: (...given: Given<R, M>) => readonly [...Given<R, M>],
    ) => method(name, ({ sound }, ...given) => sound(...change(...given))),
    /** Changes the result of the method. */
    result: <M extends string & keyof R>(
      name: M,
      change: (result: Result<R, M>, ...given: Given<R, M>) => Result<R, M>,
    ) => method(name, async ({ sound }, ...given) => change(await sound(...given), ...given)),
  };
}

export const users = on("users");
export const chats = on("chats");
export const messages = on("messages");
export const sessions = on("sessions");
export const events = on("events");

/** A store that repeats the calls of a method after the rollback of their transaction. */
export function keptAfterRollback(path: string): Mutant {
  const [noun, name] = path.split(".") as [Noun, string];
  const call = (all: Repositories, given: unknown[]) => (all[noun] as unknown as Methods)[name]!(...given);
  return store(`${path} kept after a rollback`, (sound) => ({
    transaction(work) {
      const calls: unknown[][] = [];
      const noting = (all: Repositories): Repositories => {
        const noted = (...given: unknown[]) => (calls.push(given), call(all, given));
        return { ...all, [noun]: { ...all[noun], [name]: noted } };
      };
      const repeat = async (all: Repositories) => {
        for (const given of calls) await call(all, given).catch(() => {});
      };
      const rollBack = (error: Error) => sound.transaction(repeat).then(() => Promise.reject(error));
      return sound.transaction((all) => work(noting(all))).catch(rollBack);
    },
  }));
}
