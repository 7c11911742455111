/** A value that was measured in an odd number of rounds. */
export interface Figure {
  readonly name: string;
  /** One value per round: a ratio, unless there is a unit. */
  readonly rounds: readonly number[];
  readonly unit?: "s" | "ms" | "MB" | "%";
  /** The absolute values behind a ratio, or a remark. */
  readonly detail?: string;
}

/**
 * Measures all sides once per round, so that disturbances on the machine affect all of them. Skips a side that is `undefined`.
 */
export async function measureRounds<Side extends string, Result>(
  rounds: number,
  sides: Readonly<Record<Side, (() => Promise<Result>) | undefined>>,
): Promise<readonly Readonly<Record<Side, Result>>[]> {
  const present = Object.entries(sides).filter((side) => side[1] !== undefined) as [
    Side,
    () => Promise<Result>,
  ][];
  const results: Record<Side, Result>[] = [];
  for (let round = 0; round < rounds; round++) {
    const result = {} as Record<Side, Result>;
    for (const [side, measure] of present) result[side] = await measure();
    results.push(result);
  }
  return results;
}

/** Returns the ratio of a value to its baseline in each round, with the medians of both as the detail. */
export function compare<Round>(
  name: string,
  rounds: readonly Round[],
  [value, baseline]: readonly [(round: Round) => number, (round: Round) => number],
  format: (value: number) => string,
): Figure {
  return {
    name,
    rounds: rounds.map((round) => value(round) / baseline(round)),
    detail: [value, baseline].map((side) => format(median(rounds.map(side)))).join(" against "),
  };
}

export interface PeakMonitor {
  /** Stops the monitor and returns the highest value. */
  stop(): number;
}

/** Reads a value at an interval. */
export function monitorPeak(read: () => number, intervalMs: number): PeakMonitor {
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, read());
  }, intervalMs);
  return {
    stop() {
      clearInterval(timer);
      return peak;
    },
  };
}

/** Returns the middle of an odd number of values. */
export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** Returns the nearest-rank percentile, or `NaN` if there are no values. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = Float64Array.from(values).toSorted();
  return sorted[Math.ceil((sorted.length * percent) / 100) - 1] ?? Number.NaN;
}

/** Returns a Markdown table: each figure with its median, its spread over the rounds, and the values that it compares. */
export function toMarkdown(figures: readonly Figure[]): string {
  const [head, ...rows] = [
    ["Measurement", "Median", "Lowest to highest", "Values"],
    ...figures.map(toCells),
  ] as [string[], ...string[][]];
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

/** Returns the figures with their medians, for the JSON report. */
export function toJson(figures: readonly Figure[]): readonly unknown[] {
  return figures.map((figure) => ({ ...figure, median: median(figure.rounds) }));
}

function toCells({ name, rounds, unit, detail = "" }: Figure): string[] {
  const format = (value: number) => (unit ? `${value.toFixed(2)} ${unit}` : value.toFixed(2));
  const range = `${format(Math.min(...rounds))} to ${format(Math.max(...rounds))}`;
  return [name, format(median(rounds)), rounds.length > 1 ? range : "one round", detail];
}
