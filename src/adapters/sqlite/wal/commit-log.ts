import { MessagingError } from "../../../domain/errors.js";
import type { Change } from "../database.js";
import { joinRecords, logRecord, RECORDS_OVERHEAD_BYTES, type LogRecord } from "./record.js";
import { FRAME_OVERHEAD_BYTES, SEGMENT_HEADER_BYTES } from "./segment.js";
import type { Threads } from "./threads.js";

/**
 * Where transactions become durable. One frame is on its way to the disk at a time; the transactions that gather meanwhile
 * are the next one. After a failed write or sync nobody waiting is ever answered, and nothing more is taken.
 */
export interface CommitLog {
  /** @throws MessagingError `store_unavailable` after a failed write or sync. */
  requireUp(): void;
  /** @throws MessagingError `busy`, `store_unavailable` where a transaction cannot be taken now. */
  requireRoom(): void;
  /**
   * What a transaction leaves in the log, if it is appended next.
   *
   * @throws Error where it is more than the log takes.
   */
  record(changes: readonly Change[]): LogRecord;
  /** There must have been room for it just before. */
  append(record: LogRecord): void;
  /** Resolves when all that was appended up to now is durable; undefined where it is. */
  settled(): Promise<void> | undefined;
  status(): { readonly fault: string | undefined; readonly transactions: number; readonly commits: number };
  /** Marks the end of the log, once all is durable. */
  end(): Promise<void>;
}

export interface LogOptions {
  readonly threads: Pick<Threads, "log" | "makeSpare">;
  /** The number of the last transaction that is durable. */
  readonly last: number;
  readonly segmentBytes: number;
  /** Makes the first spare segment; the others are made in a thread. */
  readonly makeFirstSpare: () => void;
  /** How long to wait before the spare segment is tried again, in milliseconds. */
  readonly retryAfter: number;
  /** The log goes on in a new segment; the ones before it, up to that transaction, are complete. */
  readonly onSwitch: (after: number) => void;
  /** Something is durable that was not before. */
  readonly onDurable: () => void;
  readonly onTrouble: (trouble: Error) => void;
  /** There is a place for the log again. */
  readonly onSpace: () => void;
  readonly onFatal: (error: Error) => void;
}

interface Group {
  readonly first: number;
  readonly records: LogRecord[];
  readonly statements: string[];
  bytes: number;
  readonly written: Promise<void>;
  readonly settle: () => void;
}

const LARGEST_RECORD = 256 * 1024;

