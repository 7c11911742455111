import { once } from "node:events";
import { linkSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { monitorPeak, type PeakMonitor } from "./figures.js";
import { createMembers, type Members } from "./members.js";
import type { Preload } from "./preload.js";
import { launch, OTHER_CORES, startServer } from "./processes.js";

/** The directory of a store with many messages in one chat. A store with messages in its log is left as after a kill. */
export interface LoadedStore {
  readonly directory: string;
  readonly members: Members;
  readonly inSnapshot: number;
  readonly messages: number;
  /** The peak disk usage while the store was filled. */
  readonly peakBytes: number;
}

/** The log has its maximum size, at which its compaction is due. */
export const A_MILLION = { inSnapshot: 760_000, inLog: 240_000 };

/** Creates a store with the given numbers of messages in the snapshot and in the log. */
export async function loadStore(
  directory: string,
  { inSnapshot, inLog }: Pick<Preload, "inSnapshot" | "inLog">,
): Promise<LoadedStore> {
  const server = await startServer("palaver", directory);
  const members = await createMembers(server.port);
  await server.stop();
  const { chatId, userIds } = members;
  const disk = monitorDiskUsage(directory);
  const filler = launch("./preload.js", { onCores: OTHER_CORES });
  filler.send({ directory, chatId, userIds, inSnapshot, inLog } satisfies Preload);
  const [status] = (await once(filler, "exit")) as [number | null];
  if (status !== 0) throw new Error(`Filling the store failed: the process exited with ${status}.`);
  return { directory, members, inSnapshot, messages: inSnapshot + inLog, peakBytes: disk.stop() };
}

/** Creates a directory with hard links to the files, which a store removes but never changes. */
export function copyStore({ directory }: LoadedStore, copy: string): void {
  mkdirSync(copy);
  const names = readdirSync(directory).filter((name) => /^(snapshot-|log-|session-secret$)/.test(name));
  for (const name of names) linkSync(join(directory, name), join(copy, name));
}

/** Monitors the disk usage of a directory in bytes, every 20 ms. */
export function monitorDiskUsage(directory: string): PeakMonitor {
  return monitorPeak(() => diskUsage(directory), 20);
}

const BLOCK_BYTES = 512;

function diskUsage(directory: string): number {
  return readdirSync(directory)
    .map((name) => statSync(join(directory, name), { throwIfNoEntry: false })?.blocks ?? 0)
    .reduce((sum, blocks) => sum + blocks * BLOCK_BYTES, 0);
}
