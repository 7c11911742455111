/** Something measured in several runs, an odd number of them. */
export interface Figure {
  readonly name: string;
  readonly goal?: { readonly atLeast: number } | { readonly atMost: number } | { readonly below: number };
  /** One a run: a ratio, unless a unit is given. */
  readonly runs: readonly number[];
  readonly unit?: "s";
  /** What a ratio is of. */
  readonly detail?: string;
}

/** The middle one of an odd number of values. */
export function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[(values.length - 1) / 2]!;
}

/** A Markdown table of the figures, each with its goal and whether the median meets it. */
export function table(figures: readonly Figure[]): string {
  const [head, ...rows] = [
    ["What", "Goal", "Median", "Lowest to highest", "Holds", "In figures"],
    ...figures.map(cells),
  ] as [string[], ...string[][]];
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

function cells({ name, goal, runs, unit, detail = "" }: Figure): string[] {
  const value = (number: number) => (unit ? `${number.toFixed(2)} ${unit}` : number.toFixed(2));
  const middle = median(runs);
  const spread = `${value(Math.min(...runs))} to ${value(Math.max(...runs))}`;
  const [goalText, holds] = verdict(goal, middle, value);
  return [name, goalText, value(middle), spread, holds, detail];
}

function verdict(
  goal: Figure["goal"],
  middle: number,
  value: (number: number) => string,
): readonly [string, string] {
  const yesOrNo = (holds: boolean) => (holds ? "yes" : "NO");
  if (goal === undefined) return ["", ""];
  if ("atLeast" in goal) return [`at least ${value(goal.atLeast)}`, yesOrNo(middle >= goal.atLeast)];
  if ("atMost" in goal) return [`at most ${value(goal.atMost)}`, yesOrNo(middle <= goal.atMost)];
  return [`below ${value(goal.below)}`, yesOrNo(middle < goal.below)];
}
