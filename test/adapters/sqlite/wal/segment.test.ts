import { expect } from "chai";
import fc from "fast-check";
import { DamageError } from "../../../../src/adapters/sqlite/wal/damage.js";
import {
  encodeFrame,
  encodeSegmentHeader,
  readSegment,
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

describe("a log segment", () => {
  it("gives back its frames, and where they are", () => {
    const { bytes, starts } = written(FRAMES);
    const frames = FRAMES.map((frame, index) => ({ ...frame, offset: starts[index] }));
    const expected = { header: HEADER, frames, last: 10, ended: false, torn: undefined };
    expect(readSegment(NAME, bytes)).to.deep.equal(expected);
  });

  it("tells whether the store was closed after it", () => {
    const segment = readSegment(NAME, written([...FRAMES, END]).bytes);
    expect(segment).to.include({ last: 10, ended: true, torn: undefined });
  });

  it("may be empty, and may be full to the last byte", () => {
    expect(readSegment(NAME, written([]).bytes)).to.deep.include({ frames: [], last: 6, ended: false });
    const rest = HEADER.size - written(FRAMES).end;
    const filler = encodeFrame(HEADER.salt, { first: 11, count: 1, payload: "" }).length;
    const full = written([...FRAMES, { first: 11, count: 1, payload: "x".repeat(rest - filler) }]);
    expect(full.end).to.equal(HEADER.size);
    expect(readSegment(NAME, full.bytes)).to.deep.include({ last: 11, torn: undefined });
  });

  it("holds no zero byte where something is written", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(0xffff)), (codeUnits) => {
        const text = String.fromCharCode(...codeUnits);
        const frame = encodeFrame(HEADER.salt, { first: 1, count: 1, payload: JSON.stringify([[[text]]]) });
        expect(frame.includes(0)).to.equal(false);
      }),
    );
  });

  it("cuts a last frame of which any sectors are missing, and says where", () => {
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
          const segment = readSegment(NAME, torn);
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

  it("cuts a last frame that breaks off at any byte", () => {
    const { bytes, starts, end } = written(FRAMES);
    for (let cut = starts[2]! + 1; cut < end; cut++) {
      const segment = readSegment(NAME, bytes.slice().fill(0, cut));
      expect(segment.last).to.equal(9);
      expect(segment.torn).to.deep.equal({ file: NAME, offset: starts[2], bytes: cut - starts[2]! });
    }
  });

  it("never takes a flipped bit for a torn tail, nor lets it pass", () => {
    const { bytes, end } = written(FRAMES);
    const results = new Set<string>();
    for (let bit = 0; bit < end * 8; bit++) {
      const flipped = bytes.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      results.add(resultOf(() => readSegment(NAME, flipped)));
    }
    expect([...results]).to.deep.equal(["refused"]);
  });

  it("cuts one flipped bit in the zeros behind its frames", () => {
    const { bytes, end } = written(FRAMES);
    bytes[end + 600] = 0x40;
    const segment = readSegment(NAME, bytes);
    expect(segment.last).to.equal(10);
    expect(segment.torn).to.deep.equal({ file: NAME, offset: end, bytes: 601 });
  });

  it("refuses a bad frame that a good one follows, though it looks torn", () => {
    const { bytes, starts } = written(FRAMES);
    bytes.fill(0, starts[1]! + 100, starts[1]! + 612);
    expect(() => readSegment(NAME, bytes)).to.throw(DamageError, `damaged at byte ${starts[1]}`);
  });

  it("refuses a good frame behind zeros", () => {
    const { bytes, starts } = written(FRAMES);
    bytes.fill(0, starts[1], starts[2]);
    expect(() => readSegment(NAME, bytes)).to.throw(DamageError, `a good frame follows at byte ${starts[2]}`);
  });

  it("refuses what comes after its end", () => {
    const { bytes, end } = written([...FRAMES, END]);
    bytes[end + 600] = 0x40;
    expect(() => readSegment(NAME, bytes)).to.throw(DamageError, "the log was closed here");
  });

  it("refuses what stands behind a torn frame", () => {
    const { bytes, starts, end } = written(FRAMES);
    bytes.fill(0, starts[2]! + 60, end);
    bytes[end + 600] = 0x40;
    expect(() => readSegment(NAME, bytes)).to.throw(DamageError);
  });

  it("refuses a gap in the numbers of its transactions", () => {
    const { bytes, starts } = written([FRAMES[0]!, FRAMES[2]!]);
    expect(() => readSegment(NAME, bytes)).to.throw(
      DamageError,
      "transaction 9 should be here, and it is 10",
    );
    expect(() => readSegment(NAME, bytes)).to.throw(`byte ${starts[1]}`);
  });

  it("refuses a frame of another segment", () => {
    const { bytes, starts } = written(FRAMES);
    bytes.set(encodeFrame("ff".repeat(16), FRAMES[2]!), starts[2]);
    expect(() => readSegment(NAME, bytes)).to.throw(DamageError, "checksum");
  });

  it("refuses a file that is shorter than it was made", () => {
    expect(() => readSegment(NAME, written(FRAMES).bytes.subarray(0, 4000))).to.throw(
      DamageError,
      "4096 bytes",
    );
    expect(() => readSegment(NAME, new Uint8Array())).to.throw(DamageError, "header");
    expect(() => readSegment(NAME, new Uint8Array(4096))).to.throw(DamageError, "header");
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
    return error instanceof DamageError && error.file === NAME ? "refused" : String(error);
  }
}

function multiples(of: number, from: number, to: number, shift: number): number[] {
  const found: number[] = [];
  for (let at = Math.ceil((from - shift) / of) * of + shift; at < to; at += of) found.push(at);
  return found;
}
