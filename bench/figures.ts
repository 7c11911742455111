/** Something measured in several rounds, an odd number of them. */
export interface Figure {
  readonly name: string;
  readonly goal?: Goal;
  /** One a round: a ratio, unless a unit is given. */
  readonly rounds: readonly number[];
  readonly unit?: "s" | "MB";
  /** What a ratio is of. */
  readonly detail?: string;
}

export type Goal = { readonly atLeast: number } | { readonly atMost: number } | { readonly below: number };

/**
 * Measures each side in turn, round after round, so that whatever else the machine does meanwhile, it does it to all of
 * them. A side that is undefined is left out.
 */
export async function inTurn<Side extends string, Measured>(
  rounds: number,
  sides: Readonly<Record<Side, (() => Promise<Measured>) | undefined>>,
): Promise<readonly Readonly<Record<Side, Measured>>[]> {
  const measured: Record<Side, Measured>[] = [];
  const present = Object.entries(sides).filter((side) => side[1] !== undefined) as [
    Side,
    () => Promise<Measured>,
  ][];
  for (let round = 0; round < rounds; round++) {
    const results = {} as Record<Side, Measured>;
    for (const [side, measure] of present) results[side] = await measure();
    measured.push(results);
  }
  return measured;
}

/** How two figures of the same rounds compare. */
export function ratio<Round>(
  name: string,
  goal: Goal | undefined,
  rounds: readonly Round[],
  [above, below]: readonly [(round: Round) => number, (round: Round) => number],
  inWords: (value: number) => string,
): Figure {
  const middles = [above, below].map((value) => inWords(median(rounds.map(value))));
  return {
    name,
    ...(goal && { goal }),
    rounds: rounds.map((round) => above(round) / below(round)),
    detail: middles.join(" against "),
  };
}

/** A figure that is looked at again and again. */
export interface Watch {
  /** @returns the highest that was seen. */
  end(): number;
}

/** @param pause between two looks, in milliseconds. */
export function watchHighest(look: () => number, pause: number): Watch {
  let highest = 0;
  const timer = setInterval(() => {
    highest = Math.max(highest, look());
  }, pause);
  return {
    end() {
      clearInterval(timer);
      return highest;
    },
  };
}

/** The middle one of an odd number of values. */
export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** The least value that so many per cent do not exceed; NaN of none. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = Float64Array.from(values).toSorted();
  return sorted[Math.ceil((sorted.length * percent) / 100) - 1] ?? Number.NaN;
}

/** A Markdown table of the figures, each with its goal and whether the median meets it. */
export function table(figures: readonly Figure[]): string {
  const [head, ...rows] = [
    ["What", "Goal", "Median", "Lowest to highest", "Met", "In figures"],
    ...figures.map(cells),
  ] as [string[], ...string[][]];
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

/** The same for programs. */
export function report(figures: readonly Figure[]): readonly unknown[] {
  return figures.map((figure) => ({ ...figure, median: median(figure.rounds), met: isMet(figure) }));
}

function cells(figure: Figure): string[] {
  const { name, goal, rounds, unit, detail = "" } = figure;
  const value = (number: number) => (unit ? `${number.toFixed(2)} ${unit}` : number.toFixed(2));
  const [lowest, middle, highest] = [Math.min(...rounds), median(rounds), Math.max(...rounds)].map(value);
  const met = isMet(figure);
  return [
    name,
    goal ? goalInWords(goal, value) : "",
    middle!,
    rounds.length > 1 ? `${lowest} to ${highest}` : "one round",
    met === undefined ? "" : met ? "yes" : "NO",
    detail,
  ];
}

function goalInWords(goal: Goal, value: (number: number) => string): string {
  if ("atLeast" in goal) return `at least ${value(goal.atLeast)}`;
  return "atMost" in goal ? `at most ${value(goal.atMost)}` : `below ${value(goal.below)}`;
}

function isMet({ goal, rounds }: Figure): boolean | undefined {
  if (goal === undefined) return undefined;
  const middle = median(rounds);
  if ("atLeast" in goal) return middle >= goal.atLeast;
  return "atMost" in goal ? middle <= goal.atMost : middle < goal.below;
}
