import type { EventPage, ListEvents } from "../application/events.js";
import type { Messaging } from "../application/messaging.js";

/** The core, and an end to all that listens, or waits, for its events at the moment. */
export interface Endable {
  readonly messaging: Messaging;
  /** For each it is as if they had left, or, with a `failure`, as if that had happened to them. */
  readonly endAll: (failure?: () => Error) => void;
}

type End = (failure?: () => Error) => void;

export function endable(core: Messaging): Endable {
  const open = new Set<End>();

  function listening<Item>(
    items: AsyncIterableIterator<Item, undefined>,
  ): AsyncIterableIterator<Item, undefined> {
    let failed: (() => Error) | undefined;
    const end: End = (failure) => {
      failed = failure;
      void items.return?.();
    };
    async function step(taking: Promise<IteratorResult<Item, undefined>>) {
      let over = true;
      try {
        const taken = await taking;
        over = taken.done === true;
        const failure = failed;
        failed = undefined;
        if (failure) throw failure();
        return taken;
      } finally {
        if (over) open.delete(end);
      }
    }
    open.add(end);
    const steps: AsyncIterableIterator<Item, undefined> = {
      [Symbol.asyncIterator]: () => steps,
      next: () => step(items.next()),
      return: () => step(items.return!()),
    };
    return steps;
  }

  async function listEvents(command: ListEvents): Promise<EventPage> {
    const { until } = command;
    if (until === undefined) return core.listEvents(command);
    let failed: (() => Error) | undefined;
    let end: End = () => {};
    const ended = new Promise<void>((resolve) => {
      end = (failure) => {
        failed = failure;
        resolve();
      };
    });
    open.add(end);
    const page = core.listEvents({ ...command, until: Promise.race([until, ended]) });
    const answer = await page.finally(() => open.delete(end));
    if (failed) throw failed();
    return answer;
  }

  return {
    messaging: {
      ...core,
      listEvents,
      subscribe(command) {
        const batches = core.subscribe(command);
        return { ...listening(batches), now: (wake) => batches.now(wake) };
      },
      events: (command) => listening(core.events(command)),
    },
    endAll(failure) {
      for (const end of open) end(failure);
      open.clear();
    },
  };
}
