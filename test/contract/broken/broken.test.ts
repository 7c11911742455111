import { AssertionError } from "node:assert";
import { expect } from "chai";
import { uuids } from "../../../src/adapters/system.js";
import type { Runner } from "../fixtures.js";
import { idsContract, passwordHasherContract, secretsContract, storeContract } from "../index.js";
import { mutants, openHasher, openSecrets } from "./mutants.js";
import { reopenable } from "./mutate.js";

/** A case of a contract. `run` rejects with the error of the case or its hooks. */
interface Case {
  readonly suite: string;
  readonly title: string;
  readonly run: () => Promise<void>;
}

/** A minimal test runner: returns the cases that `define` defines. Hooks come before the suites and cases they serve. */
function casesOf(define: (runner: Runner) => void): readonly Case[] {
  const cases: Case[] = [];
  let suite = { title: "", before: [] as (() => Promise<void>)[], after: [] as (() => Promise<void>)[] };
  define({
    describe(title, body) {
      const outer = suite;
      suite = { title, before: [...outer.before], after: [...outer.after] };
      body();
      suite = outer;
    },
    beforeEach: (hook) => suite.before.push(hook),
    afterEach: (hook) => suite.after.unshift(hook),
    it(title, body) {
      const { title: name, before, after } = suite;
      const run = async () => {
        for (const step of [...before, body, ...after]) await step();
      };
      cases.push({ suite: name, title, run });
    },
  });
  return cases;
}

/** Sound stores count their transactions from 0 when they are opened again. */
const opening = reopenable(async (kept) => {
  const { transactions } = kept.status();
  const status = () => ({ ...kept.status(), transactions: kept.status().transactions - transactions });
  return { ...kept, status };
});

describe("palaver/contract over broken adapters", () => {
  const cases = [
    ...casesOf((runner) => storeContract(runner, opening)),
    ...casesOf((runner) => passwordHasherContract(runner, openHasher)),
    ...casesOf((runner) => secretsContract(runner, openSecrets)),
    ...casesOf((runner) => idsContract(runner, () => uuids)),
  ];

  it("passes for sound adapters", async () => {
    for (const { run } of cases) await run();
  });

  it("has mutants for every suite", () => {
    expect(Object.keys(mutants)).to.have.members([...new Set(cases.map(({ suite }) => suite))]);
  });

  for (const [name, broken] of Object.entries(mutants)) {
    it(`detects every mutant of ${name}, and has one for each of its cases`, async () => {
      const passing = new Set(cases.filter(({ suite }) => suite === name).map(({ title }) => title));
      for (const mutant of broken) {
        let failures = 0;
        for (const { title, run } of casesOf(mutant.define).filter(({ suite }) => suite === name)) {
          const error: unknown = await run().catch((thrown: unknown) => thrown);
          if (!(error instanceof AssertionError)) continue;
          passing.delete(title);
          failures += 1;
        }
        expect(failures, mutant.name).to.be.greaterThan(0);
      }
      expect([...passing], "cases that pass for every mutant").to.deep.equal([]);
    });
  }
});
