import type { Figure } from "./figures.js";
import type { LoadedStore } from "./loaded-store.js";

/** The settings of one run of the benchmark. */
export interface Settings {
  /** A directory for data, removed at the end of the run. Each measure uses its own names in it. */
  readonly scratch: string;
  /** The number of rounds, which is odd. */
  readonly rounds: number;
  /** The duration of a lap. */
  readonly lapMs: number;
  /** The duration of a lap whose p99 is measured, which needs more samples. */
  readonly longLapMs: number;
  /** The duration of the load before a lap. */
  readonly warmUpMs: number;
  /** Whether to skip secondary comparisons, and to run the slowest measurements once. */
  readonly quick: boolean;
  /** Returns a store with a million messages, which the first call creates. */
  readonly loadedStore: () => Promise<LoadedStore>;
}

/** One measure of the benchmark. */
export interface Measure {
  readonly purpose: string;
  /** Whether a quick run skips it unless it is named. */
  readonly slow?: boolean;
  readonly run: (settings: Settings) => Promise<readonly Figure[]>;
}
