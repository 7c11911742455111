import { expect } from "chai";
import { openMemoryStore } from "../../../src/adapters/memory/store.js";
import { uuids } from "../../../src/adapters/system.js";
import {
  idsContract,
  passwordHasherContract,
  secretsContract,
  storeContract,
  type StoreOpening,
} from "../index.js";
import { brokenAdapters, soundHasher, soundSecrets, type Suite } from "./adapters.js";
import { brokenAdministration } from "./administration.js";
import { sound } from "./breaking.js";
import { collect } from "./cases.js";
import { brokenChats } from "./chats.js";
import { brokenEvents } from "./events.js";
import { brokenFollowers } from "./subscribers.js";
import { brokenOverviews } from "./overviews.js";
import { brokenRepositories } from "./repositories.js";
import { brokenTransactions } from "./transactions.js";

const overStore =
  (opening: StoreOpening): Suite =>
  (runner) =>
    storeContract(runner, opening);

const brokenStores = {
  ...brokenRepositories,
  ...brokenChats,
  ...brokenOverviews,
  ...brokenEvents,
  ...brokenFollowers,
  ...brokenAdministration,
  ...brokenTransactions,
};

/** The suites over sound adapters, and for each case of them, by its title, suites over adapters that must fail it. */
const contracts = {
  "the store contract": {
    sound: [overStore(sound()), overStore({ open: async () => openMemoryStore() })],
    broken: Object.entries(brokenStores).map(
      ([title, faults]) =>
        [
          title,
          Object.entries(faults).map(([fault, opening]) => [fault, () => overStore(opening())] as const),
        ] as const,
    ),
  },
  "the contracts of the smaller ports": {
    sound: [
      (runner) => passwordHasherContract(runner, soundHasher),
      (runner) => secretsContract(runner, soundSecrets),
      (runner) => idsContract(runner, () => uuids),
    ] satisfies Suite[],
    broken: Object.entries(brokenAdapters).map(
      ([title, faults]) =>
        [title, Object.entries(faults).map(([fault, suite]) => [fault, () => suite] as const)] as const,
    ),
  },
};

for (const [name, { sound: sounds, broken }] of Object.entries(contracts)) {
  describe(name, () => {
    const titles = new Set(sounds.flatMap((suite) => collect(suite).map(({ title }) => title)));

    it("passes what is sound, a store with and without reopening", async () => {
      for (const { title, run } of sounds.flatMap(collect)) expect(await run(), title).to.equal(undefined);
    });

    it("has a broken adapter for each of its cases", () => {
      expect(broken.map(([title]) => title)).to.have.members([...titles]);
    });

    for (const [title, faults] of broken) {
      describe(`fails in "${title}"`, () => {
        for (const [fault, open] of faults) {
          it(`one that ${fault}`, async () => {
            const found = collect(open()).find((each) => each.title === title);
            expect(await found?.run()).to.be.an("error");
          });
        }
      });
    }
  });
}
