import { broken, withRepositories, type Defects } from "./breaking.js";

/** Stores that wake those who follow them at the wrong times, or show them the wrong things then. */
export const brokenFollowers: Defects = {
  "a store Store.subscribe wakes all subscribers after each commit, when they can read it": {
    "wakes one of them": broken((store) => {
      let followed = false;
      return {
        ...store,
        subscribe(wake) {
          const second = followed;
          followed = true;
          return second ? () => {} : store.subscribe(wake);
        },
      };
    }),
    "wakes them before it is stored": broken((store) => {
      const wakes = new Set<() => void>();
      return {
        ...store,
        async transaction(work) {
          for (const wake of wakes) wake();
          await new Promise(setImmediate);
          return store.transaction(work);
        },
        subscribe(wake) {
          wakes.add(wake);
          return () => void wakes.delete(wake);
        },
      };
    }),
  },
  "a store Store.subscribe lets a subscriber read each event once while 50 concurrent transactions write and some of them fail":
    {
      "shows some of it later than what is behind it": broken((store) => {
        const shown = new Set<number>();
        return withRepositories(store, (all) => ({
          ...all,
          events: {
            ...all.events,
            all: async (asked) =>
              (await all.events.all(asked)).filter(({ id }) => {
                const hidden = id % 7 === 0 && !shown.has(id);
                shown.add(id);
                return !hidden;
              }),
          },
        }));
      }),
    },
  "a store Store.subscribe wakes subscribers for a commit that one of them makes when it is woken": {
    "heeds nothing that begins in a waking": broken((store) => {
      let waking = false;
      let deaf = false;
      return {
        ...store,
        transaction(work) {
          deaf ||= waking;
          return store.transaction(work);
        },
        subscribe: (wake) =>
          store.subscribe(() => {
            if (deaf) return;
            waking = true;
            wake();
            waking = false;
          }),
      };
    }),
  },
  "a store Store.subscribe does not wake subscribers for a read, or for a transaction that writes nothing or fails":
    {
      "wakes them after each transaction": broken((store) => {
        const wakes = new Set<() => void>();
        return {
          ...store,
          transaction: (work) =>
            store.transaction(work).finally(() => {
              for (const wake of wakes) wake();
            }),
          subscribe(wake) {
            wakes.add(wake);
            return () => void wakes.delete(wake);
          },
        };
      }),
    },
  "a store Store.subscribe ends each subscription separately, also two of the same function": {
    "goes on": broken((store) => ({
      ...store,
      subscribe(wake) {
        store.subscribe(wake);
        return () => {};
      },
    })),
    "ends it for all": broken((store) => {
      const ends = new Map<() => void, () => void>();
      return {
        ...store,
        subscribe(wake) {
          ends.get(wake)?.();
          ends.set(wake, store.subscribe(wake));
          return () => ends.get(wake)?.();
        },
      };
    }),
  },
  "a store Store.subscribe does not wake a subscriber whose subscription ended during the same round": {
    "wakes all whom it had": broken((store) => {
      const wakes = new Set<() => void>();
      store.subscribe(() => {
        const had = [...wakes];
        for (const wake of had) wake();
      });
      return {
        ...store,
        subscribe(wake) {
          const subscriber = () => wake();
          wakes.add(subscriber);
          return () => void wakes.delete(subscriber);
        },
      };
    }),
  },
};
