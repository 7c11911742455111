import { AssertionError } from "node:assert";
import { expect } from "chai";
import { mutants, sound, type Adapter } from "./mutants.js";

type Step = () => Promise<void>;

/** A case of a contract, with the hooks of its suites. */
interface Case {
  readonly suite: string;
  readonly title: string;
  readonly steps: readonly Step[];
}

/** A minimal test runner: returns the cases of a contract. Hooks come before the suites and cases they serve. */
function casesOf({ define }: Adapter): readonly Case[] {
  const cases: Case[] = [];
  let suite = { title: "", before: [] as Step[], after: [] as Step[] };
  define({
    describe(title, body) {
      const outer = suite;
      suite = { title, before: [...outer.before], after: [...outer.after] };
      body();
      suite = outer;
    },
    beforeEach: (hook) => suite.before.push(hook),
    afterEach: (hook) => suite.after.unshift(hook),
    it: (title, body) =>
      cases.push({ suite: suite.title, title, steps: [...suite.before, body, ...suite.after] }),
  });
  return cases;
}

/** Rejects with the error of the case or its hooks. */
async function run({ steps }: Case): Promise<void> {
  for (const step of steps) await step();
}

describe("palaver/contract over broken adapters", () => {
  const cases = sound.flatMap(casesOf);

  it("passes for sound adapters", async () => {
    for (const each of cases) await run(each);
  });

  it("has mutants for every suite", () => {
    expect(Object.keys(mutants)).to.have.members([...new Set(cases.map(({ suite }) => suite))]);
  });

  for (const [name, broken] of Object.entries(mutants)) {
    it(`detects every mutant of ${name}, and has one for each of its cases`, async () => {
      const passing = new Set(cases.filter(({ suite }) => suite === name).map(({ title }) => title));
      for (const mutant of broken) {
        let failures = 0;
        for (const each of casesOf(mutant).filter(({ suite }) => suite === name)) {
          const error: unknown = await run(each).catch((thrown: unknown) => thrown);
          if (!(error instanceof AssertionError)) continue;
          passing.delete(each.title);
          failures += 1;
        }
        expect(failures, mutant.name).to.be.greaterThan(0);
      }
      expect([...passing], "cases that pass for every mutant").to.deep.equal([]);
    });
  }
});
