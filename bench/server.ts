import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { nodeDisk } from "../src/adapters/sqlite/wal/disk.js";
import { openStoreOn } from "../src/adapters/sqlite/store.js";
import { workerThreads, type Threads } from "../src/adapters/sqlite/wal/threads.js";
import { systemClock } from "../src/adapters/system.js";
import { indexMessages } from "../src/application/search.js";
import { readConfig } from "../src/main/config.js";
import { createContainer, tokens } from "../src/main/container.js";
import { listen } from "../src/main/http.js";
import { startIndexing } from "../src/main/indexing.js";
import { openLog } from "../src/main/log.js";
import { loadSessionKey } from "../src/main/session-key.js";
import type { Settings } from "../src/main/settings.js";
import { noThreads } from "./no-threads.js";
import type { ServerKind } from "./processes.js";

/** A message of a server with manual compaction: without a size when a compaction is due, with it when one has finished. */
export interface CompactionMessage {
  readonly snapshotBytes?: number;
}

// A process of its own: `palaver serve` with other threads for the store, without indexing, or as a memory probe.
const config = readConfig(process.env);
const kind = process.argv[2] as ServerKind;
const container = createContainer(isOnPostgres() ? config : await withThreads());
const store = await container.getAsync(tokens.store);
const messaging = await container.getAsync(tokens.messaging);
const served = { ...messaging, clock: systemClock, status: () => store.status() };
const ports = await container.getAsync(tokens.ports);
const stopIndexing =
  kind === "no index" ? async () => {} : startIndexing((...given) => indexMessages(ports, ...given), fail);
const server = await listen(served, { ...config, log: openLog(config.logLevel) });
if (kind === "memory probe") reportMemory();
process.once("SIGTERM", () => {
  close().then(() => process.exit(0), fail);
});

async function close(): Promise<void> {
  await server.close(8000);
  await stopIndexing();
  await store.close();
}

function isOnPostgres(): boolean {
  return typeof config.storage === "object" && "postgres" in config.storage;
}

/** The settings with a store on the threads of this kind. It is opened here, so the key in its directory is read here, too. */
async function withThreads(): Promise<Settings> {
  const storage = await openStoreOn(nodeDisk(config.dataDir), chooseThreads(), {});
  return {
    ...config,
    storage,
    sessionKeys: config.sessionKeys ?? ([loadSessionKey(config.dataDir)] as const),
  };
}

function chooseThreads(): Threads {
  if (kind === "no log") return noThreads;
  const threads = workerThreads(config.dataDir);
  return kind === "manual compaction" ? withManualCompaction(threads) : threads;
}

/** Replies to each message with the resident memory of this process in bytes, after garbage collection. */
function reportMemory(): void {
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as () => void;
  process.on("message", () => {
    collectGarbage();
    collectGarbage();
    // V8 returns memory to the system a moment later.
    setTimeout(() => process.send?.(process.memoryUsage.rss()), 300);
  });
}

/** Starts a compaction when this process receives a message. */
function withManualCompaction(threads: Threads): Threads {
  return {
    ...threads,
    async compact(upTo) {
      const requested = new Promise((resolve) => process.once("message", resolve));
      report({});
      await requested;
      const snapshotBytes = await threads.compact(upTo);
      report({ snapshotBytes });
      return snapshotBytes;
    },
  };
}

function report(message: CompactionMessage): void {
  process.send?.(message);
}

function fail(error: unknown): never {
  console.error(error);
  process.exit(1);
}
