import { randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";
import { damage } from "./damage.js";

/**
 * The format of a log segment. All of it is text without zero bytes; the part that is not written yet is zeros.
 *
 *     palaver log 1 <after:14> <size:8> <salt:32> <crc:8> LF                 the header of the segment
 *     RS <length:8> <count:8> <first:14> <crc:8> <header crc:8> SP           a frame: its header,
 *     [[["sql",value,…],…],                                                  a transaction a line,
 *     [[0,value,…],…]] LF                                                    as JSON: see record.ts
 *
 * Numbers are in hex. A frame is written and made durable as one, and the next only after it. Its checksums are seeded
 * with the salt of the segment, so that a frame of another segment is invalid here. RS is a control character, which JSON
 * never contains. A frame without transactions marks the end of the log: the store was closed after it.
 */
export interface Frame {
  /** The number of its first transaction. */
  readonly first: number;
  /** How many transactions it holds. */
  readonly count: number;
  /** The transactions, as JSON. */
  readonly payload: string;
}

export interface PlacedFrame extends Frame {
  /** Its position in the segment, in bytes. */
  readonly offset: number;
}

export interface SegmentHeader {
  /** The number of the last transaction before the segment. */
  readonly after: number;
  /** The size of the file, in bytes. */
  readonly size: number;
  /** 128 random bits, in hex. */
  readonly salt: string;
}

/** An incomplete frame at the end of a segment, which a power cut left. It was never acknowledged. */
export interface TornTail {
  readonly file: string;
  /** Its position in the file, in bytes. */
  readonly offset: number;
  /** Its length, up to the last byte that is not zero. */
  readonly bytes: number;
}

export interface Segment {
  readonly header: SegmentHeader;
  readonly frames: readonly PlacedFrame[];
  /** The number of the last transaction in it; `after` of the header if it is empty. */
  readonly last: number;
  /** Whether it has an end mark: the store was closed after it. */
  readonly ended: boolean;
  readonly torn: TornTail | undefined;
}

const SEGMENT_TITLE = "palaver log 1";
export const SEGMENT_HEADER_BYTES = SEGMENT_TITLE.length + 1 + 14 + 1 + 8 + 1 + 32 + 1 + 8 + 1;

const RECORD_SEPARATOR = 0x1e;
const LINE_FEED = 0x0a;
const FRAME_HEADER_BYTES = 1 + 8 + 1 + 8 + 1 + 14 + 1 + 8 + 1 + 8 + 1;

/** The size of a frame beyond its payload. */
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

/** Encodes the segment without its torn tail, with an end mark, and without free space. */
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
  /** The length of the payload, in bytes. */
  readonly length: number;
  readonly count: number;
  readonly first: number;
  /** The checksum of the payload. */
  readonly checksum: number;
}

function frameHeaderText({ length, count, first, checksum }: FrameHeader, seed: number): string {
  const fields = `\x1e${hex(length, 8)} ${hex(count, 8)} ${hex(first, 14)} ${hex(checksum, 8)} `;
  return `${fields}${hex(crc32(fields, seed), 8)} `;
}

/**
 * Decodes a whole segment: valid frames of consecutive transactions, then zeros or a torn tail.
 *
 * @param file its name, for error messages.
 * @throws DamageError where the content is anything else.
 */
export function decodeSegment(file: string, content: Uint8Array): Segment {
  const bytes = bufferOf(content);
  const header = decodeSegmentHeader(file, bytes);
  const seed = crc32(header.salt);
  const frames: PlacedFrame[] = [];
  let last = header.after;
  let ended = false;
  let at = SEGMENT_HEADER_BYTES;
  for (let found = frameAt(bytes, at, seed); found && !ended; found = frameAt(bytes, at, seed)) {
    const { frame, end } = found;
    if (frame.first !== last + 1) {
      throw damage(file, at, `transaction ${last + 1} is expected here, and ${frame.first} is found`);
    }
    ended = frame.count === 0;
    if (!ended) frames.push({ ...frame, offset: at });
    last += frame.count;
    at = end;
  }
  return { header, frames, last, ended, torn: tornTail(file, bytes, at, seed, ended) };
}

/** Finds all valid frames of a damaged segment. Without the salt in its header, none can be found. */
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

function decodeSegmentHeader(file: string, bytes: Buffer): SegmentHeader {
  const text = bytes.toString("latin1", 0, SEGMENT_HEADER_BYTES);
  const [after, size] = text.slice(SEGMENT_TITLE.length + 1).split(" ");
  const header = { after: parseHex(after), size: parseHex(size), salt: saltIn(text) };
  if (text !== segmentHeaderText(header)) {
    throw damage(file, 0, "the header of the log segment is invalid");
  }
  if (bytes.length !== header.size) {
    throw damage(
      file,
      bytes.length,
      `the file has ${bytes.length} bytes, and should have ${header.size} bytes`,
    );
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
    length: parseHex(length),
    count: parseHex(count),
    first: parseHex(first),
    checksum: parseHex(checksum),
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
 * The torn tail at `at`, where no valid frame begins; undefined where only zeros follow. An acknowledged frame that was
 * damaged later must not pass for a torn one, and three properties distinguish them. Frames are written one at a time, so no
 * valid frame follows a torn one. The space was preallocated with zeros, so unwritten sectors leave two adjacent zeros, or
 * one at an edge of the frame, where a complete frame has none. And a flipped bit cannot produce those zeros: RS and LF, the
 * bytes at the edges, differ from zero in more than one bit.
 *
 * @throws DamageError where it is no torn tail.
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
  if (ended) throw damage(file, at, "the log was closed here, and data follows");
  for (let next = at + 1; (next = bytes.indexOf(RECORD_SEPARATOR, next)) !== -1; next++) {
    if (frameAt(bytes, next, seed)) {
      throw damage(file, at, `the frame here is invalid, and a valid frame follows at byte ${next}`);
    }
  }
  const header = frameHeaderAt(bytes, at, seed);
  const torn = header
    ? end <= at + FRAME_OVERHEAD_BYTES + header.length &&
      hasHole(bytes.subarray(at, at + FRAME_OVERHEAD_BYTES + header.length))
    : hasHole(bytes.subarray(at, at + FRAME_HEADER_BYTES + 1));
  if (!torn) throw damage(file, at, "the checksum of the frame is wrong");
  return { file, offset: at, bytes: end - at };
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const HOLE = Buffer.from([0, 0]);

function hasHole(frame: Buffer): boolean {
  return frame[0] === 0 || frame.at(-1) === 0 || frame.includes(HOLE);
}

/** The position after the last byte that is not zero. */
function endOfWritten(bytes: Buffer): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return end;
}

/** NaN where the digits are invalid. */
function parseHex(digits: string | undefined): number {
  return Number(`0x${digits}`);
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
