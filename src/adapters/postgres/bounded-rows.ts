import type { Projection } from "../sql/columns.js";
import { MESSAGE_LENGTH } from "../sql/messages.js";
import type { Value } from "./connection.js";
import type { Scope } from "./scope.js";

/** The parts of a query that reads rows of `messages`, or rows left-joined with it, in an order. */
interface BoundedQuery {
  /** A `WITH` clause. */
  readonly with?: string;
  readonly from: string;
  readonly where?: string;
  readonly orderBy: string;
  readonly limit?: string;
  /** The length of a row at most, in code points; that of its message unless given. */
  readonly length?: string;
}

/**
 * The rows of a query, decoded, up to the one with which their messages have `maxCharacters` together. PostgreSQL
 * counts code points and so sends a few more rows, of which this function keeps those within the UTF-16 code units.
 *
 * @param lengthOf the length of the message of a value, in UTF-16 code units.
 */
export async function boundedRows<Fields, Decoded>(
  scope: Scope,
  { sql, decode }: Projection<Fields, Decoded>,
  lengthOf: (value: Decoded) => number,
  maxCharacters: number,
  { with: withClause = "", from, where = "", orderBy, limit = "", length = MESSAGE_LENGTH }: BoundedQuery,
  ...values: Value[]
): Promise<readonly Decoded[]> {
  const rows = await scope.rows(
    `${withClause} SELECT * FROM (
       SELECT ${sql}, sum(${length}) OVER (ORDER BY ${orderBy} ROWS UNBOUNDED PRECEDING) - (${length}) AS characters_before
       FROM ${from} ${where} ORDER BY ${orderBy} ${limit}
     ) AS slice WHERE characters_before < $${values.length + 1}`,
    ...values,
    Math.min(maxCharacters, Number.MAX_SAFE_INTEGER),
  );
  const found: Decoded[] = [];
  let characters = 0;
  for (const row of rows) {
    const value = decode(row);
    found.push(value);
    characters += lengthOf(value);
    if (characters >= maxCharacters) break;
  }
  return found;
}
