import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect } from "chai";
import { openSqliteStore } from "../../src/adapters/sqlite/store.js";

const load = fileURLToPath(new URL("../support/descriptor-load.js", import.meta.url));

describe("openSqliteStore in a process without free file descriptors", () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "palaver-"));
  });

  afterEach(() => rmSync(directory, { recursive: true }));

  it("continues in the next segment, then rejects writes, and accepts them once files can be opened", async () => {
    const script = 'ulimit -n 100 && exec "$0" "$@"';
    const args = ["-c", script, process.execPath, load, directory];
    const { stdout } = await promisify(execFile)("/bin/sh", args, { timeout: 30_000 });
    const [full, result = "", end] = stdout.split("\n");
    expect(full).to.equal("EMFILE");
    expect(result).to.match(/^\d+ store_unavailable No file descriptor for the log: .*EMFILE/);
    // The segment in use and the one after it.
    expect(Number.parseInt(result)).to.be.above(80);
    expect(end).to.equal("closed");
    const store = await openSqliteStore(directory);
    expect(store.opening).to.include({ last: Number.parseInt(result) + 2, torn: undefined });
    await store.close();
  });
});
