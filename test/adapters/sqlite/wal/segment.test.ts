import { expect } from "chai";
import fc from "fast-check";
import { DamageError } from "../../../../src/adapters/sqlite/wal/damage.js";
import {
  encodeFrame,
  encodeSegmentHeader,
  decodeSegment,
  SEGMENT_HEADER_BYTES,
  type Frame,
  type Segment,
} from "../../../../src/adapters/sqlite/wal/segment.js";

const NAME = "log-0000000000000006.palaver";
const HEADER = { after: 6, size: 4096, salt: "00112233445566778899aabbccddeeff" };
const FRAMES: readonly Frame[] = [
  { first: 7, count: 2, payload: '[[["a"]],\n[["b"]]]' },
  { first: 9, count: 1, payload: JSON.stringify([[["x".repeat(700)]]]) },
  { first: 10, count: 1, payload: '[[["grüße 🙂 \\u0000 @"]]]' },
];
const END: Frame = { first: 11, count: 0, payload: "" };

describe("decodeSegment", () => {
  it("returns the frames with their positions", () => {
    const { bytes, starts } = written(FRAMES);
    const frames = FRAMES.map((frame, index) => ({ ...frame, offset: starts[index] }));
    const expected = { header: HEADER, frames, last: 10, ended: false, torn: undefined };
    expect(decodeSegment(NAME, bytes)).to.deep.equal(expected);
  });

  it("reports an end mark", () => {
    const segment = decodeSegment(NAME, written([...FRAMES, END]).bytes);
    expect(segment).to.include({ last: 10, ended: true, torn: undefined });
  });

  it("accepts an empty segment and one that is full to the last byte", () => {
    expect(decodeSegment(NAME, written([]).bytes)).to.deep.include({ frames: [], last: 6, ended: false });
    const rest = HEADER.size - written(FRAMES).end;
    const filler = encodeFrame(HEADER.salt, { first: 11, count: 1, payload: "" }).length;
    const full = written([...FRAMES, { first: 11, count: 1, payload: "x".repeat(rest - filler) }]);
    expect(full.end).to.equal(HEADER.size);
    expect(decodeSegment(NAME, full.bytes)).to.deep.include({ last: 11, torn: undefined });
  });

  it("finds no zero byte in a frame, whatever its text", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(0xffff)), (codeUnits) => {
        const text = String.fromCharCode(...codeUnits);
        const frame = encodeFrame(HEADER.salt, { first: 1, count: 1, payload: JSON.stringify([[[text]]]) });
        expect(frame.includes(0)).to.equal(false);
      }),
    );
  });

  it("reports a last frame with any missing sectors as torn", () => {
    const { bytes, starts, end } = written(FRAMES.slice(0, 2));
    const start = starts[1]!;
    for (const sector of [512, 4096]) {
      for (const shift of [0, 1, 77, 511]) {
        const edges = [start, ...multiples(sector, start + 1, end, shift), end];
        for (let lost = 1; lost < 2 ** (edges.length - 1); lost++) {
          const torn = bytes.slice();
          for (const [index, edge] of edges.slice(0, -1).entries()) {
            if (lost & (1 << index)) torn.fill(0, edge, edges[index + 1]);
          }
          const segment = decodeSegment(NAME, torn);
          expect(segment.last).to.equal(8);
          if (torn.subarray(start).some((byte) => byte !== 0)) {
            expect(segment.torn).to.include({ file: NAME, offset: start });
          } else {
            expect(segment.torn).to.equal(undefined);
          }
        }
      }
    }
  });

  it("reports a last frame that breaks off at any byte as torn", () => {
    const { bytes, starts, end } = written(FRAMES);
    for (let cut = starts[2]! + 1; cut < end; cut++) {
      const segment = decodeSegment(NAME, bytes.slice().fill(0, cut));
      expect(segment.last).to.equal(9);
      expect(segment.torn).to.deep.equal({ file: NAME, offset: starts[2], bytes: cut - starts[2]! });
    }
  });

  it("rejects any flipped bit in a frame as damage", () => {
    const { bytes, end } = written(FRAMES);
    const results = new Set<string>();
    for (let bit = 0; bit < end * 8; bit++) {
      const flipped = bytes.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      results.add(resultOf(() => decodeSegment(NAME, flipped)));
    }
    expect([...results]).to.deep.equal(["rejected"]);
  });

  it("reports a flipped bit in the zeros after the frames as torn", () => {
    const { bytes, end } = written(FRAMES);
    bytes[end + 600] = 0x40;
    const segment = decodeSegment(NAME, bytes);
    expect(segment.last).to.equal(10);
    expect(segment.torn).to.deep.equal({ file: NAME, offset: end, bytes: 601 });
  });

  it("rejects an invalid frame before a valid one, though it looks torn", () => {
    const { bytes, starts } = written(FRAMES);
    bytes.fill(0, starts[1]! + 100, starts[1]! + 612);
    expect(() => decodeSegment(NAME, bytes)).to.throw(DamageError, `damaged at byte ${starts[1]}`);
  });

  it("rejects a valid frame after zeros", () => {
    const { bytes, starts } = written(FRAMES);
    bytes.fill(0, starts[1], starts[2]);
    expect(() => decodeSegment(NAME, bytes)).to.throw(
      DamageError,
      `a valid frame follows at byte ${starts[2]}`,
    );
  });

  it("rejects data after the end mark", () => {
    const { bytes, end } = written([...FRAMES, END]);
    bytes[end + 600] = 0x40;
    expect(() => decodeSegment(NAME, bytes)).to.throw(DamageError, "the log was closed here");
  });

  it("rejects data after a torn frame", () => {
    const { bytes, starts, end } = written(FRAMES);
    bytes.fill(0, starts[2]! + 60, end);
    bytes[end + 600] = 0x40;
    expect(() => decodeSegment(NAME, bytes)).to.throw(DamageError);
  });

  it("rejects a gap in the transaction numbers", () => {
    const { bytes, starts } = written([FRAMES[0]!, FRAMES[2]!]);
    expect(() => decodeSegment(NAME, bytes)).to.throw(
      DamageError,
      "transaction 9 is expected here, and 10 is found",
    );
    expect(() => decodeSegment(NAME, bytes)).to.throw(`byte ${starts[1]}`);
  });

  it("rejects a frame of another segment", () => {
    const { bytes, starts } = written(FRAMES);
    bytes.set(encodeFrame("ff".repeat(16), FRAMES[2]!), starts[2]);
    expect(() => decodeSegment(NAME, bytes)).to.throw(DamageError, "checksum");
  });

  it("rejects a file that is shorter than its header says", () => {
    expect(() => decodeSegment(NAME, written(FRAMES).bytes.subarray(0, 4000))).to.throw(
      DamageError,
      "should have 4096 bytes",
    );
    expect(() => decodeSegment(NAME, new Uint8Array())).to.throw(DamageError, "header");
    expect(() => decodeSegment(NAME, new Uint8Array(4096))).to.throw(DamageError, "header");
  });
});

function written(frames: readonly Frame[]) {
  const bytes = new Uint8Array(HEADER.size);
  bytes.set(encodeSegmentHeader(HEADER));
  const starts: number[] = [];
  let end = SEGMENT_HEADER_BYTES;
  for (const frame of frames) {
    starts.push(end);
    const encoded = encodeFrame(HEADER.salt, frame);
    bytes.set(encoded, end);
    end += encoded.length;
  }
  return { bytes, starts, end };
}

function resultOf(read: () => Segment): string {
  try {
    return JSON.stringify(read());
  } catch (error) {
    return error instanceof DamageError && error.file === NAME ? "rejected" : String(error);
  }
}

function multiples(of: number, from: number, to: number, shift: number): number[] {
  const found: number[] = [];
  for (let at = Math.ceil((from - shift) / of) * of + shift; at < to; at += of) found.push(at);
  return found;
}
