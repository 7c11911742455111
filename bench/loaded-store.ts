import { once } from "node:events";
import { linkSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { watchHighest, type Watch } from "./figures.js";
import { signUp, type Members } from "./members.js";
import type { Preload } from "./preload.js";
import { launch, OTHER_CORES, startServer } from "./processes.js";

/** The directory of a store with many messages in one chat. Where some are in its log, it was killed. */
export interface LoadedStore {
  readonly directory: string;
  readonly members: Members;
  readonly inSnapshot: number;
  readonly messages: number;
  /** What it took of the disk at its highest, while it was filled, in bytes. */
  readonly highestUse: number;
}

/** The log is then as large as it gets: its compaction is due. */
export const A_MILLION = { inSnapshot: 760_000, inLog: 240_000 };

/** Makes a store with so many messages in the snapshot, and so many behind it in the log. */
export async function loadStore(
  directory: string,
  { inSnapshot, inLog }: Pick<Preload, "inSnapshot" | "inLog">,
): Promise<LoadedStore> {
  const server = await startServer("palaver", directory);
  const members = await signUp(server.port);
  await server.end();
  const { chatId, userIds } = members;
  const use = watchDiskUse(directory);
  const filler = launch("./preload.js", { onCores: OTHER_CORES });
  filler.send({ directory, chatId, userIds, inSnapshot, inLog } satisfies Preload);
  const [status] = (await once(filler, "exit")) as [number | null];
  if (status !== 0) throw new Error(`The store could not be filled: the process ended with ${status}.`);
  return { directory, members, inSnapshot, messages: inSnapshot + inLog, highestUse: use.end() };
}

/** Makes a directory with the same files, which a store never changes: it only removes them. */
export function copyStore({ directory }: LoadedStore, copy: string): void {
  mkdirSync(copy);
  const names = readdirSync(directory).filter((name) => /^(snapshot-|log-|session-secret$)/.test(name));
  for (const name of names) linkSync(join(directory, name), join(copy, name));
}

/** What a directory takes of the disk at the most, in bytes, as seen every 20 milliseconds. */
export function watchDiskUse(directory: string): Watch {
  return watchHighest(() => diskUse(directory), 20);
}

const BLOCK_BYTES = 512;

function diskUse(directory: string): number {
  return readdirSync(directory)
    .map((name) => statSync(join(directory, name), { throwIfNoEntry: false })?.blocks ?? 0)
    .reduce((sum, blocks) => sum + blocks * BLOCK_BYTES, 0);
}
