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
type Name<N extends Noun> = string & keyof Repositories[N];
type Method<N extends Noun, M extends Name<N>> = Extract<
  Repositories[N][M],
  (...given: never[]) => Promise<unknown>
>;
type Given<N extends Noun, M extends Name<N>> = Parameters<Method<N, M>>;
type Result<N extends Noun, M extends Name<N>> =
  Method<N, M> extends (...given: never[]) => Promise<infer R> ? R : never;
type Call<N extends Noun, M extends Name<N>> = (...given: Given<N, M>) => Promise<Result<N, M>>;
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

/** A store with another method. `call` gets the repositories, with the sound method as `sound`. */
export function method<N extends Noun, M extends Name<N>>(
  noun: N,
  name: M,
  call: (all: Repositories & { readonly sound: Call<N, M> }, ...given: Given<N, M>) => Promise<Result<N, M>>,
): Mutant {
  return store(`${noun}.${name}`, (outer) =>
    withMethods(outer, (all) => {
      const sound = all[noun][name] as unknown as Call<N, M>;
      return { [noun]: { [name]: (...given: Given<N, M>) => call({ ...all, sound }, ...given) } };
    }),
  );
}

/** A store that calls a method with other arguments. */
export function args<N extends Noun, M extends Name<N>>(
  noun: N,
  name: M,
  change: (...given: Given<N, M>) => readonly [...Given<N, M>],
): Mutant {
  return method(noun, name, ({ sound }, ...given) => sound(...change(...given)));
}

/** A store with another result of a method. */
export function result<N extends Noun, M extends Name<N>>(
  noun: N,
  name: M,
  change: (result: Result<N, M>, ...given: Given<N, M>) => Result<N, M>,
): Mutant {
  return method(noun, name, async ({ sound }, ...given) => change(await sound(...given), ...given));
}

/** A store that repeats the calls of a method after the rollback of their transaction. */
export function keptAfterRollback(path: string): Mutant {
  const [noun, name] = path.split(".") as [Noun, string];
  return store(`${path} kept after a rollback`, (sound) => ({
    async transaction(work) {
      const calls: unknown[][] = [];
      const callOf = (all: Repositories) => (all[noun] as unknown as Methods)[name]!;
      try {
        return await sound.transaction((all) => {
          const noted = (...given: unknown[]) => (calls.push(given), callOf(all)(...given));
          return work({ ...all, [noun]: { ...all[noun], [name]: noted } });
        });
      } catch (error) {
        await sound.transaction(async (all) => {
          for (const given of calls) await callOf(all)(...given).catch(() => {});
        });
        throw error;
      }
    },
  }));
}
