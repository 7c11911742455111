/** Something that must not take for ever. */
export interface Deadline {
  /** Aborts when the time is over, or when the signal that was given does. */
  readonly signal: AbortSignal;
  /** From now on there is all of the time again. */
  extend(): void;
  /** Nothing is waited for at the moment. */
  suspend(): void;
  /** Leaves no timer and no listener behind. What still goes on under the signal is aborted. */
  close(): void;
}

/** @param milliseconds how much time there is at a time, from now on; it may be endless. */
export function openDeadline(milliseconds: number, signal: AbortSignal | undefined): Deadline {
  const controller = new AbortController();
  const abort = () => controller.abort(signal?.reason);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const suspend = () => clearTimeout(timer);
  const extend = () => {
    suspend();
    if (milliseconds > LONGEST_TIMER) return;
    const message = `There was nothing for ${milliseconds} ms.`;
    timer = setTimeout(() => controller.abort(new DOMException(message, "TimeoutError")), milliseconds);
  };
  const ignore = onAbort(signal, abort);
  extend();
  return {
    signal: controller.signal,
    extend,
    suspend,
    close() {
      suspend();
      ignore();
      controller.abort();
    },
  };
}

/** A longer one would be over at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Resolves after that time. Rejects with the reason of the signal where that aborts before. */
export async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(finish, Math.min(milliseconds, LONGEST_TIMER));
    const ignore = onAbort(signal, finish);
    function finish(): void {
      clearTimeout(timer);
      ignore();
      if (signal?.aborted) reject(signal.reason as Error);
      else resolve();
    }
  });
}

const actsOn = new WeakMap<AbortSignal, Set<() => void>>();

function actOn({ target }: Event): void {
  for (const act of actsOn.get(target as AbortSignal) ?? []) act();
}

/**
 * Acts when the signal aborts, at once if it has. Node warns of a signal that has more than a few listeners, and many calls may
 * be under one: it has one listener for all of them.
 *
 * @returns takes it back
 */
export function onAbort(signal: AbortSignal | undefined, act: () => void): () => void {
  if (signal?.aborted) act();
  if (!signal || signal.aborted) return () => {};
  const acts = actsOn.get(signal) ?? new Set();
  actsOn.set(signal, acts.add(act));
  signal.addEventListener("abort", actOn);
  return () => {
    acts.delete(act);
    if (acts.size === 0) signal.removeEventListener("abort", actOn);
  };
}
