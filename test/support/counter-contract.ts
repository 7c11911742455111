import { expect } from "chai";
import type { RequestCounter } from "../../src/adapters/http/counter.js";

/** How the suite opens the counters under test. */
export interface CounterOpening {
  /** Opens the counters of one policy on each node, at time 0. Called once in each test. */
  readonly open: (quota: number, windowMs: number) => Promise<readonly RequestCounter[]>;
  /** Sets the clock of the counters, in milliseconds. */
  readonly setTime: (ms: number) => void | Promise<void>;
}

const WINDOW_MS = 1_000;

/** Defines the tests of `RequestCounter`. */
export function counterContract({ open, setTime }: CounterOpening): void {
  /** Counts requests one after the other, each on the next node. */
  async function consume(nodes: readonly RequestCounter[], key: string, times: number) {
    const counted = [];
    for (let n = 0; n < times; n += 1) counted.push(await nodes[n % nodes.length]!.consume(key));
    return counted;
  }

  const quotas = async (...given: Parameters<typeof consume>) =>
    (await consume(...given)).map(({ quota }) => quota);

  /** How many more requests the quota of a key admits. It is used up afterwards. */
  async function remaining(nodes: readonly RequestCounter[], key: string): Promise<number> {
    for (let admitted = 0; ; admitted += 1) {
      if ((await quotas(nodes, key, 1))[0]!.exceeded) return admitted;
    }
  }

  it("counts up to the quota, then rejects until the window of the key ends", async () => {
    const nodes = await open(2, WINDOW_MS);
    const first = { exceeded: false, remaining: 1, resetMs: WINDOW_MS };
    expect(await quotas(nodes, "a", 1)).to.deep.equal([first]);
    await setTime(400);
    expect(await quotas(nodes, "a", 1)).to.deep.equal([{ exceeded: false, remaining: 0, resetMs: 600 }]);
    await setTime(999);
    const rejected = { exceeded: true, remaining: 0, resetMs: 1 };
    expect(await quotas(nodes, "a", 2)).to.deep.equal([rejected, rejected]);
    await setTime(1_000);
    expect(await quotas(nodes, "a", 1)).to.deep.equal([first]);
  });

  it("counts each key by itself", async () => {
    const nodes = await open(1, WINDOW_MS);
    await consume(nodes, "a", 1);
    expect(await remaining(nodes, "b")).to.equal(1);
    expect(await remaining(nodes, "a")).to.equal(0);
  });

  it("admits exactly the quota of 50 concurrent requests on all nodes", async () => {
    const nodes = await open(10, WINDOW_MS);
    for (const key of ["a", "b", "c"]) {
      const counted = await Promise.all(
        Array.from({ length: 50 }, async (_, n) => nodes[n % nodes.length]!.consume(key)),
      );
      const admitted = counted.filter(({ quota }) => !quota.exceeded);
      const left = admitted.map(({ quota }) => quota.remaining).toSorted((one, other) => one - other);
      expect(left).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }
  });

  it("does not count rejected requests: each refund admits one more", async () => {
    const nodes = await open(3, WINDOW_MS);
    const counted = await consume(nodes, "a", 20);
    for (const { refund } of counted.slice(0, 2)) await refund();
    expect(await remaining(nodes, "a")).to.equal(2);
  });

  it("has the whole quota after concurrent requests that were all refunded", async () => {
    const nodes = await open(10, WINDOW_MS);
    await Promise.all(
      Array.from({ length: 50 }, async (_, n) => {
        const { quota, refund } = await nodes[n % nodes.length]!.consume("a");
        if (!quota.exceeded) await refund();
      }),
    );
    expect(await remaining(nodes, "a")).to.equal(10);
  });

  it("begins a window with the first request after all were refunded", async () => {
    const nodes = await open(2, WINDOW_MS);
    for (const { refund } of await consume(nodes, "a", 2)) await refund();
    await setTime(700);
    expect((await quotas(nodes, "a", 1))[0]!.resetMs).to.equal(WINDOW_MS);
  });

  it("gives back a request only in the window that counted it", async () => {
    const nodes = await open(3, WINDOW_MS);
    const counted = await consume(nodes, "a", 3);
    await setTime(1_000);
    await consume(nodes, "a", 1);
    for (const { refund } of counted) await refund();
    expect(await remaining(nodes, "a")).to.equal(2);
    await setTime(2_000);
    await consume(nodes, "b", 3);
    await setTime(3_000);
    expect(await remaining(nodes, "b")).to.equal(3);
  });

  it("gives no more than the quota after a refund in a window that has ended", async () => {
    const nodes = await open(3, WINDOW_MS);
    const counted = await consume(nodes, "a", 3);
    await setTime(1_000);
    for (const { refund } of counted) await refund();
    expect(await remaining(nodes, "a")).to.equal(3);
  });
}
