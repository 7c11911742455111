import { expect } from "chai";
import fc from "fast-check";
import type { Change } from "../../../../src/adapters/sqlite/database.js";
import {
  joinRecords,
  logRecord,
  readRecords,
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
      logRecord(
        changes,
        records.flatMap(({ statements }) => statements),
      ),
    );
  }
  return records;
}

describe("The records of a frame", () => {
  it("are read as they were written, and take the bytes that were reckoned with", () => {
    fc.assert(
      fc.property(frame, (transactions) => {
        const records = recordsOf(transactions);
        const text = joinRecords(records);
        expect(readRecords(text)).to.deep.equal(transactions);
        const reckoned = records.reduce((sum, { bytes }) => sum + bytes, RECORDS_OVERHEAD_BYTES);
        expect(Buffer.byteLength(text)).to.be.at.most(reckoned);
      }),
    );
  });

  it("write each statement out once", () => {
    const text = joinRecords(
      recordsOf([
        [["A ?", 1], ["C"]],
        [["C"], ["A ?", 2], ["A ?", 3]],
      ]),
    );
    expect(text).to.equal('[[["A ?",1],["C"]],\n[[1],[0,2],[0,3]]]');
  });

  it("are read, too, where each of them writes its statements out", () => {
    const written = '[[["A ?",1],["C"]],\n[["C"],["A ?",2]]]';
    expect(readRecords(written)).to.deep.equal([
      [["A ?", 1], ["C"]],
      [["C"], ["A ?", 2]],
    ]);
  });

  it("are refused where a number stands for no statement", () => {
    expect(() => readRecords('[[["A ?",1],[1,2]]]')).to.throw("Statement 1 of 1");
  });
});
