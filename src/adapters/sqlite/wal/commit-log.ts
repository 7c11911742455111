import { MessagingError } from "../../../domain/errors.js";
import type { Change } from "../../sql/columns.js";
import { errorMessage } from "./damage.js";
import { encodeRecord, joinRecords, RECORDS_OVERHEAD_BYTES, type LogRecord } from "./record.js";
import { FRAME_OVERHEAD_BYTES, SEGMENT_HEADER_BYTES } from "./segment.js";
import type { Threads } from "./threads.js";

export interface LogOptions {
  readonly threads: Pick<Threads, "log" | "makeSpare">;
  /** The number of the last durable transaction. */
  readonly last: number;
  readonly segmentBytes: number;
  /** Makes the first spare segment; later ones are made in a thread. */
  readonly makeFirstSpare: () => void;
  /** The delay before another attempt to make a spare segment, in milliseconds. */
  readonly retryAfter: number;
  /** The log continues in a new segment; all segments up to the transaction `after` are complete. */
  readonly onSwitch: (after: number) => void;
  /** More transactions are durable. */
  readonly onDurable: () => void;
  /** The next segment cannot be made: the disk is full, or no file can be opened. Called once until it can be made. */
  readonly onTrouble: (trouble: Error) => void;
  /** The next segment can be made again. */
  readonly onSpace: () => void;
  readonly onFatal: (error: Error) => void;
}

/** The records of one frame. */
interface Group {
  /** The number of the first transaction. */
  readonly first: number;
  readonly records: LogRecord[];
  /** The statements that the records hold as text. */
  readonly statements: string[];
  bytes: number;
  /** Resolves once the frame is durable; never after a failure. */
  readonly durable: Promise<void>;
  readonly resolveDurable: () => void;
}

const MAX_RECORD_BYTES = 256 * 1024;

/**
 * Makes transactions durable by group commit: one frame is in flight at a time, and the transactions that arrive meanwhile
 * form the next one. After a failed write or sync, pending transactions never resolve and new ones are rejected, since the
 * content of the disk is unknown.
 */
