import type { Change, SqlValue } from "../database.js";

/**
 * What a transaction leaves in the log: its changes, as JSON. In a frame it stands among others, in a list of them:
 *
 *     [[["INSERT …",1,"a"],["UPDATE …",2]],
 *     [[0,3,"b"]]]
 *
 * A statement is written out where it first stands in the frame. After that a number stands for it: its place among those
 * that were written out. Statements are longer than what they say, and the same few come again and again.
 */
export interface LogRecord {
  readonly json: string;
  /** Of the JSON, and of what joins it to others. */
  readonly bytes: number;
  /** What is written out in it. */
  readonly statements: readonly string[];
}

const JOINT = ",\n";

/** What is needed in a frame besides the bytes of its records. */
export const RECORDS_OVERHEAD_BYTES = "[]".length;

/** @param writtenOut the statements before it in its frame. */
export function logRecord(changes: readonly Change[], writtenOut: readonly string[]): LogRecord {
  const statements: string[] = [];
  const short = changes.map(([sql, ...values]) => {
    const place = writtenOut.indexOf(sql);
    if (place !== -1) return [place, ...values];
    const here = statements.indexOf(sql);
    if (here !== -1) return [writtenOut.length + here, ...values];
    statements.push(sql);
    return [sql, ...values];
  });
  const json = JSON.stringify(short);
  return { json, bytes: Buffer.byteLength(json) + JOINT.length, statements };
}

export function joinRecords(records: readonly LogRecord[]): string {
  return `[${records.map(({ json }) => json).join(JOINT)}]`;
}

/** The changes of each transaction of a frame. */
export function readRecords(payload: string): readonly (readonly Change[])[] {
  const writtenOut: string[] = [];
  const transactions = JSON.parse(payload) as readonly (readonly (readonly [
    string | number,
    ...SqlValue[],
  ])[])[];
  return transactions.map((changes) =>
    changes.map(([statement, ...values]): Change => {
      if (typeof statement === "string") writtenOut.push(statement);
      const sql = typeof statement === "string" ? statement : writtenOut[statement];
      if (sql === undefined) {
        throw new Error(`Statement ${statement} of ${writtenOut.length} that are written out is asked for.`);
      }
      return [sql, ...values];
    }),
  );
}
