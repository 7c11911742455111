import type { Runner } from "../fixtures.js";

/** One test, with the hooks around it. */
export interface Case {
  /** Of the case and the suites it is in. */
  readonly title: string;
  /** What it threw; undefined where it passed. */
  readonly run: () => Promise<unknown>;
}

interface Suite {
  readonly title: string;
  readonly before: (() => Promise<void>)[];
  readonly after: (() => Promise<void>)[];
}

/** The smallest test runner: what `define` defines, to be run case by case. */
export function collect(define: (runner: Runner) => void): readonly Case[] {
  const cases: Case[] = [];
  let suites: readonly Suite[] = [];
  define({
    describe(title, body) {
      const around = suites;
      suites = [...around, { title, before: [], after: [] }];
      body();
      suites = around;
    },
    beforeEach: (hook) => suites.at(-1)!.before.push(hook),
    afterEach: (hook) => suites.at(-1)!.after.unshift(hook),
    it(title, body) {
      const around = suites;
      cases.push({
        title: [...around.map((suite) => suite.title), title].join(" "),
        run: async () => {
          const before = around.flatMap((suite) => suite.before);
          const after = around.toReversed().flatMap((suite) => suite.after);
          const fault = await faultOf([...before, body]);
          return fault ?? (await faultOf(after));
        },
      });
    },
  });
  return cases;
}

async function faultOf(steps: readonly (() => Promise<void>)[]): Promise<unknown> {
  try {
    for (const step of steps) await step();
    return undefined;
  } catch (fault) {
    return fault;
  }
}
