export type SqlValue = string | number | null;

/** The values of a row, in the order of the selected columns. */
export type Row = readonly SqlValue[];

/** A statement that writes, with the values of its parameters. */
export type Change = readonly [sql: string, ...values: SqlValue[]];

/** The SQL expression that each field of a value is selected by. A nested value has a nested table. */
export type Columns<Value> = {
  readonly [Field in keyof Value]-?: Value[Field] extends SqlValue
    ? string
    : Columns<NonNullable<Value[Field]>>;
};

/** The index in a row at which each field of a value stands. */
export type Positions<Value> = {
  readonly [Field in keyof Value]-?: Value[Field] extends SqlValue
    ? Position<Value[Field]>
    : Positions<NonNullable<Value[Field]>>;
};

type Position<Value> = number & { readonly of: Value };

/** A SELECT list, and the decoder of the rows that it yields. */
export interface Projection<Fields, Value = Fields> {
  readonly columns: Columns<Fields>;
  readonly sql: string;
  /** Decodes a row of a query that selects nothing but `sql`. */
  readonly decode: (row: Row) => Value;
  /** Decodes the value within a row of a projection in which `columns` is nested. */
  readonly decodeAt: (row: Row, at: Positions<Fields>) => Value;
}

/**
 * Makes a SELECT list of a table of columns. The positions are computed once, so that decoding by name costs no more than
 * decoding by index; a loop over the names costs three times as much.
 */
export function projection<Fields, Value = Fields>(
  columns: Columns<Fields>,
  decodeAt: (row: Row, at: Positions<Fields>) => Value,
): Projection<Fields, Value> {
  const expressions: string[] = [];
  const at = positionsOf(columns, expressions) as Positions<Fields>;
  return { columns, sql: expressions.join(", "), decode: (row) => decodeAt(row, at), decodeAt };
}

interface ColumnTree {
  readonly [field: string]: string | ColumnTree;
}

function positionsOf(columns: ColumnTree, expressions: string[]): object {
  return Object.fromEntries(
    Object.entries(columns).map(([field, column]) => [
      field,
      typeof column === "string" ? expressions.push(column) - 1 : positionsOf(column, expressions),
    ]),
  );
}

export function valueAt<Value>(row: Row, at: Position<Value>): Value {
  return row[at] as Value;
}

/**
 * Makes an INSERT statement of a table of columns, each with the value that it gets.
 *
 * @param onConflict an `ON CONFLICT` clause.
 */
export function insertion<Given>(
  table: string,
  columns: Readonly<Record<string, (given: Given) => SqlValue>>,
  onConflict = "",
): (given: Given) => Change {
  const names = Object.keys(columns);
  const values = Object.values(columns);
  const marks = names.map((_, index) => `$${index + 1}`).join(", ");
  const sql = `INSERT INTO ${table} (${names.join(", ")}) VALUES (${marks}) ${onConflict}`.trimEnd();
  return (given) => [sql, ...values.map((value) => value(given))];
}
