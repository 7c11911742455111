import type { Figure } from "./figures.js";
import type { LoadedStore } from "./loaded-store.js";

/** How a run of the benchmark measures. */
export interface Setting {
  /** A directory for data, which is removed at the end. Each measure takes names of its own in it. */
  readonly scratch: string;
  /** An odd number. */
  readonly rounds: number;
  /** How long each side of each round is measured, in milliseconds. */
  readonly lap: number;
  /** The same where the slowest one in a hundred is looked for. */
  readonly longLap: number;
  /** How long each is asked before that, in milliseconds. */
  readonly warmUp: number;
  /** Whether what has no goal, and what takes longest, is to be left out or done once. */
  readonly quick: boolean;
  /** A store with a million messages, which is made for the first who asks. */
  readonly loaded: () => Promise<LoadedStore>;
}

/** One measure of the benchmark. */
export interface Measure {
  readonly purpose: string;
  /** Whether a quick run does without it, unless it is named. */
  readonly slow?: boolean;
  readonly measure: (setting: Setting) => Promise<readonly Figure[]>;
}
