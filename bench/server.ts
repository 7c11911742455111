import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { listen } from "../src/adapters/http/server.js";
import { nodeDisk } from "../src/adapters/sqlite/disk.js";
import { openStore } from "../src/adapters/sqlite/store.js";
import { workerThreads, type Threads } from "../src/adapters/sqlite/threads.js";
import { readConfig } from "../src/main/config.js";
import { createContainer, tokens } from "../src/main/container.js";
import { noThreads } from "./no-threads.js";
import type { ServerKind } from "./processes.js";

/** What a server whose compactions are held tells: that one is due, or the size in bytes of the snapshot it has made. */
export interface CompactionNews {
  readonly snapshotBytes?: number;
}

// A process of its own: Palaver as it is served, but for what the store has in the place of its threads.
const config = readConfig(process.env);
const container = createContainer(config, [], fail);
const kind = process.argv[2] as ServerKind;
const store = await openStore(nodeDisk(config.dataDir), threads(), {});
container.rebind(tokens.store).toConstantValue(store);
const log = await container.getAsync(tokens.log);
const server = await listen(await container.getAsync(tokens.app), config.host, config.port, log);
if (kind === "open memory") tellMemory();
process.once("SIGTERM", () => {
  end().then(() => process.exit(0), fail);
});

async function end(): Promise<void> {
  await server.close(8000);
  await store.close();
}

function threads(): Threads {
  if (kind === "no log") return noThreads;
  const real = workerThreads(config.dataDir);
  return kind === "held compaction" ? withHeldCompaction(real) : real;
}

/** Each message is answered with what is resident of this process when it has let go of what it can, in bytes. */
function tellMemory(): void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  process.on("message", () => {
    collect();
    collect();
    // What was let go of is given back a moment later.
    setTimeout(() => process.send?.(process.memoryUsage.rss()), 300);
  });
}

/** A compaction begins when this process gets a message. */
function withHeldCompaction(real: Threads): Threads {
  return {
    ...real,
    async compact(upTo) {
      const told = new Promise((resolve) => process.once("message", resolve));
      tell({});
      await told;
      const snapshotBytes = await real.compact(upTo);
      tell({ snapshotBytes });
      return snapshotBytes;
    },
  };
}

function tell(news: CompactionNews): void {
  process.send?.(news);
}

function fail(error: unknown): never {
  console.error(error);
  process.exit(1);
}
