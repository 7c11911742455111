import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "chai";
import { openSqliteStore } from "../../src/adapters/sqlite/store.js";
import { storeContract } from "../contract/index.js";

const threads = new URL("../../src/adapters/sqlite/wal/threads.js", import.meta.url).href;

describe("The threads of a store", () => {
  it("stop before the program ends, though a last answer arrives meanwhile", async () => {
    const directory = await mkdtemp(join(tmpdir(), "palaver-"));
    try {
      const program = `
        const { workerThreads } = await import(${JSON.stringify(threads)});
        const { log, makeSpare, stop } = workerThreads(${JSON.stringify(directory)});
        await makeSpare(4096);
        await log.prepare();
        void log.prepare();
        // The thread answers in this time. This thread receives the answer only after it has begun to stop the other one.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
        await stop();
        console.log("stopped");`;
      const args = ["--input-type=module", "--eval", program];
      expect(await promisify(execFile)(process.execPath, args)).to.include({ stdout: "stopped\n" });
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

describe("openSqliteStore", () => {
  let directory: string;

  // The contract has a transaction of 200 kB, and a segment must have room for eight.
  const reopen = () => openSqliteStore(directory, { segmentBytes: 2 ** 21 });

  storeContract(
    { describe, it, beforeEach, afterEach },
    {
      async open() {
        directory = await mkdtemp(join(tmpdir(), "palaver-"));
        return reopen();
      },
      reopen,
    },
  );

  afterEach(() => rm(directory, { recursive: true }));
});
