import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { Disk } from "./disk.js";
import { compact } from "./recovery.js";
import type { Frame } from "./segment.js";
import { makeSpare, segmentWriter } from "./segment-writer.js";

/** Whatever of the store's work blocks, and where it is done. */
export interface Threads {
  readonly log: LogThread;
  makeSpare(size: number): Promise<void>;
  /** Resolves with the size of the new snapshot in bytes. */
  compact(upTo: number): Promise<number>;
  /** Stops it all, wherever it stands: what is on the disk is whole at any time. */
  stop(): Promise<void>;
}

/** A `SegmentWriter` elsewhere. One call at a time. */
export interface LogThread {
  begin(after: number, size: number): Promise<void>;
  write(frame: Frame): Promise<void>;
}

/** No threads: each call is done before it returns. */
export function inline(disk: Disk): Threads {
  const writer = segmentWriter(disk);
  return {
    log: {
      begin: async (after, size) => writer.begin(after, size),
      write: async (frame) => writer.write(frame),
    },
    makeSpare: async (size) => makeSpare(disk, size),
    compact: (upTo) => compact(disk, upTo),
    stop: async () => writer.close(),
  };
}

export type LogOrder =
  { readonly begin: { readonly after: number; readonly size: number } } | { readonly write: Frame };

export type Job = { readonly spareOf: number } | { readonly compactUpTo: number };

export interface JobData {
  readonly directory: string;
  readonly job: Job;
}

/**
 * The log has a thread of its own, for libuv's are shared with the hashing of passwords, and a commit would wait for it.
 * Everything else has a thread a job. A thread that fails throws, and ends.
 */
export function workerThreads(directory: string): Threads {
  const running = new Set<Worker>();

  function start(file: string, workerData: unknown): Worker {
    const worker = new Worker(new URL(file, import.meta.url), { workerData });
    running.add(worker);
    worker.once("exit", () => running.delete(worker));
    return worker;
  }

  const logThread = start("./log-thread.js", directory);
  // An idle store does not keep a program from ending.
  logThread.unref();
  const order = async (logOrder: LogOrder): Promise<void> => {
    logThread.ref();
    logThread.postMessage(logOrder);
    await once(logThread, "message");
    logThread.unref();
  };
  const run = async (job: Job): Promise<unknown> => {
    const [result] = await once(start("./job-thread.js", { directory, job } satisfies JobData), "message");
    return result;
  };

  return {
    log: {
      begin: (after, size) => order({ begin: { after, size } }),
      write: (frame) => order({ write: frame }),
    },
    makeSpare: async (size) => void (await run({ spareOf: size })),
    compact: async (upTo) => Number(await run({ compactUpTo: upTo })),
    async stop() {
      await Promise.all([...running].map((worker) => worker.terminate()));
    },
  };
}
