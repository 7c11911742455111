import type { Messaging } from "../application/messaging.js";

/** The same core, and an end to all that follows its events at the moment: for each reader it is as if they had left. */
export function endable(messaging: Messaging): {
  readonly messaging: Messaging;
  readonly endAll: () => void;
} {
  const open = new Set<AsyncIterableIterator<unknown, undefined>>();

  function known<Item>(followed: AsyncIterableIterator<Item, undefined>) {
    async function step(result: Promise<IteratorResult<Item, undefined>>) {
      let over = true;
      try {
        const taken = await result;
        over = taken.done === true;
        return taken;
      } finally {
        if (over) open.delete(followed);
      }
    }
    open.add(followed);
    const steps: AsyncIterableIterator<Item, undefined> = {
      [Symbol.asyncIterator]: () => steps,
      next: () => step(followed.next()),
      return: () => step(followed.return!()),
    };
    return steps;
  }

  return {
    messaging: {
      ...messaging,
      followEvents: (command) => known(messaging.followEvents(command)),
      events: (command) => known(messaging.events(command)),
    },
    endAll() {
      for (const followed of open) void followed.return?.();
    },
  };
}
