import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeDisk } from "../../../src/adapters/sqlite/disk.js";
import { openStore } from "../../../src/adapters/sqlite/store.js";
import { inline } from "../../../src/adapters/sqlite/threads.js";
import { storeContract } from "../../contract/index.js";

describe("the SQLite store", () => {
  const directories: string[] = [];

  // Without its threads, which take longer to start than a case to run: the whole API is served with them, in serve.test.
  const reopen = () => {
    const disk = nodeDisk(directories.at(-1)!);
    return openStore(disk, inline(disk), { segmentBytes: 2 ** 21 });
  };

  storeContract(
    { describe, it, beforeEach, afterEach },
    {
      open() {
        directories.push(mkdtempSync(join(tmpdir(), "palaver-")));
        return reopen();
      },
      reopen,
    },
  );

  afterEach(() => {
    for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
  });
});
