import { expect } from "chai";
import fc from "fast-check";
import type { Change } from "../../../../src/adapters/sql/columns.js";
import {
  decodeRecords,
  encodeRecord,
  joinRecords,
  RECORDS_OVERHEAD_BYTES,
  type LogRecord,
} from "../../../../src/adapters/sqlite/wal/record.js";

const value = fc.oneof(fc.string({ unit: "binary" }), fc.integer(), fc.constant(null));
const change = fc
  .tuple(fc.constantFrom("A ?", 'B "?"', "C"), fc.array(value, { maxLength: 3 }))
  .map(([sql, values]): Change => [sql, ...values]);
const frame = fc.array(fc.array(change, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 6 });

function recordsOf(transactions: readonly (readonly Change[])[]): LogRecord[] {
  const records: LogRecord[] = [];
  for (const changes of transactions) {
    records.push(
      encodeRecord(
        changes,
        records.flatMap(({ statements }) => statements),
      ),
    );
  }
  return records;
}

describe("Log records", () => {
  it("decode to the encoded changes, and have at most the computed size", () => {
    fc.assert(
      fc.property(frame, (transactions) => {
        const records = recordsOf(transactions);
        const text = joinRecords(records);
        expect(decodeRecords(text)).to.deep.equal(transactions);
        const computed = records.reduce((sum, { bytes }) => sum + bytes, RECORDS_OVERHEAD_BYTES);
        expect(Buffer.byteLength(text)).to.be.at.most(computed);
      }),
    );
  });

  it("hold the text of each statement once in a frame", () => {
    const text = joinRecords(
      recordsOf([
        [["A ?", 1], ["C"]],
        [["C"], ["A ?", 2], ["A ?", 3]],
      ]),
    );
    expect(text).to.equal('[[["A ?",1],["C"]],\n[[1],[0,2],[0,3]]]');
  });

  it("decode where each record holds the text of its statements", () => {
    const written = '[[["A ?",1],["C"]],\n[["C"],["A ?",2]]]';
    expect(decodeRecords(written)).to.deep.equal([
      [["A ?", 1], ["C"]],
      [["C"], ["A ?", 2]],
    ]);
  });

  it("are rejected where an index has no statement", () => {
    expect(() => decodeRecords('[[["A ?",1],[1,2]]]')).to.throw("Statement 1 does not exist");
  });
});
