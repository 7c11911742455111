import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { compact, replaceFromMemory, type MemorySnapshot } from "./compaction.js";
import type { Disk } from "./disk.js";
import type { Frame } from "./segment.js";
import { makeSpare, segmentWriter } from "./segment-writer.js";

/** The blocking work of the store, and the threads that do it. */
export interface Threads {
  readonly log: LogThread;
  makeSpare(size: number): Promise<void>;
  /** @returns the size of the new snapshot, in bytes. */
  compact(upTo: number): Promise<number>;
  /**
   * Replaces all files before the segment in use. The bytes are moved to the thread.
   *
   * @returns the size of the new snapshot, in bytes.
   */
  replaceFromMemory(snapshot: MemorySnapshot): Promise<number>;
  /** Stops all threads immediately. The files on the disk are consistent at any time. */
  stop(): Promise<void>;
}

/** An asynchronous `SegmentWriter`. The caller awaits each `begin` and `write` before the next. */
export interface LogThread {
  prepare(): Promise<void>;
  begin(after: number, size: number): Promise<void>;
  write(frame: Frame): Promise<void>;
}

/** Does the work synchronously in the calling thread. */
export function inline(disk: Disk): Threads {
  const writer = segmentWriter(disk);
  return {
    log: {
      prepare: async () => writer.prepare(),
      begin: async (after, size) => writer.begin(after, size),
      write: async (frame) => writer.write(frame),
    },
    makeSpare: async (size) => makeSpare(disk, size),
    compact: (upTo) => compact(disk, upTo),
    replaceFromMemory: async (snapshot) => replaceFromMemory(disk, snapshot),
    stop: async () => writer.close(),
  };
}

export type LogCommand =
  | "prepare"
  | { readonly begin: { readonly after: number; readonly size: number } }
  | { readonly write: Frame };

export type Job =
  { readonly spareOf: number } | { readonly compactUpTo: number } | { readonly replaceBy: MemorySnapshot };

export interface JobData {
  readonly directory: string;
  readonly job: Job;
}

/**
 * Does the work in worker threads: one for the log, since libuv's threads also hash passwords and a commit would queue behind
 * them, and one for each other job. A thread that fails throws, and ends.
 */
export function workerThreads(directory: string): Threads {
  const running = new Set<Worker>();

  function start(file: string, workerData: unknown, transferList: ArrayBuffer[] = []): Worker {
    // Options of the process, such as `--input-type`, can keep a thread from starting.
    const worker = new Worker(new URL(file, import.meta.url), { workerData, transferList, execArgv: [] });
    running.add(worker);
    worker.once("exit", () => running.delete(worker));
    return worker;
  }

  const logThread = start("./log-thread.js", directory);
  // An idle store does not keep the process alive.
  logThread.unref();
  /** The calls that wait for their response, in the order of their commands. */
  const calls: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];
  logThread.on("message", (errorText: string | undefined) => {
    const call = calls.shift();
    if (calls.length === 0) logThread.unref();
    if (errorText === undefined) call?.resolve();
    else call?.reject(new Error(errorText));
  });
  let failure: Error | undefined;
  logThread.on("error", (error: Error) => {
    failure = error;
    for (const { reject } of calls.splice(0)) reject(error);
  });
  const execute = (command: LogCommand): Promise<void> =>
    new Promise((resolve, reject) => {
      if (failure !== undefined) throw failure;
      calls.push({ resolve, reject });
      logThread.ref();
      logThread.postMessage(command);
    });
  const run = async (job: Job, transferList?: ArrayBuffer[]): Promise<unknown> => {
    const thread = start("./job-thread.js", { directory, job } satisfies JobData, transferList);
    const [result] = await once(thread, "message");
    return result;
  };

  return {
    log: {
      prepare: () => execute("prepare"),
      begin: (after, size) => execute({ begin: { after, size } }),
      write: (frame) => execute({ write: frame }),
    },
    makeSpare: async (size) => void (await run({ spareOf: size })),
    compact: async (upTo) => Number(await run({ compactUpTo: upTo })),
    replaceFromMemory: async (snapshot) =>
      Number(await run({ replaceBy: snapshot }, [snapshot.bytes.buffer as ArrayBuffer])),
    async stop() {
      // A thread that is being terminated keeps the process alive. An answer that arrives meanwhile must not change that.
      logThread.removeAllListeners("message");
      await Promise.all([...running].map((worker) => worker.terminate()));
    },
  };
}