/** Resolves once the first spare segment is made, or could not be. */
export async function startLog(options: LogOptions): Promise<CommitLog> {
  const { threads, segmentBytes } = options;
  const largestRecord = Math.min(LARGEST_RECORD, Math.floor(segmentBytes / 8));
  const largestQueue = Math.floor(segmentBytes / 4);
  const start = options.last;
  let last = start;
  let durable = start;
  let commits = 0;
  let waiting: Group | undefined;
  let inFlight: Group | undefined;
  let scheduled = false;
  /** Bytes that are free in the segment that is written to. */
  let room = 0;
  let begun = false;
  let spareReady = false;
  let spareFault: string | undefined;
  let retry: NodeJS.Timeout | undefined;
  let over = false;
  let failure: Error | undefined;
  let giveUp!: () => void;
  const failed = new Promise<void>((resolve) => {
    giveUp = resolve;
  });

  const nextSpare = () => threads.makeSpare(segmentBytes);

  async function prepareSpare(make: () => Promise<void> | void): Promise<void> {
    try {
      await make();
      spareReady = true;
      if (spareFault !== undefined) options.onSpace();
      spareFault = undefined;
    } catch (error) {
      if (over) return;
      const known = spareFault;
      spareFault = `There is no place for the log: ${messageOf(error)}. Free some; writing goes on by itself then.`;
      if (known === undefined) options.onTrouble(new Error(spareFault, { cause: error }));
      retry = setTimeout(() => void prepareSpare(nextSpare), options.retryAfter).unref();
    }
  }

  /**
   * Whether the largest record would find its place behind those that wait, which may go out before it comes, and before
   * the end of the log.
   */
  function hasRoom(): boolean {
    const needed = frameBytes(waiting?.bytes ?? 0) + frameBytes(largestRecord) + frameBytes(0);
    return needed <= room || (spareReady && needed <= segmentBytes - SEGMENT_HEADER_BYTES);
  }

  function requireUp(): void {
    if (failure) {
      throw new MessagingError("store_unavailable", logFault(failure), { cause: failure });
    }
  }

  /** Lets out what waits at the end of this turn of the event loop, with what comes until then. */
  function schedule(): void {
    if (scheduled || inFlight || !waiting || failure) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      if (waiting) flush(waiting);
    });
  }

  function flush(group: Group): void {
    waiting = undefined;
    inFlight = group;
    write(group).then(() => {
      durable += group.records.length;
      commits++;
      inFlight = undefined;
      group.settle();
      schedule();
      options.onDurable();
    }, fail);
  }

  async function write({ first, records, bytes }: Group): Promise<void> {
    const needed = frameBytes(bytes);
    const goesOn = needed + frameBytes(0) > room;
    if (goesOn) {
      spareReady = false;
      room = segmentBytes - SEGMENT_HEADER_BYTES;
    }
    room -= needed;
    if (goesOn) {
      await threads.log.begin(first - 1, segmentBytes);
      begun = true;
      options.onSwitch(first - 1);
      void prepareSpare(nextSpare);
    }
    await threads.log.write({ first, count: records.length, payload: joinRecords(records) });
  }

  function fail(error: unknown): void {
    failure = error instanceof Error ? error : new Error(String(error));
    giveUp();
    stopRetrying();
    options.onFatal(failure);
  }

  function stopRetrying(): void {
    over = true;
    clearTimeout(retry);
  }

  await prepareSpare(options.makeFirstSpare);

  return {
    requireUp,
    requireRoom() {
      requireUp();
      if (waiting && waiting.bytes > largestQueue) {
        throw new MessagingError("busy", "The disk is slower than what is to be stored. Try again later.");
      }
      if (hasRoom()) return;
      if (spareFault !== undefined) throw new MessagingError("store_unavailable", spareFault);
      throw new MessagingError("busy", "The log is waiting for its next segment. Try again later.");
    },
    record(changes) {
      const record = logRecord(changes, waiting?.statements ?? []);
      if (record.bytes <= largestRecord) return record;
      throw new Error(
        `A transaction of ${record.bytes} bytes is more than the log takes, ${largestRecord} bytes.`,
      );
    },
    append(record) {
      last++;
      waiting ??= newGroup(last);
      waiting.records.push(record);
      waiting.statements.push(...record.statements);
      waiting.bytes += record.bytes;
      schedule();
    },
    settled() {
      return (waiting ?? inFlight)?.written;
    },
    status() {
      const fault = failure ? logFault(failure) : hasRoom() ? undefined : spareFault;
      return { fault, transactions: durable - start, commits };
    },
    async end() {
      stopRetrying();
      await Promise.race([(waiting ?? inFlight)?.written, failed]);
      if (begun && !failure) await threads.log.write({ first: last + 1, count: 0, payload: "" });
    },
  };
}

function newGroup(first: number): Group {
  let settle!: () => void;
  const written = new Promise<void>((resolve) => {
    settle = resolve;
  });
  return { first, records: [], statements: [], bytes: 0, written, settle };
}

/** What a frame takes, at the most, for records of that many bytes. */
function frameBytes(records: number): number {
  return FRAME_OVERHEAD_BYTES + RECORDS_OVERHEAD_BYTES + records;
}

function logFault(failure: Error): string {
  return `The log cannot be written: ${failure.message}.`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
