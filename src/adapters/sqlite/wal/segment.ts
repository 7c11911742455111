import { randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";
import { damage } from "./damage.js";

/**
 * The format of a log segment. All of it is text, and none of that text holds a zero byte; what is not written yet is zeros.
 *
 *     palaver log 1 <after:14> <size:8> <salt:32> <crc:8> LF                 the header of the segment
 *     RS <length:8> <count:8> <first:14> <crc:8> <header crc:8> SP           a frame: its header,
 *     [[["sql",value,…],…],                                                  a transaction a line,
 *     [[0,value,…],…]] LF                                                    as JSON: see record.ts
 *
 * Numbers are in hex. A frame is written and made durable as one, and the next only after it. Its checksums are seeded
 * with the salt of the segment, so that only a frame of this segment passes for one. RS, a control character, stands
 * nowhere in JSON. A frame without transactions ends the segment: the store was closed after it.
 */
export interface Frame {
  /** The number of its first transaction. */
  readonly first: number;
  /** How many transactions there are in it. */
  readonly count: number;
  /** The transactions, as JSON. */
  readonly payload: string;
}

export interface PlacedFrame extends Frame {
  /** Where in the segment it begins, in bytes. */
  readonly offset: number;
}

export interface SegmentHeader {
  /** The transactions before this number are in earlier files. */
  readonly after: number;
  /** Of the whole file, in bytes. */
  readonly size: number;
  /** 128 random bits, in hex. */
  readonly salt: string;
}

/** The end of a segment that power failed to write. Nobody was ever told that what stood there is stored. */
export interface TornTail {
  readonly file: string;
  /** Where it begins, in bytes. */
  readonly offset: number;
  /** From there to the last byte that was written. */
  readonly bytes: number;
}

export interface Segment {
  readonly header: SegmentHeader;
  readonly frames: readonly PlacedFrame[];
  /** The number of the last transaction in it; `after` of the header where it holds none. */
  readonly last: number;
  /** Whether the store was closed after it. */
  readonly ended: boolean;
  readonly torn: TornTail | undefined;
}

const SEGMENT_TITLE = "palaver log 1";
export const SEGMENT_HEADER_BYTES = SEGMENT_TITLE.length + 1 + 14 + 1 + 8 + 1 + 32 + 1 + 8 + 1;

const RECORD_SEPARATOR = 0x1e;
const LINE_FEED = 0x0a;
const FRAME_HEADER_BYTES = 1 + 8 + 1 + 8 + 1 + 14 + 1 + 8 + 1 + 8 + 1;

/** What a frame takes beside its payload. */
export const FRAME_OVERHEAD_BYTES = FRAME_HEADER_BYTES + 1;

export function newSegmentHeader(after: number, size: number): SegmentHeader {
  return { after, size, salt: randomBytes(16).toString("hex") };
}

export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  return Buffer.from(segmentHeaderText(header), "latin1");
}

function segmentHeaderText({ after, size, salt }: SegmentHeader): string {
  const fields = `${SEGMENT_TITLE} ${hex(after, 14)} ${hex(size, 8)} ${salt} `;
  return `${fields}${hex(crc32(fields), 8)}\n`;
}

/** The segment without its torn tail, ended, and with room for no more. */
export function encodeSegment({ header, frames, last }: Segment): Uint8Array {
  const all = [...frames, { first: last + 1, count: 0, payload: "" }].map((frame) =>
    encodeFrame(header.salt, frame),
  );
  const size = all.reduce((sum, { length }) => sum + length, SEGMENT_HEADER_BYTES);
  return Buffer.concat([encodeSegmentHeader({ ...header, size }), ...all]);
}

export function encodeFrame(salt: string, { first, count, payload }: Frame): Uint8Array {
  const length = Buffer.byteLength(payload);
  const bytes = Buffer.allocUnsafe(FRAME_OVERHEAD_BYTES + length);
  bytes.write(payload, FRAME_HEADER_BYTES);
  bytes[bytes.length - 1] = LINE_FEED;
  const seed = crc32(salt);
  const checksum = crc32(bytes.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + length), seed);
  bytes.write(frameHeaderText({ length, count, first, checksum }, seed), "latin1");
  return bytes;
}

interface FrameHeader {
  /** Of the payload, in bytes. */
  readonly length: number;
  readonly count: number;
  readonly first: number;
  /** Of the payload. */
  readonly checksum: number;
}

function frameHeaderText({ length, count, first, checksum }: FrameHeader, seed: number): string {
  const fields = `\x1e${hex(length, 8)} ${hex(count, 8)} ${hex(first, 14)} ${hex(checksum, 8)} `;
  return `${fields}${hex(crc32(fields, seed), 8)} `;
}

/**
 * Reads a segment whole.
 *
 * @param file its name, for messages.
 * @throws DamageError where it holds anything else than frames without a gap and, after them, zeros or a torn tail.
 */
