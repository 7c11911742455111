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
  if (signal?.aborted) abort();
  else signal?.addEventListener("abort", abort);
  extend();
  return {
    signal: controller.signal,
    extend,
    suspend,
    close() {
      suspend();
      signal?.removeEventListener("abort", abort);
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
    function finish(): void {
      clearTimeout(timer);
      signal?.removeEventListener("abort", finish);
      if (signal?.aborted) reject(signal.reason as Error);
      else resolve();
    }
    signal?.addEventListener("abort", finish);
  });
}
