/** A time limit that can be restarted. */
export interface Deadline {
  /** Aborts when the time has elapsed, or when the signal of the caller aborts. */
  readonly signal: AbortSignal;
  /** Restarts the full time. */
  extend(): void;
  /** Stops the timer until `extend`. */
  suspend(): void;
  /** Aborts the signal, and removes the timer and the listener. */
  close(): void;
}

/** Timers with a longer delay fire immediately. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** @param milliseconds the time limit, which starts now; above `MAX_TIMER_MS` there is no limit */
export function openDeadline(milliseconds: number, signal: AbortSignal | undefined): Deadline {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const suspend = () => clearTimeout(timer);
  const extend = () => {
    suspend();
    if (milliseconds > MAX_TIMER_MS) return;
    const message = `The server sent nothing for ${milliseconds} ms.`;
    timer = setTimeout(() => controller.abort(new DOMException(message, "TimeoutError")), milliseconds);
  };
  const removeListener = onAbort(signal, () => controller.abort(signal?.reason));
  extend();
  return {
    signal: controller.signal,
    extend,
    suspend,
    close() {
      suspend();
      removeListener();
      controller.abort();
    },
  };
}

/** Resolves after a delay. Rejects with the reason of the signal if that aborts first. */
export async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(finish, Math.min(milliseconds, MAX_TIMER_MS));
    const removeListener = onAbort(signal, finish);
    function finish(): void {
      clearTimeout(timer);
      removeListener();
      if (signal?.aborted) reject(signal.reason as Error);
      else resolve();
    }
  });
}

const listenersOf = new WeakMap<AbortSignal, Set<() => void>>();

function notifyListeners({ target }: Event): void {
  for (const listener of listenersOf.get(target as AbortSignal) ?? []) listener();
}

/**
 * Calls the listener when the signal aborts, or immediately if it has aborted. Many calls may share one signal and Node warns
 * about more than ten listeners, so each signal gets a single one that calls the others.
 *
 * @returns a function that removes the listener
 */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (signal?.aborted) listener();
  if (!signal || signal.aborted) return () => {};
  const listeners = listenersOf.get(signal) ?? new Set();
  listenersOf.set(signal, listeners.add(listener));
  signal.addEventListener("abort", notifyListeners);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) signal.removeEventListener("abort", notifyListeners);
  };
}
