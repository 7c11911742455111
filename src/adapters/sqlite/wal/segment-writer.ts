import { writeAll, type Disk, type OpenFile } from "./disk.js";
import { segmentName, SPARE } from "./files.js";
import {
  encodeFrame,
  encodeSegment,
  encodeSegmentHeader,
  newSegmentHeader,
  SEGMENT_HEADER_BYTES,
  type Frame,
  type Segment,
} from "./segment.js";

/** Writes the log. After an error of `begin` or `write`, nothing more may be written. */
export interface SegmentWriter {
  /**
   * Opens the spare segment, so that `begin` needs no new file descriptor: a process that has run out of them keeps its log.
   * After an error it can be called again.
   */
  prepare(): void;
  /** Continues the log in the prepared segment, which has that size, with the transactions after that number. */
  begin(after: number, size: number): void;
  /** Appends a frame, which is durable on return. */
  write(frame: Frame): void;
  close(): void;
}

export function segmentWriter(disk: Disk): SegmentWriter {
  let segment: { readonly file: OpenFile; readonly salt: string; end: number } | undefined;
  let spare: OpenFile | undefined;

  function closeSpare(): void {
    const file = spare;
    spare = undefined;
    file?.close();
  }

  return {
    prepare() {
      closeSpare();
      spare = disk.open(SPARE);
    },
    begin(after, size) {
      const file = spare;
      if (file === undefined) throw new Error("No segment is prepared. Call `prepare` first.");
      const header = newSegmentHeader(after, size);
      const finished = segment?.file;
      segment = { file, salt: header.salt, end: SEGMENT_HEADER_BYTES };
      spare = undefined;
      writeAll(file, encodeSegmentHeader(header), 0);
      file.sync();
      const name = segmentName(after);
      disk.rename(SPARE, name);
      disk.syncDirectory();
      finished?.close();
    },
    write(frame) {
      if (segment === undefined) throw new Error("No segment was begun. Call `begin` first.");
      const bytes = encodeFrame(segment.salt, frame);
      writeAll(segment.file, bytes, segment.end);
      segment.file.sync();
      segment.end += bytes.length;
    },
    close() {
      closeSpare();
      segment?.file.close();
      segment = undefined;
    },
  };
}

const ZEROS = new Uint8Array(2 ** 20);

/**
 * Preallocates the spare segment with zeros, which reserve the disk space and reveal torn frames.
 *
 * @throws the error of the disk; the unfinished file is removed.
 */
export function makeSpare(disk: Disk, size: number): void {
  createSpare(disk, (file) => {
    for (let at = 0; at < size; at += ZEROS.length) {
      writeAll(file, ZEROS.subarray(0, Math.min(ZEROS.length, size - at)), at);
    }
  });
}

/**
 * Replaces a segment by a durable copy of its valid frames, with an end mark. After a crash its end may be in the page cache
 * only, and another sync cannot repair one that failed: only data that is written again can be made durable.
 *
 * @throws the error of the disk; the segment is left unchanged.
 */
export function rewriteSegmentDurably(disk: Disk, segment: Segment): void {
  createSpare(disk, (file) => writeAll(file, encodeSegment(segment), 0));
  disk.rename(SPARE, segmentName(segment.header.after));
  disk.syncDirectory();
}

function createSpare(disk: Disk, write: (file: OpenFile) => void): void {
  try {
    const file = disk.create(SPARE);
    try {
      write(file);
      file.sync();
    } finally {
      file.close();
    }
  } catch (error) {
    disk.remove(SPARE);
    throw error;
  }
}
