import type { Change, SqlValue } from "../../sql/columns.js";

/**
 * The entry of a transaction in the log: its changes, as JSON. A frame holds a list of records:
 *
 *     [[["INSERT …",1,"a"],["UPDATE …",2]],
 *     [[0,3,"b"]]]
 *
 * The first occurrence of a statement in a frame is its SQL text; later ones are its index among the texts of the frame, since
 * a text is longer than its values and the same few statements recur.
 */
export interface LogRecord {
  readonly json: string;
  /** The size of the JSON with its separator, in bytes. */
  readonly bytes: number;
  /** The statements that the record holds as text. */
  readonly statements: readonly string[];
}

const SEPARATOR = ",\n";

/** The size of a list of records beyond the sum of their `bytes`. */
export const RECORDS_OVERHEAD_BYTES = "[]".length;

/** @param statements those that earlier records of the frame hold as text. */
export function encodeRecord(changes: readonly Change[], statements: readonly string[]): LogRecord {
  const added: string[] = [];
  const encoded = changes.map(([sql, ...values]) => {
    const index = statements.indexOf(sql);
    if (index !== -1) return [index, ...values];
    const addedIndex = added.indexOf(sql);
    if (addedIndex !== -1) return [statements.length + addedIndex, ...values];
    added.push(sql);
    return [sql, ...values];
  });
  const json = JSON.stringify(encoded);
  return { json, bytes: Buffer.byteLength(json) + SEPARATOR.length, statements: added };
}

export function joinRecords(records: readonly LogRecord[]): string {
  return `[${records.map(({ json }) => json).join(SEPARATOR)}]`;
}

/**
 * Decodes the payload of a frame.
 *
 * @returns the changes of each transaction.
 * @throws Error where an index has no statement.
 */
export function decodeRecords(payload: string): readonly (readonly Change[])[] {
  const statements: string[] = [];
  const transactions = JSON.parse(payload) as readonly (readonly (readonly [
    string | number,
    ...SqlValue[],
  ])[])[];
  return transactions.map((changes) =>
    changes.map(([statement, ...values]): Change => {
      if (typeof statement === "string") statements.push(statement);
      const sql = typeof statement === "string" ? statement : statements[statement];
      if (sql === undefined) {
        throw new Error(`Statement ${statement} does not exist: the frame has ${statements.length} so far.`);
      }
      return [sql, ...values];
    }),
  );
}
