/** Resolves after a delay in milliseconds, or as soon as the signal aborts. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, milliseconds);
    signal.addEventListener("abort", finish);
  });
}

/** The delay in milliseconds after a number of consecutive failures: 1 s, 2 s, … up to 30 s, with jitter. */
export function backoff(failures: number): number {
  return Math.min(1_000 * 2 ** (failures - 1), 30_000) * (0.5 + Math.random() / 2);
}
