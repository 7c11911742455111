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

/** Writes the log. Whatever it throws means that nothing more may be written. */
export interface SegmentWriter {
  /** Goes on in the spare segment, which is of that size, with the transactions after that number. */
  begin(after: number, size: number): void;
  /** Puts a frame behind the last one. It is durable when this returns. */
  write(frame: Frame): void;
  close(): void;
}

export function segmentWriter(disk: Disk): SegmentWriter {
  let segment: { readonly file: OpenFile; readonly salt: string; end: number } | undefined;

  function close(): void {
    segment?.file.close();
    segment = undefined;
  }

  return {
    begin(after, size) {
      close();
      const header = newSegmentHeader(after, size);
      const spare = disk.open(SPARE);
      try {
        writeAll(spare, encodeSegmentHeader(header), 0);
        spare.sync();
      } finally {
        spare.close();
      }
      const name = segmentName(after);
      disk.rename(SPARE, name);
      disk.syncDirectory();
      segment = { file: disk.open(name), salt: header.salt, end: SEGMENT_HEADER_BYTES };
    },
    write(frame) {
      if (segment === undefined) throw new Error("No segment of the log was begun.");
      const bytes = encodeFrame(segment.salt, frame);
      writeAll(segment.file, bytes, segment.end);
      segment.file.sync();
      segment.end += bytes.length;
    },
    close,
  };
}

const ZEROS = new Uint8Array(2 ** 20);

/**
 * Makes the spare segment: zeros, so that the space is there and a frame that power failed to write shows.
 *
 * @throws the disk's error, and leaves no part of it behind.
 */
export function makeSpare(disk: Disk, size: number): void {
  createSpare(disk, (file) => {
    for (let at = 0; at < size; at += ZEROS.length) {
      writeAll(file, ZEROS.subarray(0, Math.min(ZEROS.length, size - at)), at);
    }
  });
}

/**
 * Puts what was read of a segment in its place, and ends it. What was read after a crash may be in the machine's memory only,
 * and a sync that failed before cannot be made good: only what is written anew can be made durable.
 *
 * @throws the disk's error; the segment is then as it was.
 */
export function secureSegment(disk: Disk, segment: Segment): void {
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
