import { expect } from "chai";
import { jsonArray } from "../../../src/adapters/http/json-chunks.js";
import { nextTurn, noteConnection } from "../../../src/adapters/http/turns.js";

const MAX_TURNS = 500;

/** Resolves in the next turn of the event loop. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** The number of turns until the promise settles, at most `MAX_TURNS`. */
async function turnsOf(promise: Promise<unknown>, eachTurn: () => void = () => {}): Promise<number> {
  let isSettled = false;
  void promise.finally(() => (isSettled = true));
  for (let turns = 0; turns < MAX_TURNS; turns += 1) {
    await Promise.resolve();
    if (isSettled) return turns;
    eachTurn();
    await turn();
  }
  return MAX_TURNS;
}

describe("nextTurn", () => {
  // Responses of earlier tests may still wait for turns.
  beforeEach(async () => {
    while ((await turnsOf(nextTurn())) > 3);
  });

  it("resolves for one caller in each turn", async () => {
    const turns: number[] = [];
    let current = 0;
    const waiting = Array.from({ length: 5 }, () => nextTurn().then(() => turns.push(current)));
    await turnsOf(Promise.all(waiting), () => (current += 1));
    expect(new Set(turns).size).to.equal(5);
  });

  it("waits while clients connect, but not without end", async () => {
    const alone = await turnsOf(nextTurn());
    const withOthers = await turnsOf(nextTurn(), noteConnection);
    expect(alone).to.be.below(4);
    expect(withOthers).to.be.within(90, 110);
  });
});

describe("jsonArray", () => {
  beforeEach(() => nextTurn());

  const text = async (slices: readonly (readonly number[])[]) => {
    async function* each() {
      yield* slices;
    }
    let all = "";
    for await (const chunk of jsonArray(each(), String)) all += chunk;
    return all;
  };

  it("joins the items of all slices", async () => {
    expect(JSON.parse(await text([[1, 2], [], [3]]))).to.deep.equal([1, 2, 3]);
    expect(JSON.parse(await text([]))).to.deep.equal([]);
  });

  it("waits for a turn between slices, and for none with one slice", async () => {
    const others = Array.from({ length: 10 }, () => nextTurn());
    expect(await turnsOf(text([[1, 2, 3]]))).to.be.below(3);
    expect(await turnsOf(text([[1], [2]]))).to.be.above(8);
    await Promise.all(others);
  });
});
