import { expect } from "chai";
import { Counter } from "../../../src/adapters/http/counter.js";
import { counterContract } from "../../support/counter-contract.js";

const WINDOW_MS = 1000;

describe("Counter", () => {
  let now: number;

  beforeEach(() => {
    now = 0;
  });

  const counterOf = (quota: number, maxKeys: number) => new Counter(quota, WINDOW_MS, maxKeys, () => now);
  const consume = (counter: Counter, key: string, times = 1) => {
    for (let n = 1; n < times; n += 1) counter.consume(key);
    return counter.consume(key).quota;
  };

  counterContract({
    open: async (quota, windowMs) => [new Counter(quota, windowMs, 10, () => now)],
    setTime(ms) {
      now = ms;
    },
  });

  it("reports the whole window to a new key at any time of its own clock", () => {
    const counter = new Counter(1, WINDOW_MS, 10_000);
    for (let key = 0; key < 5_000; key += 1) {
      expect(counter.consume(String(key)).quota.resetMs).to.equal(WINDOW_MS);
    }
  });

  it("forgets no key whose quota is used up, however many other keys follow", () => {
    const counter = counterOf(10, 50);
    consume(counter, "victim", 10);
    for (let n = 0; n < 5000; n += 1) consume(counter, `key ${n}`);
    expect(consume(counter, "victim").exceeded).to.equal(true);
  });

  it("forgets the key with the lowest count, and of equal ones the least recently counted", () => {
    const counter = counterOf(10, 3);
    consume(counter, "nine", 9);
    consume(counter, "one");
    consume(counter, "two", 2);
    for (let n = 0; n < 100; n += 1) consume(counter, `key ${n}`);
    expect(consume(counter, "nine").remaining).to.equal(0);
    expect(consume(counter, "two").remaining).to.equal(7);
    expect(consume(counter, "one").remaining).to.equal(9);
  });

  it("rejects a new key while the quotas of all keys are used up", () => {
    const counter = counterOf(2, 2);
    consume(counter, "a", 2);
    now = 500;
    consume(counter, "b", 2);
    expect(consume(counter, "c")).to.deep.equal({ exceeded: true, remaining: 0, resetMs: 500 });
    now = 1000;
    expect(consume(counter, "c").exceeded).to.equal(false);
    expect(consume(counter, "b").exceeded).to.equal(true);
  });

  it("forgets a key without a count, so that undone requests displace no other", () => {
    const counter = counterOf(10, 2);
    consume(counter, "a");
    for (let n = 0; n < 100; n += 1) void counter.consume(`key ${n}`).refund();
    expect(consume(counter, "a").remaining).to.equal(8);
  });
});
