import { pause as pauseOrReject } from "../../client/deadline.js";

/** Resolves after a delay in milliseconds, or as soon as the signal aborts. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await pauseOrReject(milliseconds, signal).catch(() => {});
}
