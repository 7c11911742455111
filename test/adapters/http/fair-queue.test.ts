import { expect } from "chai";
import { FairQueue, type FairQueueOptions } from "../../../src/adapters/http/fair-queue.js";
import { errorCodeOf } from "../../support/error-code.js";
import { settle } from "../../support/watched-store.js";

const options: FairQueueOptions = {
  concurrency: 1,
  maxRunningPerAddress: 4,
  maxPerAccount: 10,
  maxPerAddress: 64,
  maxWaiting: 256,
};

describe("FairQueue", () => {
  /** The tasks that have started, in order, each as `address account`. */
  let started: string[];
  /** The codes of the tasks that were rejected, by task. */
  let rejected: Map<string, string | undefined>;
  let queue: FairQueue;
  const ends: (() => void)[] = [];

  function open(overrides: Partial<FairQueueOptions> = {}): void {
    started = [];
    rejected = new Map();
    ends.length = 0;
    queue = new FairQueue({ ...options, ...overrides });
  }

  /** Adds tasks that run until `end` is called. */
  function add(address: string, account: string, count = 1): void {
    for (let n = 0; n < count; n += 1) {
      const name = `${address} ${account}`;
      const result = queue.run(address, account, async () => {
        started.push(name);
        await new Promise<void>((resolve) => ends.push(resolve));
      });
      void errorCodeOf(result).then((code) => {
        if (code !== undefined) rejected.set(name, code);
      });
    }
  }

  /** Ends the running tasks one after the other until none is left. */
  async function finish(): Promise<void> {
    await settle();
    for (let end = ends.shift(); end; end = ends.shift()) {
      end();
      await settle();
    }
  }

  it("starts a task at once while another address runs as many as it may", async () => {
    open({ concurrency: 2, maxRunningPerAddress: 1 });
    add("A", "ana", 3);
    await settle();
    expect(started).to.deep.equal(["A ana"]);
    add("B", "bob");
    await settle();
    expect(started).to.deep.equal(["A ana", "B bob"]);
    await finish();
    expect(started).to.have.length(4);
  });

  it("runs as many tasks at once as the concurrency", async () => {
    open({ concurrency: 3 });
    add("A", "ana", 5);
    await settle();
    expect(started).to.have.length(3);
    ends.shift()!();
    await settle();
    expect(started).to.have.length(4);
    await finish();
    expect(started).to.have.length(5);
    add("A", "ana", 4);
    await settle();
    expect(started).to.have.length(8);
  });

  it("gives each address a turn, however many tasks of another address wait", async () => {
    open();
    for (const account of ["1", "2", "3", "4"]) add("A", account, 8);
    add("B", "bob");
    add("C", "cy");
    await finish();
    expect(started.slice(0, 4)).to.have.members(["A 1", "A 1", "B bob", "C cy"]);
    expect(started).to.have.length(34);
  });

  it("gives each account of an address a turn", async () => {
    open();
    for (const account of ["1", "2", "3"]) add("A", account, 5);
    add("A", "bob");
    await finish();
    expect(started.indexOf("A bob")).to.be.at.most(4);
    expect(started).to.have.length(16);
  });

  it("rejects tasks of an account above its maximum", async () => {
    open({ maxPerAccount: 2 });
    add("A", "ana", 4);
    add("A", "bob");
    await finish();
    expect(started).to.deep.equal(["A ana", "A ana", "A bob", "A ana"]);
    expect(Array.from(rejected)).to.deep.equal([["A ana", "busy"]]);
  });

  it("rejects a task of the account with the most where an address is full", async () => {
    open({ maxPerAddress: 6 });
    add("A", "1", 4);
    add("A", "2", 3);
    add("A", "bob");
    await finish();
    expect(started.filter((name) => name === "A 1")).to.have.length(3);
    expect(started.filter((name) => name === "A 2")).to.have.length(3);
    expect(started).to.include("A bob");
    expect(Array.from(rejected)).to.deep.equal([["A 1", "busy"]]);
  });

  it("rejects the new task where all accounts of a full address have as many", async () => {
    open({ maxPerAddress: 2 });
    for (const account of ["1", "1", "2", "new"]) add("A", account);
    await finish();
    expect(started).to.deep.equal(["A 1", "A 1", "A 2"]);
    expect(Array.from(rejected.keys())).to.deep.equal(["A new"]);
  });

  it("rejects a task of the address with the most where too many wait in all", async () => {
    open({ maxWaiting: 4 });
    add("A", "1", 3);
    add("A", "2", 2);
    add("B", "bob");
    await finish();
    expect(started).to.have.members(["A 1", "A 1", "A 2", "A 2", "B bob"]);
    expect(Array.from(rejected.keys())).to.deep.equal(["A 1"]);
  });

  it("passes the turn on after a task that fails", async () => {
    open();
    const failure = new Error("failed");
    const failing = queue.run("A", "ana", () => Promise.reject(failure));
    add("A", "bob");
    const error = await failing.catch((reason: unknown) => reason);
    await settle();
    expect(error).to.equal(failure);
    expect(started).to.deep.equal(["A bob"]);
  });
});