export class CommitLog {
  readonly #options: LogOptions;
  readonly #spare: SpareSegment;
  readonly #maxRecordBytes: number;
  readonly #maxQueueBytes: number;
  #last: number;
  #durable: number;
  #commits = 0;
  #waiting: Group | undefined;
  #inFlight: Group | undefined;
  #isFlushScheduled = false;
  /** Free bytes of the segment in use. */
  #freeBytes = 0;
  /** The number of the last transaction before the segment in use; undefined before the first one since the start. */
  #segmentAfter: number | undefined;
  #failure: Error | undefined;
  #resolveFailed!: () => void;
  readonly #failed = new Promise<void>((resolve) => {
    this.#resolveFailed = resolve;
  });

  private constructor(options: LogOptions) {
    this.#options = options;
    this.#spare = new SpareSegment(options);
    this.#maxRecordBytes = Math.min(MAX_RECORD_BYTES, Math.floor(options.segmentBytes / 8));
    this.#maxQueueBytes = Math.floor(options.segmentBytes / 4);
    this.#last = options.last;
    this.#durable = options.last;
  }

  /** Resolves once the first spare segment is made, or its making has failed. */
  static async start(options: LogOptions): Promise<CommitLog> {
    const log = new CommitLog(options);
    await log.#spare.make(options.makeFirstSpare);
    return log;
  }

  /** @throws MessagingError `store_unavailable` after a failed write or sync. */
  assertHealthy(): void {
    if (this.#failure) {
      throw new MessagingError("store_unavailable", faultOf(this.#failure), { cause: this.#failure });
    }
  }

  /** @throws MessagingError `busy` or `store_unavailable` where no transaction can be appended now. */
  assertCapacity(): void {
    this.assertHealthy();
    if (this.#waiting && this.#waiting.bytes > this.#maxQueueBytes) {
      throw new MessagingError("busy", "The disk is slower than the incoming writes. Try again later.");
    }
    if (this.#hasCapacity()) return;
    throw this.#noSpareError();
  }

  /**
   * Appends a transaction. `assertCapacity` must have passed just before.
   *
   * @throws Error where the changes exceed the size limit of a transaction.
   */
  append(changes: readonly Change[]): void {
    const record = encodeRecord(changes, this.#waiting?.statements ?? []);
    if (record.bytes > this.#maxRecordBytes) {
      throw new Error(
        `A transaction of ${record.bytes} bytes exceeds the limit of ${this.#maxRecordBytes} bytes. Split it.`,
      );
    }
    this.#last++;
    this.#waiting ??= newGroup(this.#last);
    this.#waiting.records.push(record);
    this.#waiting.statements.push(...record.statements);
    this.#waiting.bytes += record.bytes;
    this.#scheduleFlush();
  }

  /** Resolves once all transactions appended so far are durable; undefined if they are already. */
  durable(): Promise<void> | undefined {
    return (this.#waiting ?? this.#inFlight)?.durable;
  }

  status(): { readonly fault: string | undefined; readonly transactions: number; readonly commits: number } {
    const fault = this.#failure
      ? faultOf(this.#failure)
      : this.#hasCapacity()
        ? undefined
        : this.#spare.fault;
    return { fault, transactions: this.#durable - this.#options.last, commits: this.#commits };
  }

  /** Resolves once the attempt to make the next segment that is in progress has ended. */
  spareAttempted(): Promise<void> {
    return this.#spare.attempted();
  }

  /**
   * Makes everything durable, and continues the log in a new segment. Nothing may be appended meanwhile.
   *
   * @returns the number of the last transaction, after which the new segment begins.
   * @throws MessagingError `busy` or `store_unavailable` where that is impossible now.
   */
  async cut(): Promise<number> {
    await Promise.race([this.durable(), this.#failed]);
    this.assertHealthy();
    if (this.#segmentAfter === undefined || this.#segmentAfter === this.#last) return this.#last;
    // The last commit may have used the spare segment.
    await this.#spare.attempted();
    if (!this.#spare.isReady) throw this.#noSpareError();
    await this.#beginSegment(this.#last).catch((error: unknown) => this.#fail(error));
    this.assertHealthy();
    return this.#last;
  }

  /** Writes the end mark once all transactions are durable. */
  async end(): Promise<void> {
    this.#spare.stop();
    await Promise.race([this.durable(), this.#failed]);
    if (this.#segmentAfter !== undefined && !this.#failure) {
      await this.#options.threads.log.write({ first: this.#last + 1, count: 0, payload: "" });
    }
  }

  /**
   * Whether a record of the maximum size fits behind the waiting ones, which may be written in a frame of their own before
   * it, and before the end mark.
   */
  #hasCapacity(): boolean {
    const needed =
      maxFrameBytes(this.#waiting?.bytes ?? 0) + maxFrameBytes(this.#maxRecordBytes) + maxFrameBytes(0);
    return (
      needed <= this.#freeBytes ||
      (this.#spare.isReady && needed <= this.#options.segmentBytes - SEGMENT_HEADER_BYTES)
    );
  }

  #noSpareError(): MessagingError {
    return this.#spare.fault === undefined
      ? new MessagingError("busy", "The next segment of the log is not ready. Try again later.")
      : new MessagingError("store_unavailable", this.#spare.fault);
  }

  /** Flushes at the end of this turn of the event loop, so that its transactions share a frame. */
  #scheduleFlush(): void {
    if (this.#isFlushScheduled || this.#inFlight || !this.#waiting || this.#failure) return;
    this.#isFlushScheduled = true;
    setImmediate(() => {
      this.#isFlushScheduled = false;
      if (this.#waiting) void this.#flush(this.#waiting);
    });
  }

  async #flush(group: Group): Promise<void> {
    this.#waiting = undefined;
    this.#inFlight = group;
    try {
      await this.#write(group);
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#durable += group.records.length;
    this.#commits++;
    this.#inFlight = undefined;
    group.resolveDurable();
    this.#scheduleFlush();
    this.#options.onDurable();
  }

  async #write({ first, records, bytes }: Group): Promise<void> {
    const needed = maxFrameBytes(bytes);
    const switches = needed + maxFrameBytes(0) > this.#freeBytes;
    const begun = switches ? this.#beginSegment(first - 1) : undefined;
    this.#freeBytes -= needed;
    if (begun) await begun;
    await this.#options.threads.log.write({ first, count: records.length, payload: joinRecords(records) });
  }

  /** Continues the log in the spare segment. Its free bytes count as soon as this is called. */
  async #beginSegment(after: number): Promise<void> {
    const { threads, segmentBytes, onSwitch } = this.#options;
    this.#spare.consume();
    this.#freeBytes = segmentBytes - SEGMENT_HEADER_BYTES;
    await threads.log.begin(after, segmentBytes);
    this.#segmentAfter = after;
    onSwitch(after);
    void this.#spare.make();
  }

  #fail(error: unknown): void {
    this.#failure = error instanceof Error ? error : new Error(String(error));
    this.#resolveFailed();
    this.#spare.stop();
    this.#options.onFatal(this.#failure);
  }
}

/**
 * Keeps the next segment preallocated and open, so that a full disk, or a lack of file descriptors, is noticed before
 * transactions are accepted.
 */
class SpareSegment {
  readonly #options: LogOptions;
  #isReady = false;
  #attempt: Promise<void> = Promise.resolve();
  #fault: string | undefined;
  #retry: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: LogOptions) {
    this.#options = options;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** Why the spare segment could not be made; undefined unless the last attempt failed. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** Makes the spare segment. A failure is reported, and the attempt is repeated until it succeeds. */
  make(make: () => Promise<void> | void = () => this.#makeInThread()): Promise<void> {
    this.#attempt = this.#try(make);
    return this.#attempt;
  }

  /** Resolves once the last attempt to make the segment has ended. */
  attempted(): Promise<void> {
    return this.#attempt;
  }

  async #try(make: () => Promise<void> | void): Promise<void> {
    try {
      await make();
      await this.#options.threads.log.prepare();
      this.#isReady = true;
      if (this.#fault !== undefined) this.#options.onSpace();
      this.#fault = undefined;
    } catch (error) {
      if (this.#isStopped) return;
      const isKnown = this.#fault !== undefined;
      this.#fault = spareFault(errorMessage(error));
      if (!isKnown) this.#options.onTrouble(new Error(this.#fault, { cause: error }));
      this.#retry = setTimeout(() => void this.make(), this.#options.retryAfter).unref();
    }
  }

  /** The log continues in the spare segment. */
  consume(): void {
    this.#isReady = false;
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#retry);
  }

  #makeInThread(): Promise<void> {
    return this.#options.threads.makeSpare(this.#options.segmentBytes);
  }
}

function spareFault(message: string): string {
  const [what, next] = /\bE[MN]FILE\b/.test(message)
    ? ["No file descriptor for the log", "Raise the limit on open files (`ulimit -n`)"]
    : /\b(?:ENOSPC|EDQUOT)\b/.test(message)
      ? ["No disk space for the log", "Free disk space"]
      : ["The log cannot be continued", "Remove the cause"];
  return `${what}: ${message}. ${next}; writing then resumes by itself.`;
}

function newGroup(first: number): Group {
  let resolveDurable!: () => void;
  const durable = new Promise<void>((resolve) => {
    resolveDurable = resolve;
  });
  return { first, records: [], statements: [], bytes: 0, durable, resolveDurable };
}

/** The greatest size of a frame whose records have that many bytes. */
function maxFrameBytes(records: number): number {
  return FRAME_OVERHEAD_BYTES + RECORDS_OVERHEAD_BYTES + records;
}

function faultOf(failure: Error): string {
  return `The log cannot be written: ${failure.message}. Restart the process.`;
}
