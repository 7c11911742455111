import { expect } from "chai";
import { openMemoryStore } from "../../src/adapters/memory/store.js";
import { collect } from "./cases.js";
import { sound } from "./breaking.js";
import { brokenChats } from "./broken-chats.js";
import { brokenOverviews } from "./broken-overviews.js";
import { brokenEvents } from "./broken-events.js";
import { brokenFollowers } from "./broken-followers.js";
import { brokenRepositories } from "./broken-repositories.js";
import { brokenTransactions } from "./broken-transactions.js";
import { storeContract } from "./store.js";

const defects = {
  ...brokenRepositories,
  ...brokenChats,
  ...brokenOverviews,
  ...brokenEvents,
  ...brokenFollowers,
  ...brokenTransactions,
};

describe("the store contract", () => {
  const titles = collect((runner) => storeContract(runner, sound())).map(({ title }) => title);

  it("passes a sound store, with and without reopening", async () => {
    for (const opening of [sound(), { open: async () => openMemoryStore() }]) {
      for (const { title, run } of collect((runner) => storeContract(runner, opening))) {
        expect(await run(), title).to.equal(undefined);
      }
    }
  });

  it("has a broken store for each of its cases", () => {
    expect(Object.keys(defects)).to.have.members(titles);
  });

  for (const [title, broken] of Object.entries(defects)) {
    describe(`fails in "${title}"`, () => {
      for (const [fault, opening] of Object.entries(broken)) {
        it(`a store that ${fault}`, async () => {
          const cases = collect((runner) => storeContract(runner, opening()));
          expect(await cases.find((each) => each.title === title)?.run()).to.be.an("error");
        });
      }
    });
  }
});