export function readSegment(file: string, content: Uint8Array): Segment {
  const bytes = bufferOf(content);
  const header = readSegmentHeader(file, bytes);
  const seed = crc32(header.salt);
  const frames: PlacedFrame[] = [];
  let last = header.after;
  let ended = false;
  let at = SEGMENT_HEADER_BYTES;
  for (let found = frameAt(bytes, at, seed); found && !ended; found = frameAt(bytes, at, seed)) {
    const { frame, end } = found;
    if (frame.first !== last + 1) {
      throw damage(file, at, `transaction ${last + 1} should be here, and it is ${frame.first}`);
    }
    ended = frame.count === 0;
    if (!ended) frames.push({ ...frame, offset: at });
    last += frame.count;
    at = end;
  }
  return { header, frames, last, ended, torn: tornTail(file, bytes, at, seed, ended) };
}

/** Every good frame of a damaged segment, whatever stands between them; none where the salt is lost. */
export function findFrames(content: Uint8Array): readonly Frame[] {
  const bytes = bufferOf(content);
  const seed = crc32(saltIn(bytes.toString("latin1", 0, SEGMENT_HEADER_BYTES)));
  const frames: Frame[] = [];
  for (let at = 0; (at = bytes.indexOf(RECORD_SEPARATOR, at)) !== -1; at++) {
    const found = frameAt(bytes, at, seed);
    if (found && found.frame.count > 0) frames.push(found.frame);
  }
  return frames;
}

function readSegmentHeader(file: string, bytes: Buffer): SegmentHeader {
  const text = bytes.toString("latin1", 0, SEGMENT_HEADER_BYTES);
  const [after, size] = text.slice(SEGMENT_TITLE.length + 1).split(" ");
  const header = { after: number(after), size: number(size), salt: saltIn(text) };
  if (text !== segmentHeaderText(header)) {
    throw damage(file, 0, "the header of the log segment is not what was written");
  }
  if (bytes.length !== header.size) {
    throw damage(file, bytes.length, `the file should have ${header.size} bytes, and it has ${bytes.length}`);
  }
  return header;
}

function saltIn(header: string): string {
  return header.slice(-42, -10);
}

function frameHeaderAt(bytes: Buffer, at: number, seed: number): FrameHeader | undefined {
  if (bytes[at] !== RECORD_SEPARATOR) return undefined;
  const text = bytes.toString("latin1", at, at + FRAME_HEADER_BYTES);
  const [length, count, first, checksum] = text.slice(1).split(" ");
  const header = {
    length: number(length),
    count: number(count),
    first: number(first),
    checksum: number(checksum),
  };
  return text === frameHeaderText(header, seed) ? header : undefined;
}

function frameAt(
  bytes: Buffer,
  at: number,
  seed: number,
): { readonly frame: Frame; readonly end: number } | undefined {
  const header = frameHeaderAt(bytes, at, seed);
  if (header === undefined) return undefined;
  const { first, count, length, checksum } = header;
  const start = at + FRAME_HEADER_BYTES;
  const payload = bytes.subarray(start, start + length);
  if (bytes[start + length] !== LINE_FEED || crc32(payload, seed) !== checksum) return undefined;
  return { frame: { first, count, payload: payload.toString() }, end: start + length + 1 };
}

/**
 * What stands at `at`, where no good frame is: nothing, or a torn tail. A frame that was acknowledged before it went bad
 * must not pass for a torn one. Three things tell them apart. One frame is written at a time, so nothing good comes after a
 * torn one. The space was zeros, so what power failed to write still is: two zeros side by side, or one at an edge, where
 * a frame has none. And a flipped bit makes no such zeros: neither RS nor LF, which are the edges, is one bit away from 0.
 */
function tornTail(
  file: string,
  bytes: Buffer,
  at: number,
  seed: number,
  ended: boolean,
): TornTail | undefined {
  const end = endOfWritten(bytes);
  if (end <= at) return undefined;
  if (ended) throw damage(file, at, "the log was closed here, and yet something follows");
  for (let next = at + 1; (next = bytes.indexOf(RECORD_SEPARATOR, next)) !== -1; next++) {
    if (frameAt(bytes, next, seed)) {
      throw damage(file, at, `what stands here is no frame, and yet a good frame follows at byte ${next}`);
    }
  }
  const header = frameHeaderAt(bytes, at, seed);
  const torn = header
    ? end <= at + FRAME_OVERHEAD_BYTES + header.length &&
      hasHole(bytes.subarray(at, at + FRAME_OVERHEAD_BYTES + header.length))
    : hasHole(bytes.subarray(at, at + FRAME_HEADER_BYTES + 1));
  if (!torn) throw damage(file, at, "the checksum of the frame here is wrong");
  return { file, offset: at, bytes: end - at };
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const HOLE = Buffer.from([0, 0]);

function hasHole(frame: Buffer): boolean {
  return frame[0] === 0 || frame.at(-1) === 0 || frame.includes(HOLE);
}

/** Where the zeros at the end begin. */
function endOfWritten(bytes: Buffer): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return end;
}

/** NaN where it is none. */
function number(digits: string | undefined): number {
  return Number(`0x${digits}`);
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
